//! Facts, past tense. An event is stored before it is shown and never rewritten; older shapes are lifted when read.

mod kind;
mod says;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use says::outlet_words;
pub(crate) use says::wiped;

use crate::{
    boot::{BootState, Cause, Phase},
    certificate::{CertificateState, Gate},
    clock::ClockState,
    facts::Facts,
    failure::{Code, Failure},
    fault::Fault,
    mac::Mac,
    ports::Outlet,
    power::PowerState,
    run::{RunState, StepPlan, TaskPlan},
    stream::Silence,
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
        /// What the device remembers after it, where that is not the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory: Option<PowerState>,
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

    /// What is seen was taken for what was commanded. Nothing was pressed.
    PowerResynced {
        outlet: Outlet,
        to: PowerState,
        evidence: String,
    },
    /// The power board restarted and remembers all its outlets as off, whatever they are.
    PowerForgotten {
        device: String,
    },

    FactsReported {
        facts: Box<Facts>,
    },

    /// Its network port gained or lost the link.
    LinkChanged {
        up: bool,
        /// In Mbit/s, where it can be seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        speed: Option<u32>,
    },
    /// Its switch port was switched on or off by us, and read back.
    PortSet {
        port: u32,
        enabled: bool,
    },
    /// Its switch port was found switched on or off.
    PortChanged {
        port: u32,
        enabled: bool,
    },
    /// A Wi-Fi network was to be joined; `failure` when it was not.
    WifiJoined {
        ssid: String,
        failure: Option<Failure>,
    },
    /// The router's way to the world.
    UplinkChanged {
        uplink: crate::ports::Uplink,
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

    /// The board file has another hardware address for it; the program has to start again to use it.
    MachineReplaced {
        from: Mac,
        to: Mac,
    },
    /// The lab as a whole is being switched off.
    LabEnding {
        restart: bool,
    },
    /// All that can be switched off is, but for these machines; then the controller was told.
    LabEnded {
        restart: bool,
        left_on: Vec<String>,
        /// Why the controller stays on.
        host: Option<Failure>,
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

    /// A stream that should keep coming does not; told anew when its cause turns out to be another.
    StreamSilent {
        stream: String,
        silence: Box<Silence>,
    },
    StreamHeard {
        stream: String,
        /// For how long it was silent, where that is known.
        silent_s: Option<f64>,
    },
    /// A certificate is worth something else than before, or was seen for the first time.
    CertificateTurned {
        certificate: String,
        state: CertificateState,
        says: String,
        not_after_us: Option<i64>,
    },
    CertificateRenewed {
        certificate: String,
        /// As in `lab CA`, `step-ca: renew after expiry`.
        by: String,
        not_after_us: i64,
        seconds: f64,
    },
    /// A renewal failed for another reason than the time before.
    CertificateRefused {
        certificate: String,
        failure: Failure,
    },
    /// It is no longer among those that are looked at.
    CertificateGone {
        certificate: String,
    },
    /// Certificates were made good before anything that uses them was started.
    GateOpened {
        gate: Gate,
    },
    /// The wall clock is believed more, or less, than before.
    ClockJudged {
        clock: ClockState,
    },
    StorageFailed {
        why: String,
    },
    StorageRecovered {
        waited: u64,
    },
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
