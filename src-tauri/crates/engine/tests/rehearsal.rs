//! The rehearsal against a world of ports: done, failed, cancelled, crashed and resumed, at every step.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod common;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use common::{Memory, Running, World, start};
use engine::{Command, Observation, Outcome};
use lab::{
    BootState, Code, Phase, PowerState, RunState,
    ports::{OutletReading, PowerReading},
    run::TaskState,
};

fn rehearsal() -> Command {
    Command::StartLab { lab: "rehearsal".into(), machines: Vec::new() }
}

async fn fresh(survives: bool) -> (Arc<World>, Arc<Memory>, Running) {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, survives).await;
    (world, journal, running)
}

#[tokio::test(start_paused = true)]
async fn six_machines_boot_report_and_go_off() {
    let (world, journal, engine) = fresh(true).await;
    assert_eq!(engine.order(rehearsal()).await, Ok(Outcome::Started { run: 1 }));
    let run = engine.run_over().await;
    assert_eq!(run.state, RunState::Done, "{:?}", run.why);
    let status = engine.handle.snapshot().status.clone();
    for machine in &run.machines {
        assert_eq!(run.machine_state(machine), "done");
        let known = &status.machines[machine];
        let boot = known.boot.as_ref().unwrap();
        let phases: Vec<Phase> = boot.phases.iter().map(|p| p.phase).collect();
        assert_eq!(phases, Phase::ALL, "{machine} passed all six phases in order");
        assert!(
            boot.phases.iter().all(|p| p.seconds().is_some_and(|s| s > 0.0)),
            "each phase of {machine} has a length"
        );
        assert_eq!((known.commanded, known.observed), (PowerState::Off, PowerState::Off));
    }
    assert!((1..=6).all(|outlet| !world.is_on(outlet)), "no machine is left on");
    assert_eq!(journal.folded(), *status, "the shown status is the fold of the journal");
}

#[tokio::test(start_paused = true)]
async fn presses_are_staggered_and_never_touch_the_boss() {
    let (world, _, engine) = fresh(true).await;
    engine.order(rehearsal()).await.unwrap();
    engine.run_over().await;
    let presses = world.presses.lock().unwrap().clone();
    assert_eq!(presses.iter().filter(|(_, to)| *to == PowerState::On).count(), 6);
    assert!(presses.iter().all(|(outlet, _)| *outlet <= 6), "{presses:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_lab_is_refused_with_those_that_exist_and_leaves_an_event() {
    let (_, journal, engine) = fresh(true).await;
    let failure =
        engine.order(Command::StartLab { lab: "rehersal".into(), machines: Vec::new() }).await.unwrap_err();
    assert_eq!(failure.code, Code::UnknownLab);
    assert!(failure.remedy.contains("rehearsal"), "{}", failure.remedy);
    assert!(journal.kinds().contains(&"command-refused".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_second_start_is_refused_and_names_the_run() {
    let (_, _, engine) = fresh(true).await;
    engine.order(rehearsal()).await.unwrap();
    let failure = engine.order(rehearsal()).await.unwrap_err();
    assert_eq!(failure.code, Code::RunUnderWay);
    assert!(failure.why.contains("run 1"), "{}", failure.why);
}

#[tokio::test(start_paused = true)]
async fn a_silent_machine_fails_alone_and_says_how_far_it_came() {
    let (world, _, engine) = fresh(true).await;
    world.mute.lock().unwrap().insert("node3".into());
    engine.order(rehearsal()).await.unwrap();
    let run = engine.run_over().await;
    assert_eq!(run.state, RunState::Failed);
    assert_eq!(run.machine_state("node3"), "failed");
    assert_eq!(run.machine_state("node4"), "done", "the others go on");
    let failure = run.failure_of("node3").unwrap();
    assert_eq!(failure.code, Code::TimedOut);
    assert!(failure.why.contains("phase firmware"), "{}", failure.why);
    let boot = engine.handle.snapshot().status.machines["node3"].boot.clone().unwrap();
    assert_eq!(boot.state, BootState::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_look_from_before_the_press_had_ended_ends_no_boot() {
    let (world, _, engine) = fresh(true).await;
    engine.order(rehearsal()).await.unwrap();
    let pressing = |s: &lab::live::Snapshot| {
        let press = s.status.machines.get("node1").and_then(|m| m.press.as_ref());
        press.is_some_and(|p| p.ended.is_none())
    };
    engine.until("the press of node1", pressing).await;
    let off = OutletReading { commanded: PowerState::Off, observed: Some(PowerState::Off) };
    let reading = Ok(PowerReading { outlets: [(1, off)].into(), incarnation: 1, ..PowerReading::default() });
    world.put(Observation::Power { stamp: world.now(), reading });
    let run = engine.run_over().await;
    assert_eq!(run.machine_state("node1"), "done", "{:?}", run.failure_of("node1"));
}

#[tokio::test(start_paused = true)]
async fn a_press_that_fails_is_told_where_it_happened() {
    let (world, _, engine) = fresh(true).await;
    world.broken.lock().unwrap().insert(2);
    engine.order(rehearsal()).await.unwrap();
    let run = engine.run_over().await;
    assert_eq!(run.failure_of("node2").map(|f| f.code), Some(Code::DeviceRefused));
    let status = engine.handle.snapshot().status.clone();
    assert!(status.machines["node2"].press.as_ref().unwrap().failure.is_some());
}

#[tokio::test(start_paused = true)]
async fn without_a_power_board_the_check_says_so() {
    let (world, _, engine) = fresh(true).await;
    world.absent.store(true, Ordering::SeqCst);
    engine.order(rehearsal()).await.unwrap();
    let run = engine.run_over().await;
    assert_eq!(run.state, RunState::Failed);
    assert!(run.why.unwrap().contains("check failed"), "the step is named");
    assert!(world.presses.lock().unwrap().is_empty(), "nothing was pressed on a guess");
}

#[tokio::test(start_paused = true)]
async fn cancel_at_any_moment_leaves_every_machine_off() {
    for seconds in [0, 1, 3, 8, 14, 17, 30] {
        let (world, _, engine) = fresh(true).await;
        engine.order(rehearsal()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        if engine.order(Command::CancelRun { run: None }).await.is_err() {
            continue;
        }
        let run = engine.run_over().await;
        assert_eq!(run.state, RunState::Cancelled, "cancelled after {seconds} s");
        assert!((1..=6).all(|outlet| !world.is_on(outlet)), "a machine is left on after {seconds} s");
        assert!(!run.tasks.iter().any(|t| t.state == TaskState::Running), "a task hangs after {seconds} s");
        engine.order(rehearsal()).await.expect("a cancelled run does not stand in the way");
        engine
            .until("run 2 done", |s| {
                s.status.run.as_ref().is_some_and(|r| r.id == 2 && r.state == RunState::Done)
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_moment_is_resumed_where_machines_survive() {
    for tenths in (0..300).step_by(13) {
        let (world, journal, engine) = fresh(true).await;
        engine.order(rehearsal()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(tenths * 100)).await;
        let before = journal.events.lock().unwrap().clone();
        engine.crash().await;
        let engine = start(&world, &journal, true).await;
        let run = engine.run_over().await;
        assert_eq!(run.id, 1, "the run goes on under its number");
        assert_eq!(run.state, RunState::Done, "crash after {tenths}/10 s: {:?}", run.why);
        assert_eq!(journal.events.lock().unwrap()[..before.len()], before[..], "history is never rewritten");
        assert!((1..=6).all(|outlet| !world.is_on(outlet)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_where_machines_end_with_the_engine_closes_the_run_with_its_reason() {
    let (world, journal, engine) = fresh(false).await;
    engine.order(rehearsal()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    engine.crash().await;
    world.outlets.lock().unwrap().values_mut().for_each(|state| *state = PowerState::Off);
    let engine = start(&world, &journal, false).await;
    let run = engine.run_over().await;
    assert_eq!(run.state, RunState::Failed);
    assert!(run.why.as_ref().unwrap().contains("killed"), "{:?}", run.why);
    engine.order(rehearsal()).await.expect("a new run may begin");
    engine
        .until("the new run done", |s| {
            s.status.run.as_ref().is_some_and(|r| r.id == 2 && r.state == RunState::Done)
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_commands_keeps_events_and_recovers() {
    let (_, journal, engine) = fresh(true).await;
    engine.until("power board found", |s| s.status.devices.contains_key("power")).await;
    journal.full.store(true, Ordering::SeqCst);
    let failure = engine.order(rehearsal()).await.unwrap_err();
    assert_eq!(failure.code, Code::Storage);
    engine.until("the trouble shown", |s| s.live.storage.is_some()).await;
    let seq = engine.handle.snapshot().status.seq;
    assert_eq!(seq, journal.events.lock().unwrap().len() as u64, "nothing is shown that is not stored");
    journal.full.store(false, Ordering::SeqCst);
    engine.until("the trouble gone", |s| s.live.storage.is_none()).await;
    engine.until("no run hangs", |s| s.status.live_run().is_none()).await;
    engine.order(rehearsal()).await.expect("commands are taken again");
    assert_eq!(engine.run_over().await.id, 2);
    let never_began = journal
        .events
        .lock()
        .unwrap()
        .iter()
        .all(|e| e.draft.run != Some(1) || e.body().kind() != "power-commanded");
    assert!(never_began, "the start that could not be recorded pressed nothing");
}

#[tokio::test(start_paused = true)]
async fn an_orderly_stop_is_recorded_and_checkpointed() {
    let (_, journal, engine) = fresh(true).await;
    engine.until("power board found", |s| s.status.devices.contains_key("power")).await;
    engine.stop.cancel();
    engine.task.await.unwrap();
    assert_eq!(journal.kinds().last().map(String::as_str), Some("engine-stopped"));
    assert!(journal.checkpoints.load(Ordering::SeqCst) > 0);
}
