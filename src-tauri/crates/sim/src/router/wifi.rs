//! The Wi-Fi uplink: which networks are in the air, which one the committed configuration asks for, and how far joining
//! it has come. Pure; time is wall time, counted from the board's start: what the router says of its age is compared with
//! other clocks.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::uci::{Section, Uci};
use crate::pace::Pace;

/// From a start of the radio to the association, and from there to an address, in seconds at speed 1.
const ASSOCIATE_S: f64 = 3.0;
const ADDRESS_S: f64 = 2.0;

/// How a network is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Open,
    Wpa2,
    Wpa3,
}

/// A network in the air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WifiSim {
    /// What it is called by who knows it.
    pub ssid: String,
    /// It does not say its name; one who knows it can join all the same.
    pub hidden: bool,
    pub bssid: String,
    /// dBm.
    pub signal: i32,
    pub channel: u32,
    pub security: Security,
    /// What opens it; not looked at on an open one.
    pub key: String,
}

impl WifiSim {
    fn quality(&self) -> i32 {
        (self.signal + 110).clamp(0, 70)
    }

    fn megahertz(&self) -> u32 {
        match self.channel {
            14 => 2484,
            channel @ 1..=13 => 2407 + 5 * channel,
            channel => 5000 + 5 * channel,
        }
    }

    fn encryption(&self) -> Json {
        match self.security {
            Security::Open => json!({ "enabled": false }),
            Security::Wpa2 => {
                json!({ "enabled": true, "wpa": [2], "authentication": ["psk"], "ciphers": ["ccmp"] })
            }
            Security::Wpa3 => {
                json!({ "enabled": true, "wpa": [3], "authentication": ["sae"], "ciphers": ["ccmp"] })
            }
        }
    }

    /// One entry of a scan.
    pub(super) fn heard(&self) -> Json {
        let mut entry = serde_json::Map::new();
        if !self.hidden {
            entry.insert("ssid".into(), json!(self.ssid));
        }
        entry.insert("bssid".into(), json!(self.bssid));
        entry.insert("mode".into(), json!("Master"));
        entry.insert("band".into(), json!(if self.channel > 14 { 5 } else { 2 }));
        entry.insert("channel".into(), json!(self.channel));
        entry.insert("mhz".into(), json!(self.megahertz()));
        entry.insert("signal".into(), json!(self.signal));
        entry.insert("quality".into(), json!(self.quality()));
        entry.insert("quality_max".into(), json!(70));
        entry.insert(
            "ht_operation".into(),
            json!({ "primary_channel": self.channel, "secondary_channel_offset": "above", "channel_width": 2040 }),
        );
        if self.channel > 14 {
            entry.insert(
                "vht_operation".into(),
                json!({ "channel_width": 80, "center_freq_1": self.channel + 6, "center_freq_2": 0 }),
            );
        }
        entry.insert("encryption".into(), self.encryption());
        Json::Object(entry)
    }
}

/// What the configuration asks of the radio.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    interface: String,
    network: String,
    ssid: String,
    bssid: Option<String>,
    key: String,
    encryption: String,
}

#[derive(Debug, Clone)]
struct Station {
    wish: Wish,
    /// When the radio began with it.
    since: Duration,
}

/// The radio and the interface behind it.
#[derive(Debug, Clone)]
pub(super) struct Wifi {
    pub(super) networks: Vec<WifiSim>,
    pace: Pace,
    station: Option<Station>,
    /// Switched off until it is switched on: a reload changes nothing about that.
    held_down: bool,
    /// The interface asks for an address not before then; nothing while it is down.
    asks: Option<Duration>,
}

/// The section of the radio that the scan and the uplink use.
pub(super) const RADIO: &str = "radio0";
/// The logical interface of the uplink.
pub(super) const WWAN: &str = "wwan";

fn is_off(section: &Section) -> bool {
    section.text("disabled").is_some_and(|text| text == "1")
}

fn wish(uci: &Uci) -> Option<Wish> {
    let sections = uci.committed("wireless");
    let radio = sections.iter().find(|section| section.kind == "wifi-device" && section.name == RADIO)?;
    let station = sections.iter().find(|section| {
        section.kind == "wifi-iface"
            && section.text("device").as_deref() == Some(RADIO)
            && section.text("mode").as_deref() == Some("sta")
            && !is_off(section)
    })?;
    (!is_off(radio)).then(|| Wish {
        interface: station.text("ifname").unwrap_or_else(|| "phy0-sta0".into()),
        network: station.text("network").unwrap_or_default(),
        ssid: station.text("ssid").unwrap_or_default(),
        bssid: station.text("bssid").map(|text| text.to_ascii_lowercase()),
        key: station.text("key").unwrap_or_default(),
        encryption: station.text("encryption").unwrap_or_else(|| "none".into()),
    })
}

impl Wish {
    fn opens(&self, network: &WifiSim) -> bool {
        let named = self.ssid == network.ssid
            && self.bssid.as_ref().is_none_or(|bssid| *bssid == network.bssid.to_ascii_lowercase());
        // As in psk2+ccmp.
        let method = self.encryption.split('+').next().unwrap_or_default();
        let secured = match network.security {
            Security::Open => method == "none",
            Security::Wpa2 => matches!(method, "psk2" | "psk-mixed" | "sae-mixed"),
            Security::Wpa3 => matches!(method, "sae" | "sae-mixed"),
        };
        named && secured && (network.security == Security::Open || self.key == network.key)
    }
}

impl Wifi {
    pub(super) fn new(networks: Vec<WifiSim>, pace: Pace) -> Wifi {
        Wifi { networks, pace, station: None, held_down: false, asks: Some(Duration::ZERO) }
    }

    /// `wifi reload` starts what changed, `wifi up` everything.
    pub(super) fn apply(&mut self, uci: &Uci, restart: bool, now: Duration) {
        self.held_down &= !restart;
        let wish = wish(uci).filter(|_| !self.held_down);
        if !restart && self.station.as_ref().map(|station| &station.wish) == wish.as_ref() {
            return;
        }
        self.station = wish.map(|wish| Station { wish, since: now });
    }

    pub(super) fn down(&mut self) {
        (self.station, self.held_down) = (None, true);
    }

    /// `ifup` asks for an address anew, `ifdown` gives it back.
    pub(super) fn interface(&mut self, up: bool, now: Duration) {
        self.asks = up.then_some(now);
    }

    /// The network that the radio has joined.
    pub(super) fn associated(&self, now: Duration) -> Option<&WifiSim> {
        let station =
            self.station.as_ref().filter(|station| station.since + self.pace.delay(ASSOCIATE_S) <= now)?;
        self.networks.iter().find(|network| station.wish.opens(network))
    }

    /// Since when the uplink has an address.
    pub(super) fn address_since(&self, uci: &Uci, now: Duration) -> Option<Duration> {
        self.associated(now)?;
        let station = self.station.as_ref()?;
        let network = uci.committed("network").iter().find(|section| section.name == WWAN)?;
        let asks = self.asks?;
        if station.wish.network != WWAN || network.text("proto").as_deref() != Some("dhcp") {
            return None;
        }
        let associated = station.since + self.pace.delay(ASSOCIATE_S);
        Some(associated.max(asks) + self.pace.delay(ADDRESS_S)).filter(|since| *since <= now)
    }

    /// The device that carries the uplink, while the radio runs.
    pub(super) fn device(&self) -> Option<&str> {
        self.station.as_ref().map(|station| station.wish.interface.as_str())
    }

    /// Whether `name` is one of ours, in the words of `iwinfo`.
    pub(super) fn knows(&self, name: &str) -> bool {
        name == RADIO || self.device() == Some(name)
    }

    /// `ubus call iwinfo info`
    pub(super) fn info(&self, now: Duration) -> Json {
        let mut info = json!({ "phy": "phy0", "country": "US", "mode": "Client" });
        if let Some(network) = self.associated(now) {
            let more = json!({
                "ssid": network.ssid,
                "bssid": network.bssid,
                "channel": network.channel,
                "frequency": network.megahertz(),
                "frequency_offset": 0,
                "txpower": 20,
                "quality": network.quality(),
                "quality_max": 70,
                "signal": network.signal,
                "noise": -95,
                "bitrate": 433_300,
                "encryption": network.encryption(),
            });
            if let (Some(info), Json::Object(more)) = (info.as_object_mut(), more) {
                info.extend(more);
            }
        }
        info
    }
}

#[cfg(test)]
mod tests {
    use super::super::uci::{Path, Value, section};
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn network(ssid: &str, security: Security) -> WifiSim {
        WifiSim {
            ssid: ssid.into(),
            hidden: false,
            bssid: "02:AA:00:00:00:01".into(),
            signal: -50,
            channel: 36,
            security,
            key: "right key".into(),
        }
    }

    fn configured(options: &[(&str, &str)]) -> Uci {
        let mut all = vec![("device", "radio0"), ("mode", "sta"), ("network", "wwan"), ("ifname", "wifi0")];
        all.extend(options);
        Uci::with(vec![
            ("wireless", vec![section("radio0", "wifi-device", &[]), section("wifi0", "wifi-iface", &all)]),
            ("network", vec![section("wwan", "interface", &[("proto", "dhcp")])]),
        ])
    }

    #[test]
    fn only_the_right_key_in_the_right_way_joins() {
        let networks = vec![
            network("open", Security::Open),
            network("home", Security::Wpa2),
            network("new", Security::Wpa3),
        ];
        type Row = (&'static [(&'static str, &'static str)], Option<&'static str>);
        let table: [Row; 10] = [
            (&[("ssid", "home"), ("encryption", "psk2"), ("key", "right key")], Some("home")),
            (&[("ssid", "home"), ("encryption", "psk2+ccmp"), ("key", "right key")], Some("home")),
            (&[("ssid", "home"), ("encryption", "psk2"), ("key", "wrong key")], None),
            (&[("ssid", "home"), ("encryption", "none")], None),
            (&[("ssid", "open"), ("encryption", "none")], Some("open")),
            (&[("ssid", "open"), ("encryption", "psk2"), ("key", "right key")], None),
            (&[("ssid", "new"), ("encryption", "sae"), ("key", "right key")], Some("new")),
            (&[("ssid", "new"), ("encryption", "psk2"), ("key", "right key")], None),
            (&[("ssid", "gone"), ("encryption", "psk2"), ("key", "right key")], None),
            (&[("ssid", "open"), ("disabled", "1")], None),
        ];
        for (options, joined) in table {
            let uci = configured(options);
            let mut wifi = Wifi::new(networks.clone(), Pace::new(1.0));
            wifi.apply(&uci, false, s(10));
            assert_eq!(wifi.associated(s(12)), None, "it takes a moment");
            assert_eq!(wifi.associated(s(13)).map(|n| n.ssid.as_str()), joined, "{options:?}");
            assert_eq!(wifi.address_since(&uci, s(14)), None);
            assert_eq!(wifi.address_since(&uci, s(600)), joined.map(|_| s(15)), "{options:?}");
        }
    }

    #[test]
    fn a_reload_keeps_what_did_not_change_and_a_restart_does_not() {
        let mut uci = configured(&[("ssid", "open")]);
        let mut wifi = Wifi::new(vec![network("open", Security::Open)], Pace::new(1.0));
        wifi.apply(&uci, false, s(0));
        wifi.apply(&uci, false, s(100));
        assert!(wifi.associated(s(100)).is_some());
        wifi.apply(&uci, true, s(100));
        assert!(wifi.associated(s(102)).is_none() && wifi.associated(s(103)).is_some());
        wifi.interface(true, s(200));
        assert_eq!(
            (wifi.address_since(&uci, s(201)), wifi.address_since(&uci, s(202))),
            (None, Some(s(202)))
        );
        wifi.interface(false, s(300));
        assert_eq!(wifi.address_since(&uci, s(900)), None);
        let ssid = Path::parse("wireless.wifi0.ssid").unwrap();
        uci.set(&ssid, Value::One("other".into())).unwrap();
        wifi.apply(&uci, false, s(901));
        assert!(wifi.associated(s(901)).is_some(), "nothing was committed");
        uci.commit(None).unwrap();
        wifi.apply(&uci, false, s(902));
        assert!(wifi.associated(s(999)).is_none());
        uci.set(&ssid, Value::One("open".into())).unwrap();
        uci.commit(None).unwrap();
        wifi.down();
        wifi.apply(&uci, false, s(1000));
        assert!(wifi.associated(s(1100)).is_none(), "switched off is off");
        wifi.apply(&uci, true, s(1100));
        assert!(wifi.associated(s(1103)).is_some());
    }

    #[test]
    fn a_hidden_network_is_heard_without_its_name() {
        let hidden = WifiSim { hidden: true, ..network("secret", Security::Wpa2) };
        let heard = hidden.heard();
        assert!(heard.get("ssid").is_none());
        assert_eq!(
            (&heard["signal"], &heard["mhz"], &heard["quality"]),
            (&json!(-50), &json!(5180), &json!(60))
        );
        assert_eq!(network("x", Security::Open).heard()["encryption"], json!({ "enabled": false }));
    }
}
