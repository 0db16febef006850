//! What `check-config` says of each control that cannot work, and that building one calls nobody.

use lab::ports::Nature;
use serde_json::{Value, json};

use super::*;
use crate::fake::Kept;

pub(super) fn machine() -> ControlFor {
    let mac = "52:da:00:89:d8:10".parse().unwrap();
    ControlFor { name: "node4".into(), mac, broadcast: [127, 255, 255, 255].into() }
}

/// As the board file has it; there is one secret, `plug`.
pub(super) fn control(gear: Value) -> Result<Arc<dyn Control>, BadGear> {
    let gear: PowerGear = serde_json::from_value(gear).unwrap();
    let trust: Arc<dyn Trust> = Arc::new(Kept::default());
    build(&gear, &machine(), &|name| (name == "plug").then(|| Secret::new("correct horse")), &trust)
}

#[test]
fn each_mistake_in_the_board_file_has_its_words() {
    let url = "http://127.0.0.1:9";
    for (gear, why, remedy) in [
        (
            json!({ "kind": "home-assistant", "url": url, "secret": "plug" }),
            "`name` is missing",
            "switch.node4",
        ),
        (
            json!({ "kind": "home-assistant", "url": url, "name": "node4", "secret": "plug" }),
            "no entity",
            "switch.node4",
        ),
        (
            json!({ "kind": "home-assistant", "url": url, "name": "a.b/../c", "secret": "plug" }),
            "no entity",
            "switch.node4",
        ),
        (
            json!({ "kind": "home-assistant", "url": url, "name": "switch.a" }),
            "`secret` is missing",
            "long-lived",
        ),
        (json!({ "kind": "esphome", "url": url, "name": " " }), "`name` is missing", "Node 4"),
        (json!({ "kind": "tasmota", "url": "10.0.0.7" }), "no address of a device", "http://10.0.0.7"),
        (json!({ "kind": "tasmota", "url": "ssh://10.0.0.7" }), "begins with http://", "http://10.0.0.7"),
        (json!({ "kind": "pikvm", "url": url, "secret": "none" }), "no secret `none`", "secrets file"),
        (
            json!({ "kind": "pikvm", "url": "https://10.0.0.7", "fingerprint": "12:34" }),
            "64 hexadecimal digits",
            "openssl",
        ),
        (
            json!({ "kind": "pikvm", "url": url, "fingerprint": "12:34" }),
            "nothing proves who answers",
            "https://",
        ),
        (json!({ "kind": "command", "on": ["./plug", "on"] }), "is no full path", "/usr/local/bin"),
        (json!({ "kind": "redfish", "url": url, "user": "root" }), "come together", "both"),
        (json!({ "kind": "redfish", "url": url, "secret": "gone" }), "no secret `gone`", "secrets file"),
        (json!({ "kind": "ipmi", "host": "http://10.0.0.5" }), "is no host", "host = \"10.0.0.5\""),
        (json!({ "kind": "ipmi", "host": "" }), "is no host", "host = \"10.0.0.5\""),
        (json!({ "kind": "command", "on": [] }), "names no program", "on = ["),
        (json!({ "kind": "http", "on": { "url": "no" } }), "no address", "http://"),
        (
            json!({ "kind": "http", "on": { "url": url }, "read": { "url": url, "on": "on(", "off": "off" } }),
            "`on = \"on(\"` is no regular expression: unclosed group",
            "correct it",
        ),
        (
            json!({ "kind": "http", "on": { "url": url }, "read": { "url": url, "pointer": "state", "on": "1", "off": "0" } }),
            "`state` is no JSON pointer",
            "/result/leds/power",
        ),
        (
            json!({ "kind": "http", "on": { "url": url }, "secret": "plug" }),
            "not how they are told",
            "auth = \"basic\"",
        ),
        (
            json!({ "kind": "http", "on": { "url": url }, "auth": "digest", "secret": "plug" }),
            "needs user and secret",
            "both",
        ),
        (json!({ "kind": "http", "on": { "url": url }, "auth": "bearer" }), "needs a secret", "token"),
    ] {
        let bad = control(gear.clone()).err().unwrap_or_else(|| panic!("{gear} was taken"));
        assert_eq!(bad.what, "the power control of node4");
        assert!(bad.why.contains(why) && bad.remedy.contains(remedy), "{gear}: {bad:?}");
    }
    let trust: Arc<dyn Trust> = Arc::new(Kept::default());
    let gear = serde_json::from_value(json!({ "kind": "tasmota", "url": url, "secret": "plug" })).unwrap();
    let bad = build(&gear, &machine(), &|_| Some(Secret::new("two\nlines")), &trust).err().unwrap();
    assert!(bad.why.contains("line break") && !format!("{bad:?}").contains("two"), "{bad:?}");
}

/// As the manual has it: what each stands for.
#[test]
fn natures_and_names() {
    let url = "http://127.0.0.1:9";
    let read = json!({ "url": url, "on": "1", "off": "0" });
    for (gear, nature, name) in [
        (json!({ "kind": "wake-on-lan" }), Nature::Wake, "wake-on-lan 127.255.255.255:9"),
        (json!({ "kind": "ipmi", "host": "bmc4" }), Nature::Managed, "ipmi bmc4"),
        (json!({ "kind": "redfish", "url": "https://bmc4" }), Nature::Managed, "redfish bmc4:443"),
        (json!({ "kind": "shelly-gen1", "url": url }), Nature::Supply, "shelly-gen1 127.0.0.1:9"),
        (json!({ "kind": "shelly-gen2", "url": url }), Nature::Supply, "shelly-gen2 127.0.0.1:9"),
        (json!({ "kind": "tasmota", "url": url }), Nature::Supply, "tasmota 127.0.0.1:9"),
        (json!({ "kind": "esphome", "url": url, "name": "Node 4" }), Nature::Supply, "esphome 127.0.0.1:9"),
        (
            json!({ "kind": "home-assistant", "url": url, "name": "switch.a", "secret": "plug" }),
            Nature::Supply,
            "home-assistant 127.0.0.1:9",
        ),
        (json!({ "kind": "pikvm", "url": url }), Nature::Managed, "pikvm 127.0.0.1:9"),
        (json!({ "kind": "http", "on": { "url": url } }), Nature::Supply, "http 127.0.0.1:9"),
        (json!({ "kind": "http", "on": { "url": url }, "read": read }), Nature::Managed, "http 127.0.0.1:9"),
        (
            json!({ "kind": "http", "on": { "url": url }, "read": read, "switches_supply": true }),
            Nature::Supply,
            "http 127.0.0.1:9",
        ),
        (json!({ "kind": "command", "on": ["plug"] }), Nature::Supply, "command plug"),
        (json!({ "kind": "command", "on": ["plug"], "read": ["plug"] }), Nature::Managed, "command plug"),
    ] {
        let control = control(gear.clone()).unwrap();
        assert_eq!((control.nature(), control.name().as_str()), (nature, name), "{gear}");
    }
}
