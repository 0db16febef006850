//! Roll call after transport, and the lab's way into the dark.

use lab::{
    rollcall::Place,
    status::{Ending, Status},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FailureWire, time};

/// One place of the board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlaceWire {
    /// `pc`, `port`, `device`, `screen`.
    pub kind: String,
    pub name: String,
    /// `present`, `missing`, `unknown`.
    pub presence: String,
    /// What was seen, or what to do.
    pub says: String,
    /// Links or connections lost since the engine started.
    pub losses: u64,
    pub since: Option<String>,
}

/// The lab as a whole is being switched off, or was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndingWire {
    pub restart: bool,
    pub since: String,
    /// Whether it has come to its end.
    pub ended: bool,
    /// Machines that are still on, or may be.
    pub left_on: Vec<String>,
    /// All machines are seen to be off, and stayed so: the power may be cut when the controller is dark too.
    pub safe: bool,
    /// Why the controller stays on.
    pub host: Option<FailureWire>,
}

/// Switch the lab off as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndOrderWire {
    /// Start the controller anew instead of switching it off.
    #[serde(default)]
    pub restart: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

impl From<Place> for PlaceWire {
    fn from(place: Place) -> Self {
        Self {
            kind: place.kind.to_owned(),
            name: place.name,
            presence: place.presence.word().to_owned(),
            says: place.says,
            losses: place.losses,
            since: place.since.map(|stamp| time(stamp.wall_us)),
        }
    }
}

impl EndingWire {
    pub(super) fn of(status: &Status) -> Option<Self> {
        let Ending { restart, since, ended } = status.ending.as_ref()?;
        let on = |(_, machine): &(&String, &lab::MachineStatus)| machine.observed != lab::PowerState::Off;
        let left_on: Vec<String> = status.machines.iter().filter(on).map(|(name, _)| name.clone()).collect();
        Some(Self {
            restart: *restart,
            since: time(since.wall_us),
            ended: ended.is_some(),
            safe: ended.is_some() && left_on.is_empty(),
            left_on,
            host: ended.as_ref().and_then(|ended| ended.host.as_ref()).map(FailureWire::from),
        })
    }
}

/// A stranger that can only be the new PC in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplacementWire {
    pub machine: String,
    pub r#box: u32,
    pub mac: String,
    /// The same code as on the stranger's own screen.
    pub code: String,
    pub since: String,
}

/// Take a PC for one of the board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceOrderWire {
    pub mac: String,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplacedWire {
    pub machine: String,
    pub mac: String,
    pub says: String,
}

impl From<lab::replace::Replacement> for ReplacementWire {
    fn from(found: lab::replace::Replacement) -> Self {
        Self {
            machine: found.machine,
            r#box: found.box_number,
            mac: found.mac.to_string(),
            code: found.code,
            since: time(found.since.wall_us),
        }
    }
}
