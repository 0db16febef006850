//! Faults on purpose: done first, then recorded; gone with the engine that put them in.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod common;

use std::sync::Arc;

use common::{Memory, World, start};
use engine::{Command, Outcome};
use lab::{Body, Code, fault::Fault};

fn set(machine: &str, fault: Fault, on: bool) -> Command {
    Command::SetFault { machine: machine.into(), fault, on }
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_recorded_after_it_was_put_in_and_once() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let engine = start(&world, &journal, false).await;
    for _ in 0..2 {
        assert_eq!(engine.order(set("node1", Fault::LinkDown, true)).await, Ok(Outcome::Recorded));
    }
    assert_eq!(world.faults.lock().unwrap().len(), 1);
    let recorded = || journal.kinds().into_iter().filter(|kind| kind == "fault-set").count();
    assert_eq!(recorded(), 1, "what changed nothing is no event");
    let status = engine.handle.snapshot().status.clone();
    assert!(status.machines["node1"].faults.contains(&Fault::LinkDown));
    assert_eq!(engine.order(set("node1", Fault::LinkDown, false)).await, Ok(Outcome::Recorded));
    assert!(engine.handle.snapshot().status.machines["node1"].faults.is_empty());
    assert_eq!(recorded(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_broken_is_refused_with_words_and_recorded() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let engine = start(&world, &journal, false).await;
    let table = [
        (set("node9", Fault::LinkDown, true), Code::UnknownMachine, "no such machine"),
        (set("node1", Fault::WipeLoop, true), Code::BadRequest, "cannot do that"),
        (set("node1", Fault::DropDhcp, true), Code::DeviceRefused, "it did not"),
    ];
    for (command, code, why) in table {
        let failure = engine.order(command).await.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.why.contains(why), "{failure}");
    }
    let refused = journal.kinds().into_iter().filter(|kind| kind == "command-refused").count();
    assert_eq!(refused, 3);
    assert!(journal.folded().machines.values().all(|machine| machine.faults.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn faults_end_with_the_engine_and_the_next_one_says_so() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let engine = start(&world, &journal, true).await;
    engine.order(set("node2", Fault::LinkDown, true)).await.unwrap();
    engine.crash().await;
    let engine = start(&world, &journal, true).await;
    assert!(engine.handle.snapshot().status.machines["node2"].faults.is_empty());
    let events = journal.events();
    let last = events.iter().rfind(|event| matches!(event.body(), Body::FaultSet { .. })).unwrap();
    assert_eq!(last.body(), &Body::FaultSet { fault: Fault::LinkDown, on: false });
    assert!(last.draft.reason.as_deref().unwrap().contains("end with the engine"));
}
