//! Real firmware, real iPXE, a real kernel: the virtual board boots and reports what it is.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Served, is_good_boot, processes_with, text, until};

/// What one firmware's machine must say of itself.
fn rehearse(firmware: &str, way: &str, vendor: &str, mode: &str) {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--board", "virtual", "--machines", "1", "--firmware", firmware, "--way", way];
    let served = Served::start(dir.path(), &options);
    let output = served.ask(&["lab", "start", "rehearsal", "--wait", "--json"]);
    let console =
        std::fs::read_to_string(dir.path().join("virtual/machines/console1.log")).unwrap_or_default();
    let tail: String = console.chars().rev().take(2000).collect::<Vec<_>>().into_iter().rev().collect();
    assert!(output.status.success(), "{}\n{}\n{tail}", text(&output.stdout), text(&output.stderr));
    let ended: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(ended["state"], "done", "{ended}");
    let facts = &ended["machines"][0]["facts"];
    assert_eq!(facts["firmware"]["vendor"], vendor);
    assert_eq!(facts["firmware"]["mode"], mode);
    assert_eq!(facts["memory"]["bytes"], 512_u64 << 20, "memory as configured");
    let release = facts["kernel"]["release"].as_str().unwrap();
    assert!(
        std::path::Path::new("/lib/modules").join(release).is_dir(),
        "the host's own kernel {release} was booted"
    );

    let boots = served.lines(&["boots"]);
    assert_eq!(boots.len(), 1);
    is_good_boot(&boots[0]);
    let marks = |phase: usize| boots[0]["phases"][phase]["marks"].as_array().unwrap().clone();
    let wire = (0..6).flat_map(marks).rfind(|m| m["mark"] == "wire").expect("frames were counted");
    let sent = wire["detail"]["to_bytes"].as_u64().unwrap();
    assert!(sent > 8_000_000, "kernel and initrd went over the wire: {sent} bytes");
    assert!(wire["detail"]["from_packets"].as_u64().unwrap() > 100, "{wire}");
    assert_eq!(served.json(&["status"])["machines"][0]["facts"]["firmware"]["vendor"], vendor);
    a_router_was_there_when_the_loader_asked(&served, dir.path());
    served.stop();
    let needle = dir.path().to_str().unwrap();
    assert!(processes_with(needle).is_empty(), "left over: {:?}", processes_with(needle));
}

/// iPXE waits some 12 s for a router before it asks for its script, unless one is advertised at once. A solicitation is listed
/// once its advertisement has left.
fn a_router_was_there_when_the_loader_asked(served: &Served, data: &std::path::Path) {
    let token = std::fs::read_to_string(data.join("control.token")).unwrap();
    let output = std::process::Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "20", "--header"])
        .arg(format!("Authorization: Bearer {}", token.trim()))
        .arg(format!("{}/api/v1/boots/1/packets", served.url))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let first = |is: &dyn Fn(&Value) -> bool| packets.iter().position(is);
    let solicited = first(&|p| p["proto"] == "ndp").expect("the loader solicits routers");
    let script = first(&|p| p["says"].as_str().is_some_and(|says| says.starts_with("GET boot/script")));
    assert!(solicited < script.expect("the script was asked for"), "{packets:#?}");
}

#[test]
fn a_uefi_machine_boots_and_reports() {
    rehearse("uefi", "ipxe", "EFI Development Kit II / OVMF", "uefi");
}

#[test]
fn a_bios_machine_boots_and_reports() {
    rehearse("bios", "bios", "SeaBIOS", "bios");
}

#[test]
fn a_power_cut_takes_every_machine_along() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--board", "virtual", "--machines", "1"]);
    served.json(&["lab", "start", "rehearsal"]);
    let needle = dir.path().to_str().unwrap().to_owned();
    let qemu = || processes_with(&needle).into_iter().find(|(_, line)| line.contains("qemu-system"));
    until("a machine to be switched on", Duration::from_secs(60), qemu);
    served.kill();
    until("everything to be gone", Duration::from_secs(10), || {
        processes_with(&needle).is_empty().then_some(())
    });
    let again = Served::start(dir.path(), &["--board", "virtual", "--machines", "1"]);
    let run = again.json(&["lab", "status"]);
    assert_eq!(run["state"], "failed");
    // The half inside the namespaces sees its pipe end, and may still write its last words before it is killed as well.
    let reason = run["reason"].as_str().unwrap();
    assert!(reason.contains("killed") || reason.contains("its virtual machines ended with it"), "{run}");
}
