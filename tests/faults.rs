//! The simulated board, broken on purpose in every way it can be: each fault stops a boot where it should, or does not.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::Value;
use support::{Served, text, until};

/// Faults by rounds, one a machine, and the phase in which each ends its boot; `good`: it boots nevertheless.
const ROUNDS: [&[(&str, &str)]; 4] = [
    &[
        ("drop-dhcp", "firmware"),
        ("link-down", "firmware"),
        ("no-network-boot", "firmware"),
        ("second-dhcp", "address"),
        ("drop-tftp", "address"),
        ("lost-tftp-acks", "loader"),
    ],
    &[
        ("drop-http", "loader"),
        ("missing-file", "loader"),
        ("truncated-kernel", "os"),
        ("corrupt-initrd", "os"),
        ("kernel-panics", "os"),
        ("delay-tftp", "good"),
    ],
    &[
        ("delay-dhcp", "good"),
        ("delay-http", "good"),
        ("duplicate-dhcp", "good"),
        ("duplicate-tftp", "good"),
        ("duplicate-http", "good"),
        // On a board that is switched off after one report there is no second round to loop.
        ("wipe-loop", "good"),
    ],
    &[("wrong-arch", "loader")],
];

/// A board that gives up on a boot soon: its machines need a second at this speed.
fn impatient(folder: &Path) -> String {
    let good = include_str!("../boards/simulated.toml");
    let line = good.lines().find(|line| line.starts_with("boot_s")).unwrap();
    let path = folder.join("board.toml");
    std::fs::write(&path, good.replacen(line, "boot_s = 15", 1)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Boards are built while the program already answers.
fn built(served: &Served) {
    until("the board to be built", Duration::from_secs(30), || {
        served.lines(&["fault", "list"]).iter().any(|fault| fault["possible"] == true).then_some(())
    });
}

/// The latest boot of each machine: how it ended, and its last phase.
fn ends(served: &Served) -> BTreeMap<String, (String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let end = |boot: &Value| {
        let last = boot["phases"].as_array().unwrap().last().map(|phase| word(&phase["phase"]));
        (word(&boot["machine"]), (word(&boot["state"]), last.unwrap_or_default()))
    };
    served.lines(&["boots"]).iter().map(end).collect()
}

#[test]
fn each_fault_stops_a_boot_where_it_should_and_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let board = impatient(dir.path());
    let data = dir.path().join("data");
    let served = Served::start(&data, &["--board", &board, "--speed", "20"]);
    built(&served);
    for round in ROUNDS {
        for (number, (fault, _)) in (1..).zip(round) {
            let set = served.json(&["fault", fault, &number.to_string(), "--reason", "a test"]);
            assert_eq!(set["machines"], serde_json::json!([format!("node{number}")]), "{set}");
        }
        let status = served.json(&["status"]);
        assert_eq!(status["machines"][0]["faults"], serde_json::json!([round[0].0]));
        served.ask(&["lab", "start", "rehearsal", "--wait"]);
        let ends = ends(&served);
        for (number, (fault, phase)) in (1..).zip(round) {
            let (state, last) = &ends[&format!("node{number}")];
            match *phase {
                "good" => assert_eq!(state, "good", "{fault}: it ended in {last}"),
                phase => {
                    assert_ne!(state, "good", "{fault} should stop it");
                    assert_eq!(last, phase, "{fault}");
                }
            }
            served.json(&["fault", fault, &number.to_string(), "--off"]);
        }
    }
    let ended = served.json(&["lab", "start", "rehearsal", "--wait"]);
    assert_eq!(ended["state"], "done", "without faults all is well again: {ended}");
    let events = served.lines(&["events"]);
    let set: Vec<&Value> = events.iter().filter(|event| event["kind"] == "fault-set").collect();
    assert_eq!(set.len(), 38, "each was put in and taken out");
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
