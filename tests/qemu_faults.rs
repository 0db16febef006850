//! Real machines, broken on purpose: where each fault stops them, what the program says of it, and what of it was on the
//! wire.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;
use support::{Served, impatient, is_good_boot, processes_with, text, until};

/// What becomes of a boot.
enum End {
    /// It stands in this phase, and this is said of it.
    Stuck(&'static str, &'static str),
    /// It gets through, and nothing is said.
    Good,
}
use End::{Good, Stuck};

/// In every `make test`: firmware, a file, the system.
const SAMPLE: [(&str, End); 3] = [
    ("no-network-boot", Stuck("firmware", "silent-after-link")),
    ("missing-file", Stuck("kernel", "file-missing")),
    ("kernel-panics", Stuck("os", "system-silent")),
];

/// With FULL=1: all others.
const REST: [(&str, End); 16] = [
    ("link-down", Stuck("firmware", "no-link")),
    // What is lost on its way in was never asked, as far as can be seen here.
    ("drop-dhcp", Stuck("firmware", "silent-after-link")),
    ("drop-tftp", Stuck("address", "no-file-asked")),
    ("lost-tftp-acks", Stuck("loader", "transfer-stalls")),
    ("wrong-arch", Stuck("loader", "wrong-architecture")),
    ("drop-http", Stuck("loader", "loader-waits")),
    ("truncated-kernel", Stuck("kernel", "transfer-short")),
    ("corrupt-initrd", Stuck("os", "system-silent")),
    ("wipe-loop", Stuck("firmware", "boot-loop")),
    ("delay-dhcp", Good),
    ("delay-tftp", Good),
    ("delay-http", Good),
    ("duplicate-dhcp", Good),
    ("duplicate-tftp", Good),
    ("duplicate-http", Good),
    // The last one: for a while after such a server has gone ours does not answer.
    ("second-dhcp", Stuck("address", "other-dhcp-server")),
];

/// Of the first machine of the board. The controller asks for addresses too, to hear who else answers.
const MAC: &str = "16:09:01:1a:f4:30";

/// Emulated firmware takes ten seconds to its network boot, and each later phase as long at most; on a busy host twice that.
const LIMITS: [(&str, u32); 8] = [
    ("link_s", 10),
    ("firmware_silent_s", 25),
    ("address_s", 15),
    ("loader_s", 25),
    ("kernel_s", 25),
    ("os_s", 35),
    ("service_s", 25),
    ("stall_s", 10),
];

/// Runs one fault on a board that stands; what is wrong is said and does not keep the others from being looked at.
fn broken(served: &Served, folder: &Path, fault: &str, end: &End) -> Result<(), String> {
    // Networks and files are made while the program already answers.
    until("the board to be built", Duration::from_secs(60), || {
        served.ask(&["fault", fault, "1"]).status.success().then_some(())
    });
    let before = served.lines(&["boots"]).pop().map_or(0, |boot| boot["id"].as_u64().unwrap());
    let outcome = match end {
        Good => {
            let ended = served.json(&["lab", "start", "rehearsal", "--wait"]);
            let boot = served.lines(&["boots"]).pop().unwrap();
            match (ended["state"].as_str(), &boot["verdict"]) {
                (Some("done"), Value::Null) => {
                    is_good_boot(&boot);
                    Ok(())
                }
                _ => Err(format!("{fault} should not stop a boot: {ended} {boot}")),
            }
        }
        Stuck(phase, code) => {
            served.json(&["lab", "start", "rehearsal"]);
            let told = until(fault, Duration::from_secs(240), || {
                let told = served.json(&["explain", "1"]);
                let new = told["boot"].as_u64().is_some_and(|boot| boot > before);
                (new && told["verdict"] != Value::Null).then_some(told)
            });
            served.ask(&["lab", "cancel", "--wait"]);
            let boot = served.lines(&["boots"]).pop().unwrap();
            let last = boot["phases"].as_array().unwrap().last().unwrap()["phase"].as_str().unwrap();
            let said = told["verdict"]["code"].as_str().unwrap();
            // One that begins again and again stands in whichever phase it was stopped.
            match said == *code && (last == *phase || *code == "boot-loop") {
                true => Ok(()),
                false => Err(format!("{fault} should be {code} in {phase}, not {said} in {last}: {told}")),
            }
        }
    };
    heard(served, folder, fault);
    served.json(&["fault", fault, "1", "--off"]);
    served.ask(&["rearm", "1"]);
    outcome
}

/// What others read in the machine's capture: DHCP, unless that is what does not arrive.
fn heard(served: &Served, folder: &Path, fault: &str) {
    let file = folder.join("one.pcapng");
    let boot = served.lines(&["boots"]).pop().unwrap()["id"].to_string();
    let told: Value = served.json(&["capture", "1", file.to_str().unwrap(), "--boot", &boot]);
    assert!(told["bytes"].as_u64().unwrap() > 100, "{told}");
    let output = Command::new("tcpdump").args(["-nr"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let silent = ["no-network-boot", "link-down", "drop-dhcp"].contains(&fault);
    assert_eq!(said.contains(&format!("Request from {MAC}")), !silent, "{fault}: {said}");
}

#[test]
fn each_fault_stops_real_firmware_where_it_should_and_is_explained() {
    let full = std::env::var_os("FULL").is_some_and(|value| !value.is_empty());
    let dir = tempfile::tempdir().unwrap();
    let board = impatient(dir.path(), include_str!("../boards/virtual.toml"), &LIMITS);
    let served = Served::start(
        &dir.path().join("data"),
        &["--board", &board, "--machines", "1", "--firmware", "uefi", "--way", "ipxe"],
    );
    let rest = REST.iter().take(if full { REST.len() } else { 0 });
    let wrong: Vec<String> = SAMPLE
        .iter()
        .chain(rest)
        .filter_map(|(fault, end)| broken(&served, dir.path(), fault, end).err())
        .collect();
    let needle = dir.path().to_str().unwrap().to_owned();
    served.stop();
    assert!(processes_with(&needle).is_empty(), "left over: {:?}", processes_with(&needle));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
