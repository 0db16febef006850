//! The same folder and the same requests to matchbox 0.11 and to us: the answers are the same bytes.
//!
//! Run by `make test-real`, which builds matchbox and names it in REAL_MATCHBOX.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use support::{Served, text, until};

const REQUESTS: usize = 600;
const GROUPS: usize = 60;

/// The same folder and requests each time (Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

const MACS: [&str; 6] = [
    "52:da:00:89:d8:10",
    "52-DA-00-89-D8-11",
    "52da.0089.d812",
    "52da0089d813",
    "02:00:5e:10:00:00:00:01",
    "52:da:00:89:d8:14",
];
const UUIDS: [&str; 3] = ["8a549bf5-075c-4372-8b0d-ce7844faa48c", "0", ""];
const ARCHES: [&str; 3] = ["x86_64", "i386", "arm64"];
const WORDS: [&str; 6] = ["red", "green", "a b", "ü", "x=y", "1%"];
const PROFILES: [&str; 7] = ["full", "bare", "empty", "noboot", "wrong", "missing", "../profiles/full"];

fn write(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A folder with everything in it that a folder may have, good and bad.
fn folder(folder: &Path, dice: &mut Dice) {
    let boot = json!({ "kernel": "/assets/vmlinuz", "initrd": ["/assets/initrd", "--name b /assets/b & <c>"],
        "args": ["console=tty0", "mac=${mac:hexhyp}", "{{.x}}", "\"quoted\"", "a\tb"] });
    write(
        folder,
        "profiles/full.json",
        &json!({ "id": "full", "name": "all of it", "boot": boot }).to_string(),
    );
    write(
        folder,
        "profiles/bare.json",
        r#"{"ID": "bare", "Boot": {"KERNEL": "/k", "initrd": null}, "new": {}}"#,
    );
    write(folder, "profiles/empty.json", r#"{"id": "empty", "boot": {}}"#);
    write(folder, "profiles/noboot.json", r#"{"id": "noboot"}"#);
    write(folder, "profiles/wrong.json", r#"{"id": "wrong", "boot": {"args": "one text"}}"#);
    write(folder, "assets/vmlinuz", &"kernel ".repeat(50_000));
    write(folder, "assets/sub/a file", "in a sub folder");
    for (name, content) in [
        ("broken", "{"),
        ("list", "[]"),
        ("number", r#"{"id": 7, "profile": "full"}"#),
        ("mac", r#"{"id": "mac", "profile": "full", "selector": {"mac": "nonsense"}}"#),
        ("selector", r#"{"id": "s", "profile": "full", "selector": {"rack": 7}}"#),
        ("trailing", r#"{"id": "t", "profile": "full"} x"#),
    ] {
        write(folder, &format!("groups/{name}.json"), content);
    }
    write(folder, "groups/notes.txt", "not a group");
    let metadata = json!({
        "text": "a <b> & \u{2028} ü", "on": true, "off": false, "none": null, "list": [1, 2], "float": 1.5,
        "whole": 7, "million": 1_000_000, "small": 0.000_01, "large": 123_456_789_012_i64, "negative": -0.25,
        "deep": { "er": { "key": "value", "ß": "x" } }, "Mixed-Case.Key": "v", "request": { "covered": 1 },
    });
    let mut seen = BTreeSet::new();
    let mut number = 0;
    while seen.len() < GROUPS {
        let mut selector = serde_json::Map::new();
        if dice.roll(2) == 0 {
            selector.insert(dice.pick(&["mac", "MAC", "Mac"]).into(), dice.pick(&MACS).into());
        }
        for (name, values) in
            [("uuid", &UUIDS[..]), ("arch", &ARCHES), ("colour", &WORDS), ("os", &["", "installed"])]
        {
            if dice.roll(3) == 0 {
                selector.insert(name.into(), dice.pick(values).into());
            }
        }
        // Which of two groups that ask for the same counts is chance in matchbox.
        if selector.is_empty() || !seen.insert(format!("{selector:?}").to_lowercase()) {
            continue;
        }
        number += 1;
        let mut group = json!({ "id": format!("g{number}"), "name": "n", "profile": dice.pick(&PROFILES), "selector": selector });
        match dice.roll(3) {
            0 => group["metadata"] = metadata.clone(),
            1 => group["metadata"] = json!({ "group": number }),
            _ => {}
        }
        write(folder, &format!("groups/g{number}.json"), &group.to_string());
    }
}

fn encoded(value: &str, dice: &mut Dice) -> String {
    let whole = dice.roll(4) == 0;
    let byte = |byte: u8| match byte {
        b' ' if !whole => "+".to_owned(),
        byte if !whole && (byte.is_ascii_alphanumeric() || b"-._:=".contains(&byte)) => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02x}"),
    };
    value.bytes().map(byte).collect()
}

fn request(dice: &mut Dice) -> String {
    let path: &str = dice.pick(&[
        "/ipxe",
        "/ipxe",
        "/ipxe",
        "/metadata",
        "/metadata",
        "/metadata",
        "/grub",
        "/boot.ipxe",
        "/boot.ipxe.0",
        "/",
        "/ignition",
        "/generic",
        "/cloud",
    ]);
    let mut pairs = Vec::new();
    for (names, values) in [
        (&["mac", "mac", "MAC"][..], &MACS[..]),
        (&["uuid"], &UUIDS),
        (&["arch"], &ARCHES),
        (&["colour"], &WORDS),
        (&["os"], &["", "installed"]),
        (&["ü", "a.b", "serial", ""], &WORDS),
    ] {
        if dice.roll(2) == 0 {
            let (name, value): (&str, &str) = (dice.pick(names), dice.pick(values));
            pairs.push(format!("{}={}", encoded(name, dice), encoded(value, dice)));
        }
    }
    match dice.roll(12) {
        0 => pairs.push("mac=nonsense".into()),
        1 => pairs.push("bad=%zz".into()),
        2 => pairs.push("two=1;three=2".into()),
        3 => pairs.push("arch=later&arch".into()),
        4 => pairs.push("bytes=%ff%fe&&".into()),
        _ => {}
    }
    let query = pairs.join("&");
    if query.is_empty() && dice.roll(2) == 0 { path.to_owned() } else { format!("{path}?{query}") }
}

/// Status and body.
fn get(at: &str, target: &str) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // HTTP/1.0: neither side answers in chunks.
    write!(stream, "GET {target} HTTP/1.0\r\nHost: boss.local\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let status = text(&answer[..end]).split(' ').nth(1)?.parse().ok()?;
    Some((status, answer[end + 4..].to_vec()))
}

struct Matchbox(Child);

impl Drop for Matchbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_same_requests_get_the_same_bodies() {
    let program =
        std::env::var_os("REAL_MATCHBOX").expect("REAL_MATCHBOX names matchbox 0.11: run `make test-real`");
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("matchbox");
    let mut dice = Dice(4);
    folder(&data, &mut dice);

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let matchbox = Command::new(program)
        .args(["-address", &free, "-data-path"])
        .arg(&data)
        .arg("-assets-path")
        .arg(data.join("assets"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _matchbox = Matchbox(matchbox);
    until("matchbox to answer", Duration::from_secs(20), || get(&free, "/"));
    let served = Served::start(&dir.path().join("data"), &["--matchbox", data.to_str().unwrap()]);
    let ours = until("HTTP to be ready", Duration::from_secs(20), || {
        let status = served.json(&["status"]);
        let services = status["engine"]["services"].as_array().unwrap();
        let http = services.iter().find(|s| s["name"] == "http" && s["ready"] == true)?;
        // "on port 20080, …": another engine may hold the usual one.
        let port = http["says"].as_str().unwrap().split([' ', ',']).nth(2).unwrap().to_owned();
        Some(format!("127.122.122.3:{port}"))
    });

    let mut targets: Vec<String> = (0..REQUESTS).map(|_| request(&mut dice)).collect();
    targets.extend(
        ["/assets/vmlinuz", "/assets/sub/a%20file", "/assets/none", "/assets/sub/none?x"].map(str::to_owned),
    );
    let (mut found, mut differ) = (0, Vec::new());
    for target in &targets {
        let (mut theirs, mut own) = (get(&free, target).unwrap(), get(&ours, target).unwrap());
        if target.starts_with("/metadata") {
            // Go walks its maps in another order each time.
            theirs.1 = sorted(&theirs.1);
            own.1 = sorted(&own.1);
        }
        found += usize::from(theirs.0 == 200);
        if theirs != own {
            differ.push(format!(
                "{target}\n  {} {}\n  {} {}",
                theirs.0,
                text(&theirs.1),
                own.0,
                text(&own.1)
            ));
        }
    }
    assert!(
        differ.is_empty(),
        "{} of {} differ:\n{}",
        differ.len(),
        targets.len(),
        differ[..differ.len().min(5)].join("\n")
    );
    let ordinary = targets.len() / 4..targets.len();
    assert!(
        ordinary.contains(&found),
        "{found} of {} had something to answer: too few or too many",
        targets.len()
    );

    let says: Value = served.json(&["check-config", "--matchbox", data.to_str().unwrap()]);
    let ignored: BTreeSet<&str> =
        says["ignored"].as_array().unwrap().iter().map(|i| i["file"].as_str().unwrap()).collect();
    for file in
        ["broken.json", "list.json", "number.json", "mac.json", "selector.json", "trailing.json", "notes.txt"]
    {
        assert!(
            ignored.contains(format!("groups/{file}").as_str()),
            "{file} has no effect in either and is named"
        );
    }
}

fn sorted(body: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    lines.sort();
    lines.join(&b'\n')
}
