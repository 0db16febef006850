//! Everything that events say, folded. Restart = replay; a checkpoint is this struct and nothing else.

mod erasing;
mod history;
mod machine;
mod watched;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use erasing::{Erased, Wiping};
pub use history::{BootTimes, LabHistory, at_speed, median};
pub use machine::{Begun, HeldBack, MachineStatus, Press};
pub use watched::{CertificateStatus, Watched};

use crate::{
    boot::{Boot, BootState},
    clock::Trust,
    event::{Body, Event, Illegal, Moment, Stamp},
    failure::Failure,
    fault::Fault,
    ports::Uplink,
    power::PowerState,
    run::{Run, RunState},
    verdict::Verdict,
};
use history::{push_bounded, times};

/// Measured boots kept: ten measurements of three ways, three times each.
const MEASURED_KEPT: usize = 100;
/// Name of the managed switch among the devices.
pub const SWITCH: &str = "switch";
/// Subject of events about the board as a whole.
pub const BOARD: &str = "board";

/// The board as its events tell it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// Number of the last event folded.
    pub seq: u64,
    /// The latest wall time of all events since the clock was last confirmed from outside, in microseconds since 1970: time
    /// cannot be before it.
    #[serde(default)]
    pub newest_us: i64,
    pub engine: EngineStatus,
    pub machines: BTreeMap<String, MachineStatus>,
    pub devices: BTreeMap<String, DeviceStatus>,
    /// The latest run, ended or not.
    pub run: Option<Run>,
    pub last_run: u64,
    pub last_boot: u64,
    /// By lab and speed.
    pub labs: BTreeMap<String, LabHistory>,
    /// Good boots by machine and speed, newest last.
    pub boots: BTreeMap<String, Vec<BootTimes>>,
    /// What several faults have in common, while it holds.
    #[serde(default)]
    pub common: Option<Verdict>,
    /// Streams, certificates and the clock.
    #[serde(default)]
    pub watched: Watched,
    /// Services of ours that are in trouble, and why.
    #[serde(default)]
    pub troubles: BTreeMap<String, Failure>,
    /// When each of these troubles was told.
    #[serde(default)]
    pub troubled: BTreeMap<String, Moment>,
    /// Other servers heard where ours answer, by service and address.
    #[serde(default)]
    pub rivals: BTreeMap<String, Rival>,
    /// The router's way to the world, where there is a router that tells.
    #[serde(default)]
    pub uplink: Option<Uplink>,
    /// Boots that were measured, newest last.
    #[serde(default)]
    pub measured: Vec<Measured>,
    /// The lab as a whole is being switched off, or was.
    #[serde(default)]
    pub ending: Option<Ending>,
    /// Faults put into the board's gear on purpose.
    #[serde(default)]
    pub gear_faults: BTreeSet<Fault>,
    /// What is served for each role.
    #[serde(default)]
    pub images: BTreeMap<String, Image>,
}

/// One boot of `statusinator measure`, as its own timeline has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Boots that were measured to be compared share it.
    pub measurement: u64,
    pub machine: String,
    pub boot: Option<u64>,
    pub way: String,
    /// From the firmware's hand-over to the last byte of the last boot file; `None` when it did not arrive.
    pub network_s: Option<f64>,
    /// From the press to its report.
    pub whole_s: Option<f64>,
    pub at: Stamp,
}

/// The way of a lab into the dark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    pub restart: bool,
    pub since: Stamp,
    /// How it ended, once it has.
    pub ended: Option<Ended>,
}

/// What is still on after the lab was switched off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    pub left_on: Vec<String>,
    /// Why the controller stays on.
    pub host: Option<Failure>,
}

/// Another server, as `dhcp 192.168.122.9`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    pub service: String,
    pub address: String,
    pub says: String,
    pub since: Stamp,
    /// Number of the event that told of it.
    #[serde(default)]
    pub seq: u64,
}

/// A version of the files behind a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    pub name: String,
    pub version: String,
    pub digest: String,
}

/// The engine's own story.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EngineStatus {
    pub started: Option<Stamp>,
    pub version: String,
    pub board: String,
    pub speed: u32,
    /// Set by an orderly stop; an engine that was killed leaves none.
    pub stopped: Option<String>,
}

/// A device that may be missing at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceStatus {
    pub present: bool,
    pub since: Stamp,
    pub failure: Option<Failure>,
    /// Number of the event that told of it.
    #[serde(default)]
    pub seq: u64,
    /// How often it was lost since the engine started.
    #[serde(default)]
    pub losses: u64,
}

impl Status {
    /// Folds one event. The only way a status changes.
    pub fn apply(&mut self, event: &Event) -> Result<(), Illegal> {
        let body = event.body();
        if event.seq != self.seq + 1 {
            return Err(Illegal::new(body, format!("number {} does not follow {}", event.seq, self.seq)));
        }
        match body {
            Body::EngineStarted { version, board, speed } => self.start_engine(event, version, board, *speed),
            Body::EngineStopped { reason } => self.engine.stopped = Some(reason.clone()),
            Body::RunStarted { .. } => {
                // What was switched off begins anew.
                self.ending = None;
                self.start_run(event)?;
            }
            Body::TaskStarted { .. }
            | Body::TaskFinished { .. }
            | Body::TaskFailed { .. }
            | Body::TaskUndone { .. }
            | Body::CancelRequested { .. }
            | Body::RunEnded { .. } => self.step_run(event)?,
            Body::BootStarted { .. } => self.start_boot(event)?,
            Body::PhaseEntered { .. } | Body::Marked { .. } | Body::BootEnded { .. } => {
                self.step_boot(event)?
            }
            Body::PowerCommanded { .. }
            | Body::PowerConfirmed { .. }
            | Body::PowerFailed { .. }
            | Body::PowerRead { .. }
            | Body::PowerObserved { .. }
            | Body::PowerResynced { .. }
            | Body::PortSet { .. }
            | Body::PortChanged { .. }
            | Body::FactsReported { .. }
            | Body::LinkChanged { .. }
            | Body::LoopStopped { .. }
            | Body::LoopRearmed { .. }
            | Body::WayChosen { .. }
            | Body::WayDropped { .. }
            | Body::WaysRetried { .. }
            | Body::WayAsked { .. }
            | Body::BootOrderArmed { .. }
            | Body::BootOrderRestored { .. }
            | Body::WipeArmed { .. }
            | Body::WipeDisarmed { .. }
            | Body::WipeBegan { .. }
            | Body::DiskWiped { .. } => self.machine(event).apply(event),
            Body::FaultSet { fault, on } if event.draft.subject == BOARD => {
                if *on {
                    self.gear_faults.insert(*fault);
                } else {
                    self.gear_faults.remove(fault);
                }
            }
            Body::FaultSet { .. } => self.machine(event).apply(event),
            Body::Explained { verdict } => self.explain(event, Some(verdict))?,
            Body::ExplanationWithdrawn { .. } => self.explain(event, None)?,
            Body::RivalHeard { service, address, says } => {
                let rival = Rival {
                    service: service.clone(),
                    address: address.clone(),
                    says: says.clone(),
                    since: event.draft.stamp.clone(),
                    seq: event.seq,
                };
                self.rivals.insert(format!("{service} {address}"), rival);
            }
            Body::RivalGone { service, address } => {
                self.rivals.remove(&format!("{service} {address}"));
            }
            Body::ServiceTroubled { service, failure } => {
                self.troubles.insert(service.clone(), failure.clone());
                self.troubled.insert(service.clone(), Moment::of(event));
            }
            Body::ServiceRecovered { service } => {
                self.troubles.remove(service);
                self.troubled.remove(service);
            }
            Body::ImageChosen { role, name, version, digest } => {
                let image = Image { name: name.clone(), version: version.clone(), digest: digest.clone() };
                self.images.insert(role.clone(), image);
            }
            Body::ScreenAnswered { .. } => self.step_boot_aside(event)?,
            Body::BootMeasured { measurement, way, network_s, whole_s } => {
                let measured = Measured {
                    measurement: *measurement,
                    machine: event.draft.subject.clone(),
                    boot: event.draft.boot,
                    way: way.clone(),
                    network_s: *network_s,
                    whole_s: *whole_s,
                    at: event.draft.stamp.clone(),
                };
                self.measured.push(measured);
                let more = self.measured.len().saturating_sub(MEASURED_KEPT);
                self.measured.drain(..more);
            }
            Body::PowerForgotten { .. } => {
                for machine in self.machines.values_mut() {
                    machine.commanded = PowerState::Unknown;
                    machine.memory = PowerState::Unknown;
                    machine.forgotten = Some(Moment::of(event));
                }
            }
            Body::UplinkChanged { uplink } => self.uplink = Some(uplink.clone()),
            Body::LabEnding { restart } => {
                let since = event.draft.stamp.clone();
                self.ending = Some(Ending { restart: *restart, since, ended: None });
            }
            Body::LabEnded { left_on, host, .. } => {
                let ended = Ended { left_on: left_on.clone(), host: host.clone() };
                if let Some(ending) = &mut self.ending {
                    ending.ended = Some(ended);
                }
            }
            Body::DeviceFound { device } => self.device(device, event, None),
            Body::DeviceLost { device, failure } => self.device(device, event, Some(failure.clone())),
            Body::StreamSilent { .. }
            | Body::StreamHeard { .. }
            | Body::CertificateTurned { .. }
            | Body::CertificateRenewed { .. }
            | Body::CertificateRefused { .. }
            | Body::CertificateGone { .. }
            | Body::GateOpened { .. }
            | Body::ClockJudged { .. } => self.watched.apply(event),
            Body::MachineReplaced { .. }
            | Body::WifiJoined { .. }
            | Body::CommandRefused { .. }
            | Body::StorageFailed { .. }
            | Body::StorageRecovered { .. } => {}
        }
        self.seq = event.seq;
        let confirmed = matches!(body, Body::ClockJudged { clock } if clock.trust == Trust::Good);
        let wall_us = event.draft.stamp.wall_us;
        // What was dated ahead of a clock that is right now would stand against it for ever.
        self.newest_us = if confirmed { wall_us } else { self.newest_us.max(wall_us) };
        Ok(())
    }

    /// A verdict belongs to a machine and its boot, or to the board when it is what several have in common.
    fn explain(&mut self, event: &Event, verdict: Option<&Verdict>) -> Result<(), Illegal> {
        if event.draft.subject == BOARD {
            self.common = verdict.cloned();
            return Ok(());
        }
        self.step_boot_aside(event)?;
        self.machine(event).verdict = verdict.cloned();
        Ok(())
    }

    /// What is told about a boot without moving it; the boot may have ended, and there may be none.
    fn step_boot_aside(&mut self, event: &Event) -> Result<(), Illegal> {
        match self.machine(event).boot.as_mut().filter(|boot| event.draft.boot == Some(boot.id)) {
            Some(boot) => boot.apply(event),
            None => Ok(()),
        }
    }

    /// What an earlier engine had seen is no longer seen: power is unknown until somebody looks again.
    fn start_engine(&mut self, event: &Event, version: &str, board: &str, speed: u32) {
        self.engine = EngineStatus {
            started: Some(event.draft.stamp.clone()),
            version: version.to_owned(),
            board: board.to_owned(),
            speed,
            stopped: None,
        };
        for machine in self.machines.values_mut() {
            machine.commanded = PowerState::Unknown;
            machine.memory = PowerState::Unknown;
            machine.forgotten = None;
            machine.observed = PowerState::Unknown;
            machine.evidence = None;
            machine.observed_at = None;
            machine.press = None;
            machine.link = None;
            machine.link_speed = None;
            machine.link_changed = None;
            machine.link_losses = 0;
            machine.port_enabled = None;
            machine.off_at = None;
        }
        self.ending = None;
        self.devices.clear();
        self.uplink = None;
        self.watched.start();
        self.common = None;
        self.troubles.clear();
        self.troubled.clear();
        self.rivals.clear();
    }

    fn start_run(&mut self, event: &Event) -> Result<(), Illegal> {
        if self.run.as_ref().is_some_and(|run| !run.state.is_over()) {
            return Err(Illegal::new(event.body(), "another run is under way"));
        }
        let run = Run::begin(event)?;
        self.last_run = run.id;
        self.run = Some(run);
        Ok(())
    }

    fn step_run(&mut self, event: &Event) -> Result<(), Illegal> {
        let run = self
            .run
            .as_mut()
            .filter(|run| event.draft.run == Some(run.id))
            .ok_or_else(|| Illegal::new(event.body(), "it belongs to no run that is known"))?;
        run.apply(event)?;
        if run.state.is_over() {
            let history = self.labs.entry(at_speed(&run.lab, self.engine.speed)).or_default();
            // A run on some of its machines tells nothing of how long the whole lab takes.
            if run.machines.len() < history.machines {
                return Ok(());
            }
            if run.machines.len() > history.machines {
                *history = LabHistory { machines: run.machines.len(), ..LabHistory::default() };
            }
            history.total += 1;
            if let (RunState::Done, Some(seconds)) = (run.state, run.seconds()) {
                history.good += 1;
                push_bounded(&mut history.seconds, seconds);
            }
        }
        Ok(())
    }

    fn start_boot(&mut self, event: &Event) -> Result<(), Illegal> {
        let boot = Boot::begin(event)?;
        let machine = self.machine(event);
        if machine.boot.as_ref().is_some_and(Boot::is_running) {
            return Err(Illegal::new(event.body(), "another boot of this machine has not ended"));
        }
        let id = boot.id;
        machine.begin(&boot, Moment::of(event));
        // A verdict is about one boot; that one keeps it.
        machine.verdict = None;
        machine.boot = Some(boot);
        self.last_boot = self.last_boot.max(id);
        Ok(())
    }

    fn step_boot(&mut self, event: &Event) -> Result<(), Illegal> {
        let speed = self.engine.speed;
        let name = event.draft.subject.clone();
        let boot = self
            .machine(event)
            .boot
            .as_mut()
            .filter(|boot| event.draft.boot == Some(boot.id))
            .ok_or_else(|| Illegal::new(event.body(), "it belongs to no boot that is known"))?;
        boot.apply(event)?;
        let over = !boot.is_running();
        if boot.state == BootState::Good
            && let Some(times) = times(boot)
        {
            push_bounded(self.boots.entry(at_speed(&name, speed)).or_default(), times);
        }
        if over {
            self.machine(event).note_way();
        }
        Ok(())
    }

    fn machine(&mut self, event: &Event) -> &mut MachineStatus {
        self.machines.entry(event.draft.subject.clone()).or_default()
    }

    fn device(&mut self, device: &str, event: &Event, failure: Option<Failure>) {
        if device == SWITCH && failure.is_some() {
            // What it told of links is what was; nobody sees them now.
            for machine in self.machines.values_mut() {
                machine.link = None;
                machine.link_speed = None;
                machine.port_enabled = None;
            }
        }
        let known = self.devices.get(device);
        let lost = failure.is_some() && known.is_some_and(|known| known.present);
        let status = DeviceStatus {
            losses: known.map_or(0, |known| known.losses) + u64::from(lost),
            present: failure.is_none(),
            since: event.draft.stamp.clone(),
            failure,
            seq: event.seq,
        };
        self.devices.insert(device.to_owned(), status);
    }

    /// The run that is under way.
    pub fn live_run(&self) -> Option<&Run> {
        self.run.as_ref().filter(|run| !run.state.is_over())
    }
}
