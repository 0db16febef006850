//! What is known now and is no event: ages, transfers under way, counts. It is gone with the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    certificate::{CertificatesReading, Judged},
    clock::ClockReading,
    event::Stamp,
    health::Health,
    mac::Mac,
    ports::{RouterReading, SwitchReading},
    status::Status,
    stream::StreamLive,
};

/// The moving part of the picture.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// When each machine was last heard, and with what.
    pub heard: BTreeMap<String, Heard>,
    /// Transfers that run, by machine.
    pub transfers: BTreeMap<String, Transfer>,
    /// Machines whose agent is writing into their firmware how they boot next.
    pub arming: BTreeSet<String>,
    /// Machines that the board file does not know, newest last.
    pub unknown: Vec<UnknownMachine>,
    /// Counted by name; what a queue dropped is here too.
    pub counters: BTreeMap<String, u64>,
    /// Set while events cannot be written.
    pub storage: Option<StorageTrouble>,
    /// Services of the engine that stand ready, in words.
    pub services: Vec<ServiceState>,
    /// The switch as it was last read.
    pub switch: Option<SwitchLive>,
    /// The router as it was last read.
    pub router: Option<RouterLive>,
    /// Streams that should keep coming, by name.
    pub streams: BTreeMap<String, StreamLive>,
    /// Certificates with their judgement, and when they were looked at.
    pub certificates: Option<CertificatesLive>,
    /// What the clock was compared with, and when.
    pub clock: Option<(Vec<ClockReading>, Stamp)>,
    /// The controller's own health, and when it was read.
    pub health: Option<(Health, Stamp)>,
    /// Touch screens that are connected to the controller.
    pub touch_panels: Vec<String>,
}

/// All certificates, judged, and when they were looked at.
#[derive(Debug, Clone)]
pub struct CertificatesLive {
    pub list: Vec<Judged>,
    /// As it was read, to be judged again as time passes.
    pub reading: CertificatesReading,
    pub stamp: Stamp,
}

/// All ports, and when they were looked at.
#[derive(Debug, Clone)]
pub struct SwitchLive {
    pub reading: SwitchReading,
    pub stamp: Stamp,
}

/// The router, when it was looked at, and what changed since the look before.
#[derive(Debug, Clone)]
pub struct RouterLive {
    pub reading: RouterReading,
    pub stamp: Stamp,
    pub rates: Option<Rates>,
}

/// Packets in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    pub wan_in: Option<f64>,
    pub wan_out: Option<f64>,
    pub lan_in: Option<f64>,
    pub lan_out: Option<f64>,
}

impl Rates {
    /// Between two looks; a counter that went back (the router restarted) has no rate.
    pub fn between(before: &RouterLive, now: &RouterReading, stamp: &Stamp) -> Option<Self> {
        let seconds = stamp.seconds_since(&before.stamp).filter(|s| *s > 0.0)?;
        let rate = |was: Option<u64>, is: Option<u64>| Some(is?.checked_sub(was?)? as f64 / seconds);
        let was = &before.reading;
        Some(Self {
            wan_in: rate(was.wan_in, now.wan_in),
            wan_out: rate(was.wan_out, now.wan_out),
            lan_in: rate(was.lan_in, now.lan_in),
            lan_out: rate(was.lan_out, now.lan_out),
        })
    }
}

/// The last sign of a machine whose agent is about to switch it off.
pub const GOODBYE: &str = "it says it goes off";

/// The last sign of life.
#[derive(Debug, Clone)]
pub struct Heard {
    pub stamp: Stamp,
    pub what: String,
    /// Pace it announced for itself.
    pub heartbeat_ms: Option<u64>,
}

/// A boot file on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    pub path: String,
    pub sent: u64,
    pub total: u64,
}

/// A stranger on the lab network.
#[derive(Debug, Clone)]
pub struct UnknownMachine {
    pub mac: Mac,
    /// Shown on the stranger's own screen too.
    pub code: String,
    pub first: Stamp,
    pub last: Stamp,
    pub times: u64,
}

/// Why nothing can be written, since when, and how much waits.
#[derive(Debug, Clone)]
pub struct StorageTrouble {
    pub why: String,
    pub since: Stamp,
    pub waiting: usize,
}

/// One service of the engine: DHCP, TFTP, HTTP, the board.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceState {
    pub name: String,
    pub ready: bool,
    pub says: String,
}

/// One consistent picture: what the events say, what is known now, and the moment it was taken.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub status: Arc<Status>,
    pub live: Live,
    pub now: Stamp,
}
