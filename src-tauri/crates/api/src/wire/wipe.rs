//! Arming and disarming a wipe.

use lab::status::{Erased, MachineStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time;

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

/// A wipe that began and was not reported yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WipingWire {
    pub disks: Vec<String>,
    /// When it was told to begin.
    pub since: Option<String>,
    /// Its machine went off or booted anew: no report will come, and the disks may be half erased.
    pub broken_off: bool,
}

/// How a machine's last wipe ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErasedWire {
    pub at: String,
    /// Everything that was to be erased is.
    pub ok: bool,
    /// Which disks were erased, which were not, and why not.
    pub says: String,
}

impl WipingWire {
    pub(super) fn of(machine: &MachineStatus) -> Option<Self> {
        let wiping = machine.wiping.as_ref()?;
        Some(Self {
            disks: wiping.disks.clone(),
            since: wiping.since.as_ref().map(|stamp| time(stamp.wall_us)),
            broken_off: machine.erasing().is_none(),
        })
    }
}

impl From<&Erased> for ErasedWire {
    fn from(erased: &Erased) -> Self {
        Self { at: time(erased.at.wall_us), ok: erased.ok, says: erased.says.clone() }
    }
}
