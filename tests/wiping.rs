//! A person erases the disks of one machine of the simulated board, and sees at each moment what becomes of them.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Served, until};

/// Slow enough that erasing, 20 s at speed 1, can be looked at.
const SPEED: &str = "20";

#[test]
fn a_machine_is_armed_erased_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--speed", SPEED]);
    let machine = |number: usize| served.json(&["status"])["machines"][number - 1].clone();
    let word = |machine: &Value, word: &str| machine["word"] == word;
    assert_eq!(served.json(&["wipe", "node1", "--yes"])["armed"], true);
    let armed = machine(1);
    assert_eq!(armed["wipe"], Value::Array(Vec::new()));
    assert_eq!(armed["says"], "its next boot erases all its disks");

    served.json(&["lab", "start", "rehearsal"]);
    let wiping =
        until("the wipe", Duration::from_secs(60), || Some(machine(1)).filter(|m| word(m, "wiping")));
    assert_eq!(wiping["state"], "warn");
    assert_eq!(wiping["wiping"]["disks"], serde_json::json!(["sda"]));
    assert!(wiping["wiping"]["since"].is_string() && wiping["wiping"]["broken_off"] == false, "{wiping}");
    assert_eq!(wiping["wipe"], Value::Null, "the arming is used up");

    let erased =
        until("its end", Duration::from_secs(60), || Some(machine(1)).filter(|m| m["erased"].is_object()));
    assert_eq!(erased["wiping"], Value::Null);
    assert_eq!((&erased["erased"]["ok"], &erased["erased"]["says"]), (&true.into(), &"erased sda".into()));
    until("the end of the run", Duration::from_secs(60), || {
        Some(served.json(&["status"])["run"]["state"].clone()).filter(|state| *state == "done")
    });
    assert_eq!(machine(2)["erased"], Value::Null, "nobody else was erased");
    let kinds = |kind: &str| served.lines(&["events"]).iter().filter(|e| e["kind"] == kind).count();
    assert_eq!((kinds("wipe-began"), kinds("disk-wiped"), kinds("explained")), (1, 1, 0));
    served.stop();
}
