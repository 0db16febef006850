//! The clock is judged before anything that is dated.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod common;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use common::{Memory, Running, World, start};
use engine::Observation;
use lab::{
    Body,
    certificate::{CertificateFacts, CertificateReading, CertificateState, CertificatesReading},
    clock::{ClockReading, ClockSource, Trust},
};

const DAY_US: i64 = 86_400_000_000;

/// A certificate of a day, made an hour ago.
fn certificate(world: &World) -> Observation {
    let made = world.now().wall_us - DAY_US / 24;
    let facts =
        CertificateFacts { not_before_us: made, not_after_us: made + DAY_US, ..CertificateFacts::default() };
    let reading = CertificateReading {
        name: "otelcol".into(),
        ours: true,
        facts: Some(facts),
        ..CertificateReading::default()
    };
    let reading = CertificatesReading { list: vec![reading], ..CertificatesReading::default() };
    Observation::Certificates { stamp: world.now(), reading: Box::new(reading) }
}

fn chrony(world: &World, ahead_s: f64) -> Observation {
    let reading = ClockReading {
        source: ClockSource::Ntp,
        name: "chrony".into(),
        ahead_s: Some(ahead_s),
        synced: Some(true),
        floor: false,
        says: String::new(),
    };
    Observation::Clock { stamp: world.now(), readings: vec![reading] }
}

async fn trust(running: &Running, trust: Trust) {
    running
        .until("the clock's trust", |s| s.status.watched.clock.as_ref().is_some_and(|c| c.trust == trust))
        .await;
}

async fn state(running: &Running, state: CertificateState) {
    running
        .until("the certificate's state", |s| {
            s.status.watched.certificates.get("otelcol").is_some_and(|c| c.state == state)
        })
        .await;
}

fn position(journal: &Memory, which: impl Fn(&Body) -> bool) -> usize {
    journal.events().iter().position(|event| which(event.body())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_clock_five_days_behind_is_named_before_any_certificate_is_judged() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    world.put(certificate(&world));
    state(&running, CertificateState::Good).await;
    running.stop.cancel();
    running.task.await.unwrap();
    let before = journal.events().len();

    world.wall_step.store(-5 * DAY_US, Ordering::SeqCst);
    let again = certificate_of_before(&world);
    let running = start(&world, &journal, true).await;
    world.put(again);
    state(&running, CertificateState::Unknown).await;
    let clock = running.handle.snapshot().status.watched.clock.clone().unwrap();
    assert_eq!(clock.trust, Trust::Behind);
    assert!(clock.says.contains("d behind"), "{}", clock.says);
    let named = position(&journal, |body| matches!(body, Body::ClockJudged { .. }));
    let judged =
        |body: &Body| matches!(body, Body::CertificateTurned { state: CertificateState::Unknown, .. });
    assert!(before < named && named < position(&journal, judged), "the clock comes first");

    // Events that are recorded meanwhile do not make the wrong clock right.
    running.stop.cancel();
    running.task.await.unwrap();
    let running = start(&world, &journal, true).await;
    trust(&running, Trust::Behind).await;

    // Somebody sets it; a time service agrees.
    world.wall_step.store(0, Ordering::SeqCst);
    trust(&running, Trust::Unconfirmed).await;
    world.put(certificate(&world));
    state(&running, CertificateState::Good).await;
    world.put(chrony(&world, 0.004));
    trust(&running, Trust::Good).await;
    let says = running.handle.snapshot().status.watched.clock.clone().unwrap().says;
    assert_eq!(says, "in step with chrony (4 ms)");
}

/// The same certificate as before the clock was set back.
fn certificate_of_before(world: &World) -> Observation {
    let step = world.wall_step.swap(0, Ordering::SeqCst);
    let observation = certificate(world);
    world.wall_step.store(step, Ordering::SeqCst);
    observation
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_back_while_a_service_says_all_is_well_is_not_believed() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    world.put(chrony(&world, 0.001));
    world.put(certificate(&world));
    trust(&running, Trust::Good).await;
    state(&running, CertificateState::Good).await;
    let kinds = journal.kinds();
    assert_eq!(kinds.iter().filter(|kind| *kind == "clock-judged").count(), 1);

    world.wall_step.store(-3 * DAY_US, Ordering::SeqCst);
    trust(&running, Trust::Behind).await;
    state(&running, CertificateState::Unknown).await;
    world.wall_step.store(0, Ordering::SeqCst);
    world.put(chrony(&world, 0.001));
    trust(&running, Trust::Good).await;
    state(&running, CertificateState::Good).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_once_changes_nothing() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    for turn in 0..40 {
        world.put(match turn % 4 {
            0 => Observation::Clock { stamp: world.now(), readings: Vec::new() },
            _ => chrony(&world, 0.001),
        });
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let judged = journal.kinds().iter().filter(|kind| *kind == "clock-judged").count();
    assert_eq!(judged, 2, "unconfirmed at first, then good");
    // After a while without any answer the trust is gone.
    trust(&running, Trust::Unconfirmed).await;
}

#[tokio::test(start_paused = true)]
async fn no_clock_is_right_before_the_program_was_built() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    *world.built_us.lock().unwrap() = Some(world.now().wall_us + 9 * DAY_US);
    let running = start(&world, &journal, true).await;
    trust(&running, Trust::Behind).await;
    let first: Vec<String> = journal.kinds().into_iter().take(2).collect();
    assert_eq!(first, ["engine-started", "clock-judged"], "before anything else");
    let says = running.handle.snapshot().status.watched.clock.clone().unwrap().says;
    assert!(says.starts_with("at least 8 d behind the making of this program ("), "{says}");
}
