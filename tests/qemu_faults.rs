//! Real machines, broken on purpose: where each fault stops them, and what of it was on the wire.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;
use support::{Served, processes_with, text};

/// Fault, the phase in which it ends a boot, and a text of the machine's own screen that proves it (empty: none does).
type Case = (&'static str, &'static str, &'static str);

/// Of the first machine of the board. The controller asks for addresses too, to hear who else answers.
const MAC: &str = "16:09:01:1a:f4:30";

/// In every `make test`.
const SAMPLE: [Case; 3] = [
    ("no-network-boot", "firmware", "Shell"),
    ("missing-file", "kernel", ""),
    ("truncated-kernel", "kernel", ""),
];

/// With FULL=1.
const REST: [Case; 10] = [
    ("drop-dhcp", "firmware", ""),
    ("link-down", "firmware", ""),
    ("second-dhcp", "address", ""),
    ("drop-tftp", "address", ""),
    ("lost-tftp-acks", "loader", ""),
    ("drop-http", "loader", ""),
    ("corrupt-initrd", "os", ""),
    ("kernel-panics", "os", ""),
    ("delay-dhcp", "good", ""),
    ("duplicate-tftp", "good", ""),
];

/// Emulated firmware takes ten seconds to its network boot, and a whole boot some thirty; a fault must have shown by then.
fn impatient(folder: &Path, seconds: u32) -> String {
    let good = include_str!("../boards/virtual.toml");
    let line = good.lines().find(|line| line.starts_with("boot_s")).unwrap();
    let path = folder.join("board.toml");
    std::fs::write(&path, good.replacen(line, &format!("boot_s = {seconds}"), 1)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn broken(cases: &[Case]) {
    for (fault, phase, screen) in cases {
        let dir = tempfile::tempdir().unwrap();
        let seconds = if *phase == "good" { 240 } else { 75 };
        let board = impatient(dir.path(), seconds);
        let served = Served::start(
            &dir.path().join("data"),
            &["--board", &board, "--machines", "1", "--firmware", "uefi", "--way", "ipxe"],
        );
        // Networks and files are made while the program already answers.
        support::until("the board to be built", Duration::from_secs(60), || {
            served.ask(&["fault", fault, "1"]).status.success().then_some(())
        });
        served.ask(&["lab", "start", "rehearsal", "--wait"]);
        let boots = served.lines(&["boots"]);
        let console = std::fs::read_to_string(dir.path().join("data/virtual/machines/console1.log"));
        let console = console.unwrap_or_default();
        let boot = boots.last().unwrap_or_else(|| panic!("{fault}: there is no boot; {console}"));
        let last = boot["phases"].as_array().unwrap().last().unwrap()["phase"].as_str().unwrap();
        if *phase == "good" {
            assert_eq!(boot["state"], "good", "{fault}: {boot}\n{console}");
        } else {
            assert_ne!(boot["state"], "good", "{fault}: {boot}");
            assert_eq!(last, *phase, "{fault}: {boot}\n{console}");
        }
        assert!(console.contains(screen), "{fault}: {screen:?} is not on its screen: {console}");
        heard(&served, dir.path(), fault);
        let needle = dir.path().to_str().unwrap().to_owned();
        served.stop();
        assert!(processes_with(&needle).is_empty(), "left over: {:?}", processes_with(&needle));
    }
}

/// What others read in the machine's capture: DHCP, unless that is what does not arrive.
fn heard(served: &Served, folder: &Path, fault: &str) {
    let file = folder.join("one.pcapng");
    let told: Value = served.json(&["capture", "1", file.to_str().unwrap()]);
    assert!(told["bytes"].as_u64().unwrap() > 100, "{told}");
    let output = Command::new("tcpdump").args(["-nr"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let silent = ["no-network-boot", "link-down", "drop-dhcp"].contains(&fault);
    assert_eq!(said.contains(&format!("Request from {MAC}")), !silent, "{fault}: {said}");
}

#[test]
fn faults_stop_real_firmware_where_they_should() {
    broken(&SAMPLE);
    if std::env::var_os("FULL").is_some_and(|value| !value.is_empty()) {
        broken(&REST);
    }
}
