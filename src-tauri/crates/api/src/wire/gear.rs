//! Switch, router and other devices on the wire.

use std::collections::BTreeMap;

use lab::{
    Board,
    live::{Live, RouterLive, SwitchLive},
    ports::{SwitchPort, Uplink, WifiNetwork},
    status::{DeviceStatus, Status},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FailureWire, time};

/// A device that may be missing at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceWire {
    pub name: String,
    pub present: bool,
    pub since: String,
    pub failure: Option<FailureWire>,
    /// How often it was lost since the engine started.
    pub losses: u64,
    /// Whether it can be tested by a button.
    pub testable: bool,
}

/// The switch as it was last read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SwitchWire {
    pub at: String,
    /// Whether its ports can be switched from here.
    pub writable: bool,
    /// Ports that are never switched.
    pub protected: Vec<u32>,
    pub ports: Vec<PortWire>,
    /// Groups of machines, with their ports.
    pub groups: BTreeMap<String, Vec<u32>>,
}

/// One port. What the switch does not say is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PortWire {
    pub port: u32,
    pub name: Option<String>,
    pub machine: Option<String>,
    pub enabled: Option<bool>,
    pub link: Option<bool>,
    /// Mbit/s.
    pub speed: Option<u32>,
}

/// The router as it was last read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RouterWire {
    pub at: String,
    /// Packets since it started.
    pub wan_in: Option<u64>,
    pub wan_out: Option<u64>,
    pub lan_in: Option<u64>,
    pub lan_out: Option<u64>,
    /// Packets in a second, between the last two looks.
    pub wan_in_rate: Option<f64>,
    pub wan_out_rate: Option<f64>,
    pub lan_in_rate: Option<f64>,
    pub lan_out_rate: Option<f64>,
    pub uplink: Option<UplinkWire>,
    pub uptime_s: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UplinkWire {
    pub up: bool,
    pub interface: String,
    pub address: Option<String>,
    pub ssid: Option<String>,
    /// dBm.
    pub signal: Option<i32>,
}

/// A Wi-Fi network that the router hears.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WifiNetworkWire {
    /// `null` for a hidden one.
    pub ssid: Option<String>,
    pub bssid: String,
    /// dBm.
    pub signal: i32,
    pub channel: Option<u32>,
    /// `null` for an open one.
    pub secured: Option<String>,
}

/// Join a Wi-Fi network.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinWire {
    pub ssid: String,
    #[serde(default)]
    pub password: Option<String>,
}

/// Switch ports on or off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortOrderWire {
    pub enabled: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of each port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PortsSetWire {
    pub ports: Vec<u32>,
    pub enabled: bool,
}

/// A page of a device as it came, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SavedPageWire {
    pub name: String,
    pub content: String,
}

/// What a device answered to a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceTestWire {
    pub device: String,
    pub says: String,
    pub seconds: f64,
}

impl DeviceWire {
    pub(super) fn all(status: &Status) -> Vec<Self> {
        status.devices.iter().map(|(name, device)| Self::new(name, device)).collect()
    }

    fn new(name: &str, device: &DeviceStatus) -> Self {
        Self {
            name: name.to_owned(),
            present: device.present,
            since: time(device.since.wall_us),
            failure: device.failure.as_ref().map(FailureWire::from),
            losses: device.losses,
            testable: crate::routes::testable(name),
        }
    }
}

impl SwitchWire {
    pub(super) fn of(board: &Board, live: &Live) -> Option<Self> {
        let SwitchLive { reading, stamp } = live.switch.as_ref()?;
        let gear = board.switch.as_ref();
        let mut groups: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for machine in &board.machines {
            if let (Some(group), Some(port)) = (&machine.group, machine.port) {
                groups.entry(group.clone()).or_default().push(port);
            }
        }
        Some(Self {
            at: time(stamp.wall_us),
            writable: matches!(gear, Some(lab::gear::SwitchGear::Hasivo { .. })),
            protected: gear.map(|gear| gear.protected().to_vec()).unwrap_or_default(),
            ports: reading.ports.iter().map(|(number, port)| PortWire::new(*number, port, board)).collect(),
            groups,
        })
    }
}

impl PortWire {
    fn new(number: u32, port: &SwitchPort, board: &Board) -> Self {
        Self {
            port: number,
            name: port.name.clone(),
            machine: board.machine_by_port(number).map(|machine| machine.name.clone()),
            enabled: port.enabled,
            link: port.link,
            speed: port.speed,
        }
    }
}

impl RouterWire {
    pub(super) fn of(live: &Live) -> Option<Self> {
        let RouterLive { reading, stamp, rates } = live.router.as_ref()?;
        let round = |rate: Option<f64>| rate.map(|rate| (rate * 10.0).round() / 10.0);
        Some(Self {
            at: time(stamp.wall_us),
            wan_in: reading.wan_in,
            wan_out: reading.wan_out,
            lan_in: reading.lan_in,
            lan_out: reading.lan_out,
            wan_in_rate: round(rates.and_then(|r| r.wan_in)),
            wan_out_rate: round(rates.and_then(|r| r.wan_out)),
            lan_in_rate: round(rates.and_then(|r| r.lan_in)),
            lan_out_rate: round(rates.and_then(|r| r.lan_out)),
            uplink: reading.uplink.as_ref().map(UplinkWire::from),
            uptime_s: reading.uptime_s,
        })
    }
}

impl From<&Uplink> for UplinkWire {
    fn from(uplink: &Uplink) -> Self {
        Self {
            up: uplink.up,
            interface: uplink.interface.clone(),
            address: uplink.address.clone(),
            ssid: uplink.ssid.clone(),
            signal: uplink.signal,
        }
    }
}

impl From<WifiNetwork> for WifiNetworkWire {
    fn from(network: WifiNetwork) -> Self {
        Self {
            ssid: network.ssid,
            bssid: network.bssid,
            signal: network.signal,
            channel: network.channel,
            secured: network.secured,
        }
    }
}
