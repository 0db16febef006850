//! A world of our own ports, and a journal in memory. What drivers do on their wires is tested with the drivers.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // shared by test binaries, which have no public face

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use engine::{Engine, EngineConfig, EngineHandle, Observation, ObservationSink, Ports};
use lab::{
    Board, Draft, Event, PowerState, Stamp, Status,
    event::SCHEMA,
    fault::Fault,
    journal::{Journal, JournalError, Packet},
    live::{ServiceState, Snapshot, UnknownMachine},
    ports::{
        AgentOrder, Agents, Clues, EfiWrite, Faults, Link, Nature, OutletReading, PortError, Power,
        PowerReading, Ways, Wire, WireCounters,
    },
    sign::{FileRole, Sign, Speaker},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const BOARD: &str = include_str!("../../../../../boards/simulated.toml");

/// Events in memory; `full` makes it behave like a full disk.
#[derive(Default)]
pub struct Memory {
    pub events: Mutex<Vec<Event>>,
    pub full: AtomicBool,
    pub checkpoints: AtomicU64,
}

#[async_trait]
impl Journal for Memory {
    async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<Event>, JournalError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(error());
        }
        let mut events = self.events.lock().unwrap();
        let first = events.len() as u64 + 1;
        let new: Vec<Event> = drafts
            .into_iter()
            .zip(first..)
            .map(|(draft, seq)| Event { seq, draft, schema: SCHEMA })
            .collect();
        events.extend(new.clone());
        Ok(new)
    }
    async fn checkpoint(&self, _: &Status) -> Result<(), JournalError> {
        self.checkpoints.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    async fn packets(&self, _: Vec<Packet>) -> Result<(), JournalError> {
        Ok(())
    }
    async fn unknown(&self, _: Vec<UnknownMachine>) -> Result<(), JournalError> {
        Ok(())
    }
}

fn error() -> JournalError {
    JournalError { what: "write events".into(), why: "no space left".into(), remedy: "free some".into() }
}

impl Memory {
    pub fn kinds(&self) -> Vec<String> {
        self.events.lock().unwrap().iter().map(|e| e.body().kind().to_owned()).collect()
    }
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
    pub fn folded(&self) -> Status {
        let mut status = Status::default();
        for event in self.events.lock().unwrap().iter() {
            status.apply(event).unwrap();
        }
        status
    }
}

/// Six machines behind relays without sensing: they boot when pressed and fall silent when held.
pub struct World {
    pub board: Arc<Board>,
    pub outlets: Mutex<BTreeMap<u8, PowerState>>,
    pub presses: Mutex<Vec<(u8, PowerState)>>,
    /// Machines that never speak after a press.
    pub mute: Mutex<BTreeSet<String>>,
    /// Outlets whose press fails.
    pub broken: Mutex<BTreeSet<u8>>,
    pub absent: AtomicBool,
    /// Machines whose cord is out, whatever their relay remembers.
    unplugged: Mutex<BTreeSet<String>>,
    /// How often the power board has forgotten everything.
    incarnation: AtomicU64,
    /// Machines that were made to speak without a press.
    linked: Mutex<BTreeSet<String>>,
    /// The board cannot see links.
    pub blind: AtomicBool,
    pub faults: Mutex<BTreeSet<(String, Fault)>>,
    /// How machines are offered their boot; nobody by default.
    pub ways: Mutex<Option<Arc<dyn Ways>>>,
    /// What can be seen of a silent stream's way.
    pub clues: Mutex<Option<Arc<dyn Clues>>>,
    pub built_us: Mutex<Option<i64>>,
    /// By how much the wall clock was set, in microseconds.
    pub wall_step: AtomicI64,
    /// Variables that agents were told to write, newest last.
    pub told: Mutex<Vec<(String, Vec<EfiWrite>)>>,
    sink: Mutex<Option<ObservationSink>>,
    start: tokio::time::Instant,
    offset: AtomicI64,
}

impl World {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            board: Arc::new(Board::parse("simulated", BOARD).unwrap()),
            outlets: Mutex::new((1..=8).map(|n| (n, PowerState::Off)).collect()),
            presses: Mutex::default(),
            mute: Mutex::default(),
            broken: Mutex::default(),
            absent: AtomicBool::new(false),
            unplugged: Mutex::default(),
            incarnation: AtomicU64::new(1),
            linked: Mutex::default(),
            blind: AtomicBool::new(false),
            faults: Mutex::default(),
            ways: Mutex::default(),
            clues: Mutex::default(),
            built_us: Mutex::default(),
            wall_step: AtomicI64::new(0),
            told: Mutex::default(),
            sink: Mutex::default(),
            start: tokio::time::Instant::now(),
            offset: AtomicI64::new(0),
        })
    }

    pub fn now(&self) -> Stamp {
        // Each look at the clock is a microsecond later, as on a real one.
        let mono = self.start.elapsed().as_micros() as i64 + self.offset.fetch_add(1, Ordering::SeqCst);
        let wall_us = 1_700_000_000_000_000 + mono + self.wall_step.load(Ordering::SeqCst);
        Stamp { wall_us, mono_us: mono, host_boot: "test".into() }
    }

    pub fn put(&self, observation: Observation) {
        if let Observation::Sign { machine, .. }
        | Observation::Report { machine, .. }
        | Observation::EfiWritten { machine, .. } = &observation
        {
            self.linked.lock().unwrap().insert(machine.clone());
        }
        if let Some(sink) = self.sink.lock().unwrap().as_ref() {
            sink.put(observation);
        }
    }

    fn sign(&self, machine: &str, sign: Sign) {
        let says = format!("{sign:?}");
        self.put(Observation::Sign { machine: machine.into(), stamp: self.now(), sign, says });
    }

    /// One whole boot on the wire, a second between its packets.
    fn boot(self: &Arc<Self>, machine: String, outlet: u8) {
        let world = self.clone();
        tokio::spawn(async move {
            let dhcp = |speaker| Sign::Dhcp { speaker, discover: true, arch: Some(7) };
            let asked =
                |role, body| Sign::FileAsked { role, path: "f".into(), proto: "http", body, found: true };
            let sent = |role| Sign::FileSent {
                role,
                path: "f".into(),
                proto: "http",
                bytes: 9,
                total: 9,
                packets: 1,
                resent: 0,
                seconds: 0.1,
                why: None,
                complete: true,
            };
            let signs = [
                dhcp(Speaker::Firmware),
                asked(FileRole::Loader, true),
                dhcp(Speaker::Ipxe),
                asked(FileRole::Script, true),
                asked(FileRole::Kernel, true),
                sent(FileRole::Kernel),
                asked(FileRole::Initrd, true),
                sent(FileRole::Initrd),
                dhcp(Speaker::System),
            ];
            for sign in signs {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if !world.is_on(outlet) {
                    return;
                }
                world.sign(&machine, sign);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            let facts = Box::default();
            world.put(Observation::Report { machine, stamp: world.now(), facts, heartbeat_ms: Some(1000) });
        });
    }

    /// Pulls a machine's cord.
    pub fn unplug(&self, machine: &str) {
        self.unplugged.lock().unwrap().insert(machine.to_owned());
    }

    /// The power board restarts; machines go on as they are.
    pub fn forget(&self) {
        let mut outlets = self.outlets.lock().unwrap();
        let on = self.board.machines.iter().filter(|m| outlets[&m.outlet] == PowerState::On);
        self.linked.lock().unwrap().extend(on.map(|m| m.name.clone()));
        outlets.values_mut().for_each(|state| *state = PowerState::Off);
        self.incarnation.fetch_add(1, Ordering::SeqCst);
    }

    pub fn is_on(&self, outlet: u8) -> bool {
        self.outlets.lock().unwrap()[&outlet] == PowerState::On
    }
}

/// The world as a power port. A fresh one after a crash, so that each engine has its own handle.
pub struct Relay(pub Arc<World>);

#[async_trait]
impl Power for Relay {
    async fn read(&self) -> Result<PowerReading, PortError> {
        if self.0.absent.load(Ordering::SeqCst) {
            return Err(port_error("read", true));
        }
        let read = |state: &PowerState| OutletReading { commanded: *state, observed: None };
        let outlets = self.0.outlets.lock().unwrap().iter().map(|(n, s)| (*n, read(s))).collect();
        Ok(PowerReading {
            outlets,
            incarnation: self.0.incarnation.load(Ordering::SeqCst),
            ..PowerReading::default()
        })
    }
    async fn on(&self, outlet: u8) -> Result<(), PortError> {
        self.0.presses.lock().unwrap().push((outlet, PowerState::On));
        if self.0.broken.lock().unwrap().contains(&outlet) {
            return Err(port_error("press", false));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        self.0.outlets.lock().unwrap().insert(outlet, PowerState::On);
        let machine = self.0.board.machines.iter().find(|m| m.outlet == outlet).unwrap().name.clone();
        if !self.0.mute.lock().unwrap().contains(&machine) {
            self.0.boot(machine, outlet);
        }
        Ok(())
    }
    async fn off(&self, outlet: u8) -> Result<(), PortError> {
        self.0.presses.lock().unwrap().push((outlet, PowerState::Off));
        tokio::time::sleep(Duration::from_millis(5500)).await;
        self.0.outlets.lock().unwrap().insert(outlet, PowerState::Off);
        if let Some(machine) = self.0.board.machine_by_outlet(outlet) {
            self.0.linked.lock().unwrap().remove(&machine.name);
        }
        Ok(())
    }
    fn nature(&self, _: u8) -> Nature {
        Nature::Button
    }
}

#[async_trait]
impl Wire for Relay {
    async fn counters(&self, _: &str) -> Option<WireCounters> {
        None
    }
    /// The machine's port has a link while it is on, unless this world shows none.
    async fn link(&self, machine: &str) -> Option<Link> {
        let outlet = self.0.board.machine(machine)?.outlet;
        let seen = !self.0.blind.load(Ordering::SeqCst);
        let cord = !self.0.unplugged.lock().unwrap().contains(machine);
        let up = cord && (self.0.is_on(outlet) || self.0.linked.lock().unwrap().contains(machine));
        seen.then_some(Link { up, speed: None })
    }
}

impl Agents for Relay {
    fn order(&self, _: &str, _: Option<AgentOrder>) {}
    fn write_efi(&self, machine: &str, writes: Vec<EfiWrite>) {
        self.0.told.lock().unwrap().push((machine.to_owned(), writes));
    }
}

#[async_trait]
impl Faults for Relay {
    fn possible(&self) -> Vec<Fault> {
        vec![Fault::LinkDown, Fault::DropDhcp]
    }
    async fn set(&self, machine: &str, fault: Fault, on: bool) -> Result<(), PortError> {
        if fault == Fault::DropDhcp {
            return Err(port_error("drop packets", false));
        }
        let mut faults = self.0.faults.lock().unwrap();
        let key = (machine.to_owned(), fault);
        if on {
            faults.insert(key)
        } else {
            faults.remove(&key)
        };
        Ok(())
    }
}

fn port_error(what: &str, absent: bool) -> PortError {
    PortError { what: what.into(), why: "it did not".into(), remedy: "look".into(), absent }
}

/// An engine on a world and a journal; dropping `stop` is a crash, cancelling it an orderly end.
pub struct Running {
    pub handle: EngineHandle,
    pub task: JoinHandle<()>,
    pub stop: CancellationToken,
}

pub async fn start(world: &Arc<World>, journal: &Arc<Memory>, survives: bool) -> Running {
    let (sink, observations) = ObservationSink::channel();
    *world.sink.lock().unwrap() = Some(sink.clone());
    let clock_world = world.clone();
    let config = EngineConfig {
        board: world.board.clone(),
        version: "test".into(),
        speed: 1,
        world_survives: survives,
        strangers: Vec::new(),
        services: vec!["dhcp".into()],
        clock: Arc::new(move || clock_world.now()),
        built_us: *world.built_us.lock().unwrap(),
        ports: Ports {
            power: Arc::new(Relay(world.clone())),
            wire: Some(Arc::new(Relay(world.clone()))),
            switch: None,
            router: None,
            host: None,
            agents: Arc::new(Relay(world.clone())),
            console: None,
            faults: Some(Arc::new(Relay(world.clone()))),
            ways: world.ways.lock().unwrap().clone(),
            clues: world.clues.lock().unwrap().clone(),
        },
    };
    sink.put(Observation::Service(ServiceState { name: "dhcp".into(), ready: true, says: "ready".into() }));
    let stop = CancellationToken::new();
    let (handle, task) =
        Engine::start(config, journal.folded(), journal.clone(), sink, observations, stop.clone()).await;
    Running { handle, task, stop }
}

impl Running {
    /// Waits until the picture satisfies `found`; ten minutes of paused time are a failure.
    pub async fn until(&self, what: &str, mut found: impl FnMut(&Snapshot) -> bool) {
        let mut snapshots = self.handle.snapshots();
        let wait = snapshots.wait_for(|snapshot| found(snapshot));
        let ended = tokio::time::timeout(Duration::from_secs(600), wait).await;
        assert!(ended.is_ok_and(|r| r.is_ok()), "never seen: {what}");
    }

    pub async fn run_over(&self) -> lab::Run {
        self.until("the end of the run", |s| s.status.run.as_ref().is_some_and(|r| r.state.is_over())).await;
        self.handle.snapshot().status.run.clone().unwrap()
    }

    pub async fn order(&self, command: engine::Command) -> Result<engine::Outcome, lab::Failure> {
        self.handle.order(engine::Order { command, actor: "test".into(), reason: None }).await
    }

    /// The process is gone: nothing more is written by it.
    pub async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
