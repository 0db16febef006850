//! Faults that are put in on purpose.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to break, or to mend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultOrderWire {
    /// One of the closed list of faults, as in `drop-dhcp`.
    pub fault: String,
    /// `false` takes it out.
    pub on: bool,
    /// Kept with the event.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A fault of the closed list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FaultWire {
    pub fault: String,
    pub words: String,
    /// Whether this board can put it in.
    pub possible: bool,
    /// The machines that have it now, by name; `board` for a fault of its gear.
    pub machines: Vec<String>,
    /// Of the board's gear, and of no machine.
    pub gear: bool,
}
