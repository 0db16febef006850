//! The simulated board, broken on purpose: each fault ends in its verdict, and healthy boots in none.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use support::{Served, impatient, text, until};

/// Six faults, one a machine: the code of their explanation, and the phase in which each ends its boot.
const ROUNDS: [[(&str, &str, &str); 6]; 2] = [
    [
        ("link-down", "no-link", "firmware"),
        ("no-network-boot", "silent-after-link", "firmware"),
        // What is lost on its way in was never asked, as far as can be seen here.
        ("drop-dhcp", "silent-after-link", "firmware"),
        ("second-dhcp", "other-dhcp-server", "address"),
        ("drop-tftp", "no-file-asked", "address"),
        ("lost-tftp-acks", "transfer-stalls", "loader"),
    ],
    [
        ("drop-http", "loader-waits", "loader"),
        ("missing-file", "file-missing", "loader"),
        ("truncated-kernel", "system-silent", "os"),
        ("corrupt-initrd", "system-silent", "os"),
        ("kernel-panics", "system-silent", "os"),
        ("wrong-arch", "wrong-architecture", "loader"),
    ],
];

const BOARD: &str = include_str!("../boards/simulated.toml");

/// Limits for machines that need a second for a boot; the shortest that still leave a busy computer its time.
const LIMITS: [(&str, u32); 9] = [
    ("boot_s", 25),
    ("link_s", 6),
    ("firmware_silent_s", 8),
    ("address_s", 8),
    ("loader_s", 12),
    ("kernel_s", 12),
    ("os_s", 12),
    ("service_s", 12),
    ("stall_s", 5),
];

/// Boards are built while the program already answers.
fn built(served: &Served) {
    until("the board to be built", Duration::from_secs(30), || {
        served.lines(&["fault", "list"]).iter().any(|fault| fault["possible"] == true).then_some(())
    });
}

#[test]
fn each_fault_ends_in_its_verdict_and_healthy_boots_in_none() {
    let dir = tempfile::tempdir().unwrap();
    let board = impatient(dir.path(), BOARD, &LIMITS);
    let served = Served::start(&dir.path().join("data"), &["--board", &board, "--speed", "20"]);
    built(&served);
    let mut wrong = Vec::new();
    for round in ROUNDS {
        for (number, (fault, ..)) in (1..).zip(round) {
            served.json(&["fault", fault, &number.to_string()]);
        }
        let since = served.json(&["status"])["seq"].as_u64().unwrap().to_string();
        served.ask(&["lab", "start", "rehearsal", "--wait"]);
        let events = served.lines(&["events", "--since", &since]);
        let ends = ends(&served);
        for (number, (fault, code, phase)) in (1..).zip(round) {
            let (state, last) = &ends[&format!("node{number}")];
            if state == "good" || last != phase {
                wrong.push(format!("{fault} should stop a boot in {phase}, and it was {state} in {last}"));
            }
            let told = served.json(&["explain", &number.to_string()]);
            // One that begins again and again ends as a loop; what stopped it each time was told before.
            let before = |event: &Value| {
                event["subject"] == format!("node{number}") && event["data"]["verdict"]["code"] == code
            };
            let looped = told["verdict"]["code"] == "boot-loop" && events.iter().any(before);
            if told["verdict"]["code"] != code && !looped {
                wrong.push(format!("{fault} should be {code}: {told}"));
            } else {
                is_sound(&served, &told);
            }
            served.json(&["fault", fault, &number.to_string(), "--off"]);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // It never reports: it begins again until it is held back.
    served.json(&["fault", "wipe-loop", "1"]);
    served.json(&["lab", "start", "rehearsal", "--machine", "1"]);
    let held = until("the loop to be stopped", Duration::from_secs(60), || {
        let told = served.json(&["explain", "1"]);
        (told["verdict"]["code"] == "boot-loop").then_some(told)
    });
    is_sound(&served, &held);
    served.ask(&["lab", "cancel", "--wait"]);
    served.json(&["fault", "wipe-loop", "1", "--off"]);
    assert!(served.ask(&["rearm", "1"]).status.success(), "it was held back");
    let before = explained(&served);
    for _ in 0..5 {
        let ended = served.json(&["lab", "start", "rehearsal", "--wait"]);
        assert_eq!(ended["state"], "done", "{ended}");
    }
    assert_eq!(explained(&served), before, "thirty healthy boots have no explanation");
    assert!(served.lines(&["explain"]).is_empty(), "new boots have nothing to explain");
    served.stop();
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

fn explained(served: &Served) -> usize {
    served.lines(&["events"]).iter().filter(|event| event["kind"] == "explained").count()
}

/// Words in every part, and evidence that happened.
fn is_sound(served: &Served, told: &Value) {
    let verdict = &told["verdict"];
    for part in ["says", "since", "remedy"] {
        assert!(!verdict[part].as_str().unwrap().is_empty(), "{told}");
    }
    assert!(!verdict["causes"].as_array().unwrap().is_empty(), "{told}");
    let last = served.json(&["status"])["seq"].as_u64().unwrap();
    let cited = verdict["evidence"].as_array().unwrap().iter();
    let against =
        told["ruled_out"].as_array().unwrap().iter().flat_map(|ruled| ruled["by"].as_array().unwrap());
    let numbers: Vec<u64> = cited.chain(against).map(|seq| seq.as_u64().unwrap()).collect();
    assert!(!numbers.is_empty() && numbers.iter().all(|seq| (1..=last).contains(seq)), "{told}");
}

#[test]
fn silence_is_decided_by_a_look_at_the_machine() {
    let dir = tempfile::tempdir().unwrap();
    let board = impatient(dir.path(), BOARD, &LIMITS);
    let served = Served::start(&dir.path().join("data"), &["--board", &board, "--speed", "20"]);
    built(&served);
    assert_eq!(served.json(&["explain", "1"])["verdict"], Value::Null);
    let early = served.ask(&["answer", "1", "shows-system"]);
    assert_eq!(early.status.code(), Some(1), "nobody asked: {}", text(&early.stderr));
    served.json(&["fault", "no-network-boot", "1"]);
    served.ask(&["lab", "start", "rehearsal", "--wait"]);
    let told = served.json(&["explain", "1"]);
    assert_eq!(told["verdict"]["code"], "silent-after-link", "{told}");
    assert_eq!(told["verdict"]["asks_screen"], true);
    let against: Vec<&Value> = told["ruled_out"].as_array().unwrap().iter().map(|r| &r["code"]).collect();
    assert!(against.contains(&&json!("service-down")), "the five others were answered: {told}");
    let decided = served.json(&["answer", "1", "shows-system"]);
    assert_eq!(decided["verdict"]["code"], "network-boot-not-first", "{decided}");
    assert!(decided["verdict"]["remedy"].as_str().unwrap().contains("boot menu"), "{decided}");
    let lines = served.lines(&["explain"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let run = served.json(&["lab", "status"])["run"].as_u64().unwrap();
    assert!(run > 0);
    let not_held = served.ask(&["rearm", "1"]);
    assert_eq!(not_held.status.code(), Some(1), "it is not held back");
    served.stop();
}
