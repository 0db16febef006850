//! Each way to boot, with real firmware, real loaders and a real kernel. `make test` takes two; FULL=1 all of them.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;
use support::{Served, is_good_boot, text, until};

/// Starts a board of one machine; what was learnt in this folder before is remembered.
fn board(data: &Path, options: &[&str]) -> Served {
    Served::start(data, &[&["--board", "virtual", "--machines", "1"], options].concat())
}

/// One rehearsal; its boot, as `boots --json` prints it.
fn boot(served: &Served) -> Value {
    let output = served.ask(&["lab", "start", "rehearsal", "--wait", "--json"]);
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let boot = served.lines(&["boots"]).pop().unwrap();
    is_good_boot(&boot);
    boot
}

/// What the boot's marks of this name tell, the first of them.
fn mark<'a>(boot: &'a Value, name: &str) -> Option<&'a Value> {
    let phases = boot["phases"].as_array().unwrap();
    phases.iter().flat_map(|phase| phase["marks"].as_array().unwrap()).find(|mark| mark["mark"] == name)
}

fn path_of<'a>(boot: &'a Value, name: &str) -> &'a str {
    mark(boot, name).unwrap_or_else(|| panic!("no {name} in {boot}"))["detail"]["path"].as_str().unwrap()
}

/// The way a machine is offered, and those it knows to work.
fn ways(served: &Served) -> (String, Vec<String>) {
    let all = served.lines(&["ways"]);
    let good = |way: &&Value| way["good"].as_u64().unwrap() > 0;
    let known = all[0]["ways"].as_array().unwrap();
    let known = known.iter().filter(good).map(|way| way["way"].as_str().unwrap().to_owned()).collect();
    (all[0]["way"].as_str().unwrap().to_owned(), known)
}

fn events(served: &Served, kind: &str) -> Vec<Value> {
    served.lines(&["events"]).into_iter().filter(|event| event["kind"] == kind).collect()
}

/// Only in `make test-full`: each boot takes 20 s and more under emulation.
fn full() -> bool {
    std::env::var_os("FULL").is_some_and(|full| !full.is_empty())
}

/// A machine without history is told to boot one image over HTTP: first with variables that are new, then with those that
/// its firmware has filled. Neither boot sees a loader.
#[test]
fn http_is_what_a_new_machine_gets_and_keeps() {
    let dir = tempfile::tempdir().unwrap();
    let served = board(dir.path(), &[]);
    for round in 1..=2 {
        let boot = boot(&served);
        assert!(path_of(&boot, "kernel-asked").starts_with("boot/uki/"), "{boot}");
        assert!(mark(&boot, "loader-asked").is_none() && mark(&boot, "script-asked").is_none(), "{boot}");
        assert_eq!(ways(&served), ("http".to_owned(), vec!["http".to_owned()]));
        let armed = events(&served, "boot-order-armed");
        assert_eq!(armed.len(), round, "each boot is armed once, and recorded: {armed:?}");
        if !full() {
            break;
        }
    }
    served.stop();
}

#[test]
fn pxe_then_ipxe() {
    let dir = tempfile::tempdir().unwrap();
    let served = board(dir.path(), &["--way", "ipxe"]);
    let boot = boot(&served);
    assert_eq!(path_of(&boot, "loader-asked"), "ipxe.efi");
    assert_eq!(mark(&boot, "loader-asked").unwrap()["detail"]["proto"], "tftp");
    assert_eq!(ways(&served), ("ipxe".to_owned(), vec!["ipxe".to_owned()]));
    assert!(events(&served, "boot-order-armed").is_empty(), "the firmware's own order does");
    served.stop();
}

/// On a machine whose variables lie in no file of ours its probe writes them, for the boot after its own.
#[test]
fn the_probe_writes_the_boot_order() {
    if !full() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let served = board(dir.path(), &["--order-by-probe"]);
    let first = boot(&served);
    assert_eq!(path_of(&first, "loader-asked"), "ipxe.efi", "nobody has told the firmware anything yet");
    let armed = |times: usize| {
        until("the probe to write the boot order", Duration::from_secs(30), || {
            let armed = events(&served, "boot-order-armed");
            (armed.len() == times).then_some(armed)
        })
    };
    armed(1);
    assert_eq!(served.lines(&["ways"])[0]["armed"], "http");
    let second = boot(&served);
    assert!(path_of(&second, "kernel-asked").starts_with("boot/uki/"), "{second}");
    assert!(mark(&second, "loader-asked").is_none(), "{second}");
    // Firmware forgets what it followed; the next boot is told anew.
    armed(2);

    let asked = served.ask(&["ways", "1", "--way", "ipxe"]);
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    // Switched off, it can be told nothing else; its probe takes away what it had written.
    let third = boot(&served);
    assert!(path_of(&third, "kernel-asked").starts_with("boot/uki/"), "{third}");
    let restored = events(&served, "boot-order-restored");
    assert_eq!(restored.len(), 1, "{restored:?}");
    let fourth = boot(&served);
    assert_eq!(path_of(&fourth, "loader-asked"), "ipxe.efi");
    assert!(events(&served, "way-dropped").is_empty());
    served.stop();
}

#[test]
fn http_then_ipxe() {
    if !full() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let served = board(dir.path(), &["--way", "http-ipxe"]);
    let boot = boot(&served);
    assert_eq!(mark(&boot, "loader-asked").unwrap()["detail"]["proto"], "http");
    assert_eq!(ways(&served), ("http-ipxe".to_owned(), vec!["http-ipxe".to_owned()]));
    served.stop();
}

#[test]
fn a_rom_loads_undionly() {
    if !full() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let served = board(dir.path(), &["--firmware", "bios-pxe"]);
    let boot = boot(&served);
    assert_eq!(path_of(&boot, "loader-asked"), "undionly.kpxe");
    assert_eq!(ways(&served), ("bios".to_owned(), vec!["bios".to_owned()]));
    served.stop();
}

/// Microsoft's keys admit shim, shim admits GRUB, GRUB admits Debian's kernel; the machine itself says that it checked.
#[test]
fn secure_boot() {
    if !full() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let served = board(dir.path(), &["--firmware", "secure"]);
    let boot = boot(&served);
    assert_eq!(path_of(&boot, "loader-asked"), "shimx64.efi");
    assert_eq!(ways(&served), ("secure".to_owned(), vec!["secure".to_owned()]));
    let facts = &served.json(&["status"])["machines"][0]["facts"];
    assert_eq!(facts["firmware"]["secure_boot"], true, "{facts}");
    served.stop();
}

/// GRUB on the machine's own disk asks the engine, and the probe renews the disk. With nobody to answer it boots what
/// worked last, and when that is damaged the copy before it.
#[test]
fn a_disk_of_its_own() {
    if !full() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("virtual/machines");
    let served = board(dir.path(), &["--way", "local"]);
    let first = boot(&served);
    assert_eq!(path_of(&first, "script-asked"), "grub/local.cfg");
    assert!(mark(&first, "loader-asked").is_none(), "the firmware fetched nothing: {first}");
    assert_eq!(ways(&served), ("local".to_owned(), vec!["local".to_owned()]));
    served.stop();
    let disk = folder.join("boot1.img");
    let mut bytes = std::fs::read(&disk).unwrap();
    let read = netboot::media::file(&mut bytes, "copies/first.cfg").unwrap();
    assert_eq!(read, b"set first=b\n", "the probe renewed the other copy");

    let falls_back_to = |copy: &str| {
        let served = board(dir.path(), &["--way", "local"]);
        until("the board to be built", Duration::from_secs(60), || {
            served.ask(&["fault", "drop-dhcp", "1"]).status.success().then_some(())
        });
        served.json(&["lab", "start", "rehearsal"]);
        let says = format!("the last good choice, copy {copy}");
        let console = || std::fs::read(folder.join("console1.log")).unwrap_or_default();
        let told = || String::from_utf8_lossy(&console()).contains(&says).then_some(());
        until(&says, Duration::from_secs(120), told);
        served.stop();
    };
    falls_back_to("b");
    let garbage = dir.path().join("garbage");
    std::fs::write(&garbage, b"no kernel").unwrap();
    let image = format!("{}@@1M", disk.display());
    let damaged =
        Command::new("mcopy").args(["-o", "-i", &image]).arg(&garbage).arg("::copies/b/kernel").status();
    assert!(damaged.unwrap().success());
    falls_back_to("a");
}
