//! The questions the engine asks of the world. Drivers answer them; wiring chooses which driver.
//!
//! A port never decides: it reads or it acts, says what it found in [`PortError`]'s words, and ends within its own
//! deadline. The engine alone knows what to do about it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{facts::EfiFacts, fault::Fault, power::PowerState, secret::Secret, stream::Clue, way::Way};

/// Number of a relay channel, counted from 1 as the relay board counts. Machines that hang on no relay have numbers from
/// [`OWN_CONTROL`] on.
pub type Outlet = u8;

/// The first number that is no relay channel: the machine in the same place of the board file has a control of its own.
pub const OWN_CONTROL: Outlet = 101;

/// What a driver says when it could not do what was asked. `Display` is one sentence without the remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}: {why}")]
pub struct PortError {
    /// The operation and its subject, as in "press outlet 3".
    pub what: String,
    /// What came back, or did not.
    pub why: String,
    /// What the person at the bench should do.
    pub remedy: String,
    /// The device itself cannot be reached (as against: it answered and refused).
    pub absent: bool,
}

/// One outlet as its driver knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutletReading {
    /// What was commanded last, as the device remembers it.
    pub commanded: PowerState,
    /// What the device itself can measure; `None` for devices without sensing (a relay board).
    pub observed: Option<PowerState>,
}

/// All outlets at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PowerReading {
    /// By outlet number.
    pub outlets: BTreeMap<Outlet, OutletReading>,
    /// Outlets whose own control could not be read.
    #[serde(default)]
    pub failed: BTreeMap<Outlet, PortError>,
    /// Grows each time the device is known to have forgotten everything (a rebooted relay board).
    pub incarnation: u64,
}

/// What stands behind an outlet, and so what switching it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nature {
    /// A relay across the power button: a short press starts a machine that is off and asks one that runs to shut down.
    /// It measures nothing.
    Button,
    /// The supply: on and off mean what they say. A machine whose plug is on may still be off.
    Supply,
    /// Something that knows the machine itself (a management controller, a power LED, QEMU) and does what it is told.
    Managed,
    /// Only starts a machine, and reads nothing (Wake-on-LAN).
    Wake,
}

impl Nature {
    /// Whether it notices a machine that switched itself off.
    pub fn follows_soft_off(self) -> bool {
        match self {
            Self::Managed => true,
            Self::Button | Self::Supply | Self::Wake => false,
        }
    }
}

/// How long a button is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hold {
    /// As a finger does to switch on; a running system is asked to shut down.
    Short,
    /// Until the machine is off, whatever it does.
    Long,
}

/// Power buttons, or what stands in for them.
#[async_trait]
pub trait Power: Send + Sync {
    /// A look at all outlets. Never presses anything.
    async fn read(&self) -> Result<PowerReading, PortError>;
    /// Press briefly, so that a machine that is off starts. Returns when the device says the press has ended.
    async fn on(&self, outlet: Outlet) -> Result<(), PortError>;
    /// Hold the button until the machine is off. Returns when the device says the press has ended.
    async fn off(&self, outlet: Outlet) -> Result<(), PortError>;
    /// What stands behind an outlet.
    fn nature(&self, outlet: Outlet) -> Nature;
}

/// The power control of one machine that hangs on no relay.
#[async_trait]
pub trait Control: Send + Sync {
    /// For people, as in `ipmi 10.0.0.5`.
    fn name(&self) -> String;
    fn nature(&self) -> Nature;
    /// What it measures; `None` where it can measure nothing. Never switches anything.
    async fn read(&self) -> Result<Option<PowerState>, PortError>;
    /// Returns when it was read back as on, or, where nothing can be read, when the order was taken.
    async fn on(&self) -> Result<(), PortError>;
    /// Hard off, read back likewise. A control that cannot says so.
    async fn off(&self) -> Result<(), PortError>;
    /// Off, and on again after a while, timed by the device itself so that nothing is left off when we die between the
    /// two. `None` where the device has no such thing.
    async fn cycle(&self) -> Option<Result<(), PortError>> {
        None
    }
}

/// One port of a switch. What its page does not say, or says in words nobody knows, is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SwitchPort {
    /// As the switch names it, where it does.
    pub name: Option<String>,
    /// Switched on by its administrator.
    pub enabled: Option<bool>,
    pub link: Option<bool>,
    /// In Mbit/s, while there is a link.
    pub speed: Option<u32>,
    /// Frames since the switch started, into and out of the switch.
    pub received: Option<u64>,
    pub sent: Option<u64>,
}

/// All ports at one moment, by number from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SwitchReading {
    pub ports: BTreeMap<u32, SwitchPort>,
}

/// The managed switch.
#[async_trait]
pub trait Switch: Send + Sync {
    async fn read(&self) -> Result<SwitchReading, PortError>;
    /// Switches a port on or off, keeps its name, and returns when it was read back.
    async fn set(&self, port: u32, enabled: bool) -> Result<(), PortError>;
    /// Whether `set` can work at all.
    fn writable(&self) -> bool;
    /// Its pages as they came, without secrets: file name and content. For the maker of the next driver.
    async fn capture(&self) -> Result<Vec<(String, String)>, PortError>;
}

/// The router at one moment. What could not be learnt is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RouterReading {
    /// Packets since the router started.
    pub wan_in: Option<u64>,
    pub wan_out: Option<u64>,
    pub lan_in: Option<u64>,
    pub lan_out: Option<u64>,
    /// How it reaches the world.
    pub uplink: Option<Uplink>,
    /// Seconds since it started.
    pub uptime_s: Option<u64>,
    /// What its own clock says, in seconds since 1970.
    #[serde(default)]
    pub time_s: Option<f64>,
}

/// The way to the world.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Uplink {
    pub up: bool,
    /// As in `wan` or `wwan`.
    pub interface: String,
    pub address: Option<String>,
    /// The Wi-Fi network that carries it.
    pub ssid: Option<String>,
    /// dBm.
    pub signal: Option<i32>,
}

/// A Wi-Fi network that the router hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WifiNetwork {
    /// Absent for a hidden one.
    pub ssid: Option<String>,
    pub bssid: String,
    /// dBm.
    pub signal: i32,
    pub channel: Option<u32>,
    /// `None` for an open one; else how, as in `psk2`.
    pub secured: Option<String>,
}

/// The router.
#[async_trait]
pub trait Router: Send + Sync {
    async fn read(&self) -> Result<RouterReading, PortError>;
    /// Whether `scan` and `join` can work at all.
    fn has_wifi(&self) -> bool;
    async fn scan(&self) -> Result<Vec<WifiNetwork>, PortError>;
    /// Joins a network: returns when it is associated and has an address; else everything is as it was before.
    async fn join(&self, ssid: &str, password: Option<&Secret>) -> Result<Uplink, PortError>;
}

/// The small status display.
#[async_trait]
pub trait Panel: Send + Sync {
    /// What it shows, as a PNG picture: drawn from the lines that are sent to it, whether or not there is one.
    async fn picture(&self) -> Result<Vec<u8>, PortError>;
    /// Shows a line of test text for a moment; says what the device answered last.
    async fn test(&self) -> Result<String, PortError>;
}

/// The computer on which this program runs.
#[async_trait]
pub trait Host: Send + Sync {
    /// Begins to switch it off, or to start it anew. Returns when that was accepted.
    async fn end(&self, restart: bool) -> Result<(), PortError>;
}

/// Frames counted on a machine's own wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WireCounters {
    /// Bytes and frames from the machine.
    pub from_bytes: u64,
    pub from_packets: u64,
    /// Bytes and frames towards the machine.
    pub to_bytes: u64,
    pub to_packets: u64,
}

/// A link at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub up: bool,
    /// In Mbit/s, where it can be seen.
    pub speed: Option<u32>,
}

/// The network port a machine hangs on.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Counters since the port came up; `None` when this board cannot count them.
    async fn counters(&self, machine: &str) -> Option<WireCounters>;

    /// The port's link; `None` when this board cannot see it.
    async fn link(&self, _machine: &str) -> Option<Link> {
        None
    }

    /// Whether the controller's own port has a link; `None` when that cannot be seen.
    async fn own_link(&self) -> Option<bool> {
        None
    }
}

/// A machine's serial console, where there is one.
#[async_trait]
pub trait Console: Send + Sync {
    /// The last `limit` bytes that the machine printed, as text.
    async fn tail(&self, machine: &str, limit: usize) -> Result<String, PortError>;

    /// What its display shows now, as a PNG picture.
    async fn screen(&self, machine: &str) -> Result<Vec<u8>, PortError> {
        Err(PortError {
            what: format!("take a picture of {machine}'s screen"),
            why: "this board cannot see its machines' screens".to_owned(),
            remedy: "look at the machine's own screen".to_owned(),
            absent: true,
        })
    }
}

/// What the agent of a running machine is told when it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentOrder {
    PowerOff,
    Reboot,
}

/// A variable that the agent is to write into its firmware. It writes `BootNext`, and `Boot####` entries whose
/// description begins with `statusinator`, and refuses everything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EfiWrite {
    /// As in `BootNext`; of the EFI global vendor.
    pub name: String,
    /// Attributes and value in hex, as in [`crate::facts::EfiVariable`]; `None` removes the variable.
    pub hex: Option<String>,
}

/// The agents in running probe images. They ask at each heartbeat; an order waits until then.
pub trait Agents: Send + Sync {
    /// Leaves an order, or takes one back.
    fn order(&self, machine: &str, order: Option<AgentOrder>);

    /// Leaves variables to be written, in this order, before any other order is told.
    fn write_efi(&self, machine: &str, writes: Vec<EfiWrite>) {
        let _ = (machine, writes);
    }
}

/// What offering a way did to the machine's firmware.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offered {
    /// Its boot order before, when it was changed for one boot.
    pub armed: Option<String>,
    /// What was left of an earlier change was taken out.
    pub restored: bool,
}

/// What a machine's agent is to write so that its next boot finds the firmware's boot order as its way wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// In this order; never empty.
    pub writes: Vec<EfiWrite>,
    /// `BootNext` will name an entry of ours; otherwise nothing of ours will be left.
    pub arms: bool,
    /// The boot order before.
    pub before: String,
}

/// How machines are offered their boot.
#[async_trait]
pub trait Ways: Send + Sync {
    /// The ways that this machine could go, by what its firmware is and which files are there.
    fn possible(&self, machine: &str) -> Vec<Way>;
    /// The way that a person asked for, for all machines.
    fn forced(&self) -> Option<Way>;
    /// Offers it: the boot files that DHCP names, and the firmware's boot order where that is needed and within reach.
    /// Called while the machine is off. Repeated, it changes nothing more.
    async fn offer(&self, machine: &str, way: Way) -> Result<Offered, PortError>;

    /// Ways that only the machine's own agent can prepare, while the boot before runs.
    fn possible_by_agent(&self, _machine: &str) -> Vec<Way> {
        Vec::new()
    }

    /// What the agent is to write for this way, given the variables that it reported and the way that it was told since;
    /// `None` when all is as it should be.
    fn ahead(&self, _machine: &str, _way: Way, _efi: &EfiFacts, _armed: Option<Way>) -> Option<Ahead> {
        None
    }
}

/// Puts faults in and takes them out, where the board can do that.
#[async_trait]
pub trait Faults: Send + Sync {
    /// Faults this board can put in.
    fn possible(&self) -> Vec<Fault>;
    /// Puts one in or takes it out; repeated, it changes nothing.
    async fn set(&self, machine: &str, fault: Fault, on: bool) -> Result<(), PortError>;
}

/// Looks at what could have made a stream fall silent.
#[async_trait]
pub trait Clues: Send + Sync {
    /// What was found, good and bad. Never changes anything.
    async fn look(&self, stream: &str) -> Vec<Clue>;
}

/// Frames of each machine, kept in a ring.
#[async_trait]
pub trait Captures: Send + Sync {
    /// What the ring holds, as a pcapng file; of a span alone, in microseconds since the Unix epoch.
    async fn pcapng(&self, machine: &str, span: Option<(i64, i64)>) -> Result<Vec<u8>, PortError>;
}
