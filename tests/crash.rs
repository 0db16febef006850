//! A power cut at any instant of a run: nothing committed is lost, the run is closed with its reason, the next one works.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Served, ask, processes_with, text};

/// Instants in milliseconds after the start of a run, spread over its whole length at this speed by a fixed sequence.
fn instants(count: u64) -> Vec<u64> {
    (0..count).map(|i| (i * 7919 + 137) % 3200).collect()
}

fn events(data: &std::path::Path) -> Vec<String> {
    let output = ask(data, &["events", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn nothing_committed_is_lost_at_any_instant() {
    let whole = std::env::var_os("FULL").is_some_and(|value| !value.is_empty());
    let count = if whole { 20 } else { 6 };
    for instant in instants(count) {
        let dir = tempfile::tempdir().unwrap();
        let served = Served::start(dir.path(), &["--speed", "20"]);
        served.json(&["lab", "start", "rehearsal"]);
        std::thread::park_timeout(Duration::from_millis(instant));
        let before = events(dir.path());
        served.kill();
        let gone = ask(dir.path(), &["status"]);
        assert_eq!(gone.status.code(), Some(3), "leftovers of a killed engine are no engine");

        let served = Served::start(dir.path(), &["--speed", "20"]);
        let after = events(dir.path());
        assert!(after.len() > before.len(), "the new engine says that it started");
        assert_eq!(after[..before.len()], before[..], "killed after {instant} ms: history was rewritten");
        let first = served.json(&["lab", "status"]);
        assert_ne!(first["state"], "running", "killed after {instant} ms: {first}");
        if first["state"] != "done" {
            let reason = first["reason"].as_str().unwrap();
            assert!(reason.contains("killed"), "the run is closed with its reason: {reason}");
        }
        let second = served.json(&["lab", "start", "rehearsal", "--wait"]);
        assert_eq!(second["state"], Value::from("done"), "killed after {instant} ms: {second}");
        served.stop();
        let left = processes_with(dir.path().to_str().unwrap());
        assert!(left.is_empty(), "left over: {left:?}");
    }
}

#[test]
fn an_orderly_stop_in_mid_run_closes_it_with_words() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--speed", "20"]);
    served.json(&["lab", "start", "rehearsal"]);
    served.stop();
    let served = Served::start(dir.path(), &["--speed", "20"]);
    let run = served.json(&["lab", "status"]);
    assert_eq!(run["state"], "failed");
    assert!(run["reason"].as_str().unwrap().contains("stopped"), "{run}");
}
