//! Why a machine does not boot, on the wire.

use lab::{
    Status, Verdict,
    board::Limits,
    boot::Boot,
    status::{BootTimes, HeldBack, MachineStatus},
    verdict::RuledOut,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FailureWire, seconds, time};

/// An explanation with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerdictWire {
    /// One of the closed list of codes, in kebab-case.
    pub code: String,
    /// The code for people, as a title.
    pub title: String,
    /// The machine, or `board` when it is what several faults have in common.
    pub about: String,
    /// What was seen, with its figures.
    pub says: String,
    /// Since when it has been in this trouble.
    pub since: String,
    /// When the limit passed, from which on it could be known.
    pub knowable: String,
    /// Numbers of the events it rests on.
    pub evidence: Vec<u64>,
    /// What to do.
    pub remedy: String,
    /// What it may be, likeliest first.
    pub causes: Vec<String>,
    /// What it is not.
    pub ruled_out: Vec<RuledOutWire>,
    /// Machines whose faults are consequences of this one.
    pub machines: Vec<String>,
    /// Whether a look at the machine's own screen would decide: then `POST …/screen` takes the answer.
    pub asks_screen: bool,
}

/// A cause that the evidence speaks against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuledOutWire {
    pub code: String,
    pub title: String,
    pub says: String,
    /// Numbers of the events that speak against it.
    pub by: Vec<u64>,
}

/// The explanation of a machine's latest boot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationWire {
    pub machine: String,
    /// The latest boot, ended or not.
    pub boot: Option<u64>,
    /// `null` while nothing is wrong, or not yet long enough to be known.
    pub verdict: Option<VerdictWire>,
    pub ruled_out: Vec<RuledOutWire>,
}

/// What a person saw on the machine's own screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreenWire {
    /// `shows-system`, `waits-for-key` or `is-dark`.
    pub answer: String,
}

/// Why a machine gets nothing to boot, and what lets it go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeldBackWire {
    pub why: String,
    pub rearm: String,
    pub since: String,
}

/// The phase a running boot is in, against what is usual. How late it is: `now` minus these moments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DueWire {
    pub phase: String,
    pub started: String,
    /// Median of this machine's good boots; `null` without history.
    pub usual: Option<f64>,
    /// When the phase has usually ended; late from here on.
    pub expected: Option<String>,
    /// Seconds after which it is a fault.
    pub limit: f64,
    /// When that limit passes.
    pub overdue: String,
}

/// A service of ours that cannot do all it should.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TroubleWire {
    pub service: String,
    pub failure: FailureWire,
    /// When it was told.
    pub since: Option<String>,
}

/// Another server that answers where ours would.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RivalWire {
    pub service: String,
    pub address: String,
    pub says: String,
    pub since: String,
}

impl VerdictWire {
    /// `about` is the machine, or `board`.
    pub fn new(verdict: &Verdict, about: &str) -> Self {
        Self {
            code: verdict.code.word().to_owned(),
            title: verdict.code.words().to_owned(),
            about: about.to_owned(),
            says: verdict.says.clone(),
            since: time(verdict.since.wall_us),
            knowable: time(verdict.knowable.wall_us),
            evidence: verdict.evidence.clone(),
            remedy: verdict.remedy.clone(),
            causes: verdict.causes.clone(),
            ruled_out: verdict.ruled_out.iter().map(RuledOutWire::from).collect(),
            machines: verdict.machines.clone(),
            asks_screen: verdict.asks_screen,
        }
    }

    /// A machine's verdict: the common one where its fault is a consequence of that, else its own.
    pub fn of(name: &str, machine: &MachineStatus, status: &Status) -> Option<Self> {
        let common = status.common.as_ref().filter(|common| common.machines.iter().any(|m| m == name));
        common
            .map(|verdict| Self::new(verdict, lab::status::BOARD))
            .or_else(|| machine.verdict.as_ref().map(|verdict| Self::new(verdict, name)))
    }
}

impl From<&RuledOut> for RuledOutWire {
    fn from(ruled: &RuledOut) -> Self {
        Self {
            code: ruled.code.word().to_owned(),
            title: ruled.code.words().to_owned(),
            says: ruled.says.clone(),
            by: ruled.by.clone(),
        }
    }
}

impl ExplanationWire {
    pub fn new(machine: &lab::Machine, status: &Status) -> Self {
        let nothing = MachineStatus::default();
        let known = status.machines.get(&machine.name).unwrap_or(&nothing);
        let verdict = VerdictWire::of(&machine.name, known, status);
        Self {
            machine: machine.name.clone(),
            boot: known.boot.as_ref().map(|boot| boot.id),
            ruled_out: verdict.as_ref().map(|verdict| verdict.ruled_out.clone()).unwrap_or_default(),
            verdict,
        }
    }
}

impl From<&HeldBack> for HeldBackWire {
    fn from(held: &HeldBack) -> Self {
        Self { why: held.why.clone(), rearm: held.rearm.clone(), since: time(held.since.wall_us) }
    }
}

impl DueWire {
    /// `None` once the boot has ended.
    pub fn new(boot: &Boot, history: &[BootTimes], limits: &Limits) -> Option<Self> {
        let due = lab::explain::due(boot, history, limits)?;
        Some(Self {
            phase: due.phase.word().to_owned(),
            started: time(due.started.wall_us),
            usual: seconds(due.usual),
            expected: due.expected.map(|stamp| time(stamp.wall_us)),
            limit: due.limit,
            overdue: time(due.overdue.wall_us),
        })
    }
}
