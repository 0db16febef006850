//! A wipe is armed, used up once, and reported once, whatever is repeated, lost or killed.

#![allow(clippy::unwrap_used, dead_code)] // a test that finds nothing must fail; the world is shared

mod common;

use std::sync::Arc;

use common::{Memory, Running, World, start};
use engine::{Command, Observation, Outcome};
use lab::{
    Code,
    status::MachineStatus,
    wipe::{self, FoundDisk, WipeAnswer, WipeAsk, WipeReport, WipedDisk},
};

fn arm(machine: &str, disks: &[&str]) -> Command {
    Command::ArmWipe { machine: machine.into(), disks: disks.iter().map(|disk| (*disk).to_owned()).collect() }
}

fn vda() -> FoundDisk {
    FoundDisk { name: "vda".into(), ..FoundDisk::default() }
}

fn question(ticket: &str) -> WipeAsk {
    WipeAsk { ticket: ticket.into(), disks: vec![vda()] }
}

fn ask(world: &Arc<World>, machine: &str, ticket: &str) {
    let (machine, stamp, ask) = (machine.into(), world.now(), Box::new(question(ticket)));
    world.put(Observation::WipeAsked { machine, stamp, ask });
}

fn report(world: &Arc<World>, machine: &str, ticket: &str) {
    let disks = vec![WipedDisk { disk: vda(), ok: true, ..WipedDisk::default() }];
    let report = Box::new(WipeReport { ticket: ticket.into(), seconds: Some(3), disks });
    world.put(Observation::Wiped { machine: machine.into(), stamp: world.now(), report });
}

fn of(engine: &Running, machine: &str) -> MachineStatus {
    engine.handle.snapshot().status.machines.get(machine).cloned().unwrap_or_default()
}

/// Ends when everything put before has been read: observations are read in order.
async fn all_read(world: &Arc<World>, engine: &Running, mark: u64) {
    world.put(Observation::Counter { name: "mark".into(), value: mark });
    engine.until("the mark", |s| s.live.counters.get("mark") == Some(&mark)).await;
}

fn count(journal: &Memory, kind: &str) -> usize {
    journal.kinds().iter().filter(|known| *known == kind).count()
}

#[tokio::test(start_paused = true)]
async fn one_arming_is_one_wipe_of_one_machine() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let engine = start(&world, &journal, true).await;
    ask(&world, "node1", "t0");
    all_read(&world, &engine, 1).await;
    assert_eq!(count(&journal, "wipe-began"), 0, "nobody armed it");

    assert_eq!(engine.order(arm("node1", &["vda"])).await, Ok(Outcome::Recorded));
    for _ in 0..3 {
        ask(&world, "node2", "t2");
        ask(&world, "node1", "t1");
    }
    all_read(&world, &engine, 2).await;
    assert_eq!(count(&journal, "wipe-began"), 1, "asked three times, begun once");
    assert_eq!(wipe::answer(&of(&engine, "node1"), &question("t1")), WipeAnswer::Go(vec!["vda".into()]));
    assert!(
        matches!(wipe::answer(&of(&engine, "node1"), &question("t9")), WipeAnswer::No(_)),
        "another boot"
    );
    assert!(matches!(wipe::answer(&of(&engine, "node2"), &question("t2")), WipeAnswer::No(_)), "not armed");

    report(&world, "node1", "t9");
    report(&world, "node1", "t1");
    report(&world, "node1", "t1");
    ask(&world, "node1", "t3");
    all_read(&world, &engine, 3).await;
    assert_eq!(
        count(&journal, "disk-wiped"),
        1,
        "a report that is repeated, or a stranger's, is no second wipe"
    );
    assert_eq!(count(&journal, "wipe-began"), 1, "the arming is used up");
    assert_eq!(of(&engine, "node1").wiping, None);
}

#[tokio::test(start_paused = true)]
async fn a_killed_engine_neither_forgets_an_arming_nor_gives_it_twice() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let engine = start(&world, &journal, true).await;
    engine.order(arm("1", &[])).await.unwrap();
    engine.crash().await;
    let engine = start(&world, &journal, true).await;
    assert_eq!(of(&engine, "node1").wipe, Some(Vec::new()), "armed by its box number, before the crash");
    ask(&world, "node1", "t1");
    all_read(&world, &engine, 1).await;
    engine.crash().await;
    let engine = start(&world, &journal, true).await;
    assert_eq!(wipe::answer(&of(&engine, "node1"), &question("t1")), WipeAnswer::Go(vec!["vda".into()]));
    ask(&world, "node1", "t2");
    all_read(&world, &engine, 2).await;
    assert_eq!(count(&journal, "wipe-began"), 1);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_taken_back_until_it_has_begun() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let engine = start(&world, &journal, true).await;
    let disarm = || Command::DisarmWipe { machine: "node1".into() };
    assert_eq!(engine.order(disarm()).await.unwrap_err().code, Code::NothingToCancel);
    assert_eq!(engine.order(arm("node7", &[])).await.unwrap_err().code, Code::UnknownMachine);
    engine.order(arm("node1", &["sda"])).await.unwrap();
    ask(&world, "node1", "t1");
    all_read(&world, &engine, 1).await;
    assert_eq!(count(&journal, "wipe-began"), 0, "armed for a disk that is not there");
    assert!(matches!(wipe::answer(&of(&engine, "node1"), &question("t1")), WipeAnswer::Wait(_)));
    engine.order(disarm()).await.unwrap();
    assert!(matches!(wipe::answer(&of(&engine, "node1"), &question("t1")), WipeAnswer::No(_)));
    engine.order(arm("node1", &[])).await.unwrap();
    ask(&world, "node1", "t1");
    all_read(&world, &engine, 2).await;
    assert_eq!(engine.order(disarm()).await.unwrap_err().code, Code::NothingToCancel, "it has begun");
}
