//! One machine as its events tell it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::erasing::{Erased, Wiping};
use crate::{
    boot::{Boot, Cause},
    event::{Body, Event, Moment, Stamp},
    facts::Facts,
    failure::Failure,
    fault::Fault,
    power::PowerState,
    verdict::{Verdict, VerdictCode},
    way::Way,
    ways::WayHistories,
};

/// One machine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineStatus {
    /// What we, or whoever stood at the board, wanted it to be.
    pub commanded: PowerState,
    /// What its power device remembers, which decides what that will do next.
    #[serde(default)]
    pub memory: PowerState,
    /// Its power device restarted and forgot; until the next press its memory tells nothing about the machine.
    #[serde(default)]
    pub forgotten: Option<Moment>,
    pub observed: PowerState,
    /// What the observation rests on.
    pub evidence: Option<String>,
    pub observed_at: Option<Stamp>,
    /// When it was seen to go off, after it had been on.
    #[serde(default)]
    pub off_at: Option<Moment>,
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
    /// In Mbit/s, where that can be seen.
    #[serde(default)]
    pub link_speed: Option<u32>,
    /// The highest speed seen while it was heard.
    #[serde(default)]
    pub running_speed: Option<u32>,
    /// When link or speed were seen to change.
    #[serde(default)]
    pub link_changed: Option<Moment>,
    /// How often it lost its link since the engine started.
    #[serde(default)]
    pub link_losses: u64,
    /// Whether its switch port is switched on.
    #[serde(default)]
    pub port_enabled: Option<bool>,
    /// The beginnings of its last boots, newest last.
    #[serde(default)]
    pub begun: Vec<Begun>,
    /// When its disks were erased, newest last.
    #[serde(default)]
    pub wiped: Vec<Moment>,
    /// Held back because it began again too often: why, and what lets it go on.
    #[serde(default)]
    pub held_back: Option<HeldBack>,
    /// How it is offered to boot.
    #[serde(default)]
    pub way: Option<Way>,
    /// Ways that failed for it, and why.
    #[serde(default)]
    pub ways_dropped: BTreeMap<Way, String>,
    /// How its ways went so far.
    #[serde(default)]
    pub ways: WayHistories,
    /// The boot order of its firmware before it was changed for one boot.
    #[serde(default)]
    pub boot_order_before: Option<String>,
    /// The way that its firmware will go at its next boot, because it was told so.
    #[serde(default)]
    pub armed: Option<Way>,
    /// The way that a person asked for.
    #[serde(default)]
    pub asked_way: Option<Way>,
    /// Will erase these disks at its next boot (none named: all).
    #[serde(default)]
    pub wipe: Option<Vec<String>>,
    /// Told to erase its disks, and not yet heard how it went.
    #[serde(default)]
    pub wiping: Option<Wiping>,
    /// How the last wipe ended.
    #[serde(default)]
    pub erased: Option<Erased>,
    /// Faults put in on purpose.
    #[serde(default)]
    pub faults: BTreeSet<Fault>,
}

/// Why a machine gets nothing to boot, and what lets it go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldBack {
    pub why: String,
    pub rearm: String,
    pub since: Stamp,
    /// Number of the event that told of it.
    #[serde(default)]
    pub seq: u64,
}

/// The beginning of a boot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    pub boot: u64,
    pub cause: Cause,
    pub at: Moment,
    /// Why the boot before it did not go on, where that was known.
    #[serde(default)]
    pub after: Option<VerdictCode>,
}

/// Beginnings and wipes kept of a machine: enough to see that it goes round in circles.
const TURNS_KEPT: usize = 16;

/// The latest press of a machine's outlet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Press {
    pub to: PowerState,
    pub stamp: Stamp,
    /// Number of the event that told of it.
    #[serde(default)]
    pub seq: u64,
    /// `None` until the device said how it ended.
    pub ended: Option<Stamp>,
    pub failure: Option<Failure>,
}

impl MachineStatus {
    fn note_speed(&mut self) {
        if self.observed == PowerState::On {
            self.running_speed = self.running_speed.max(self.link_speed);
        }
    }

    pub(super) fn begin(&mut self, boot: &Boot, at: Moment) {
        let after = self.verdict.as_ref().map(|verdict| verdict.code);
        let begun = Begun { boot: boot.id, cause: boot.cause, at, after };
        super::history::push(&mut self.begun, begun, TURNS_KEPT);
    }

    pub(super) fn apply(&mut self, event: &Event) {
        let stamp = event.draft.stamp.clone();
        match event.body() {
            Body::PowerCommanded { to, .. } => {
                self.press = Some(Press { to: *to, stamp, seq: event.seq, ended: None, failure: None });
                // Seen off before the press says nothing about now; only what is heard next does.
                if *to == PowerState::On && self.observed == PowerState::Off {
                    self.observed = PowerState::Unknown;
                    self.evidence = None;
                    self.observed_at = None;
                }
            }
            Body::PowerConfirmed { to, memory, .. } => {
                self.commanded = *to;
                self.memory = memory.unwrap_or(*to);
                self.forgotten = None;
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
            Body::PowerRead { commanded, .. } => {
                // Changed by somebody at the board itself, or read for the first time.
                if self.forgotten.is_none() {
                    self.commanded = *commanded;
                }
                self.memory = *commanded;
            }
            Body::PowerResynced { to, .. } => {
                self.commanded = *to;
                self.forgotten = None;
            }
            Body::PowerObserved { state, evidence } => {
                let went = self.observed == PowerState::On && *state == PowerState::Off;
                self.off_at = went.then(|| Moment::of(event));
                self.observed = *state;
                self.evidence = Some(evidence.clone());
                self.observed_at = Some(stamp);
                self.note_speed();
            }
            Body::FactsReported { facts } => {
                self.facts = Some((**facts).clone());
                self.facts_at = Some(stamp);
            }
            Body::LinkChanged { up, speed } => {
                if self.link == Some(true) && !*up {
                    self.link_losses += 1;
                }
                self.link = Some(*up);
                self.link_speed = *speed;
                self.link_changed = Some(Moment::of(event));
                self.note_speed();
            }
            Body::PortSet { enabled, .. } | Body::PortChanged { enabled, .. } => {
                self.port_enabled = Some(*enabled);
            }
            Body::LoopStopped { why, rearm } => {
                self.held_back =
                    Some(HeldBack { why: why.clone(), rearm: rearm.clone(), since: stamp, seq: event.seq });
            }
            Body::LoopRearmed { .. } => {
                self.held_back = None;
                self.begun.clear();
                self.wiped.clear();
            }
            Body::WayChosen { way, .. } => self.way = Some(*way),
            Body::WayDropped { way, why } => {
                self.ways_dropped.insert(*way, why.clone());
                if self.way == Some(*way) {
                    self.way = None;
                }
            }
            Body::WaysRetried { .. } => self.retry_ways(),
            Body::WayAsked { way } => self.asked_way = *way,
            Body::BootOrderArmed { way, before } => {
                self.armed = Some(*way);
                // The first one tells how it was before any of ours.
                self.boot_order_before.get_or_insert_with(|| before.clone());
            }
            Body::BootOrderRestored { .. } => {
                self.armed = None;
                self.boot_order_before = None;
            }
            Body::WipeArmed { disks } => self.wipe = Some(disks.clone()),
            Body::WipeDisarmed { .. } => self.wipe = None,
            Body::WipeBegan { disks, ticket } => {
                self.wipe = None;
                let boot = self.boot.as_ref().map(|boot| boot.id);
                let (disks, ticket) = (disks.clone(), ticket.clone());
                self.wiping = Some(Wiping { disks, ticket, since: Some(stamp), boot });
            }
            Body::DiskWiped { report } => {
                self.wipe = None;
                let boot = self.wiping.take().map(|wiping| wiping.boot);
                let boot = boot.unwrap_or_else(|| self.boot.as_ref().map(|boot| boot.id));
                self.erased = Some(Erased::new(event, report, boot));
                super::history::push(&mut self.wiped, Moment::of(event), TURNS_KEPT);
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
