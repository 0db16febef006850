//! A machine whose disks are being erased, or were.

use serde::{Deserialize, Serialize};

use super::MachineStatus;
use crate::{
    boot::Boot,
    event::{Event, Stamp, wiped},
    power::PowerState,
    wipe::WipeReport,
};

/// One wipe under way. An arming becomes this once, and no second boot can use it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wiping {
    pub disks: Vec<String>,
    /// What the wiper made up at its start; another boot has another one.
    pub ticket: String,
    /// When it was told to begin; missing in events from before this was kept.
    #[serde(default)]
    pub since: Option<Stamp>,
    /// The boot that erases.
    #[serde(default)]
    pub boot: Option<u64>,
}

/// How the last wipe ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    pub at: Stamp,
    pub boot: Option<u64>,
    /// Everything that was to be erased is.
    pub ok: bool,
    /// Which disks were erased, which were not, and why not.
    pub says: String,
}

impl Erased {
    pub(super) fn new(event: &Event, report: &serde_json::Value, boot: Option<u64>) -> Self {
        let read: Option<WipeReport> = serde_json::from_value(report.clone()).ok();
        let ok =
            read.is_some_and(|report| !report.disks.is_empty() && report.disks.iter().all(|disk| disk.ok));
        Self { at: event.draft.stamp.clone(), boot, ok, says: wiped(report) }
    }
}

impl MachineStatus {
    /// The wipe that goes on now: its boot still runs, and the machine was not seen to go off.
    pub fn erasing(&self) -> Option<&Wiping> {
        self.wiping.as_ref().filter(|wiping| {
            let runs = self.boot.as_ref().is_none_or(Boot::is_running);
            runs && wiping.boot == self.boot.as_ref().map(|boot| boot.id) && self.observed != PowerState::Off
        })
    }

    /// A wipe that began and will not be reported any more: its disks may be half erased.
    pub fn half_erased(&self) -> Option<&Wiping> {
        self.wiping.as_ref().filter(|_| self.erasing().is_none())
    }

    /// What the latest boot erased.
    pub fn just_erased(&self) -> Option<&Erased> {
        let boot = self.boot.as_ref().map(|boot| boot.id);
        self.erased.as_ref().filter(|erased| erased.boot == boot)
    }
}
