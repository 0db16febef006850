//! What the router's commands print: ubus speaks JSON. Pure.

use lab::ports::{Uplink, WifiNetwork};
use serde::Deserialize;
use serde_json::Value;

/// A city has fewer.
const MOST_NETWORKS: usize = 256;
/// Of what is no JSON, so much is quoted.
const QUOTED: usize = 60;

/// A command printed something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UbusError {
    #[error("it prints nothing")]
    Nothing,
    #[error("it prints {0:?}")]
    Other(String),
}

/// A network that the radio hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub network: WifiNetwork,
    /// As UCI names it, as in `5g`.
    pub band: Option<&'static str>,
}

#[derive(Debug, Deserialize)]
struct Scan {
    results: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Found {
    ssid: Option<String>,
    bssid: String,
    signal: i32,
    band: Option<u32>,
    channel: Option<u32>,
    encryption: Option<Encryption>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Encryption {
    enabled: bool,
    wpa: Vec<u32>,
    authentication: Vec<String>,
}

/// `iwinfo scan`, strongest first. A network that is described in another way is left out, not all of them.
///
/// # Errors
/// When the command printed something else.
pub fn scan(text: &str) -> Result<Vec<Heard>, UbusError> {
    let scan: Scan = json(text)?;
    let found = scan.results.into_iter().take(MOST_NETWORKS);
    let mut all: Vec<Heard> =
        found.filter_map(|one| serde_json::from_value::<Found>(one).ok()).map(heard).collect();
    all.sort_by_key(|heard| std::cmp::Reverse(heard.network.signal));
    Ok(all)
}

fn heard(found: Found) -> Heard {
    // 6 GHz counts its channels from 1 again, and only `band` tells.
    let band = match (found.band, found.channel) {
        (Some(2), _) | (None, Some(1..=14)) => Some("2g"),
        (Some(5), _) | (None, Some(32..=177)) => Some("5g"),
        (Some(6), _) => Some("6g"),
        _ => None,
    };
    // Some hidden networks tell as many zeros as their name has letters.
    let ssid = found.ssid.filter(|ssid| !ssid.trim_matches('\0').is_empty());
    let secured =
        found.encryption.filter(|encryption| encryption.enabled).map(|encryption| encryption.name());
    let network =
        WifiNetwork { ssid, bssid: found.bssid, signal: found.signal, channel: found.channel, secured };
    Heard { network, band }
}

impl Encryption {
    /// As UCI names it.
    fn name(&self) -> String {
        let by = |word: &str| self.authentication.iter().any(|one| one == word);
        let wpa = |version| self.wpa.contains(&version);
        let name = match (by("sae"), by("psk")) {
            (true, true) => "sae-mixed",
            (true, false) => "sae",
            (false, true) if wpa(1) && wpa(2) => "psk-mixed",
            (false, true) if wpa(1) => "psk",
            (false, true) => "psk2",
            (false, false) if by("owe") => "owe",
            (false, false) if by("802.1x") || by("eap") => "wpa2",
            (false, false) if self.wpa.is_empty() => "wep",
            (false, false) => "unknown",
        };
        name.to_owned()
    }
}

/// How a Wi-Fi interface is connected.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Association {
    ssid: Option<String>,
    bssid: Option<String>,
    signal: Option<i32>,
}

impl Association {
    /// `iwinfo info`.
    ///
    /// # Errors
    /// When the command printed something else.
    pub fn read(text: &str) -> Result<Self, UbusError> {
        json(text)
    }

    /// The network it is connected to; without an access point it may still tell the one that it looks for.
    pub fn ssid(&self) -> Option<&str> {
        let zeros = |bssid: &str| bssid.bytes().all(|byte| matches!(byte, b'0' | b':'));
        self.ssid.as_deref().filter(|ssid| !ssid.is_empty() && !self.bssid.as_deref().is_some_and(zeros))
    }

    pub fn signal(&self) -> Option<i32> {
        self.signal
    }
}

#[derive(Debug, Deserialize)]
struct Dump {
    interface: Vec<Interface>,
}

/// A logical interface, as netifd knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Interface {
    interface: String,
    pub up: bool,
    /// Seconds since it came up.
    pub uptime: Option<u64>,
    l3_device: Option<String>,
    device: Option<String>,
    metric: i64,
    #[serde(rename = "ipv4-address")]
    addresses: Vec<Address>,
    route: Vec<Route>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Address {
    address: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Route {
    target: String,
    mask: u32,
}

impl Interface {
    pub fn address(&self) -> Option<&str> {
        self.addresses.first().map(|address| address.address.as_str())
    }

    pub fn device(&self) -> Option<&str> {
        self.l3_device.as_deref().or(self.device.as_deref())
    }

    fn leads_out(&self) -> bool {
        let all = |route: &Route| route.mask == 0 && matches!(route.target.as_str(), "0.0.0.0" | "::");
        self.up && self.route.iter().any(all)
    }

    /// Without its Wi-Fi network.
    pub fn uplink(&self) -> Uplink {
        let address = self.address().filter(|_| self.up).map(str::to_owned);
        Uplink { up: self.up, interface: self.interface.clone(), address, ssid: None, signal: None }
    }
}

/// `network.interface dump`.
///
/// # Errors
/// When the command printed something else.
pub fn interfaces(text: &str) -> Result<Vec<Interface>, UbusError> {
    let dump: Dump = json(text)?;
    Ok(dump.interface)
}

/// The one of this name.
pub fn named<'a>(interfaces: &'a [Interface], name: &str) -> Option<&'a Interface> {
    interfaces.iter().find(|interface| interface.interface == name)
}

/// The way to the world: what has a route there; or else what could have one.
pub fn way_out(interfaces: &[Interface]) -> Option<&Interface> {
    let out = interfaces.iter().filter(|interface| interface.leads_out());
    // With both, it is IPv4 whose absence people notice.
    let best = out.min_by_key(|interface| (interface.address().is_none(), interface.metric));
    let could =
        |up| ["wan", "wwan"].iter().filter_map(|name| named(interfaces, name)).find(move |one| one.up == up);
    best.or_else(|| could(true)).or_else(|| could(false))
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, UbusError> {
    if text.trim().is_empty() {
        return Err(UbusError::Nothing);
    }
    serde_json::from_str(text)
        .map_err(|_| UbusError::Other(text.chars().filter(|c| !c.is_control()).take(QUOTED).collect()))
}

#[cfg(test)]
#[path = "ubus_tests.rs"]
mod tests;
