//! What the rules are told about one machine, and what a rule may answer.

use serde_json::{Value, json};

use super::limits::{Limit, limit};
use crate::{
    board::Limits,
    boot::{Boot, Mark, Phase},
    event::Stamp,
    live::Live,
    status::{BootTimes, MachineStatus, Status, at_speed},
    verdict::VerdictCode,
};

/// A transfer under way, and since when it stands still.
#[derive(Debug, Clone, PartialEq)]
pub struct Moving {
    pub path: String,
    pub sent: u64,
    pub total: u64,
    /// When its last byte moved.
    pub moved: Stamp,
}

/// One machine and what surrounds it, at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub name: &'a str,
    pub machine: &'a MachineStatus,
    /// The machine's latest boot, ended or not.
    pub boot: &'a Boot,
    pub history: &'a [BootTimes],
    pub limits: &'a Limits,
    pub moving: Option<&'a Moving>,
    pub status: &'a Status,
    pub live: &'a Live,
    pub now: &'a Stamp,
}

/// What a rule found: its signature stands, and from `knowable` on that is a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    pub code: VerdictCode,
    pub since: Stamp,
    pub knowable: Stamp,
    pub says: String,
    pub evidence: Vec<u64>,
    pub remedy: String,
    /// Likeliest first.
    pub causes: Vec<String>,
    pub asks_screen: bool,
    pub wants: Option<Want>,
}

/// Evidence that is worth an event of its own once the verdict is known; the rule then cites it.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// A mark with these words.
    Mark(&'static str, Value),
    /// The boot script as it was served, as mark `script-served`.
    Script,
    /// The end of the machine's console, as mark `console-tail`.
    Console,
}

/// Marks of evidence that was asked for.
pub const SCRIPT_SERVED: &str = "script-served";
pub const CONSOLE_TAIL: &str = "console-tail";
pub const TRANSFER_STALLED: &str = "transfer-stalled";

impl Lead {
    /// A lead without causes, evidence and remedy; they follow.
    pub(super) fn new(code: VerdictCode, since: &Stamp, knowable: Stamp, says: impl Into<String>) -> Self {
        Self {
            code,
            since: since.clone(),
            knowable,
            says: says.into(),
            evidence: Vec::new(),
            remedy: String::new(),
            causes: Vec::new(),
            asks_screen: false,
            wants: None,
        }
    }

    pub(super) fn by(mut self, evidence: impl IntoIterator<Item = u64>) -> Self {
        // Zero is no event: a status from before events were numbered in it.
        self.evidence.extend(evidence.into_iter().filter(|seq| *seq > 0));
        self.evidence.sort_unstable();
        self.evidence.dedup();
        self
    }

    pub(super) fn causes<S: Into<String>>(mut self, causes: impl IntoIterator<Item = S>) -> Self {
        self.causes.extend(causes.into_iter().map(Into::into));
        self
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    pub(super) fn wants(mut self, want: Want) -> Self {
        self.wants = Some(want);
        self
    }
}

impl<'a> Case<'a> {
    /// The case of a machine that has booted at least once.
    pub fn of(
        name: &'a str,
        limits: &'a Limits,
        status: &'a Status,
        live: &'a Live,
        moving: Option<&'a Moving>,
        now: &'a Stamp,
    ) -> Option<Self> {
        let machine = status.machines.get(name)?;
        let boot = machine.boot.as_ref()?;
        let history = status.boots.get(&at_speed(name, status.engine.speed)).map_or(&[][..], Vec::as_slice);
        Some(Self { name, machine, boot, history, limits, moving, status, live, now })
    }

    pub(super) fn phase(&self) -> Phase {
        self.boot.phase()
    }

    pub(super) fn limit(&self, phase: Phase) -> Limit {
        limit(self.history, phase, self.limits)
    }

    /// The first mark of this name.
    pub(super) fn mark(&self, name: &str) -> Option<&'a Mark> {
        self.boot.marks().find(|mark| mark.name == name)
    }

    /// The newest mark of this name.
    pub(super) fn last(&self, name: &str) -> Option<&'a Mark> {
        self.boot.marks().rev().find(|mark| mark.name == name)
    }

    /// The number of the event that began a phase.
    pub(super) fn entered(&self, phase: Phase) -> Option<u64> {
        self.boot.span(phase).map(|span| span.seq)
    }

    /// The number of the event that began the boot.
    pub(super) fn began(&self) -> u64 {
        self.entered(Phase::Firmware).unwrap_or_default()
    }

    pub(super) fn started(&self, phase: Phase) -> &'a Stamp {
        self.boot.span(phase).map_or(&self.boot.started, |span| &span.started)
    }

    /// The machine did nothing more after this mark. What we counted, drew from it or were told about it is no sign of it.
    pub(super) fn is_last_sign(&self, mark: &Mark) -> bool {
        !self.boot.marks().any(|other| other.seq > mark.seq && is_sign(&other.name))
    }

    /// Whether a transfer to this machine moves just now.
    pub(super) fn transfer_moves(&self) -> bool {
        let patience = self.limits.stall_s as f64;
        self.moving.is_some_and(|m| self.now.seconds_since(&m.moved).is_some_and(|still| still < patience))
    }

    /// Whether a service of ours says that it is not ready, and why.
    pub(super) fn not_ready(&self, service: &str) -> Option<&'a str> {
        self.live.services.iter().find(|s| s.name == service && !s.ready).map(|s| s.says.as_str())
    }

    /// Other machines that we gave an address since this boot began: name and number of the event.
    pub(super) fn others_answered(&self) -> Vec<(&'a str, u64)> {
        let since = &self.boot.started;
        let mark = |boot: &'a Boot| {
            let given = |mark: &&Mark| {
                mark.name.starts_with("address-given")
                    && mark.stamp.seconds_since(since).is_some_and(|later| later > 0.0)
            };
            boot.marks().find(given).map(|mark| mark.seq)
        };
        let others = self.status.machines.iter().filter(|(name, _)| name.as_str() != self.name);
        others.filter_map(|(name, other)| Some((name.as_str(), mark(other.boot.as_ref()?)?))).collect()
    }

    /// What the firmware said it is, by option 93 (RFC 4578 section 2.1, and IANA's list).
    pub(super) fn architecture(&self) -> Option<u64> {
        ["discover", "ipxe-discover", "grub-discover", "request", "ipxe-request", "grub-request"]
            .iter()
            .find_map(|name| self.mark(name)?.detail.get("arch")?.as_u64())
    }
}

/// Marks that the engine sets by itself, or that repeat what was known.
fn is_sign(name: &str) -> bool {
    !matches!(name, "wire" | SCRIPT_SERVED | CONSOLE_TAIL | TRANSFER_STALLED | "pressed")
        && !name.ends_with("-repeated")
}

/// A word of a mark's detail.
pub(super) fn word<'a>(mark: &'a Mark, key: &str) -> Option<&'a str> {
    mark.detail.get(key).and_then(Value::as_str)
}

pub(super) fn number(mark: &Mark, key: &str) -> Option<u64> {
    mark.detail.get(key).and_then(Value::as_u64)
}

/// The wish for a mark about a transfer that stands still.
pub(super) fn stalled(moving: &Moving, seconds: f64) -> Want {
    let detail =
        json!({ "path": moving.path, "sent": moving.sent, "total": moving.total, "seconds": seconds });
    Want::Mark(TRANSFER_STALLED, detail)
}
