//! A router to test against: its login, a shell that knows a dozen commands, settings that count when they are committed,
//! and a radio. Written from what OpenWrt does, knowing nothing of the driver's code.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::fake::{Fake, Heard, Kept, answer, json as ok};

/// A network around the router.
#[derive(Debug, Clone)]
pub(super) struct Air {
    pub ssid: String,
    pub key: Option<String>,
    /// As `iwinfo` tells it.
    pub authentication: &'static str,
    pub channel: u32,
    /// Whoever joins gets an address.
    pub dhcp: bool,
}

#[derive(Debug, Default)]
pub(super) struct Router {
    pub password: String,
    pub session: Option<String>,
    pub logins: u64,
    /// Takes the session only as a parameter of the address.
    pub wants_parameter: bool,
    /// Settings as they are stored, and as they were changed since.
    pub stored: BTreeMap<String, String>,
    pub staged: BTreeMap<String, String>,
    /// Its memory is full: nothing is stored.
    pub full: bool,
    pub air: Vec<Air>,
    /// Hears nothing, as with a hidden network.
    pub deaf: bool,
    /// The network that the radio is connected to, and for how many seconds.
    pub connected: Option<(String, u64)>,
    pub radio_up: bool,
    /// Hangs up so many times from the next restart on.
    pub away: u32,
    pub hang_ups: u32,
    /// Says this to every command that sets something.
    pub complains: Option<&'static str>,
    pub commands: Vec<String>,
}

pub(super) type Shared = Arc<Mutex<Router>>;

pub(super) const SSID: &str = "it's $HOME \"5\"";
pub(super) const KEY: &str = "pa'ss $(x) \"w\"";

impl Router {
    /// Connected to `old` in 5 GHz, with [`SSID`] in 2.4 GHz and some others around.
    pub(super) fn new() -> Shared {
        let air = |ssid: &str, key: Option<&str>, authentication, channel, dhcp| Air {
            ssid: ssid.into(),
            key: key.map(str::to_owned),
            authentication,
            channel,
            dhcp,
        };
        let stored = [
            ("network.wwan", "interface"),
            ("network.wwan.proto", "dhcp"),
            ("network.wwan.device", "wifi0"),
            ("wireless.radio0", "wifi-device"),
            ("wireless.radio0.band", "5g"),
            ("wireless.wifi0", "wifi-iface"),
            ("wireless.wifi0.device", "radio0"),
            ("wireless.wifi0.mode", "sta"),
            ("wireless.wifi0.network", "wwan"),
            ("wireless.wifi0.ifname", "wifi0"),
            ("wireless.wifi0.ssid", "old"),
            ("wireless.wifi0.encryption", "sae"),
            ("wireless.wifi0.key", "the old key"),
        ];
        let stored: BTreeMap<_, _> = stored.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Arc::new(Mutex::new(Self {
            password: "hunter2".into(),
            staged: stored.clone(),
            stored,
            air: vec![
                air("old", Some("the old key"), "sae", 36, true),
                air(SSID, Some(KEY), "psk", 6, true),
                air("open", None, "", 40, true),
                air("mute", None, "", 44, false),
                air("firm", None, "802.1x", 48, true),
            ],
            connected: Some(("old".into(), 9000)),
            radio_up: true,
            ..Self::default()
        }))
    }

    pub(super) async fn serve(router: &Shared) -> Fake {
        let router = Arc::clone(router);
        Fake::start(move |heard| router.lock().unwrap().obey(heard)).await
    }

    fn obey(&mut self, heard: &Heard) -> String {
        if self.hang_ups > 0 {
            self.hang_ups -= 1;
            return String::new();
        }
        let body: Value = serde_json::from_str(&heard.body).unwrap();
        assert_eq!(body["jsonrpc"], "2.0");
        let reply =
            |result: Value| ok(&json!({"id": body["id"], "result": result, "error": null}).to_string());
        let (path, query) = heard.line.split_once('?').unwrap_or((&heard.line, ""));
        if path == "POST /cgi-bin/luci/rpc/auth" {
            assert_eq!(body["method"], "login");
            if body["params"] != json!(["root", self.password]) {
                return reply(Value::Null);
            }
            self.logins += 1;
            self.session = Some(format!("{:032x}", self.logins));
            return reply(json!(self.session));
        }
        assert_eq!((path, &body["method"]), ("POST /cgi-bin/luci/rpc/sys", &json!("exec")));
        let Some(session) = &self.session else { return answer("403 Forbidden", &[], "") };
        let cookie = heard.header("cookie").unwrap_or_default();
        let known = if self.wants_parameter {
            query == format!("auth={session}")
        } else {
            cookie.split("; ").any(|one| one == format!("sysauth={session}"))
        };
        if !known {
            return answer("403 Forbidden", &[], "");
        }
        let command = body["params"][0].as_str().unwrap().to_owned();
        self.commands.push(command.clone());
        if let Some(words) = self.complains.filter(|_| command.starts_with("uci set")) {
            let error = json!({"message": format!("{words}: {command}")});
            return ok(&json!({"id": body["id"], "result": null, "error": error}).to_string());
        }
        reply(json!(self.run(&words(&command))))
    }

    fn run(&mut self, words: &[String]) -> String {
        let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "-q").collect();
        match words[..] {
            ["uci", "get", path] => {
                self.staged.get(path).map(|value| format!("{value}\n")).unwrap_or_default()
            }
            ["uci", "set", setting] => {
                let (path, value) = setting.split_once('=').unwrap();
                self.staged.insert(path.to_owned(), value.to_owned());
                String::new()
            }
            ["uci", "delete", path] => {
                self.staged.retain(|key, _| key != path && !key.starts_with(&format!("{path}.")));
                String::new()
            }
            ["uci", "commit", config] => {
                if self.full {
                    self.staged = self.stored.clone();
                }
                let of = |key: &str| key.split('.').next() == Some(config);
                self.stored.retain(|key, _| !of(key));
                self.stored.extend(
                    self.staged.iter().filter(|(key, _)| of(key)).map(|(k, v)| (k.clone(), v.clone())),
                );
                String::new()
            }
            ["wifi", "down", "radio0"] => {
                (self.radio_up, self.connected) = (false, None);
                self.hang_ups = std::mem::take(&mut self.away);
                String::new()
            }
            ["wifi", "up", "radio0"] => {
                self.radio_up = true;
                self.connected = self.connects().map(|ssid| (ssid, 0));
                String::new()
            }
            ["ubus", "call", "network", "reload"] => String::new(),
            ["ubus", "call", "iwinfo", "scan", r#"{"device":"radio0"}"#] => self.scan(),
            ["ubus", "call", "iwinfo", "info", r#"{"device":"wifi0"}"#] => match &self.connected {
                Some((ssid, _)) => {
                    json!({"ssid": ssid, "bssid": "02:00:00:00:00:01", "signal": -50}).to_string()
                }
                None => json!({"ssid": self.stored.get("wireless.wifi0.ssid"), "bssid": "00:00:00:00:00:00"})
                    .to_string(),
            },
            ["ubus", "call", "network.interface", "dump"] => self.dump(),
            _ => panic!("the router's shell does not know {words:?}"),
        }
    }

    fn stored(&self, path: &str) -> Option<&str> {
        self.stored.get(path).map(String::as_str)
    }

    /// What the radio finds with the settings that are stored.
    fn connects(&self) -> Option<String> {
        let air =
            self.air.iter().find(|air| Some(air.ssid.as_str()) == self.stored("wireless.wifi0.ssid"))?;
        let band = if air.channel < 15 { "2g" } else { "5g" };
        let kind = match air.authentication {
            "" => "none",
            "psk" => "psk2",
            other => other,
        };
        let fits = self.stored("wireless.radio0.band") == Some(band)
            && self.stored("wireless.wifi0.encryption") == Some(kind)
            && self.stored("wireless.wifi0.key") == air.key.as_deref()
            && self.stored("wireless.wifi0.mode") == Some("sta")
            && self.stored("wireless.wifi0.network") == Some("wwan")
            && self.stored("network.wwan") == Some("interface")
            && self.stored("wireless.radio0.disabled").is_none();
        fits.then(|| air.ssid.clone())
    }

    fn scan(&self) -> String {
        let heard = self.air.iter().filter(|_| !self.deaf).map(|air| {
            let encryption = match air.authentication {
                "" => json!({"enabled": false}),
                kind => json!({"enabled": true, "wpa": [2], "authentication": [kind]}),
            };
            json!({"ssid": air.ssid, "bssid": "02:00:00:00:00:09", "channel": air.channel, "signal": -60, "encryption": encryption})
        });
        json!({"results": heard.collect::<Vec<_>>()}).to_string()
    }

    fn dump(&self) -> String {
        let dhcp = |ssid: &str| self.air.iter().any(|air| air.ssid == ssid && air.dhcp);
        let wwan = match self.connected.as_ref().filter(|(ssid, _)| dhcp(ssid)) {
            Some((_, uptime)) => json!({
                "interface": "wwan", "up": true, "uptime": uptime, "l3_device": "wifi0",
                "ipv4-address": [{"address": "10.1.2.3", "mask": 24}], "route": [{"target": "0.0.0.0", "mask": 0}],
            }),
            None => json!({"interface": "wwan", "up": false}),
        };
        json!({"interface": [{"interface": "lan", "up": true}, wwan]}).to_string()
    }
}

/// A shell's words: single quotes, and backslashes outside of them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '\\' if !quoted => word.get_or_insert_default().extend(characters.next()),
            _ => {
                assert!(quoted || !"$`;&|<>()\"*?\n".contains(c), "a character with a meaning: {line}");
                word.get_or_insert_default().push(c);
            }
        }
    }
    assert!(!quoted, "an open quote: {line}");
    words.extend(word);
    words
}

/// The driver in front of it.
pub(super) fn luci(url: String, metrics: Option<String>) -> super::Luci {
    super::Luci::new(super::LuciConfig {
        url,
        user: "root".into(),
        password: lab::secret::Secret::new("hunter2"),
        pin: crate::tls::Pin::First(Arc::new(Kept::default())),
        metrics,
        devices: lab::gear::RouterDevices { wan: "eth0".into(), lan: "eth1".into() },
        radio: "radio0".into(),
        wifi: "wifi0".into(),
    })
    .unwrap()
}
