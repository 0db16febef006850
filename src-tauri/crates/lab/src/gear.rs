//! The gear around the machines, as the board file describes it: relay board, switch, router, display, and for a machine
//! that hangs on no relay its own power control. Every password is named here and stands elsewhere
//! (`secret = "switch"`: the entry `switch` of the secrets file).

mod certificates;
mod logs;
mod power;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

pub use certificates::{CaGear, CertificateGear};
pub use logs::{KeepDays, KeepMb, LogsGear, NotifyGear, Profile, TelemetryGear};
pub use power::{Account, HttpAuth, HttpCall, HttpPower, HttpRead, Method, Plug, PowerGear};

/// The board that presses power buttons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayGear {
    /// Its serial device, best by its name under /dev/serial/by-id.
    pub path: PathBuf,
    /// Outlet 8 is a spare. Outlet 7 is the controller's own and cannot be allowed.
    #[serde(default)]
    pub allow_8: bool,
}

/// The managed switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SwitchGear {
    /// Hasivo and its siblings, by their web pages: reads, and switches ports on and off.
    Hasivo {
        /// As in `http://192.168.122.2`.
        url: String,
        #[serde(default = "admin")]
        user: String,
        secret: String,
        /// Ports that are never switched: the controller's, without which its page is lost, and the router's.
        #[serde(default = "controller_and_router")]
        protected: Vec<u32>,
    },
    /// Any managed switch by SNMP (IF-MIB, RFC 2863); only read.
    Snmp {
        address: IpAddr,
        #[serde(default = "snmp_port")]
        port: u16,
        /// Names the community (SNMPv2c); `public` when absent.
        secret: Option<String>,
    },
}

impl SwitchGear {
    /// Ports that are never switched.
    pub fn protected(&self) -> &[u32] {
        match self {
            Self::Hasivo { protected, .. } => protected,
            Self::Snmp { .. } => &[],
        }
    }
}

/// The router between the lab and the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RouterGear {
    /// OpenWrt with luci-mod-rpc and a Prometheus exporter.
    Luci {
        /// As in `https://192.168.122.1`.
        url: String,
        #[serde(default = "root")]
        user: String,
        secret: String,
        /// SHA-256 of its certificate in hexadecimal. Without it the first one seen is trusted from then on.
        fingerprint: Option<String>,
        /// As in `http://192.168.122.1:9100/metrics`.
        metrics: Option<String>,
        #[serde(flatten)]
        devices: RouterDevices,
        /// Its Wi-Fi radio, and the interface that joins networks.
        #[serde(default = "radio")]
        radio: String,
        #[serde(default = "wifi")]
        wifi: String,
    },
    /// Only a Prometheus node exporter.
    Exporter {
        metrics: String,
        #[serde(flatten)]
        devices: RouterDevices,
    },
}

/// The router's own names of its two sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterDevices {
    #[serde(default = "eth0")]
    pub wan: String,
    #[serde(default = "eth1")]
    pub lan: String,
}

/// The small status display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisplayGear {
    /// Its serial device, best by its name under /dev/serial/by-id.
    pub path: PathBuf,
}

/// The addresses of the owner's earlier program, for load pods, call-backs and pages that know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompatGear {
    /// As in `192.168.122.3:8080`.
    pub listen: SocketAddr,
}

fn admin() -> String {
    "admin".to_owned()
}
fn controller_and_router() -> Vec<u32> {
    vec![7, 8]
}
fn root() -> String {
    "root".to_owned()
}
fn radio() -> String {
    "radio0".to_owned()
}
fn wifi() -> String {
    "wifi0".to_owned()
}
fn eth0() -> String {
    "eth0".to_owned()
}
fn eth1() -> String {
    "eth1".to_owned()
}
fn snmp_port() -> u16 {
    161
}
