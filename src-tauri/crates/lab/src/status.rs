//! Everything that events say, folded. Restart = replay; a checkpoint is this struct and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    boot::{Boot, BootState, Phase},
    event::{Body, Event, Illegal, Stamp},
    facts::Facts,
    failure::Failure,
    fault::Fault,
    power::PowerState,
    run::{Run, RunState},
    verdict::Verdict,
    way::Way,
};

/// Good results kept for "usual"; older ones no longer tell how things are.
const USUAL_KEPT: usize = 20;
/// Subject of events about the board as a whole.
pub const BOARD: &str = "board";

/// The board as its events tell it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// Number of the last event folded.
    pub seq: u64,
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
    /// Services of ours that are in trouble, and why.
    #[serde(default)]
    pub troubles: BTreeMap<String, Failure>,
    /// Other servers heard where ours answer, by service and address.
    #[serde(default)]
    pub rivals: BTreeMap<String, Rival>,
    /// What is served for each role.
    #[serde(default)]
    pub images: BTreeMap<String, Image>,
}

/// Another server, as `dhcp 192.168.122.9`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    pub service: String,
    pub address: String,
    pub says: String,
    pub since: Stamp,
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

/// One machine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineStatus {
    pub commanded: PowerState,
    pub observed: PowerState,
    /// What the observation rests on.
    pub evidence: Option<String>,
    pub observed_at: Option<Stamp>,
    pub press: Option<Press>,
    /// The latest boot, ended or not.
    pub boot: Option<Boot>,
    pub facts: Option<Facts>,
    pub facts_at: Option<Stamp>,
    /// Why its latest boot does not go on. Stays readable after the boot has ended.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// Whether its network port has a link, where that can be seen.
    #[serde(default)]
    pub link: Option<bool>,
    /// Held back because it began again too often: why, and what lets it go on.
    #[serde(default)]
    pub held_back: Option<HeldBack>,
    /// How it is offered to boot.
    #[serde(default)]
    pub way: Option<Way>,
    /// Ways that failed for it, and why.
    #[serde(default)]
    pub ways_dropped: BTreeMap<Way, String>,
    /// The boot order of its firmware before it was changed for one boot.
    #[serde(default)]
    pub boot_order_before: Option<String>,
    /// Will erase these disks at its next boot (none named: all).
    #[serde(default)]
    pub wipe: Option<Vec<String>>,
    /// Told to erase its disks, and not yet heard how it went.
    #[serde(default)]
    pub wiping: Option<Wiping>,
    /// Faults put in on purpose.
    #[serde(default)]
    pub faults: BTreeSet<Fault>,
}

/// One wipe under way. An arming becomes this once, and no second boot can use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiping {
    pub disks: Vec<String>,
    /// What the wiper made up at its start; another boot has another one.
    pub ticket: String,
}

/// Why a machine gets nothing to boot, and what lets it go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldBack {
    pub why: String,
    pub rearm: String,
    pub since: Stamp,
}

/// The latest press of a machine's outlet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Press {
    pub to: PowerState,
    pub stamp: Stamp,
    /// `None` until the device said how it ended.
    pub ended: Option<Stamp>,
    pub failure: Option<Failure>,
}

/// A device that may be missing at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceStatus {
    pub present: bool,
    pub since: Stamp,
    pub failure: Option<Failure>,
}

/// How a lab went so far at one speed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LabHistory {
    pub good: u32,
    pub total: u32,
    /// Seconds of the last good runs, newest last.
    pub seconds: Vec<f64>,
}

/// How long the phases of one good boot took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BootTimes {
    pub boot: u64,
    pub phases: Vec<f64>,
    pub seconds: f64,
}

/// Key under which history of a thing at a speed is kept; simulated and wall time never mix.
pub fn at_speed(name: &str, speed: u32) -> String {
    if speed > 1 { format!("{name}@{speed}") } else { name.to_owned() }
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
            Body::RunStarted { .. } => self.start_run(event)?,
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
            | Body::FactsReported { .. }
            | Body::LinkChanged { .. }
            | Body::LoopStopped { .. }
            | Body::LoopRearmed { .. }
            | Body::WayChosen { .. }
            | Body::WayDropped { .. }
            | Body::BootOrderArmed { .. }
            | Body::BootOrderRestored { .. }
            | Body::WipeArmed { .. }
            | Body::WipeDisarmed { .. }
            | Body::WipeBegan { .. }
            | Body::DiskWiped { .. }
            | Body::FaultSet { .. } => self.machine(event).apply(event),
            Body::Explained { verdict } => self.explain(event, Some(verdict)),
            Body::ExplanationWithdrawn { .. } => self.explain(event, None),
            Body::RivalHeard { service, address, says } => {
                let rival = Rival {
                    service: service.clone(),
                    address: address.clone(),
                    says: says.clone(),
                    since: event.draft.stamp.clone(),
                };
                self.rivals.insert(format!("{service} {address}"), rival);
            }
            Body::RivalGone { service, address } => {
                self.rivals.remove(&format!("{service} {address}"));
            }
            Body::ServiceTroubled { service, failure } => {
                self.troubles.insert(service.clone(), failure.clone());
            }
            Body::ServiceRecovered { service } => {
                self.troubles.remove(service);
            }
            Body::ImageChosen { role, name, version, digest } => {
                let image = Image { name: name.clone(), version: version.clone(), digest: digest.clone() };
                self.images.insert(role.clone(), image);
            }
            Body::ScreenAnswered { .. } | Body::BootMeasured { .. } => {}
            Body::DeviceFound { device } => self.device(device, event, None),
            Body::DeviceLost { device, failure } => self.device(device, event, Some(failure.clone())),
            Body::CommandRefused { .. } | Body::StorageFailed { .. } | Body::StorageRecovered { .. } => {}
        }
        self.seq = event.seq;
        Ok(())
    }

    /// A verdict belongs to a machine, or to the board when it is what several have in common.
    fn explain(&mut self, event: &Event, verdict: Option<&Verdict>) {
        if event.draft.subject == BOARD {
            self.common = verdict.cloned();
        } else {
            self.machine(event).verdict = verdict.cloned();
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
            machine.observed = PowerState::Unknown;
            machine.evidence = None;
            machine.observed_at = None;
            machine.press = None;
            machine.link = None;
        }
        self.devices.clear();
        self.common = None;
        self.troubles.clear();
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
        if boot.state == BootState::Good
            && let Some(times) = times(boot)
        {
            push_bounded(self.boots.entry(at_speed(&name, speed)).or_default(), times);
        }
        Ok(())
    }

    fn machine(&mut self, event: &Event) -> &mut MachineStatus {
        self.machines.entry(event.draft.subject.clone()).or_default()
    }

    fn device(&mut self, device: &str, event: &Event, failure: Option<Failure>) {
        let status = DeviceStatus { present: failure.is_none(), since: event.draft.stamp.clone(), failure };
        self.devices.insert(device.to_owned(), status);
    }

    /// The run that is under way.
    pub fn live_run(&self) -> Option<&Run> {
        self.run.as_ref().filter(|run| !run.state.is_over())
    }
}

impl MachineStatus {
    fn apply(&mut self, event: &Event) {
        let stamp = event.draft.stamp.clone();
        match event.body() {
            Body::PowerCommanded { to, .. } => {
                self.press = Some(Press { to: *to, stamp, ended: None, failure: None });
                // Seen off before the press says nothing about now; only what is heard next does.
                if *to == PowerState::On && self.observed == PowerState::Off {
                    self.observed = PowerState::Unknown;
                    self.evidence = None;
                    self.observed_at = None;
                }
            }
            Body::PowerConfirmed { to, .. } => {
                self.commanded = *to;
                if let Some(press) = &mut self.press {
                    press.ended = Some(stamp);
                }
            }
            Body::PowerFailed { failure, .. } => {
                if let Some(press) = &mut self.press {
                    press.ended = Some(stamp);
                    press.failure = Some(failure.clone());
                }
            }
            Body::PowerRead { commanded, .. } => self.commanded = *commanded,
            Body::PowerObserved { state, evidence } => {
                self.observed = *state;
                self.evidence = Some(evidence.clone());
                self.observed_at = Some(stamp);
            }
            Body::FactsReported { facts } => {
                self.facts = Some((**facts).clone());
                self.facts_at = Some(stamp);
            }
            Body::LinkChanged { up } => self.link = Some(*up),
            Body::LoopStopped { why, rearm } => {
                self.held_back = Some(HeldBack { why: why.clone(), rearm: rearm.clone(), since: stamp });
            }
            Body::LoopRearmed { .. } => self.held_back = None,
            Body::WayChosen { way, .. } => self.way = Some(*way),
            Body::WayDropped { way, why } => {
                self.ways_dropped.insert(*way, why.clone());
                if self.way == Some(*way) {
                    self.way = None;
                }
            }
            Body::BootOrderArmed { before, .. } => self.boot_order_before = Some(before.clone()),
            Body::BootOrderRestored { .. } => self.boot_order_before = None,
            Body::WipeArmed { disks } => self.wipe = Some(disks.clone()),
            Body::WipeDisarmed { .. } => self.wipe = None,
            Body::WipeBegan { disks, ticket } => {
                self.wipe = None;
                self.wiping = Some(Wiping { disks: disks.clone(), ticket: ticket.clone() });
            }
            Body::DiskWiped { .. } => {
                self.wipe = None;
                self.wiping = None;
            }
            Body::FaultSet { fault, on: true } => {
                self.faults.insert(*fault);
            }
            Body::FaultSet { fault, on: false } => {
                self.faults.remove(fault);
            }
            _ => {}
        }
    }
}

/// The lengths of all six phases; `None` when one is not known.
fn times(boot: &Boot) -> Option<BootTimes> {
    let phases: Vec<f64> = boot.phases.iter().map_while(crate::boot::PhaseSpan::seconds).collect();
    let seconds = boot.seconds()?;
    (phases.len() == Phase::ALL.len()).then_some(BootTimes { boot: boot.id, phases, seconds })
}

fn push_bounded<T>(kept: &mut Vec<T>, new: T) {
    if kept.len() == USUAL_KEPT {
        kept.remove(0);
    }
    kept.push(new);
}

/// The middle of some figures; `None` without history, since then there is no claim.
pub fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[n / 2]),
        n => Some(f64::midpoint(sorted[n / 2 - 1], sorted[n / 2])),
    }
}
