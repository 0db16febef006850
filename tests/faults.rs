//! Faults put into the simulated board: those that a boot gets through, and what is said of those that cannot be put in.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Served, text, until};

/// Faults that a boot gets through, one a machine. Those that stop one are in `explain.rs`.
const ROUNDS: [&[&str]; 2] =
    [&["delay-dhcp", "delay-http", "duplicate-dhcp", "duplicate-tftp", "duplicate-http"], &["delay-tftp"]];

/// Boards are built while the program already answers.
fn built(served: &Served) {
    until("the board to be built", Duration::from_secs(30), || {
        served.lines(&["fault", "list"]).iter().any(|fault| fault["possible"] == true).then_some(())
    });
}

#[test]
fn slow_and_doubled_packets_stop_no_boot() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--board", "simulated", "--speed", "20"]);
    built(&served);
    for round in ROUNDS {
        for (number, fault) in (1..).zip(round) {
            let set = served.json(&["fault", fault, &number.to_string(), "--reason", "a test"]);
            assert_eq!(set["machines"], serde_json::json!([format!("node{number}")]), "{set}");
        }
        let status = served.json(&["status"]);
        assert_eq!(status["machines"][0]["faults"], serde_json::json!([round[0]]));
        let ended = served.json(&["lab", "start", "rehearsal", "--wait"]);
        assert_eq!(ended["state"], "done", "{ended}");
        for (number, fault) in (1..).zip(round) {
            served.json(&["fault", fault, &number.to_string(), "--off"]);
        }
    }
    let events = served.lines(&["events"]);
    let set: Vec<&Value> = events.iter().filter(|event| event["kind"] == "fault-set").collect();
    assert_eq!(set.len(), 12, "each was put in and taken out");
    assert!(set.iter().all(|event| event["actor"] == "control"), "{:?}", set[0]);
    assert_eq!(set[0]["reason"], "a test");
    served.stop();
}

#[test]
fn the_list_names_all_faults_and_refusals_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--board", "simulated", "--speed", "20"]);
    built(&served);
    let list = served.lines(&["fault", "list"]);
    assert!(list.iter().all(|fault| fault["possible"] == true), "a simulated board has them all: {list:?}");
    for (args, words) in [
        (["fault", "tape-torn", "1"], "drop-dhcp"),
        (["fault", "link-down", "9"], "node1"),
        (["capture", "1", "/nowhere/x.pcapng"], "packets of its boots"),
    ] {
        let output = served.ask(&args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    // A killed engine takes its faults along, and the next one says so.
    served.json(&["fault", "link-down", "2"]);
    served.kill();
    let served = Served::start(dir.path(), &["--board", "simulated", "--speed", "20"]);
    assert_eq!(served.json(&["status"])["machines"][1]["faults"], serde_json::json!([]));
    let events = served.lines(&["events"]);
    let last = events.iter().rfind(|event| event["kind"] == "fault-set").unwrap();
    assert!(last["reason"].as_str().unwrap().contains("end with the engine"), "{last}");
    served.stop();
}
