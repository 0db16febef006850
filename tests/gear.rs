//! The gear of the simulated board, each of its knobs in turn: the right state and words, and back again.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Served, text, until};

/// A driver's own patience, and five seconds.
const SOON: Duration = Duration::from_secs(20);

struct Bench(Served);

impl Bench {
    fn new(dir: &std::path::Path) -> Self {
        let bench = Self(Served::start(dir, &["--board", "simulated", "--speed", "20"]));
        for device in ["power", "switch", "router", "display"] {
            bench.device(device, true);
        }
        bench.machine("node6", "to be seen off", |m| m["power"]["observed"] == "off");
        bench
    }

    fn machine(&self, name: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(&format!("{name} {what}"), SOON, || {
            let status = self.0.json(&["status"]);
            status["machines"].as_array()?.iter().find(|m| m["name"] == name && is(m)).cloned()
        })
    }

    fn device(&self, name: &str, present: bool) -> Value {
        until(&format!("{name}: {present}"), SOON, || {
            let list = self.0.lines(&["devices", "list"]);
            list.into_iter().find(|device| device["name"] == name && device["present"] == present)
        })
    }

    fn fault(&self, args: &[&str]) {
        let all: Vec<&str> = ["fault"].iter().chain(args).copied().collect();
        self.0.json(&all);
    }

    /// Switches these on and waits for their reports.
    fn switched_on(&self, numbers: &[&str]) {
        for number in numbers {
            self.0.json(&["power", "on", number]);
        }
        for number in numbers {
            self.machine(&format!("node{number}"), "to report", |m| m["word"] == "ready");
        }
    }

    fn refused(&self, args: &[&str]) -> Value {
        let all: Vec<&str> = ["--json"].iter().chain(args).copied().collect();
        let answer = self.0.ask(&all);
        assert!(!answer.status.success(), "{args:?} must be refused");
        serde_json::from_str::<Value>(&text(&answer.stdout)).unwrap()["error"].clone()
    }
}

/// All of them take a minute and a half; `make test` takes those marked, one of each kind.
fn chosen(sample: bool) -> bool {
    sample || std::env::var_os("FULL").is_some()
}

/// Each fault loses its device with words, and taking it out brings the device back.
fn lost_and_back(bench: &Bench, faults: &[(&str, &str, &str, bool)]) {
    for (fault, device, words, _) in faults.iter().filter(|(_, _, _, sample)| chosen(*sample)) {
        bench.fault(&[fault]);
        let lost = bench.device(device, false);
        let failure = &lost["failure"];
        for part in ["what", "why", "remedy"] {
            assert!(!failure[part].as_str().unwrap().is_empty(), "{fault}: {failure}");
        }
        assert!(failure["why"].as_str().unwrap().contains(words), "{fault}: {failure}");
        if *fault == "router-new-certificate" {
            // Nobody may believe another certificate by itself.
            continue;
        }
        bench.fault(&[fault, "--off"]);
        bench.device(device, true);
    }
}

#[test]
fn the_relay_boards_knobs_have_their_state_their_words_and_their_way_back() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::new(dir.path());
    let faults = [
        ("relay-silent", "power", "does not answer", false),
        ("relay-garbage", "power", "does not answer", false),
        ("relay-unplugged", "power", "serial line", true),
        ("display-unplugged", "display", "", true),
    ];
    lost_and_back(&bench, &faults);
    // Late is not lost.
    for fault in ["relay-slow", "switch-slow"] {
        bench.fault(&[fault]);
    }
    let run = bench.0.json(&["lab", "start", "rehearsal", "--wait"]);
    assert_eq!(run["state"], "done", "{run}");
    bench.0.stop();
}

#[test]
fn the_switchs_and_the_routers_knobs_have_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::new(dir.path());
    let faults = [
        ("switch-silent", "switch", "", false),
        ("switch-garbage", "switch", "", true),
        ("switch-huge", "switch", "", false),
        ("switch-unplugged", "switch", "", false),
        ("router-silent", "router", "", false),
        ("router-garbage", "router", "", false),
        ("router-unplugged", "router", "", true),
        ("router-new-certificate", "router", "certificate", true),
    ];
    lost_and_back(&bench, &faults);
    // What a switch told before it was lost is told of no machine any more.
    bench.fault(&["switch-unplugged"]);
    bench.machine("node1", "to have no known link", |m| m["link"].is_null() && m["port_enabled"].is_null());
    bench.0.stop();
}

#[test]
fn power_is_what_is_seen_and_one_button_makes_it_right() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::new(dir.path());
    bench.switched_on(&["1", "2"]);
    assert_eq!(
        bench.refused(&["power", "on", "1"])["code"],
        "power-mismatch",
        "it would be asked to shut down"
    );

    // A pulled cord is seen within five seconds, and held off by one safe button.
    let pulled = Instant::now();
    bench.fault(&["cord-pulled", "1"]);
    let unknown = bench.machine("node1", "not to be taken for on", |m| m["power"]["observed"] != "on");
    let after = pulled.elapsed();
    assert!(after < Duration::from_secs(5), "told after {after:?}");
    assert_eq!(unknown["power"]["observed"], "unknown", "{}", unknown["power"]);
    // What differs is told once the press that switched it on has settled, which may be later than what is seen.
    let told = bench.machine("node1", "to differ", |m| !m["power"]["mismatch"].is_null());
    assert_eq!(told["power"]["mismatch"]["safe"], "long-press", "{}", told["power"]);
    bench.fault(&["cord-pulled", "1", "--off"]);
    bench.0.json(&["power", "press", "1", "--long"]);
    let off = bench.machine("node1", "to be off", |m| m["power"]["observed"] == "off");
    assert_eq!((&off["power"]["commanded"], &off["power"]["mismatch"]), (&Value::from("off"), &Value::Null));

    // A relay that no longer moves: told off, and still on.
    bench.fault(&["stuck-relay", "2"]);
    bench.0.json(&["power", "off", "2"]);
    let stuck = bench.machine("node2", "to differ", |m| !m["power"]["mismatch"].is_null());
    assert_eq!(stuck["power"]["observed"], "on", "{}", stuck["power"]);
    assert_eq!(stuck["power"]["mismatch"]["safe"], "resync");
    bench.fault(&["stuck-relay", "2", "--off"]);
    bench.0.json(&["power", "resync", "2"]);
    let same = bench.machine("node2", "to agree", |m| m["power"]["mismatch"].is_null());
    assert_eq!(same["power"]["commanded"], "on");
    bench.0.stop();
}

#[test]
fn a_board_that_forgets_and_a_link_that_stays_mislead_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::new(dir.path());
    bench.switched_on(&["3", "4"]);

    // Off keeps the link for Wake-on-LAN: slower, and off all the same.
    bench.fault(&["soft-off-link", "4"]);
    bench.0.json(&["power", "off", "4"]);
    let soft = bench.machine("node4", "to be off", |m| m["power"]["observed"] == "off");
    assert_eq!(soft["power"]["mismatch"], Value::Null);
    bench.machine("node4", "to have its slower link", |m| m["link"] == true && m["link_speed"] == 100);

    // The board forgets: machines run on, and what is seen is taken over without a press.
    bench.fault(&["relay-forgets"]);
    bench.machine("node3", "to be forgotten", |m| !m["power"]["forgotten"].is_null());
    assert_eq!(bench.refused(&["power", "on", "3"])["code"], "power-mismatch");
    bench.0.json(&["power", "resync", "3"]);
    bench.machine("node3", "to be known", |m| {
        m["power"]["commanded"] == "on" && m["power"]["memory"] == "off"
    });
    bench.0.stop();
}

#[test]
fn what_may_not_be_pressed_is_refused_and_the_whole_lab_goes_off_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::new(dir.path());
    for target in ["7", "outlet:7"] {
        assert_eq!(bench.refused(&["power", "on", target])["code"], "boss-outlet");
    }
    assert_eq!(bench.refused(&["power", "off", "outlet:8"])["code"], "unknown-outlet");
    assert_eq!(bench.refused(&["switch", "disable", "7"])["code"], "forbidden");
    bench.switched_on(&["1"]);

    // A group's ports go off and on, and the names of the ports stay.
    bench.0.json(&["switch", "disable", "group3"]);
    bench.machine("node5", "to have its port off", |m| m["port_enabled"] == false);
    bench.0.json(&["switch", "enable", "group3"]);
    bench.machine("node5", "to have its port on", |m| m["port_enabled"] == true);
    let ports = bench.0.json(&["switch", "status"]);
    assert_eq!(ports["ports"][0]["name"], "node5", "{ports}");
    let pages = dir.path().join("pages");
    bench.0.json(&["capture", "switch", pages.to_str().unwrap()]);
    assert!(std::fs::read_dir(&pages).unwrap().count() > 0, "its pages are saved");

    // The whole lab goes, and says when it is safe.
    let called = bench.0.lines(&["rollcall"]);
    assert!(called.iter().all(|place| place["presence"] != "missing"), "{called:?}");
    let ended = bench.0.json(&["shutdown", "--yes"]);
    assert_eq!(
        (&ended["safe"], &ended["left_on"]),
        (&Value::Bool(true), &Value::Array(Vec::new())),
        "{ended}"
    );
    bench.0.stop();
}

#[test]
fn the_router_joins_a_network_and_goes_back_from_one_that_it_cannot() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::new(dir.path());
    let networks = bench.0.lines(&["router", "networks"]);
    assert!(networks.iter().any(|network| network["ssid"] == "Conference"), "{networks:?}");
    let joined = bench.0.json(&["router", "join", "Conference Guests", "--open"]);
    assert_eq!(
        (&joined["up"], &joined["ssid"]),
        (&Value::Bool(true), &Value::from("Conference Guests")),
        "{joined}"
    );
    // A radio that is not let in is given 45 s before everything is put back.
    if chosen(false) {
        let refused = bench.refused(&["router", "join", "Conference", "--open"]);
        assert!(!refused["why"].as_str().unwrap().is_empty(), "{refused}");
    }
    let events = bench.0.lines(&["events"]);
    let told: Vec<&Value> = events.iter().filter(|event| event["kind"] == "wifi-joined").collect();
    assert_eq!(told.len(), if chosen(false) { 2 } else { 1 }, "{told:?}");
    let png = dir.path().join("display.png");
    bench.0.json(&["display", "--png", png.to_str().unwrap()]);
    assert!(std::fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    bench.0.stop();
}
