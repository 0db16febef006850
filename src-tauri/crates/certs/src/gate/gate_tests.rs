use std::{fs, sync::Arc, time::Duration};

use lab::{Code, certificate::CertificateState};
use sim::{StepCaKnob, StepCaSim};

use super::*;
use crate::testing::{Bench, DAY_US, SERVICES, lab_gear};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a week off costs: printed for people, held to the aim.
fn held_to_the_aim(by: &str, gate: &Gate) {
    println!("a week off, {by}: {} certificates renewed in {:.2} s", gate.renewed, gate.seconds);
    assert!(gate.seconds <= 5.0, "seven certificates in {} s", gate.seconds);
    assert_eq!((gate.good, gate.renewed, gate.failed.len()), (7, 7, 0));
}

#[tokio::test]
async fn a_week_off_with_the_lab_ca() {
    let bench = Bench::new();
    bench.clock_ahead(-8 * DAY_US);
    let shelf = bench.shelf(bench.seven(), lab_gear());
    let (_, made) = ensure(&shelf, &[], PATIENCE).await.unwrap();
    assert_eq!(made.renewed, 7, "all are made for the first time");
    bench.clock_ahead(0);
    let expired = shelf.look().await;
    let states = expired.list.iter().filter(|one| one.ours && one.name != "lab CA");
    for one in states {
        let judged = judge(one, shelf.now_us(), shelf.trust());
        assert_eq!(judged.state, CertificateState::Expired, "{}", one.name);
    }
    let (each, gate) = ensure(&shelf, &[], PATIENCE).await.unwrap();
    held_to_the_aim("lab CA", &gate);
    for one in each {
        assert_eq!(one.outcome.unwrap().unwrap().by, "lab CA");
    }
    let (_, again) = ensure(&shelf, &[], PATIENCE).await.unwrap();
    assert_eq!((again.good, again.renewed), (7, 0), "what is good is left alone");
}

#[tokio::test]
async fn a_week_off_with_step_ca() {
    let bench = Bench::new();
    let ca = StepCaSim::start("boss@ca.lab", crate::testing::PASSWORD).await.unwrap();
    for name in SERVICES {
        bench.lapsed(&ca, name);
    }
    let shelf = bench.shelf(bench.seven(), bench.step(&ca));
    let (each, gate) = ensure(&shelf, &[], PATIENCE).await.unwrap();
    let told: Vec<_> = each
        .iter()
        .map(|one| one.outcome.as_ref().map(|renewed| renewed.as_ref().unwrap().by.clone()))
        .collect();
    assert!(told.iter().all(|by| by == &Ok("step-ca: renew after expiry".to_owned())), "{told:?}");
    held_to_the_aim("step-ca", &gate);
    assert_eq!(ca.view().answered.get("/renew 201"), Some(&7), "without /1.0 in front: {:?}", ca.view());
}

#[tokio::test]
async fn a_week_off_where_the_ca_does_not_renew_after_expiry() {
    let bench = Bench::new();
    let ca = StepCaSim::start("boss@ca.lab", crate::testing::PASSWORD).await.unwrap();
    ca.turn(StepCaKnob::RenewAfterExpiry(false));
    for name in SERVICES {
        bench.lapsed(&ca, name);
    }
    let shelf = bench.shelf(bench.seven(), bench.step(&ca));
    let (each, gate) = ensure(&shelf, &[], PATIENCE).await.unwrap();
    assert!(each.iter().all(|one| one.outcome.as_ref().unwrap().as_ref().unwrap().by == "step-ca: sign"));
    held_to_the_aim("step-ca by one-time tokens", &gate);
}

#[tokio::test]
async fn it_waits_for_a_ca_that_starts_later_and_no_longer_than_told() {
    let bench = Bench::new();
    let ca = StepCaSim::start("boss@ca.lab", crate::testing::PASSWORD).await.unwrap();
    let mut gear = bench.step(&ca);
    // Nobody listens where the CA shall be.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    if let lab::gear::CaGear::Step { url, .. } = &mut gear {
        *url = format!("https://{address}");
    }
    let shelf = bench.shelf(vec![bench.gear("otelcol")], gear);
    let began = tokio::time::Instant::now();
    let (each, gate) = ensure(&shelf, &[], Duration::from_millis(900)).await.unwrap();
    let failure = each[0].outcome.as_ref().unwrap_err();
    assert_eq!(failure.code, Code::DeviceAbsent, "{failure:?}");
    assert!(failure.why.contains("cannot be reached"), "{}", failure.why);
    assert_eq!(gate.failed, ["otelcol"]);
    assert!(began.elapsed() >= Duration::from_millis(400), "it asked more than once");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn late_is_good_enough_to_start_and_is_told() {
    let bench = Bench::new();
    let ca = StepCaSim::start("boss@ca.lab", crate::testing::PASSWORD).await.unwrap();
    let now = crate::testing::real_now_us() / 1_000_000;
    let bundle = ca
        .mint(&["boss.local", "boss", "localhost", "127.0.0.1", "192.168.122.1"], now - 80_000, now + 6_400)
        .unwrap();
    fs::write(bench.path().join("otelcol.pem"), bundle.chain_pem).unwrap();
    fs::write(bench.path().join("otelcol.key"), bundle.key_pem).unwrap();
    ca.turn(StepCaKnob::Nonsense(true));
    let shelf = bench.shelf(vec![bench.gear("otelcol")], bench.step(&ca));
    let (each, gate) = ensure(&shelf, &[], Duration::from_secs(3)).await.unwrap();
    assert!(each[0].outcome.is_ok(), "{each:?}");
    assert!(each[0].late.as_ref().unwrap().why.contains("no step-ca"), "{each:?}");
    assert_eq!((gate.good, gate.renewed), (1, 0));
}

#[tokio::test]
async fn a_clock_behind_is_named_and_nothing_is_asked_of_the_ca() {
    let bench = Bench::new();
    let ca = StepCaSim::start("boss@ca.lab", crate::testing::PASSWORD).await.unwrap();
    bench.lapsed(&ca, "otelcol");
    bench.trust(false);
    let shelf = bench.shelf(vec![bench.gear("otelcol")], bench.step(&ca));
    let before = bench.leaf("otelcol");
    let (each, _) = ensure(&shelf, &[], Duration::from_millis(300)).await.unwrap();
    let failure = each[0].outcome.as_ref().unwrap_err();
    assert!(failure.why.contains("clock is behind"), "{failure:?}");
    assert_eq!(
        ca.view().answered.keys().filter(|key| key.contains("/renew") || key.contains("/sign")).count(),
        0
    );
    assert_eq!(bench.leaf("otelcol"), before);
}

#[tokio::test]
async fn certificates_of_the_future_tell_a_clock_that_is_behind() {
    let bench = Bench::new();
    let shelf = bench.shelf(bench.seven(), lab_gear());
    ensure(&shelf, &[], PATIENCE).await.unwrap();
    let newest = newest_us(&shelf.look().await);
    assert_eq!(clock_by(newest, shelf.now_us()), Trust::Unconfirmed);
    assert_eq!(clock_by(newest, shelf.now_us() - 5 * DAY_US), Trust::Behind, "5 days behind");
}

#[tokio::test]
async fn two_at_once_renew_once() {
    let bench = Bench::new();
    let (one, other) = (
        bench.shelf(vec![bench.gear("loki")], lab_gear()),
        bench.shelf(vec![bench.gear("loki")], lab_gear()),
    );
    let (a, b) = tokio::join!(ensure(&one, &[], PATIENCE), ensure(&other, &[], PATIENCE));
    assert_eq!(a.unwrap().1.renewed + b.unwrap().1.renewed, 1, "the second finds it good under the lock");
}

#[tokio::test]
async fn reports_are_told_once_and_added_up() {
    let bench = Bench::new();
    let shelf = Arc::new(bench.shelf(bench.seven(), lab_gear()));
    for name in ["loki", "otelcol"] {
        ensure(&shelf, &[name.to_owned()], PATIENCE).await.unwrap();
    }
    let gate = told(shelf.folder(), None, shelf.now_us()).await.unwrap();
    assert_eq!((gate.good, gate.renewed), (2, 2));
    assert_eq!(told(shelf.folder(), None, shelf.now_us()).await, None);
    let unknown = ensure(&shelf, &["nginx".to_owned()], PATIENCE).await.unwrap_err();
    assert!(unknown.why.contains("apache2"), "it says which there are: {}", unknown.why);
}
