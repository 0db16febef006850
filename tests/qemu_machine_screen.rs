//! What a machine of the virtual board is told and shows: refused because it is unknown, erased because it was armed, and
//! left alone because it was not. Real firmware, real loaders, real disks.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use support::{Served, text, until};

/// SeaBIOS reaches its script in seconds, but two machines share two processors with every other test.
const LIMIT: Duration = Duration::from_secs(150);
/// A sector of GPT's header, and the superblock of ext4 on a partition at 1 MiB, as their specifications place them.
const GPT_HEADER: u64 = 512;
const PARTITION: u64 = 1 << 20;
const EXT_MAGIC: u64 = PARTITION + 1024 + 0x38;

fn console(dir: &Path, outlet: u8) -> String {
    let path = dir.join(format!("virtual/machines/console{outlet}.log"));
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

fn disk(dir: &Path, outlet: u8) -> PathBuf {
    dir.join(format!("virtual/machines/disk{outlet}.img"))
}

/// A disk of 64 MiB as its last owner left it: GPT at both ends, ext4 on a partition, bytes in between.
fn used_disk(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path).unwrap();
    let size = 64_u64 << 20;
    file.set_len(size).unwrap();
    // The protective MBR: one entry of type EE over the whole disk.
    let mut mbr = [0_u8; 512];
    mbr[446 + 4] = 0xee;
    mbr[446 + 8] = 1;
    mbr[446 + 12..446 + 16].copy_from_slice(&u32::MAX.to_le_bytes());
    mbr[510..].copy_from_slice(&[0x55, 0xaa]);
    file.write_all_at(&mbr, 0).unwrap();
    for header in [GPT_HEADER, size - 512] {
        file.write_all_at(b"EFI PART", header).unwrap();
    }
    file.write_all_at(&[0x53, 0xef], EXT_MAGIC).unwrap();
    file.write_all_at(b"somebody's data", 32 << 20).unwrap();
}

fn holds(path: &Path, at: u64, expected: &[u8]) -> bool {
    let mut bytes = vec![0; expected.len()];
    File::open(path).unwrap().read_exact_at(&mut bytes, at).unwrap();
    bytes == expected
}

fn is_zero(path: &Path, at: u64, length: u64) -> bool {
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    File::open(path).unwrap().read_exact_at(&mut bytes, at).unwrap();
    bytes.iter().all(|byte| *byte == 0)
}

/// One board for both stories: a stranger is told why it gets nothing, and of two known machines the armed one is erased.
#[test]
fn a_stranger_is_told_why_and_only_the_armed_machine_is_erased() {
    let dir = tempfile::tempdir().unwrap();
    for outlet in [1, 2] {
        used_disk(&disk(dir.path(), outlet));
    }
    let options = ["--board", "virtual", "--machines", "2", "--firmware", "bios", "--stranger"];
    let served = Served::start(dir.path(), &options);

    let armed = served.json(&["wipe", "node1", "--yes", "--disks", "vda"]);
    assert_eq!(armed["armed"], true, "{armed}");
    let refused = served.ask(&["wipe", "node2"]);
    assert!(!refused.status.success(), "nothing is armed without --yes");
    assert!(text(&refused.stderr).contains("--yes"), "{}", text(&refused.stderr));

    let run = served.ask(&["lab", "start", "rehearsal", "--wait", "--json"]);
    let said = || format!("{}\n{}", console(dir.path(), 1), text(&run.stdout));
    assert!(run.status.success(), "{}", said());

    let events: Vec<Value> =
        served.lines(&["events"]).into_iter().filter(|event| event["subject"] == "node1").collect();
    let kind = |wanted: &str| events.iter().filter(|event| event["kind"] == wanted).collect::<Vec<&Value>>();
    assert_eq!(kind("wipe-armed").len(), 1, "{events:?}");
    assert_eq!(kind("wipe-began").len(), 1, "{}", said());
    let wiped = kind("disk-wiped");
    assert_eq!(wiped.len(), 1, "{}", said());
    assert!(wiped[0].to_string().contains(r#""ok":true"#), "{}", wiped[0]);
    let log = console(dir.path(), 1);
    assert!(log.contains("WILL ERASE") && log.contains("ERASING vda"), "its own screen says so: {log}");

    let (one, two) = (disk(dir.path(), 1), disk(dir.path(), 2));
    let end = 64 << 20;
    assert!(is_zero(&one, 0, 2 << 20) && is_zero(&one, end - (1 << 20), 1 << 20), "signatures are gone");
    assert!(
        holds(&two, GPT_HEADER, b"EFI PART") && holds(&two, end - 512, b"EFI PART"),
        "node2 is untouched"
    );
    assert!(holds(&two, EXT_MAGIC, &[0x53, 0xef]) && holds(&two, 32 << 20, b"somebody's data"));
    assert!(!console(dir.path(), 2).contains("ERAS"), "node2 was never a wiper");

    // The stranger had all that time to ask; it is told why it gets nothing, under the code that Board shows.
    let unknown = until("the stranger to be seen", LIMIT, || {
        let status = served.json(&["status"]);
        status["unknown"].as_array().unwrap().first().cloned()
    });
    let (mac, code) = (unknown["mac"].as_str().unwrap(), unknown["code"].as_str().unwrap());
    let told = until("the stranger to be told", LIMIT, || {
        let log = console(dir.path(), 3);
        log.contains("asks again in").then_some(log)
    });
    assert!(told.contains("This machine is not known to the board."), "{told}");
    assert!(told.contains(&format!("MAC {mac}, code {code}")), "{told}");
    assert!(told.contains("nearest known: node2 16:09:01:1a:f1:a3, one digit differs"), "{told}");

    let file = dir.path().join("stranger.png");
    served.json(&["screen", "stranger", file.to_str().unwrap()]);
    let mut head = [0; 8];
    File::open(&file).unwrap().read_exact(&mut head).unwrap();
    assert_eq!(&head, b"\x89PNG\r\n\x1a\n", "a picture of its own screen");
    served.stop();
}
