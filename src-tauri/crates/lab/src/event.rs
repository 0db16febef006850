//! Facts, past tense. An event is stored before it is shown and never rewritten; older shapes are lifted when read.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    boot::{BootState, Cause, Phase},
    facts::Facts,
    failure::{Code, Failure},
    ports::Outlet,
    power::PowerState,
    run::{RunState, StepPlan, TaskPlan},
};

/// Version of the bodies written today. A reader lifts older ones; a newer one is refused by the store.
pub const SCHEMA: u32 = 1;

/// A moment on both clocks. Durations come from the monotonic one alone, and only within one `host_boot`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Microseconds since the Unix epoch; for people.
    pub wall_us: i64,
    /// Microseconds of CLOCK_BOOTTIME; for durations.
    pub mono_us: i64,
    /// The host's boot id, so that monotonic readings of two boots are never subtracted.
    pub host_boot: String,
}

impl Stamp {
    /// Seconds from `earlier` to this moment; `None` across a restart of the host.
    pub fn seconds_since(&self, earlier: &Self) -> Option<f64> {
        (self.host_boot == earlier.host_boot).then(|| (self.mono_us - earlier.mono_us) as f64 / 1e6)
    }
}

/// What is to be recorded: an event without its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub stamp: Stamp,
    pub run: Option<u64>,
    pub boot: Option<u64>,
    /// Who: a token's name, or `engine`.
    pub actor: String,
    /// Why, where somebody or something gave a reason.
    pub reason: Option<String>,
    /// What it is about: a machine's name, `board`, a device.
    pub subject: String,
    pub body: Body,
}

/// A recorded fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 1 without gaps.
    pub seq: u64,
    #[serde(flatten)]
    pub draft: Draft,
    pub schema: u32,
}

impl Event {
    pub fn body(&self) -> &Body {
        &self.draft.body
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum Body {
    EngineStarted { version: String, board: String, speed: u32 },
    EngineStopped { reason: String },

    RunStarted { lab: String, machines: Vec<String>, steps: Vec<StepPlan>, tasks: Vec<TaskPlan> },
    TaskStarted { step: String, attempt: u32 },
    TaskFinished { step: String, output: Value },
    TaskFailed { step: String, failure: Failure },
    TaskUndone { step: String, why: String },
    CancelRequested { why: String },
    RunEnded { state: RunState, why: String },

    BootStarted { cause: Cause },
    PhaseEntered { phase: Phase },
    Marked { mark: String, detail: Value },
    BootEnded { state: BootState, why: String },

    PowerCommanded { outlet: Outlet, to: PowerState, evidence: String },
    PowerConfirmed { outlet: Outlet, to: PowerState },
    PowerFailed { outlet: Outlet, to: PowerState, failure: Failure },
    PowerRead { outlet: Outlet, commanded: PowerState },
    PowerObserved { state: PowerState, evidence: String },

    FactsReported { facts: Box<Facts> },

    DeviceFound { device: String },
    DeviceLost { device: String, failure: Failure },
    CommandRefused { command: String, failure: Failure },
    StorageFailed { why: String },
    StorageRecovered { waited: u64 },
}

impl Body {
    /// The word in the `kind` column; the same as on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::EngineStarted { .. } => "engine-started",
            Self::EngineStopped { .. } => "engine-stopped",
            Self::RunStarted { .. } => "run-started",
            Self::TaskStarted { .. } => "task-started",
            Self::TaskFinished { .. } => "task-finished",
            Self::TaskFailed { .. } => "task-failed",
            Self::TaskUndone { .. } => "task-undone",
            Self::CancelRequested { .. } => "cancel-requested",
            Self::RunEnded { .. } => "run-ended",
            Self::BootStarted { .. } => "boot-started",
            Self::PhaseEntered { .. } => "phase-entered",
            Self::Marked { .. } => "marked",
            Self::BootEnded { .. } => "boot-ended",
            Self::PowerCommanded { .. } => "power-commanded",
            Self::PowerConfirmed { .. } => "power-confirmed",
            Self::PowerFailed { .. } => "power-failed",
            Self::PowerRead { .. } => "power-read",
            Self::PowerObserved { .. } => "power-observed",
            Self::FactsReported { .. } => "facts-reported",
            Self::DeviceFound { .. } => "device-found",
            Self::DeviceLost { .. } => "device-lost",
            Self::CommandRefused { .. } => "command-refused",
            Self::StorageFailed { .. } => "storage-failed",
            Self::StorageRecovered { .. } => "storage-recovered",
        }
    }

    /// One line for people.
    pub fn says(&self) -> String {
        let step = |step: &String| step.replace('-', " ");
        match self {
            Self::EngineStarted { version, board, speed } if *speed > 1 => {
                format!("engine {version} started, {board} board at speed {speed}")
            }
            Self::EngineStarted { version, board, .. } => format!("engine {version} started, {board} board"),
            Self::EngineStopped { reason } => format!("engine stopped: {reason}"),
            Self::RunStarted { lab, machines, .. } => format!("lab {lab} started on {} PCs", machines.len()),
            Self::TaskStarted { step: id, attempt: 1 } => format!("{} begins", step(id)),
            Self::TaskStarted { step: id, attempt } => {
                format!("{} begins again, attempt {attempt}", step(id))
            }
            Self::TaskFinished { step: id, .. } => format!("{} finished", step(id)),
            Self::TaskFailed { step: id, failure } => format!("{} failed: {failure}", step(id)),
            Self::TaskUndone { step: id, why } => format!("{} undone: {why}", step(id)),
            Self::CancelRequested { why } => format!("cancel asked for: {why}"),
            Self::RunEnded { state, why } => format!("run {}: {why}", state.word()),
            Self::BootStarted { cause: Cause::Press } => "boot begins with our press".into(),
            Self::BootStarted { cause: Cause::FirstSign } => "boot begins, nobody pressed".into(),
            Self::PhaseEntered { phase } => format!("phase {}", phase.word()),
            Self::Marked { mark, .. } => mark.replace('-', " "),
            Self::BootEnded { state, why } => format!("boot {}: {why}", state.word()),
            Self::PowerCommanded { outlet, to, .. } => format!("outlet {outlet} pressed for {}", to.word()),
            Self::PowerConfirmed { outlet, to } => format!("outlet {outlet} says {}", to.word()),
            Self::PowerFailed { outlet, failure, .. } => format!("outlet {outlet}: {failure}"),
            Self::PowerRead { outlet, commanded } => format!("outlet {outlet} reads {}", commanded.word()),
            Self::PowerObserved { state, evidence } => format!("power {}: {evidence}", state.word()),
            Self::FactsReported { .. } => "hardware reported".into(),
            Self::DeviceFound { device } => format!("{device} answers"),
            Self::DeviceLost { device, failure } => format!("{device} lost: {failure}"),
            Self::CommandRefused { command, failure } => format!("{command} refused: {failure}"),
            Self::StorageFailed { why } => format!("events cannot be written: {why}"),
            Self::StorageRecovered { waited } => format!("events written again, {waited} had waited"),
        }
    }
}

/// An event that the state it meets does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {kind} is not possible here: {why}")]
pub struct Illegal {
    pub kind: &'static str,
    pub why: String,
}

impl Illegal {
    pub(crate) fn new(body: &Body, why: impl Into<String>) -> Self {
        Self { kind: body.kind(), why: why.into() }
    }
}

impl From<Illegal> for Failure {
    fn from(illegal: Illegal) -> Self {
        Self::new(
            Code::Internal,
            "record an event",
            illegal.to_string(),
            "report this with the events around it",
        )
    }
}
