//! Arming and disarming a wipe.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to be erased.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WipeOrderWire {
    /// The machine's name once more.
    pub confirm: String,
    /// Disks by name or serial; none are all that are fixed.
    pub disks: Vec<String>,
    pub reason: Option<String>,
}

/// How a machine stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WipeWire {
    pub machine: String,
    pub armed: bool,
    pub disks: Vec<String>,
    pub says: String,
}
