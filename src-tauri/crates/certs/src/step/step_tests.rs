use std::time::Duration;

use sim::{StepCaKnob, StepCaSim};

use super::*;
use crate::{
    Shelf,
    shelf::{After, Want},
    testing::{Bench, PASSWORD, real_now_us},
};

async fn sim() -> StepCaSim {
    StepCaSim::start("boss@ca.lab", PASSWORD).await.unwrap()
}

async fn renew(shelf: &Shelf, want: Want) -> Result<Option<String>, Failure> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    Ok(shelf.renew("otelcol", want, After::Nothing, deadline).await?.map(|renewed| renewed.by))
}

/// Why a board with this CA gets no certificate.
async fn refusal(bench: &Bench, ca: lab::gear::CaGear) -> Failure {
    renew(&bench.shelf(vec![bench.gear("otelcol")], ca), Want::Due).await.unwrap_err()
}

#[tokio::test]
async fn it_signs_then_renews_with_the_key_kept() {
    let (bench, ca) = (Bench::new(), sim().await);
    let shelf = bench.shelf(vec![bench.gear("otelcol")], bench.step(&ca));
    assert_eq!(renew(&shelf, Want::Due).await.unwrap().as_deref(), Some("step-ca: sign"));
    assert_eq!(renew(&shelf, Want::Due).await.unwrap(), None, "nothing is due");
    let (first, key) = (bench.leaf("otelcol"), std::fs::read(bench.path().join("otelcol.key")).unwrap());
    assert_eq!(first.facts.names.len(), 5, "{:?}", first.facts.names);
    assert_eq!(renew(&shelf, Want::Now).await.unwrap().as_deref(), Some("step-ca: renew"));
    assert_ne!(bench.leaf("otelcol").facts.serial, first.facts.serial);
    assert_eq!(std::fs::read(bench.path().join("otelcol.key")).unwrap(), key, "one rename is enough");
    ca.turn(StepCaKnob::NoRenewal(true));
    assert_eq!(
        renew(&shelf, Want::Now).await.unwrap().as_deref(),
        Some("step-ca: sign"),
        "by a fresh one-time token"
    );
}

#[tokio::test]
async fn a_key_as_openssl_and_the_step_program_write_it_renews_too() {
    let (bench, ca) = (Bench::new(), sim().await);
    let key = bench.path().join("otelcol.key");
    std::fs::write(&key, include_str!("../read/testdata/sec1.pem")).unwrap();
    let shelf = bench.shelf(vec![bench.gear("otelcol")], bench.step(&ca));
    assert_eq!(renew(&shelf, Want::Due).await.unwrap().as_deref(), Some("step-ca: sign"));
    assert_eq!(renew(&shelf, Want::Now).await.unwrap().as_deref(), Some("step-ca: renew"), "by mutual TLS");
}

#[tokio::test]
async fn other_names_are_signed_anew() {
    let (bench, ca) = (Bench::new(), sim().await);
    let first = bench.shelf(vec![bench.gear("otelcol")], bench.step(&ca));
    renew(&first, Want::Due).await.unwrap();
    let mut more = bench.gear("otelcol");
    more.names.push("logs.local".to_owned());
    let shelf = bench.shelf(vec![more], bench.step(&ca));
    assert_eq!(
        renew(&shelf, Want::Due).await.unwrap().as_deref(),
        Some("step-ca: sign"),
        "/renew keeps names"
    );
    assert!(bench.leaf("otelcol").facts.names.contains(&"logs.local".to_owned()));
}

#[tokio::test]
async fn a_ca_that_is_silent_or_hangs_is_named_in_time() {
    let (bench, ca) = (Bench::new(), sim().await);
    ca.turn(StepCaKnob::Silence(true));
    let began = std::time::Instant::now();
    let hung = refusal(&bench, bench.step(&ca)).await;
    assert!(hung.why.contains("did not answer within 5 s"), "{hung:?}");
    assert_eq!(hung.code, Code::DeviceAbsent);
    assert!(began.elapsed() < Duration::from_secs(8));
    let gear = bench.step(&ca);
    drop(ca);
    let gone = async {
        loop {
            let failure = refusal(&bench, gear.clone()).await;
            if failure.why.contains("cannot be reached") {
                return failure;
            }
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    assert_eq!(gone.code, Code::DeviceAbsent);
}

#[tokio::test]
async fn what_is_no_step_ca_and_what_is_another_is_told_apart() {
    let (bench, ca, other) = (Bench::new(), sim().await, sim().await);
    let gear = bench.step(&other);
    let lab::gear::CaGear::Step { root, .. } = &gear else { unreachable!() };
    std::fs::write(root, ca.root_pem()).unwrap();
    let another = refusal(&bench, gear).await;
    assert!(another.why.contains("is another CA"), "{another:?}");
    ca.turn(StepCaKnob::Nonsense(true));
    let nonsense = refusal(&bench, bench.step(&ca)).await;
    assert!(nonsense.why.contains("is no step-ca"), "{nonsense:?}");
    ca.turn(StepCaKnob::Nonsense(false));
    ca.turn(StepCaKnob::OtherKey(true));
    let wrong = refusal(&bench, bench.step(&ca)).await;
    assert!(wrong.why.contains("another key"), "{wrong:?}");
    assert!(!bench.path().join("otelcol.pem").exists(), "nothing of it gets into a file");
}

#[tokio::test]
async fn what_the_board_file_has_wrong_is_said() {
    let (bench, ca) = (Bench::new(), sim().await);
    let change = |provisioner: &str, secret: Option<&str>, fingerprint: Option<String>, leaf_hours: u64| {
        let lab::gear::CaGear::Step { url, root, .. } = bench.step(&ca) else { unreachable!() };
        let (provisioner, secret) = (provisioner.to_owned(), secret.map(str::to_owned));
        lab::gear::CaGear::Step { url, root, fingerprint, provisioner, secret, leaf_hours }
    };
    let (boss, known) = ("boss@ca.lab", Some("step-ca"));
    let nobody = refusal(&bench, change("nobody", known, None, 24)).await;
    assert!(nobody.why.contains("none called nobody; it has acme (ACME), boss@ca.lab (JWK)"), "{nobody:?}");
    let acme = refusal(&bench, change("acme", known, None, 24)).await;
    assert!(acme.why.contains("of kind ACME"), "{acme:?}");
    let none = refusal(&bench, change(boss, None, None, 24)).await;
    assert!(none.why.contains("password of its provisioner boss@ca.lab is not known"), "{none:?}");
    let root = refusal(&bench, change(boss, known, Some("ab".repeat(32)), 24)).await;
    assert!(root.why.contains("the board file says abab"), "{root:?}");
    let long = refusal(&bench, change(boss, known, None, 48)).await;
    assert!(long.why.contains("48 h") && long.remedy.contains("leaf_hours"), "{long:?}");
    let strange = sim::StepCaSim::start("boss@ca.lab", "another").await.unwrap();
    let wrong = refusal(&bench, bench.step(&strange)).await;
    assert!(wrong.why.contains("password of its provisioner boss@ca.lab is wrong"), "{wrong:?}");
}

#[tokio::test]
async fn clocks_that_differ_are_named_and_not_the_ca() {
    for ahead in [-1800, 1800] {
        let (bench, ca) = (Bench::new(), sim().await);
        bench.lapsed(&ca, "otelcol");
        ca.turn(StepCaKnob::ClockAhead(ahead));
        let failure = refusal(&bench, bench.step(&ca)).await;
        let which = if ahead > 0 { "behind" } else { "ahead of" };
        assert!(
            failure.why.contains("clock is 30 min") || failure.why.contains("clock is 29 min"),
            "{failure:?}"
        );
        assert!(failure.why.contains(which), "{failure:?}");
        assert_eq!(ca.view().answered.get("/sign 401"), None, "no second way is tried by a wrong clock");
    }
}

#[test]
fn a_sealed_key_opens_with_its_password_alone() {
    // Made by step-ca 0.30.2 for the password "pass phrase 7".
    let sealed = include_str!("provisioner.jwe").trim();
    let key = |password: &str| Provisioner::open("boss@ca.lab", "kid", sealed, &Secret::new(password));
    assert!(key("pass phrase 7").is_ok());
    assert_eq!(key("pass phrase 8").err(), Some(tokens::Shut::Closed(jwe::Closed::Password)));
    let token = key("pass phrase 7").ok().unwrap().token(
        &["a.local".to_owned()],
        "ab",
        "https://x/sign",
        real_now_us(),
    );
    assert_eq!(token.unwrap().split('.').count(), 3);
    for damage in ["", "a.b.c.d.e", &sealed[..sealed.len() - 4]] {
        assert!(
            Provisioner::open("boss@ca.lab", "kid", damage, &Secret::new("pass phrase 7")).is_err(),
            "{damage}"
        );
    }
}
