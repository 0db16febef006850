//! Explanations as the engine makes them: at their moment, recorded first, withdrawn when they no longer hold.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod common;

use std::{sync::Arc, time::Duration};

use common::{Memory, Running, World, start};
use engine::{Command, Observation, Outcome};
use lab::{
    Body, Code, Event, Failure, VerdictCode,
    live::Transfer,
    sign::{FileRole, Sign, Speaker},
    status::BOARD,
    verdict::ScreenAnswer,
};

async fn fresh() -> (Arc<World>, Arc<Memory>, Running) {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    (world, journal, running)
}

fn sign(world: &World, machine: &str, sign: Sign) {
    world.put(Observation::Sign { machine: machine.into(), stamp: world.now(), sign, says: "test".into() });
}

fn discover() -> Sign {
    Sign::Dhcp { speaker: Speaker::Firmware, discover: true, arch: Some(7) }
}

fn asked(role: FileRole) -> Sign {
    Sign::FileAsked { role, path: "f".into(), proto: "http", body: true, found: true }
}

fn explained(journal: &Memory) -> Vec<Event> {
    let events = journal.events.lock().unwrap();
    events.iter().filter(|e| matches!(e.body(), Body::Explained { .. })).cloned().collect()
}

fn code(running: &Running, machine: &str) -> Option<VerdictCode> {
    let status = running.handle.snapshot().status.clone();
    status.machines.get(machine)?.verdict.as_ref().map(|verdict| verdict.code)
}

#[tokio::test(start_paused = true)]
async fn silence_is_explained_when_it_can_be_and_a_look_decides() {
    let (world, journal, engine) = fresh().await;
    world.mute.lock().unwrap().insert("node3".into());
    engine.order(Command::StartLab { lab: "rehearsal".into(), machines: Vec::new() }).await.unwrap();
    engine.until("a verdict", |s| s.status.machines.get("node3").is_some_and(|m| m.verdict.is_some())).await;
    assert_eq!(code(&engine, "node3"), Some(VerdictCode::SilentAfterLink));
    let first = explained(&journal).remove(0);
    let Body::Explained { verdict } = first.body() else { unreachable!() };
    let late = first.draft.stamp.seconds_since(&verdict.knowable).unwrap();
    assert!((0.0..1.0).contains(&late), "told {late} s after it could be known");
    let press = journal
        .events
        .lock()
        .unwrap()
        .iter()
        .find(|e| e.draft.subject == "node3" && matches!(e.body(), Body::PowerCommanded { .. }))
        .unwrap()
        .seq;
    assert!(verdict.evidence.contains(&press), "{:?} cites the press, {press}", verdict.evidence);

    let refused =
        engine.order(Command::AnswerScreen { machine: "node1".into(), answer: ScreenAnswer::IsDark }).await;
    assert_eq!(refused.unwrap_err().code, Code::NothingToAnswer, "nobody asked");
    assert!(journal.kinds().contains(&"command-refused".to_owned()));

    let answer = Command::AnswerScreen { machine: "node3".into(), answer: ScreenAnswer::ShowsSystem };
    assert_eq!(engine.order(answer).await, Ok(Outcome::Recorded));
    assert_eq!(
        code(&engine, "node3"),
        Some(VerdictCode::NetworkBootNotFirst),
        "decided before the answer comes"
    );

    engine.run_over().await;
    assert_eq!(code(&engine, "node3"), Some(VerdictCode::NetworkBootNotFirst), "it stays readable");
    let boot = engine.handle.snapshot().status.machines["node3"].boot.clone().unwrap();
    assert!(!boot.is_running() && boot.verdict.is_some());
    let again = Command::AnswerScreen { machine: "node3".into(), answer: ScreenAnswer::IsDark };
    engine.order(again).await.expect("a second look is taken although the boot has ended");
    assert_eq!(code(&engine, "node3"), Some(VerdictCode::Dark));
    assert!(explained(&journal).iter().all(|e| e.draft.subject == "node3"), "nobody else is accused");
    assert_eq!(journal.folded(), *engine.handle.snapshot().status);
}

#[tokio::test(start_paused = true)]
async fn thirty_healthy_boots_give_no_verdict() {
    let (_, journal, engine) = fresh().await;
    for run in 1..=5 {
        engine.order(Command::StartLab { lab: "rehearsal".into(), machines: Vec::new() }).await.unwrap();
        let over =
            |s: &lab::live::Snapshot| s.status.run.as_ref().is_some_and(|r| r.id == run && r.state.is_over());
        engine.until("the end of a run", over).await;
    }
    let status = engine.handle.snapshot().status.clone();
    assert_eq!(status.boots.values().map(Vec::len).sum::<usize>(), 30);
    let told = explained(&journal);
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_is_withdrawn() {
    let (world, journal, engine) = fresh().await;
    sign(&world, "node1", discover());
    engine
        .until("not answered", |s| s.status.machines.get("node1").is_some_and(|m| m.verdict.is_some()))
        .await;
    assert_eq!(code(&engine, "node1"), Some(VerdictCode::NotAnswered));
    sign(&world, "node1", Sign::Answered { address: "a".into(), boot_file: Some("f".into()), ack: true });
    sign(&world, "node1", asked(FileRole::Loader));
    engine.until("withdrawn", |s| s.status.machines["node1"].verdict.is_none()).await;
    let kinds = journal.kinds();
    assert_eq!(kinds.iter().filter(|kind| *kind == "explanation-withdrawn").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn repeated_packets_are_counted_and_not_each_an_event() {
    let (world, journal, engine) = fresh().await;
    for _ in 0..50 {
        sign(&world, "node1", discover());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    engine
        .until("counted", |s| {
            s.status.machines["node1"]
                .boot
                .as_ref()
                .is_some_and(|b| b.marks().any(|m| m.name == "discover-repeated" && m.detail["count"] == 30))
        })
        .await;
    let marks = journal.kinds().iter().filter(|kind| *kind == "marked").count();
    assert!(marks < 8, "{marks} marks for fifty packets");
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_stands_still_becomes_an_event_and_evidence() {
    let (world, _, engine) = fresh().await;
    sign(&world, "node1", discover());
    sign(&world, "node1", asked(FileRole::Kernel));
    let look = || {
        let transfer = Some(Transfer { path: "boot/kernel".into(), sent: 10, total: 100 });
        world.put(Observation::Transfer { machine: "node1".into(), transfer });
    };
    for _ in 0..60 {
        look();
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    engine.until("a verdict", |s| s.status.machines["node1"].verdict.is_some()).await;
    let status = engine.handle.snapshot().status.clone();
    let verdict = status.machines["node1"].verdict.clone().unwrap();
    assert_eq!(verdict.code, VerdictCode::TransferStalls);
    let marks: Vec<u64> = status.machines["node1"]
        .boot
        .as_ref()
        .unwrap()
        .marks()
        .filter(|m| m.name == "transfer-stalled")
        .map(|m| m.seq)
        .collect();
    assert_eq!(marks.len(), 1, "it is told once");
    assert!(verdict.evidence.contains(&marks[0]), "{:?}", verdict.evidence);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_goes_round_is_held_back_until_somebody_says_so() {
    let (world, journal, engine) = fresh().await;
    for _ in 0..4 {
        for sign_ in [discover(), asked(FileRole::Loader)] {
            sign(&world, "node2", sign_);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    engine.until("held back", |s| s.status.machines["node2"].held_back.is_some()).await;
    assert_eq!(code(&engine, "node2"), Some(VerdictCode::BootLoop));
    engine.order(Command::Rearm { machine: "node2".into() }).await.unwrap();
    let status = engine.handle.snapshot().status.clone();
    assert!(status.machines["node2"].held_back.is_none());
    assert_ne!(code(&engine, "node2"), Some(VerdictCode::BootLoop));
    let again = engine.order(Command::Rearm { machine: "node2".into() }).await.unwrap_err();
    assert_eq!(again.code, Code::NothingToAnswer);
    assert_eq!(journal.kinds().iter().filter(|kind| *kind == "loop-stopped").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_cause_is_one_card_and_gives_its_machines_back() {
    let (world, journal, engine) = fresh().await;
    for machine in ["node1", "node2"] {
        sign(&world, machine, discover());
    }
    engine
        .until("two cards", |s| {
            ["node1", "node2"].iter().all(|m| s.status.machines.get(*m).is_some_and(|m| m.verdict.is_some()))
        })
        .await;
    let tell = |body: Body| {
        world.put(Observation::Fact { subject: BOARD.into(), stamp: world.now(), body: Box::new(body) });
    };
    let failure = Failure::new(Code::Internal, "serve dhcp", "its socket is gone", "start it again");
    tell(Body::ServiceTroubled { service: "dhcp".into(), failure });
    engine.until("one card", |s| s.status.common.is_some()).await;
    let status = engine.handle.snapshot().status.clone();
    let common = status.common.clone().unwrap();
    assert_eq!((common.code, common.machines.len()), (VerdictCode::ServiceDown, 2));
    assert!(
        ["node1", "node2"].iter().all(|m| status.machines[*m].verdict.is_none()),
        "they are its consequences"
    );
    tell(Body::ServiceRecovered { service: "dhcp".into() });
    engine
        .until("two cards again", |s| {
            s.status.common.is_none() && s.status.machines["node1"].verdict.is_some()
        })
        .await;
    // What only the engine may tell is refused from outside.
    tell(Body::EngineStopped { reason: "a lie".into() });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!journal.kinds().contains(&"engine-stopped".to_owned()));
}
