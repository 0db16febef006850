//! A person counts log files without an engine: by the program itself.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_statusinator");
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/logs/tests/data/otelcol-sample.jsonl");
const EXPECTED: &str = include_str!("../src-tauri/crates/logs/tests/data/otelcol-sample.expected.json");

/// In a home that does not exist: neither engine nor data folder is looked for.
fn count(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(["logs", "count"])
        .args(args)
        .env("HOME", "/nonexistent")
        .env("STATUSINATOR_DATA", "/nonexistent/data")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn counted(args: &[&str], input: &[u8]) -> Value {
    let output = count(args, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_sample_gives_what_is_expected_of_it() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!(counted(&[SAMPLE, "--json"], b""), expected);
    let before = Command::new(PROGRAM).args(["--json", "logs", "count", SAMPLE]).output().unwrap();
    assert!(
        before.status.success(),
        "the option may stand before: {}",
        String::from_utf8_lossy(&before.stderr)
    );
    assert_eq!(
        counted(&["--json", "--profile", "labinator", "-"], &std::fs::read(SAMPLE).unwrap()),
        expected
    );
    let corrected = counted(&[SAMPLE, "--json", "--profile", "corrected"], b"");
    assert_eq!(corrected["LogStats"]["NumEmergencyMessages"], 3);
    let twice = counted(&[SAMPLE, SAMPLE, "--json"], b"");
    assert_eq!(twice["LogStats"]["DHCPServed"]["192.168.122.11"], 4);
    assert_eq!(twice["records"], 2044);
}

#[test]
fn nothing_counted_is_noughts_and_empty_maps() {
    let nothing = counted(&["-", "--json"], b"");
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let names = |value: &Value| value["LogStats"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&nothing), names(&expected));
    assert_eq!((&nothing["lines"], &nothing["LogStats"]["IPXEServed"]), (&0.into(), &serde_json::json!({})));
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_nothing_is_printed() {
    for args in [&[SAMPLE, "/nonexistent/x.jsonl", "--json"][..], &[SAMPLE, "/", "--json"]] {
        let output = count(args, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty() && said.contains(args[1]), "{said}");
    }
    for wrong in [&["--profile", "mine", "-"][..], &[]] {
        assert_eq!(count(wrong, b"").status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn without_json_it_is_a_table() {
    let output = count(&[SAMPLE], b"");
    let said = String::from_utf8(output.stdout).unwrap();
    let line =
        |start: &str| said.lines().find(|line| line.starts_with(start)).map(|l| l.split_whitespace().last());
    assert_eq!(line("NumDHCPDiscover"), Some(Some("18")), "{said}");
    assert_eq!(line("records"), Some(Some("1022")));
}
