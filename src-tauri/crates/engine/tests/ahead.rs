//! The boot order that only a machine's agent can write: told after a report, known when confirmed, dropped when refused.

#![allow(clippy::unwrap_used, dead_code)] // a test that finds nothing must fail; the world is shared

mod common;

use std::sync::Arc;

use async_trait::async_trait;
use common::{Memory, Running, World, start};
use engine::{Command, Observation, Outcome, PowerAct};
use lab::{
    PowerState, Way,
    facts::{EfiFacts, Facts},
    ports::{Ahead, EfiWrite, Offered, PortError, Ways},
};

/// Machines that go by PXE and iPXE, and by HTTP once their firmware was told.
struct ByAgent;

#[async_trait]
impl Ways for ByAgent {
    fn possible(&self, _: &str) -> Vec<Way> {
        vec![Way::Ipxe]
    }
    fn forced(&self) -> Option<Way> {
        None
    }
    async fn offer(&self, _: &str, _: Way) -> Result<Offered, PortError> {
        Ok(Offered::default())
    }
    fn possible_by_agent(&self, _: &str) -> Vec<Way> {
        vec![Way::Http]
    }
    fn ahead(&self, _: &str, way: Way, _: &EfiFacts, armed: Option<Way>) -> Option<Ahead> {
        let write =
            |name: &str, hex: Option<&str>| EfiWrite { name: name.into(), hex: hex.map(str::to_owned) };
        let arms = way == Way::Http;
        let writes = match (arms, armed) {
            (true, _) => vec![write("Boot2000", Some("07")), write("BootNext", Some("07"))],
            (false, Some(_)) => vec![write("BootNext", None)],
            (false, None) => return None,
        };
        Some(Ahead { writes, arms, before: "BootOrder 0001".into() })
    }
}

async fn board() -> (Arc<World>, Arc<Memory>, Running) {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    *world.ways.lock().unwrap() = Some(Arc::new(ByAgent));
    let engine = start(&world, &journal, true).await;
    (world, journal, engine)
}

async fn all_read(world: &Arc<World>, engine: &Running, mark: u64) {
    world.put(Observation::Counter { name: "mark".into(), value: mark });
    engine.until("the mark", |s| s.live.counters.get("mark") == Some(&mark)).await;
}

fn report(world: &Arc<World>, efi: bool) {
    let facts = Box::new(Facts { efi: efi.then(EfiFacts::default), ..Facts::default() });
    let machine = "node1".to_owned();
    world.put(Observation::Report { machine, stamp: world.now(), facts, heartbeat_ms: None });
}

fn written(world: &Arc<World>, name: &str, refused: Option<&str>) {
    let (machine, name, refused) = ("node1".into(), name.into(), refused.map(str::to_owned));
    world.put(Observation::EfiWritten { machine, stamp: world.now(), name, refused });
}

fn armed(engine: &Running) -> Option<Way> {
    engine.handle.snapshot().status.machines["node1"].armed
}

#[tokio::test(start_paused = true)]
async fn it_is_armed_when_the_last_variable_is_written_and_taken_back_when_asked() {
    let (world, journal, engine) = board().await;
    report(&world, false);
    all_read(&world, &engine, 1).await;
    assert!(world.told.lock().unwrap().is_empty(), "without UEFI there is nothing to write");

    report(&world, true);
    written(&world, "Boot2000", None);
    all_read(&world, &engine, 2).await;
    assert_eq!(world.told.lock().unwrap().len(), 1);
    assert_eq!(armed(&engine), None, "BootNext is not written yet");
    written(&world, "BootNext", None);
    all_read(&world, &engine, 3).await;
    assert_eq!(armed(&engine), Some(Way::Http));
    // An answer that was lost is repeated.
    written(&world, "BootNext", None);
    all_read(&world, &engine, 4).await;
    assert_eq!(journal.kinds().iter().filter(|kind| *kind == "boot-order-armed").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn firmware_that_does_not_take_it_is_not_asked_again() {
    let (world, journal, engine) = board().await;
    report(&world, true);
    written(&world, "Boot2000", Some("the firmware refused Boot2000"));
    report(&world, true);
    all_read(&world, &engine, 1).await;
    assert_eq!(armed(&engine), None);
    assert_eq!(world.told.lock().unwrap().len(), 1, "{:?}", world.told.lock().unwrap());
    let dropped = journal.events().into_iter().find(|event| event.body().kind() == "way-dropped").unwrap();
    assert!(format!("{:?}", dropped.body()).contains("did not take Boot2000: the firmware refused"));
}

#[tokio::test(start_paused = true)]
async fn a_boot_that_was_told_goes_that_way_whatever_is_asked_once_it_is_off() {
    let (world, journal, engine) = board().await;
    let rehearse = || Command::StartLab { lab: "rehearsal".into(), machines: vec!["node1".into()] };
    engine.order(rehearse()).await.unwrap();
    engine.run_over().await;
    engine.until("silence", |s| s.status.machines["node1"].observed == PowerState::Off).await;
    // Somebody pressed the button on the power board itself.
    world.outlets.lock().unwrap().insert(1, PowerState::On);
    engine.until("the button", |s| s.status.machines["node1"].memory == PowerState::On).await;
    report(&world, true);
    written(&world, "Boot2000", None);
    written(&world, "BootNext", None);
    all_read(&world, &engine, 1).await;
    assert_eq!(armed(&engine), Some(Way::Http));

    // While it runs it can be taken back.
    let ask = |way| Command::AskWay { machine: "node1".into(), way };
    assert_eq!(engine.order(ask(Some(Way::Ipxe))).await, Ok(Outcome::Recorded));
    written(&world, "BootNext", None);
    all_read(&world, &engine, 2).await;
    assert_eq!(armed(&engine), None);
    assert!(journal.kinds().contains(&"boot-order-restored".to_owned()));

    assert_eq!(engine.order(ask(None)).await, Ok(Outcome::Recorded));
    written(&world, "BootNext", None);
    all_read(&world, &engine, 3).await;
    assert_eq!(armed(&engine), Some(Way::Http));
    let off = Command::Power { outlet: 1, act: PowerAct::Off };
    assert!(matches!(engine.order(off).await, Ok(Outcome::Pressing { .. })));
    engine.until("silence", |s| s.status.machines["node1"].observed == PowerState::Off).await;
    engine.order(rehearse()).await.unwrap();
    engine.until("the way", |s| s.status.machines["node1"].way == Some(Way::Http)).await;
    engine.run_over().await;
    assert_eq!(armed(&engine), None, "firmware forgets what it followed");
}
