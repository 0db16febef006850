//! Logs, certificates and the clock on the simulated board: what flows, what falls silent, what a kill leaves.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{path::Path, time::Duration};

use serde_json::Value;
use support::{PROGRAM, Served, ask, text, until};

/// Enough for a collector that writes a few records a second.
const SOON: Duration = Duration::from_secs(30);

fn served(dir: &Path, more: &[&str]) -> Served {
    Served::start(dir, &[&["--board", "simulated", "--speed", "20"], more].concat())
}

fn stream(served: &Served, name: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(&format!("stream {name} {what}"), SOON, || {
        let status = served.json(&["status"]);
        status["streams"].as_array()?.iter().find(|stream| stream["name"] == name && is(stream)).cloned()
    })
}

fn counter(served: &Served, name: &str) -> Value {
    let counters = served.json(&["logs", "counters"]);
    let list = counters["counters"].as_array().unwrap();
    list.iter().find(|counter| counter["name"] == name).unwrap().clone()
}

/// Records in a collector's files, counted by the program itself.
fn counted(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let files: Vec<_> = files
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("otelcol")))
        .collect();
    let output = std::process::Command::new(PROGRAM).args(["logs", "count", "--json"]).args(&files).output();
    let counted: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    counted["records"].as_u64().unwrap()
}

#[test]
fn records_are_found_counted_once_and_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let bench = served(dir.path(), &[]);
    stream(&bench, "collector", "to flow", |stream| stream["items"].as_u64() > Some(20));
    let found = bench.lines(&["logs", "--count", "5"]);
    assert_eq!(found.len(), 5);
    let word = found[0]["message"].as_str().unwrap().split_whitespace().next().unwrap().to_owned();
    let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let grep = bench.lines(&["logs", "--grep", &word, "--count", "3"]);
    assert!(
        !grep.is_empty()
            && grep.iter().all(|r| r["message"]
                .as_str()
                .unwrap()
                .to_lowercase()
                .contains(&word.to_lowercase())),
        "{word}: {grep:?}"
    );
    assert_eq!(counter(&bench, "NumMessages")["source"], "log");
    assert_eq!(counter(&bench, "NumDHCPDiscover")["source"], "engine");
    // Nothing is pressed on a guess: its state has to be known first.
    until("machine 1 to be seen off", SOON, || {
        let status = bench.json(&["status"]);
        let machine = status["machines"].as_array()?.iter().find(|m| m["name"] == "node1")?.clone();
        (machine["power"]["observed"] == "off").then_some(())
    });
    bench.json(&["power", "on", "1"]);
    until("a DHCP discovery to be counted", SOON, || {
        counter(&bench, "NumDHCPDiscover")["value"].as_u64().filter(|count| *count > 0)
    });
    // Once it writes no more, what is in its file is what was counted.
    bench.json(&["fault", "collector-silent"]);
    let folder = dir.path().join("simulated");
    let seen = until("every record of the file to be counted", SOON, || {
        let (file, ours) = (counted(&folder), counter(&bench, "NumMessages")["value"].as_u64()?);
        (file == ours).then_some(ours)
    });
    bench.kill();

    // Its collector begins a new file with each start; what was counted before stays counted.
    let bench = served(dir.path(), &[]);
    until("counting to go on where it was", SOON, || {
        let (file, ours) = (counted(&folder), counter(&bench, "NumMessages")["value"].as_u64()?);
        assert!(ours >= seen, "{ours} after {seen}");
        (file > 0 && ours > seen).then_some(())
    });
    assert!(counter(&bench, "NumDHCPDiscover")["value"].as_u64() > Some(0), "counters survive");
    bench.stop();
}

#[test]
fn a_collector_that_stops_is_named_with_its_cause_and_its_return() {
    let dir = tempfile::tempdir().unwrap();
    let bench = served(dir.path(), &[]);
    let flowing = stream(&bench, "collector", "to have a pace", |stream| stream["pace"].is_number());
    bench.json(&["fault", "collector-silent"]);
    let pace = flowing["pace"].as_f64().unwrap();
    let silent = stream(&bench, "collector", "to be silent", |stream| !stream["silence"].is_null());
    for part in ["what", "why", "remedy"] {
        assert!(!silent["silence"]["failure"][part].as_str().unwrap().is_empty(), "{silent}");
    }
    assert!(pace < 10.0, "a pace of {pace} s was learnt from several records a second");
    bench.json(&["fault", "collector-silent", "--off"]);
    stream(&bench, "collector", "to be heard again", |stream| stream["silence"].is_null());
    let kinds: Vec<Value> = bench.lines(&["events"]).into_iter().map(|event| event["kind"].clone()).collect();
    let at = |kind: &str| kinds.iter().position(|known| known == kind).unwrap_or_else(|| panic!("no {kind}"));
    assert!(at("stream-silent") < at("stream-heard"));
    bench.stop();
}

#[test]
fn certificates_are_good_before_they_are_needed_and_a_wrong_clock_is_named_first() {
    let dir = tempfile::tempdir().unwrap();
    let bench = served(dir.path(), &[]);
    let list = until("all certificates to be judged", SOON, || {
        let list = bench.json(&["status"])["certificates"]["list"].as_array()?.clone();
        list.iter().all(|certificate| certificate["state"] != "unknown").then_some(list)
    });
    let ours: Vec<_> = list.iter().filter(|certificate| certificate["ours"] == true).collect();
    assert!(ours.len() >= 2 && ours.iter().all(|certificate| certificate["state"] == "good"), "{list:?}");
    let wally =
        list.iter().find(|certificate| certificate["name"] == "wally").expect("found by its TLS endpoint");
    assert!(wally["fingerprint"].is_string(), "{wally}");
    bench.stop();

    // Five days back: time cannot be before what has happened.
    let bench = served(dir.path(), &["--clock-offset=-432000"]);
    let clock = until("the clock to be judged", SOON, || {
        Some(bench.json(&["status"])["clock"].clone()).filter(|clock| clock["trust"] == "behind")
    });
    assert!(clock["says"].as_str().unwrap().contains(" d behind the newest event"), "{clock}");
    let list = until("certificates to be looked at", SOON, || {
        bench.json(&["status"])["certificates"]["list"].as_array().filter(|list| !list.is_empty()).cloned()
    });
    assert!(list.iter().all(|certificate| certificate["state"] == "unknown"), "{list:?}");
    let events = bench.lines(&["events"]);
    let start = events.iter().rposition(|event| event["kind"] == "engine-started").unwrap();
    let after = |kind: &str| events[start..].iter().position(|event| event["kind"] == kind);
    let (clock, turned) = (after("clock-judged").expect("it is told"), after("certificate-turned"));
    assert!(turned.is_none_or(|turned| clock < turned), "the clock is named first");
    bench.stop();
}

#[test]
fn counting_needs_no_engine_and_refuses_with_words() {
    let dir = tempfile::tempdir().unwrap();
    let missing = ask(dir.path(), &["logs", "count", "/nowhere.jsonl", "--json"]);
    assert!(!missing.status.success() && text(&missing.stdout).is_empty());
    assert!(text(&missing.stderr).contains("/nowhere.jsonl"), "{}", text(&missing.stderr));
}
