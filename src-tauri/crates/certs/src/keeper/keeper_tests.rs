use std::{collections::BTreeMap, sync::Mutex};

use lab::certificate::{CertificateState, Judged, judge};
use sim::{StepCaKnob, StepCaSim};

use super::*;
use crate::testing::{Bench, DAY_US, PASSWORD, lab_gear, real_now_us};

/// What the task told.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<News>>>);

impl Heard {
    fn sink(&self) -> Sink {
        let heard = self.clone();
        Arc::new(move |news| heard.0.lock().unwrap().push(news))
    }

    fn all(&self) -> Vec<News> {
        self.0.lock().unwrap().clone()
    }

    fn last_look(&self) -> Option<CertificatesReading> {
        let looks = self.all().into_iter().rev();
        looks.into_iter().find_map(|news| if let News::Looked(reading) = news { Some(reading) } else { None })
    }

    fn judged(&self, name: &str) -> Judged {
        let reading = self.last_look().unwrap().list.into_iter().find(|one| one.name == name).unwrap();
        judge(&reading, real_now_us(), lab::clock::Trust::Good)
    }

    fn counts(&self) -> BTreeMap<Counter, usize> {
        let mut counts = BTreeMap::new();
        for news in self.all() {
            if let News::Counted(counter) = news {
                *counts.entry(counter).or_default() += 1;
            }
        }
        counts
    }
}

fn start(config: ShelfConfig) -> (KeeperHandle, Heard, CancellationToken) {
    let (heard, stop) = (Heard::default(), CancellationToken::new());
    let (handle, _task) = Keeper::start(KeeperConfig::new(config), heard.sink(), stop.clone());
    (handle, heard, stop)
}

#[tokio::test]
async fn all_are_made_kept_and_counted() {
    let bench = Bench::new();
    let (handle, heard, stop) = start(bench.config(bench.seven(), lab_gear()));
    handle.check().await.unwrap();
    assert_eq!(heard.judged("otelcol").state, CertificateState::Good, "{:?}", heard.judged("otelcol"));
    assert_eq!(heard.judged("lab CA").state, CertificateState::Good);
    assert_eq!(heard.judged("lab CA root").state, CertificateState::Good);
    let counts = heard.counts();
    assert_eq!(counts.get(&Counter::CertSigned), Some(&7), "for the first time: {counts:?}");
    assert_eq!(counts.get(&Counter::CertRenewed), None, "{counts:?}");
    assert!(handle.root().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let gates: Vec<_> = heard
        .all()
        .into_iter()
        .filter_map(|news| if let News::Gate(gate) = news { Some(gate) } else { None })
        .collect();
    assert_eq!(gates.len(), 1, "the first round is a gate, the next one is none");
    assert_eq!((gates[0].renewed, gates[0].failed.len()), (7, 0));
    let before = bench.leaf("loki").facts.serial;
    handle.renew("loki").await.unwrap();
    assert_ne!(bench.leaf("loki").facts.serial, before, "asked for, due or not");
    assert!(handle.renew("nobody").await.unwrap_err().why.contains("no such certificate"));
    let judged = heard.judged("loki");
    assert_eq!(judged.reading.renewal.by.as_deref(), Some("lab CA"));
    assert!(judged.reading.renewal.next_us.unwrap() >= judged.due_us.unwrap());
    stop.cancel();
    let ended = async { while handle.check().await.is_ok() {} };
    timeout(Duration::from_secs(5), ended).await.expect("it ends when told to");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason_and_the_next_try() {
    let bench = Bench::new();
    let ca = StepCaSim::start("boss@ca.lab", "another password").await.unwrap();
    bench.lapsed(&ca, "otelcol");
    ca.turn(StepCaKnob::RenewAfterExpiry(false));
    let (handle, heard, _stop) = start(bench.config(vec![bench.gear("otelcol")], bench.step(&ca)));
    handle.check().await.unwrap();
    let judged = heard.judged("otelcol");
    assert_eq!(judged.state, CertificateState::Expired);
    assert!(judged.says.contains("password of its provisioner boss@ca.lab is wrong"), "{}", judged.says);
    let renewal = &judged.reading.renewal;
    let rest = renewal.next_us.unwrap() - renewal.tried_us.unwrap();
    assert_eq!(rest, 60 * 1_000_000, "one attempt so far: it rests a minute");
}

#[tokio::test]
async fn a_silent_ca_is_named_since_when_and_renewal_follows_when_it_answers() {
    let bench = Bench::new();
    let ca = StepCaSim::start("boss@ca.lab", PASSWORD).await.unwrap();
    bench.lapsed(&ca, "otelcol");
    let mut gear = bench.step(&ca);
    let lab::gear::CaGear::Step { root, .. } = &mut gear else { unreachable!() };
    let right = root.clone();
    let (handle, heard, _stop) = start(bench.config(vec![bench.gear("otelcol")], gear));
    handle.check().await.unwrap();
    assert_eq!(heard.judged("otelcol").state, CertificateState::Good, "{:?}", heard.judged("otelcol"));
    assert!(right.exists());
    let root = heard.judged("step-ca root");
    assert_eq!(root.state, CertificateState::Good);
    assert_eq!(heard.judged("step-ca").state, CertificateState::Good, "the intermediate");
    let port = ca.address().port();
    drop(ca);
    let dark = async {
        loop {
            handle.check().await.unwrap();
            if let Some(failure) = heard.last_look().unwrap().ca_failure {
                return failure;
            }
        }
    };
    let failure = timeout(Duration::from_secs(10), dark).await.unwrap();
    assert_eq!(failure.code, Code::DeviceAbsent, "{failure:?}");
    assert!(failure.why.contains(&port.to_string()), "{failure:?}");
    assert!(heard.last_look().unwrap().ca_silent_since_us.is_some());
    assert_eq!(heard.judged("otelcol").state, CertificateState::Good, "what is good stays good");
}

#[tokio::test]
async fn nothing_is_renewed_by_a_clock_that_is_not_believed() {
    let bench = Bench::new();
    let config = bench.config(vec![bench.gear("otelcol")], lab_gear());
    bench.trust(false);
    let (handle, heard, _stop) = start(config);
    handle.check().await.unwrap();
    assert!(!bench.path().join("otelcol.pem").exists());
    assert!(!crate::LabCa::exists(&bench.path().join("certs")), "no root is made at a wrong time");
    let reading = heard.last_look().unwrap().list.remove(0);
    assert!(reading.renewal.failure.unwrap().why.contains("clock is behind"));
    bench.trust(true);
    handle.check().await.unwrap();
    assert_eq!(heard.judged("otelcol").state, CertificateState::Good, "it follows by itself");
}

#[tokio::test]
async fn five_days_behind_nothing_is_judged_and_nothing_is_asked() {
    let bench = Bench::new();
    let ca = StepCaSim::start("boss@ca.lab", PASSWORD).await.unwrap();
    let shelf = bench.config(vec![bench.gear("otelcol")], bench.step(&ca));
    let (handle, heard, stop) = start(shelf.clone());
    handle.check().await.unwrap();
    stop.cancel();
    let asked = ca.view();
    bench.clock_ahead(-5 * DAY_US);
    bench.trust(false);
    let (handle, again, _stop) = start(shelf);
    handle.check().await.unwrap();
    let reading = again.last_look().unwrap().list.into_iter().find(|one| one.name == "otelcol").unwrap();
    let judged = judge(&reading, real_now_us() - 5 * DAY_US, lab::clock::Trust::Behind);
    assert_eq!(judged.state, CertificateState::Unknown);
    assert!(judged.says.contains("clock"), "{}", judged.says);
    let signed = |view: &sim::StepCaView| {
        view.answered
            .iter()
            .filter(|(path, _)| path.contains("sign ") || path.contains("renew "))
            .map(|(_, times)| *times)
            .sum::<u64>()
    };
    assert_eq!(signed(&ca.view()), signed(&asked), "the CA is asked for nothing");
    assert!(heard.judged("otelcol").state == CertificateState::Good);
}

#[tokio::test]
async fn reload_runs_after_a_renewal_and_its_result_is_told() {
    let bench = Bench::new();
    let mut gear = bench.gear("otelcol");
    gear.reload = ["sh", "-c", "echo unit is gone >&2; exit 4"].map(str::to_owned).to_vec();
    let (handle, heard, _stop) = start(bench.config(vec![gear], lab_gear()));
    handle.check().await.unwrap();
    let judged = heard.judged("otelcol");
    assert_eq!(judged.reading.renewal.reload.as_deref(), Some("sh: exit 4: unit is gone"));
    assert_eq!(judged.state, CertificateState::Good);
}
