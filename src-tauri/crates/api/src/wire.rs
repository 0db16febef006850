//! The types that cross the wire. They live apart from the domain's: what is sent may be renamed or dropped on purpose,
//! never by accident. Times are RFC 3339 in UTC with microseconds, durations are seconds.

mod boot;
mod bundle;
mod ending;
mod explain;
mod faults;
mod feed;
mod gateway;
mod gear;
mod logs;
mod power;
mod run;
mod status;
mod watched;
mod ways;
mod wipe;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use boot::{BootWire, EventWire, MarkWire, PacketWire, PhaseWire};
pub use bundle::{StickOrderWire, StickWire, StickWrittenWire};
pub use ending::{EndOrderWire, EndingWire, PlaceWire, ReplaceOrderWire, ReplacedWire, ReplacementWire};
pub use explain::{
    DueWire, ExplanationWire, HeldBackWire, RivalWire, RuledOutWire, ScreenWire, TroubleWire, VerdictWire,
};
pub use faults::{FaultOrderWire, FaultWire};
pub use feed::{ConsoleWire, LoginWire, ResetWire, TickWire};
pub use gateway::{GatewayWire, HeartbeatWire};
pub use gear::{
    DeviceTestWire, DeviceWire, JoinWire, PortOrderWire, PortWire, PortsSetWire, RouterWire, SavedPageWire,
    SwitchWire, UplinkWire, WifiNetworkWire,
};
pub use logs::{CounterWire, CountersWire, RecordWire, RecordsWire, TalkerWire};
pub(crate) use power::pressed_says;
pub use power::{
    HoldWire, MismatchWire, OutletWire, PowerActWire, PowerOrderWire, PowerWire, PressWire, PressedWire,
};
pub use run::{RunMachineWire, RunWire, StepWire, TaskWire};
pub use status::{
    BoardWire, EngineWire, HeardWire, LabWire, MachineWire, ServiceWire, StatusWire, StorageWire,
    TransferWire, UnknownWire, UsualWire,
};
pub use watched::{
    CertificateWire, CertificatesWire, ClockSourceWire, ClockWire, GateWire, HealthWire, SilenceWire,
    StreamWire,
};
pub use ways::{AskWayWire, KeepMeasureWire, MachineWaysWire, MeasuredWire, WayWire};
pub use wipe::{ErasedWire, WipeOrderWire, WipeWire, WipingWire};

/// A failure: what programs match (`code`) and what people read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailureWire {
    /// One of the closed list of codes, in kebab-case.
    pub code: String,
    /// What failed.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorWire {
    pub error: FailureWire,
}

impl From<&lab::Failure> for FailureWire {
    fn from(failure: &lab::Failure) -> Self {
        Self {
            code: word(&failure.code),
            what: failure.what.clone(),
            why: failure.why.clone(),
            remedy: failure.remedy.clone(),
        }
    }
}

/// A started lab: `{run, lab, state}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StartedWire {
    pub run: u64,
    pub lab: String,
    pub state: String,
}

/// Why somebody gives a command; kept with the event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReasonWire {
    pub reason: Option<String>,
}

/// Start a lab: on which of its machines, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StartOrderWire {
    /// Names or box numbers; all of the lab's when empty.
    pub machines: Vec<String>,
    pub reason: Option<String>,
}

/// The word under which an enum without data is serialized.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// RFC 3339 of a wall clock in microseconds.
pub(crate) fn time(wall_us: i64) -> String {
    jiff::Timestamp::from_microsecond(wall_us).map(|t| format!("{t:.6}")).unwrap_or_default()
}

/// Seconds with microseconds, no more digits than are true.
pub(crate) fn seconds(value: Option<f64>) -> Option<f64> {
    value.map(|s| (s * 1e6).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_with_microseconds() {
        assert_eq!(time(1_700_000_000_000_001), "2023-11-14T22:13:20.000001Z");
        assert_eq!(time(1_700_000_000_000_000), "2023-11-14T22:13:20.000000Z");
    }

    #[test]
    fn codes_are_words() {
        assert_eq!(word(&lab::Code::RunUnderWay), "run-under-way");
    }
}
