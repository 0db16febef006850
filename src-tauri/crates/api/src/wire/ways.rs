//! Ways to boot on the wire.

use lab::{
    Machine, Status, Way,
    status::{Measured, median},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{seconds, time};

/// A machine with the ways it knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineWaysWire {
    pub r#box: u32,
    pub machine: String,
    /// The way its next boot is offered; `null` before the first.
    pub way: Option<String>,
    /// The same for people.
    pub says: Option<String>,
    /// Ways that were tried.
    pub ways: Vec<WayWire>,
    /// The firmware's boot order before it was changed for one boot, while that has not been taken back.
    pub boot_order_before: Option<String>,
    /// The way that its firmware will go next because it was told so; `null` when it follows its own order.
    pub armed: Option<String>,
}

/// How one way went so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WayWire {
    /// `http`, `http-ipxe`, `ipxe`, `owner`, `bios`, `secure` or `local`.
    pub way: String,
    /// Good boots that are remembered.
    pub good: usize,
    /// Their median.
    pub seconds: Option<f64>,
    /// Failures since the last good one.
    pub failures: u32,
    /// Why it is not tried any more.
    pub dropped: Option<String>,
}

impl MachineWaysWire {
    pub(crate) fn of(machine: &Machine, status: &Status) -> Self {
        let known = status.machines.get(&machine.name).cloned().unwrap_or_default();
        let tried = |way: &Way| known.ways.contains_key(way) || known.ways_dropped.contains_key(way);
        let ways = Way::ALL.into_iter().filter(tried).map(|way| {
            let history = known.ways.get(&way).cloned().unwrap_or_default();
            WayWire {
                way: way.word().to_owned(),
                good: history.seconds.len(),
                seconds: median(history.seconds),
                failures: history.failures,
                dropped: known.ways_dropped.get(&way).cloned(),
            }
        });
        Self {
            r#box: machine.box_number,
            machine: machine.name.clone(),
            way: known.way.map(|way| way.word().to_owned()),
            says: known.way.map(|way| way.words().to_owned()),
            ways: ways.collect(),
            boot_order_before: known.boot_order_before.clone(),
            armed: known.armed.map(|way| way.word().to_owned()),
        }
    }
}

/// Which way a machine is to boot by; `null` leaves it to the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskWayWire {
    pub way: Option<String>,
}

/// Which measurement the machine's latest boot belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepMeasureWire {
    pub measurement: u64,
}

/// One measured boot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeasuredWire {
    pub measurement: u64,
    pub machine: String,
    pub boot: Option<u64>,
    pub way: String,
    /// From the firmware's hand-over (its first request for a file; BIOS: its first packet) to the last byte of the last boot file; `null` when it did not arrive.
    pub network_s: Option<f64>,
    /// From the press to its report.
    pub whole_s: Option<f64>,
    pub at: String,
}

impl From<&Measured> for MeasuredWire {
    fn from(measured: &Measured) -> Self {
        Self {
            measurement: measured.measurement,
            machine: measured.machine.clone(),
            boot: measured.boot,
            way: measured.way.clone(),
            network_s: seconds(measured.network_s),
            whole_s: seconds(measured.whole_s),
            at: time(measured.at.wall_us),
        }
    }
}
