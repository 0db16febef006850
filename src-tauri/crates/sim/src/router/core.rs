//! The router's inside, pure: configuration, uplinks and what its commands answer. Time is wall time, counted from the
//! board's start; only what the router waits for is divided by the board's speed.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::shell::{self, Ran};
use super::uci::{Package, Path, Refusal, Uci, Value, section};
use super::wifi::{RADIO, Security, WWAN, Wifi, WifiSim};
use crate::pace::Pace;

/// A scan goes through all channels. In seconds at speed 1.
const SCAN_S: f64 = 2.0;
/// Longest `sleep`; a remote command that waits longer has a mistake in it.
const LONGEST_SLEEP: f64 = 60.0;

#[derive(Debug, Clone)]
pub(super) struct Core {
    pub(super) uci: Uci,
    pub(super) wifi: Wifi,
    /// The cable towards the world has a far end.
    pub(super) wan: bool,
    pace: Pace,
    /// When it got its supply.
    pub(super) started: Duration,
}

/// What a line printed, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) ran: Ran,
    pub(super) took: Duration,
}

impl Core {
    /// `joined` is the network that it knows from before.
    pub(super) fn new(networks: Vec<WifiSim>, joined: Option<&str>, pace: Pace) -> Core {
        let known = joined.and_then(|ssid| networks.iter().find(|network| network.ssid == ssid));
        let uci = Uci::with(vec![("network", network()), ("wireless", wireless(known))]);
        let mut core =
            Core { uci, wifi: Wifi::new(networks, pace), wan: true, pace, started: Duration::ZERO };
        core.wifi.apply(&core.uci, true, Duration::ZERO);
        core
    }

    /// The supply is cut for a moment: what was staged is lost, and the radio starts anew.
    pub(super) fn reboot(&mut self, now: Duration) {
        self.started = now;
        self.uci.reboot();
        self.wifi.down();
        self.wifi.interface(true, now);
        self.wifi.apply(&self.uci, true, now);
    }

    /// Runs a line of the shell.
    pub(super) fn exec(&mut self, line: &str, now: Duration) -> Done {
        let mut took = Duration::ZERO;
        let ran = shell::run(line, |words| {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.command(&words, now, &mut took)
        });
        Done { ran, took }
    }

    fn command(&mut self, words: &[&str], began: Duration, took: &mut Duration) -> Ran {
        let now = began + *took;
        match words {
            ["true" | ":" | "sync" | "logger", ..] | ["reload_config"] => Ran::default(),
            ["false", ..] => Ran::failed(1, ""),
            ["echo", "-n", rest @ ..] => Ran::said(rest.join(" ")),
            ["echo", rest @ ..] => Ran::said(rest.join(" ") + "\n"),
            ["sleep", time] => match time.parse::<f64>() {
                Ok(seconds) if (0.0..=LONGEST_SLEEP).contains(&seconds) => {
                    *took += self.pace.delay(seconds);
                    Ran::default()
                }
                _ => Ran::failed(1, format!("sleep: invalid number '{time}'\n")),
            },
            ["cat", "/proc/uptime"] => {
                let uptime = now.saturating_sub(self.started).as_secs_f64();
                Ran::said(format!("{uptime:.2} {:.2}\n", uptime * 3.7))
            }
            ["cat", file, ..] => {
                Ran::failed(1, format!("cat: can't open '{file}': No such file or directory\n"))
            }
            ["uci", rest @ ..] => self.uci(rest),
            ["wifi"] | ["wifi", "up"] | ["wifi", "up", RADIO] => self.radio(true, now),
            ["wifi", "reload"] | ["wifi", "reload", RADIO] => self.radio(false, now),
            ["wifi", "down"] | ["wifi", "down", RADIO] => {
                self.wifi.down();
                Ran::default()
            }
            ["/etc/init.d/network", "reload" | "restart"] | ["service", "network", "reload" | "restart"] => {
                self.radio(words.last() == Some(&"restart"), now)
            }
            ["ifup", name] => self.interface(name, true, now),
            ["ifdown", name] => self.interface(name, false, now),
            ["ifstatus", name] => {
                self.ubus_call(&format!("network.interface.{name}"), "status", "{}", now, took)
            }
            ["ubus", "list"] => Ran::said(UBUS_OBJECTS.join("\n") + "\n"),
            ["ubus", "call", object, method] => self.ubus_call(object, method, "{}", now, took),
            ["ubus", "call", object, method, message] => self.ubus_call(object, method, message, now, took),
            ["ubus", ..] => Ran::failed(255, "Usage: ubus [<options>] <command> [arguments...]\n"),
            [name, ..] => Ran::failed(127, format!("sh: {name}: not found\n")),
            [] => Ran::default(),
        }
    }

    /// Services read what is committed.
    pub(super) fn radio(&mut self, restart: bool, now: Duration) -> Ran {
        self.wifi.apply(&self.uci, restart, now);
        Ran::default()
    }

    fn interface(&mut self, name: &str, up: bool, now: Duration) -> Ran {
        if !self.uci.committed("network").iter().any(|known| known.name == name) {
            return Ran::failed(1, format!("Interface {name} not found\n"));
        }
        if name == WWAN {
            self.wifi.interface(up, now);
        }
        Ran::default()
    }

    fn uci(&mut self, words: &[&str]) -> Ran {
        let (quiet, words) = match words {
            ["-q", rest @ ..] => (true, rest),
            _ => (false, words),
        };
        let answer = match words {
            ["get", path] => {
                Path::parse(path).and_then(|path| self.uci.get(&path)).map(|value| value.text() + "\n")
            }
            ["show"] => {
                let packages: Vec<String> = self.uci.packages().map(str::to_owned).collect();
                packages.iter().map(|package| self.show(package)).collect()
            }
            ["show", path] => self.show(path),
            ["changes"] => Ok(lines(self.uci.changes(None))),
            ["changes", package] => Ok(lines(self.uci.changes(Some(package)))),
            ["commit"] => self.uci.commit(None).map(|()| String::new()),
            ["commit", package] => self.uci.commit(Some(package)).map(|()| String::new()),
            ["revert", path] => self.with(path, |uci, path| uci.revert(path)),
            ["delete" | "del", path] => self.with(path, |uci, path| uci.delete(path)),
            ["add", package, kind] => self.uci.add(package, kind).map(|name| name + "\n"),
            ["set", words] | ["add_list", words] if !words.contains('=') => Err(Refusal::Invalid),
            ["set", assignment] => {
                self.assign(assignment, |uci, path, value| uci.set(path, Value::One(value)))
            }
            ["add_list", assignment] => self.assign(assignment, Uci::add_to_list),
            _ => return Ran::failed(255, "Usage: uci [<options>] <command> [<arguments>]\n"),
        };
        match answer {
            Ok(out) => Ran::said(out),
            Err(_) if quiet => Ran::failed(1, ""),
            Err(refusal) => Ran::failed(1, format!("uci: {}\n", refusal.words())),
        }
    }

    fn show(&self, path: &str) -> Result<String, Refusal> {
        Ok(lines(self.uci.show(&Path::parse(path)?)?))
    }

    fn with(
        &mut self,
        path: &str,
        change: impl FnOnce(&mut Uci, &Path) -> Result<(), Refusal>,
    ) -> Result<String, Refusal> {
        change(&mut self.uci, &Path::parse(path)?).map(|()| String::new())
    }

    fn assign(
        &mut self,
        assignment: &str,
        change: impl FnOnce(&mut Uci, &Path, String) -> Result<(), Refusal>,
    ) -> Result<String, Refusal> {
        let (path, value) = assignment.split_once('=').ok_or(Refusal::Invalid)?;
        self.with(path, |uci, path| change(uci, path, value.to_owned()))
    }

    fn ubus_call(
        &mut self,
        object: &str,
        method: &str,
        message: &str,
        now: Duration,
        took: &mut Duration,
    ) -> Ran {
        let Ok(Json::Object(message)) = serde_json::from_str(message) else {
            return Ran::failed(255, "Failed to parse message data\n");
        };
        let text = |key: &str| message.get(key).and_then(Json::as_str);
        let answer = match (object, method) {
            ("iwinfo", "devices") => {
                Some(json!({ "devices": self.wifi.device().into_iter().collect::<Vec<_>>() }))
            }
            ("iwinfo", "scan" | "info") => match text("device") {
                None => return refused(2, "Invalid argument"),
                Some(device) if !self.wifi.knows(device) => None,
                Some(_) if method == "info" => Some(self.wifi.info(now)),
                Some(_) => {
                    *took += self.pace.delay(SCAN_S);
                    let heard: Vec<Json> = self.wifi.networks.iter().map(WifiSim::heard).collect();
                    Some(json!({ "results": heard }))
                }
            },
            ("network.interface", "dump") => {
                let interfaces: Vec<Json> =
                    INTERFACES.iter().filter_map(|name| self.status(name, true, now)).collect();
                Some(json!({ "interface": interfaces }))
            }
            ("network.interface", "status") => {
                text("interface").and_then(|name| self.status(name, false, now))
            }
            ("network", "reload" | "restart") => return self.radio(method == "restart", now),
            ("system", "info") => {
                let uptime = now.saturating_sub(self.started).as_secs();
                Some(
                    json!({ "uptime": uptime, "load": [2048, 3072, 1024], "memory": { "total": 1_023_410_176 } }),
                )
            }
            ("system", "board") => Some(json!({
                "kernel": "6.6.86",
                "hostname": "wally",
                "model": "FriendlyElec NanoPi R3S (simulated)",
                "release": { "distribution": "OpenWrt", "version": "24.10.1" },
            })),
            _ => {
                let name = object.strip_prefix("network.interface.").unwrap_or_default();
                let known = self.status(name, false, now);
                match method {
                    "status" => known,
                    "up" | "down" if known.is_some() => return self.interface(name, method == "up", now),
                    _ if known.is_some() => return refused(3, "Method not found"),
                    _ => None,
                }
            }
        };
        match answer {
            Some(answer) => Ran::said(pretty(&answer)),
            None => refused(4, "Not found"),
        }
    }

    /// An interface's state, as netifd tells it.
    fn status(&self, name: &str, named: bool, now: Duration) -> Option<Json> {
        let (device, address, since) = match name {
            "loopback" => ("lo", "127.0.0.1", Some(self.started)),
            "lan" => ("eth1", "192.168.122.1", Some(self.started)),
            // Addresses for documentation (RFC 5737): nothing is ever sent there.
            "wan" => ("eth0", "198.51.100.23", self.wan.then_some(self.started)),
            WWAN => ("wifi0", "203.0.113.44", self.wifi.address_since(&self.uci, now)),
            _ => return None,
        };
        if name == WWAN && !self.uci.committed("network").iter().any(|known| known.name == WWAN) {
            return None;
        }
        let proto = if matches!(name, "wan" | WWAN) { "dhcp" } else { "static" };
        let mut status = serde_json::Map::new();
        if named {
            status.insert("interface".into(), json!(name));
        }
        let mut put = |key: &str, value: Json| status.insert(key.into(), value);
        put("up", json!(since.is_some()));
        put("pending", json!(since.is_none()));
        put("available", json!(true));
        put("autostart", json!(true));
        put("dynamic", json!(false));
        if let Some(since) = since {
            put("uptime", json!(now.saturating_sub(since).as_secs()));
            put("l3_device", json!(device));
        }
        put("proto", json!(proto));
        put("device", json!(device));
        if since.is_some() {
            put("metric", json!(0));
            put("ipv4-address", json!([{ "address": address, "mask": 24 }]));
            put("ipv6-address", json!([]));
            let gateway = address.rsplit_once('.').map(|(net, _)| format!("{net}.1"));
            let route = json!([{ "target": "0.0.0.0", "mask": 0, "nexthop": gateway, "source": address }]);
            put("route", if proto == "dhcp" { route } else { json!([]) });
            put("dns-server", json!([]));
        }
        put("data", json!({}));
        Some(Json::Object(status))
    }
}

const INTERFACES: [&str; 4] = ["lan", "loopback", "wan", WWAN];
const UBUS_OBJECTS: [&str; 8] = [
    "iwinfo",
    "network",
    "network.interface",
    "network.interface.lan",
    "network.interface.loopback",
    "network.interface.wan",
    "network.interface.wwan",
    "system",
];

fn refused(code: i32, words: &str) -> Ran {
    Ran::failed(code, format!("Command failed: {words}\n"))
}

fn lines(lines: Vec<String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}

/// As ubus prints it, with tabs.
fn pretty(value: &Json) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    // Writing into memory cannot fail, and a value has no keys that are no text.
    let _ = serde::Serialize::serialize(value, &mut serializer);
    out.push(b'\n');
    String::from_utf8_lossy(&out).into_owned()
}

fn network() -> Package {
    vec![
        section("loopback", "interface", &[("device", "lo"), ("proto", "static"), ("ipaddr", "127.0.0.1")]),
        section("lan", "interface", &[("device", "eth1"), ("proto", "static"), ("ipaddr", "192.168.122.1")]),
        section("wan", "interface", &[("device", "eth0"), ("proto", "dhcp")]),
        section(WWAN, "interface", &[("proto", "dhcp"), ("device", "wifi0")]),
    ]
}

fn wireless(known: Option<&WifiSim>) -> Package {
    let encryption = match known.map(|network| network.security) {
        Some(Security::Open) => "none",
        Some(Security::Wpa3) => "sae",
        Some(Security::Wpa2) | None => "psk2",
    };
    let (ssid, key) =
        known.map_or(("none-yet", "none-yet"), |network| (network.ssid.as_str(), network.key.as_str()));
    let radio =
        [("type", "mac80211"), ("channel", "auto"), ("band", "5g"), ("country", "US"), ("cell_density", "1")];
    let station = [
        ("device", RADIO),
        ("mode", "sta"),
        ("network", WWAN),
        ("ifname", "wifi0"),
        ("encryption", encryption),
        ("ssid", ssid),
        ("key", key),
    ];
    vec![section(RADIO, "wifi-device", &radio), section("wifi0", "wifi-iface", &station)]
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
