//! Power by hand: what is refused, what is pressed, and what is known afterwards.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod common;

use std::sync::{Arc, atomic::Ordering};

use common::{Memory, Running, World, start};
use engine::{Command, Observation, Outcome, PowerAct};
use lab::{
    Code, Failure, PowerState,
    ports::Hold,
    power::{Offer, mismatch},
};

async fn board() -> (Arc<World>, Arc<Memory>, Running) {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    running.until("links", |s| s.status.machines.get("node6").is_some_and(|m| m.link.is_some())).await;
    (world, journal, running)
}

async fn ask(engine: &Running, outlet: u8, act: PowerAct) -> Result<Outcome, Failure> {
    engine.order(Command::Power { outlet, act }).await
}

fn observed(engine: &Running, machine: &str) -> PowerState {
    engine.handle.snapshot().status.machines[machine].observed
}

async fn seen(engine: &Running, machine: &'static str, state: PowerState) {
    engine.until(state.word(), |s| s.status.machines[machine].observed == state).await;
}

fn pressed(world: &World, outlet: u8) -> Vec<PowerState> {
    world.presses.lock().unwrap().iter().filter(|(at, _)| *at == outlet).map(|(_, to)| *to).collect()
}

#[tokio::test(start_paused = true)]
async fn the_controllers_own_outlet_is_refused_and_the_spare_one_too() {
    let (world, _journal, engine) = board().await;
    let acts = [
        PowerAct::On,
        PowerAct::Off,
        PowerAct::Press(Hold::Short),
        PowerAct::Press(Hold::Long),
        PowerAct::Resync,
    ];
    for act in acts {
        assert_eq!(ask(&engine, 7, act).await.unwrap_err().code, Code::BossOutlet);
        assert_eq!(ask(&engine, 8, act).await.unwrap_err().code, Code::UnknownOutlet);
        assert_eq!(ask(&engine, 42, act).await.unwrap_err().code, Code::UnknownOutlet);
    }
    assert!(world.presses.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_switched_on_and_off_by_hand_and_a_second_on_is_refused() {
    let (world, journal, engine) = board().await;
    seen(&engine, "node4", PowerState::Off).await;
    assert_eq!(ask(&engine, 4, PowerAct::On).await, Ok(Outcome::Pressing { presses: 1 }));
    assert_eq!(ask(&engine, 4, PowerAct::Off).await.unwrap_err().code, Code::Busy, "one press at a time");
    seen(&engine, "node4", PowerState::On).await;
    let refused = ask(&engine, 4, PowerAct::On).await.unwrap_err();
    assert_eq!(refused.code, Code::PowerMismatch);
    assert!(refused.why.contains("shut down"), "{refused}");
    assert_eq!(ask(&engine, 4, PowerAct::Off).await, Ok(Outcome::Pressing { presses: 1 }));
    seen(&engine, "node4", PowerState::Off).await;
    assert_eq!(ask(&engine, 4, PowerAct::Off).await, Ok(Outcome::Pressing { presses: 0 }), "it is off");
    assert_eq!(pressed(&world, 4), [PowerState::On, PowerState::Off]);
    let events = journal.events();
    let by = events.iter().find(|event| event.body().kind() == "power-commanded").unwrap();
    assert!(format!("{:?}", by.body()).contains("by test"), "the record says who: {:?}", by.body());
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_not_switched_on_but_can_be_held_off() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    world.blind.store(true, Ordering::SeqCst);
    world.mute.lock().unwrap().insert("node2".into());
    let engine = start(&world, &journal, true).await;
    engine
        .until("the outlets", |s| s.status.machines.get("node2").is_some_and(|m| m.memory == PowerState::Off))
        .await;
    let refused = ask(&engine, 2, PowerAct::On).await.unwrap_err();
    assert_eq!(refused.code, Code::PowerMismatch);
    assert!(refused.remedy.contains("power off 2"), "{refused:?}");
    assert!(world.presses.lock().unwrap().is_empty());
    // The relay remembers "off" and would ignore a long press alone.
    assert_eq!(ask(&engine, 2, PowerAct::Off).await, Ok(Outcome::Pressing { presses: 2 }));
    seen(&engine, "node2", PowerState::Off).await;
    assert_eq!(pressed(&world, 2), [PowerState::On, PowerState::Off]);
    assert_eq!(ask(&engine, 2, PowerAct::On).await, Ok(Outcome::Pressing { presses: 1 }));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_died_is_a_mismatch_and_is_taken_over_without_a_press() {
    let (world, _journal, engine) = board().await;
    seen(&engine, "node1", PowerState::Off).await;
    ask(&engine, 1, PowerAct::On).await.unwrap();
    engine.until("its report", |s| s.status.machines["node1"].facts.is_some()).await;
    // Its cord is pulled: the relay goes on remembering "on", the link goes, the heartbeats with it.
    world.blind.store(false, Ordering::SeqCst);
    world.unplug("node1");
    seen(&engine, "node1", PowerState::Unknown).await;
    let snapshot = engine.handle.snapshot();
    let machine = &snapshot.status.machines["node1"];
    let told = mismatch(machine, lab::ports::Nature::Button, &snapshot.now).unwrap();
    assert_eq!(told.safe, Offer::LongPress, "{told:?}");
    assert!(told.says.contains("no link"), "{told:?}");
    assert_eq!(ask(&engine, 1, PowerAct::Resync).await.unwrap_err().code, Code::PowerMismatch);
    ask(&engine, 1, PowerAct::Press(Hold::Long)).await.unwrap();
    seen(&engine, "node1", PowerState::Off).await;
    let machine = engine.handle.snapshot().status.machines["node1"].clone();
    assert_eq!((machine.commanded, machine.memory), (PowerState::Off, PowerState::Off));
}

#[tokio::test(start_paused = true)]
async fn a_board_that_restarted_knows_nothing_and_what_is_seen_can_be_taken_over() {
    let (world, journal, engine) = board().await;
    seen(&engine, "node5", PowerState::Off).await;
    ask(&engine, 5, PowerAct::On).await.unwrap();
    seen(&engine, "node5", PowerState::On).await;
    world.forget();
    engine
        .until("it forgot", |s| {
            let machine = &s.status.machines["node5"];
            machine.forgotten.is_some() && machine.memory == PowerState::Off
        })
        .await;
    assert!(journal.kinds().contains(&"power-forgotten".to_owned()));
    let machine = engine.handle.snapshot().status.machines["node5"].clone();
    assert_eq!(machine.commanded, PowerState::Unknown);
    world.put(Observation::Heartbeat { machine: "node5".into(), stamp: world.now() });
    assert_eq!(observed(&engine, "node5"), PowerState::On);
    assert_eq!(ask(&engine, 5, PowerAct::On).await.unwrap_err().code, Code::PowerMismatch);
    ask(&engine, 5, PowerAct::Resync).await.unwrap();
    let machine = engine.handle.snapshot().status.machines["node5"].clone();
    assert_eq!((machine.commanded, machine.memory), (PowerState::On, PowerState::Off));
    assert_eq!(pressed(&world, 5), [PowerState::On], "nothing was pressed for it");
}
