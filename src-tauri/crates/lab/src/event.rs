//! Facts, past tense. An event is stored before it is shown and never rewritten; older shapes are lifted when read.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    boot::{BootState, Cause, Phase},
    facts::Facts,
    failure::{Code, Failure},
    fault::Fault,
    ports::Outlet,
    power::PowerState,
    run::{RunState, StepPlan, TaskPlan},
    verdict::{ScreenAnswer, Verdict, VerdictCode},
    way::Way,
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

    /// The moment so many seconds later, on both clocks.
    pub fn after(&self, seconds: f64) -> Self {
        let us = (seconds * 1e6) as i64;
        Self { wall_us: self.wall_us + us, mono_us: self.mono_us + us, host_boot: self.host_boot.clone() }
    }
}

/// When an event was, and its number, by which it is cited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moment {
    pub seq: u64,
    pub stamp: Stamp,
}

impl Moment {
    pub fn of(event: &Event) -> Self {
        Self { seq: event.seq, stamp: event.draft.stamp.clone() }
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
    EngineStarted {
        version: String,
        board: String,
        speed: u32,
    },
    EngineStopped {
        reason: String,
    },

    RunStarted {
        lab: String,
        machines: Vec<String>,
        steps: Vec<StepPlan>,
        tasks: Vec<TaskPlan>,
    },
    TaskStarted {
        step: String,
        attempt: u32,
    },
    TaskFinished {
        step: String,
        output: Value,
    },
    TaskFailed {
        step: String,
        failure: Failure,
    },
    TaskUndone {
        step: String,
        why: String,
    },
    CancelRequested {
        why: String,
    },
    RunEnded {
        state: RunState,
        why: String,
    },

    BootStarted {
        cause: Cause,
    },
    PhaseEntered {
        phase: Phase,
    },
    Marked {
        mark: String,
        detail: Value,
    },
    BootEnded {
        state: BootState,
        why: String,
    },

    PowerCommanded {
        outlet: Outlet,
        to: PowerState,
        evidence: String,
    },
    PowerConfirmed {
        outlet: Outlet,
        to: PowerState,
    },
    PowerFailed {
        outlet: Outlet,
        to: PowerState,
        failure: Failure,
    },
    PowerRead {
        outlet: Outlet,
        commanded: PowerState,
    },
    PowerObserved {
        state: PowerState,
        evidence: String,
    },

    FactsReported {
        facts: Box<Facts>,
    },

    /// Its network port gained or lost the link.
    LinkChanged {
        up: bool,
    },
    /// Why a machine does not boot (or, about `board`, what several faults have in common).
    Explained {
        verdict: Box<Verdict>,
    },
    /// It no longer holds: the machine went on.
    ExplanationWithdrawn {
        code: VerdictCode,
        why: String,
    },
    /// A person looked at the machine's own screen.
    ScreenAnswered {
        answer: ScreenAnswer,
    },
    /// It began again too often and gets nothing to boot until `rearm` happens.
    LoopStopped {
        why: String,
        rearm: String,
    },
    LoopRearmed {
        why: String,
    },

    /// The way by which its next boot is offered.
    WayChosen {
        way: Way,
        why: String,
    },
    /// A way that failed and is not offered again.
    WayDropped {
        way: Way,
        why: String,
    },
    /// Ways that failed may be tried again.
    WaysRetried {
        why: String,
    },
    /// The firmware's boot order was changed for one boot, or put back.
    BootOrderArmed {
        way: Way,
        before: String,
    },
    BootOrderRestored {
        why: String,
    },

    WipeArmed {
        disks: Vec<String>,
    },
    WipeDisarmed {
        why: String,
    },
    /// The arming is used up: the wiper that showed this ticket was told to erase these disks.
    WipeBegan {
        disks: Vec<String>,
        ticket: String,
    },
    /// What the wiper says it erased.
    DiskWiped {
        report: Value,
    },

    /// A fault that a person put in, for tests and for visitors, or took out.
    FaultSet {
        fault: Fault,
        on: bool,
    },

    /// Another server answers where ours would (its protocol, its address).
    RivalHeard {
        service: String,
        address: String,
        says: String,
    },
    RivalGone {
        service: String,
        address: String,
    },
    /// A service of ours cannot do all it should: pool empty, lease store lost, a promise not kept.
    ServiceTroubled {
        service: String,
        failure: Failure,
    },
    ServiceRecovered {
        service: String,
    },

    /// The files behind a role changed, all at once.
    ImageChosen {
        role: String,
        name: String,
        version: String,
        digest: String,
    },
    /// One measured boot of `statusinator measure`.
    BootMeasured {
        measurement: u64,
        way: String,
        network_s: Option<f64>,
        whole_s: Option<f64>,
    },
    /// A person asked for one way, or (none) left the choice to the program again.
    WayAsked {
        way: Option<Way>,
    },

    DeviceFound {
        device: String,
    },
    DeviceLost {
        device: String,
        failure: Failure,
    },
    CommandRefused {
        command: String,
        failure: Failure,
    },
    StorageFailed {
        why: String,
    },
    StorageRecovered {
        waited: u64,
    },
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
            Self::LinkChanged { .. } => "link-changed",
            Self::Explained { .. } => "explained",
            Self::ExplanationWithdrawn { .. } => "explanation-withdrawn",
            Self::ScreenAnswered { .. } => "screen-answered",
            Self::LoopStopped { .. } => "loop-stopped",
            Self::LoopRearmed { .. } => "loop-rearmed",
            Self::WayChosen { .. } => "way-chosen",
            Self::WayDropped { .. } => "way-dropped",
            Self::WaysRetried { .. } => "ways-retried",
            Self::BootOrderArmed { .. } => "boot-order-armed",
            Self::BootOrderRestored { .. } => "boot-order-restored",
            Self::WipeArmed { .. } => "wipe-armed",
            Self::WipeDisarmed { .. } => "wipe-disarmed",
            Self::WipeBegan { .. } => "wipe-began",
            Self::DiskWiped { .. } => "disk-wiped",
            Self::FaultSet { .. } => "fault-set",
            Self::RivalHeard { .. } => "rival-heard",
            Self::RivalGone { .. } => "rival-gone",
            Self::ServiceTroubled { .. } => "service-troubled",
            Self::ServiceRecovered { .. } => "service-recovered",
            Self::ImageChosen { .. } => "image-chosen",
            Self::BootMeasured { .. } => "boot-measured",
            Self::WayAsked { .. } => "way-asked",
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
            Self::LinkChanged { up: true } => "link up".into(),
            Self::LinkChanged { up: false } => "link down".into(),
            Self::Explained { verdict } => verdict.says.clone(),
            Self::ExplanationWithdrawn { code, why } => format!("no longer {}: {why}", code.words()),
            Self::ScreenAnswered { answer } => format!("a person looked: {}", answer.says()),
            Self::LoopStopped { why, rearm } => format!("held back: {why}. Goes on when {rearm}"),
            Self::LoopRearmed { why } => format!("may boot again: {why}"),
            Self::WayChosen { way, why } => format!("boots by {}: {why}", way.words()),
            Self::WayDropped { way, why } => format!("no longer boots by {}: {why}", way.words()),
            Self::WaysRetried { why } => format!("may try all its ways again: {why}"),
            Self::BootOrderArmed { way, .. } => format!("firmware told to boot by {} once", way.words()),
            Self::BootOrderRestored { why } => format!("firmware's boot order put back: {why}"),
            Self::WipeArmed { disks } if disks.is_empty() => {
                "armed to erase its disks at the next boot".into()
            }
            Self::WipeArmed { disks } => format!("armed to erase {} at the next boot", disks.join(", ")),
            Self::WipeDisarmed { why } => format!("will not be erased: {why}"),
            Self::WipeBegan { disks, .. } => format!("erases {}", disks.join(", ")),
            Self::DiskWiped { report } => wiped(report),
            Self::FaultSet { fault, on: true } => format!("fault put in: {}", fault.words()),
            Self::FaultSet { fault, on: false } => format!("fault taken out: {}", fault.words()),
            Self::RivalHeard { service, address, says } => {
                format!("another {service} server, {address}: {says}")
            }
            Self::RivalGone { service, address } => format!("the other {service} server {address} is silent"),
            Self::ServiceTroubled { service, failure } => format!("{service}: {failure}"),
            Self::ServiceRecovered { service } => format!("{service} is well again"),
            Self::ImageChosen { role, name, version, .. } => format!("{role} is now {name} {version}"),
            Self::WayAsked { way: Some(way) } => format!("asked to boot by {}", way.words()),
            Self::WayAsked { way: None } => "its way is the program's choice again".into(),
            Self::BootMeasured { way, whole_s: Some(s), .. } => format!("measured boot by {way}: {s:.1} s"),
            Self::BootMeasured { way, .. } => format!("measured boot by {way}: it did not arrive"),
            Self::DeviceFound { device } => format!("{device} answers"),
            Self::DeviceLost { device, failure } => format!("{device} lost: {failure}"),
            Self::CommandRefused { command, failure } => format!("{command} refused: {failure}"),
            Self::StorageFailed { why } => format!("events cannot be written: {why}"),
            Self::StorageRecovered { waited } => format!("events written again, {waited} had waited"),
        }
    }
}

/// What the wiper's report comes to. Its fields are read one by one: old reports have to stay readable.
pub(crate) fn wiped(report: &Value) -> String {
    let all = report.get("disks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let erased = |disk: &&Value| disk.get("ok").and_then(Value::as_bool) == Some(true);
    let name = |disk: &Value| disk.get("name").and_then(Value::as_str).unwrap_or("?").to_owned();
    let (good, bad): (Vec<&Value>, Vec<&Value>) = all.iter().partition(erased);
    let name = |disk: &&Value| match disk.get("why").and_then(Value::as_str) {
        Some(why) => format!("{} ({why})", name(disk)),
        None => name(disk),
    };
    let names = |disks: &[&Value]| disks.iter().map(name).collect::<Vec<_>>().join(", ");
    match (good.is_empty(), bad.is_empty()) {
        (true, true) => "the wiper erased nothing".into(),
        (false, true) => format!("erased {}", names(&good)),
        (true, false) => format!("not erased: {}", names(&bad)),
        (false, false) => format!("erased {}; not erased: {}", names(&good), names(&bad)),
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
