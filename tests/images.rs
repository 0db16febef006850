//! A person keeps boot files in the program: adds an image, looks, damages it, chooses, and serves it.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use support::{PROGRAM, Served, ask, text, until};

/// Two files that could be a kernel and an initrd as far as anybody can tell.
fn sources(folder: &Path, word: &str) -> [String; 2] {
    ["kernel", "initrd"].map(|key| {
        let path = folder.join(format!("{key}-{word}"));
        fs::write(&path, format!("{key} {word} ").repeat(2000)).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

fn add(data: &Path, version: &str, [kernel, initrd]: &[String; 2], more: &[&str]) -> Output {
    let args = ["images", "add", "--role", "talos", "--name", "talos", "--version", version];
    let files = ["--kernel", kernel.as_str(), "--initrd", initrd.as_str(), "--json"];
    ask(data, &[&args[..], &files[..], more].concat())
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list(data: &Path) -> Vec<Value> {
    let output = ask(data, &["images", "list", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many files lie in a folder of the store.
fn count(data: &Path, folder: &str) -> usize {
    fs::read_dir(data.join("images").join(folder)).map_or(0, Iterator::count)
}

fn refused(output: &Output, code: i32, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains("what to do: "), "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{said} should say {words:?}");
}

#[test]
fn an_image_is_kept_checked_chosen_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    assert!(list(&data).is_empty());
    let (one, two) = (sources(dir.path(), "one"), sources(dir.path(), "two"));
    let added = json(&add(&data, "1", &one, &["--cmdline", "talos.platform=metal"]));
    assert_eq!((&added["name"], &added["chosen"]), (&Value::from("talos"), &Value::from(false)));
    assert_eq!(added["files"]["kernel"]["source"], one[0].as_str());
    json(&add(&data, "2", &two, &[]));
    refused(&add(&data, "1", &two, &[]), 1, &["talos 1", "version of their own"]);
    let hash = format!("kernel={}", "0".repeat(64));
    refused(&add(&data, "3", &one, &["--sha256", &hash]), 1, &["should be 000"]);
    refused(&add(&data, "../3", &one, &[]), 2, &["version"]);
    assert_eq!(list(&data).len(), 2);

    let unfit = ask(&data, &["images", "choose", "wiper", "talos", "1"]);
    refused(&unfit, 1, &["talos", "wiper"]);
    assert!(
        json(&ask(&data, &["images", "choose", "talos", "talos", "1", "--json"]))["chosen"]
            .as_bool()
            .unwrap()
    );
    refused(&ask(&data, &["images", "remove", "talos", "1"]), 1, &["choose another one first"]);

    assert!(ask(&data, &["images", "verify"]).status.success());
    let content = data.join("images/sha256").join(added["files"]["initrd"]["sha256"].as_str().unwrap());
    let mut bytes = fs::read(&content).unwrap();
    bytes[100] ^= 1;
    fs::set_permissions(&content, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(&content, bytes).unwrap();
    let verified = ask(&data, &["images", "verify", "--json"]);
    assert_eq!(verified.status.code(), Some(1));
    let lines: Vec<Value> =
        text(&verified.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["ok"], &lines[1]["ok"]), (&Value::from(false), &Value::from(true)));
    assert_eq!(lines[0]["damage"][0]["file"], "initrd");
    refused(&ask(&data, &["images", "choose", "talos", "talos", "1"]), 1, &["damaged", "images add"]);

    json(&ask(&data, &["images", "choose", "talos", "talos", "2", "--json"]));
    assert!(ask(&data, &["images", "remove", "talos", "1"]).status.success());
    assert_eq!((list(&data).len(), count(&data, "sha256")), (1, 2));
    refused(&ask(&data, &["images", "remove", "talos", "1"]), 1, &["talos 2"]);
}

/// A limit on the size of files stands for a full disk and, where the process dies of it, for a power cut.
#[test]
fn an_addition_that_does_not_end_leaves_no_image() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let good = sources(dir.path(), "good");
    json(&add(&data, "1", &good, &[]));
    let large = dir.path().join("large");
    fs::write(&large, vec![7; 3 << 20]).unwrap();
    let limited = |trap: &str| {
        let script = format!("{trap} ulimit -f 1024; exec \"$@\"");
        let args = ["-c", &script, "sh", PROGRAM, "images", "add", "--role", "talos", "--name", "talos"];
        let files = ["--version", "2", "--kernel", &good[0], "--initrd", large.to_str().unwrap(), "--data"];
        Command::new("sh").args(args).args(files).arg(&data).stdin(Stdio::null()).output().unwrap()
    };

    refused(&limited("trap '' XFSZ;"), 1, &["make room"]);
    assert_eq!((count(&data, "incoming"), count(&data, "sha256"), list(&data).len()), (0, 2, 1));

    let killed = limited("");
    assert_eq!(killed.status.code(), None, "ended by a signal: {}", text(&killed.stderr));
    assert!(count(&data, "incoming") > 0, "it was ended in the middle");
    assert_eq!(list(&data).len(), 1);
    assert!(ask(&data, &["images", "verify"]).status.success());
    json(&add(&data, "2", &sources(dir.path(), "two"), &[]));
    assert_eq!((count(&data, "incoming"), count(&data, "sha256"), list(&data).len()), (0, 4, 2));
}

/// One GET over a connection of its own.
fn get(at: &str, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (text(&answer[..head]).lines().next().unwrap().to_owned(), answer[head + 4..].to_vec())
}

#[test]
fn a_running_engine_serves_what_was_chosen_from_the_next_lab_on() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), &["--speed", "100"]);
    let service = |name: &str| {
        let status = served.json(&["status"]);
        let services = status["engine"]["services"].as_array().unwrap().clone();
        services.into_iter().find(|s| s["name"] == name).filter(|s| s["ready"] == true)
    };
    let says = |name: &str| service(name).map(|s| s["says"].as_str().unwrap().to_owned());
    // "on port 20080, …": another engine may hold the usual one.
    let http = until("HTTP to be ready", Duration::from_secs(20), || says("http"));
    let port = http.split([' ', ',']).nth(2).unwrap().to_owned();
    let at = format!("127.122.122.3:{port}");
    let path = "/assets/talos-vmlinuz-amd64.xz";
    let (status, words) = get(&at, path);
    assert!(status.contains("404") && text(&words).contains("images list"), "{status} {}", text(&words));

    let one = sources(dir.path(), "one");
    json(&add(dir.path(), "1", &one, &[]));
    json(&ask(dir.path(), &["images", "choose", "talos", "talos", "1", "--json"]));
    until("the engine to notice", Duration::from_secs(20), || {
        says("images").filter(|says| says.contains("talos 1 from the next lab on"))
    });
    assert!(get(&at, path).0.contains("404"), "nothing changes under machines that boot");
    assert_eq!(served.json(&["lab", "start", "rehearsal", "--wait"])["state"], "done");
    assert_eq!(get(&at, path).1, fs::read(&one[0]).unwrap());
    let events = served.lines(&["events"]);
    let chosen: Vec<&Value> = events.iter().filter(|e| e["kind"] == "image-chosen").collect();
    assert_eq!(chosen.len(), 1, "{events:?}");
    assert!(chosen[0]["says"].as_str().unwrap().contains("talos 1"), "{}", chosen[0]);

    let script = text(&get(&at, "/nodes-ipxe/lab/16-09-01-1a-f4-30.ipxe").1);
    assert!(script.starts_with("#!ipxe\n# Box 1"), "{script}");
    assert!(text(&get(&at, "/chain-boot.ipxe").1).contains("nodes-ipxe/lab/${netX/mac:hexhyp}.ipxe"));
    let (status, words) = get(&at, "/nodes-ipxe/lab/node-c1.yaml");
    assert!(status.contains("404") && text(&words).contains("secrets"), "{status}");

    damage_is_an_event_and_so_is_its_end(&served, dir.path(), &one[0]);
}

/// Once each: with what failed, why, and what to do.
fn damage_is_an_event_and_so_is_its_end(served: &Served, data: &Path, kernel: &str) {
    let hash = list(data).iter().find(|image| image["version"] == "1").unwrap()["files"]["kernel"]["sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    let content = data.join("images/sha256").join(hash);
    let put = |bytes: &[u8]| {
        fs::remove_file(&content).unwrap();
        fs::write(&content, bytes).unwrap();
    };
    let told = |kind: &str| -> Vec<Value> {
        let about_images = |e: &Value| e["kind"] == kind && e["data"]["service"] == "images";
        served.lines(&["events"]).into_iter().filter(about_images).collect()
    };
    let good = fs::read(kernel).unwrap();
    put(b"something else");
    let troubled = until("the damage to be told", Duration::from_secs(20), || told("service-troubled").pop());
    let failure = &troubled["data"]["failure"];
    let words = |key: &str| failure[key].as_str().unwrap_or_else(|| panic!("{troubled}"));
    assert_eq!(words("what"), "serve the image of talos");
    assert!(words("why").contains("talos 1") && words("remedy").contains("images add"), "{troubled}");
    let trouble = served.json(&["status"])["troubles"][0].clone();
    assert_eq!((&trouble["service"], &trouble["failure"]["code"]), (&"images".into(), &"boot-file".into()));

    put(&good);
    until("its end to be told", Duration::from_secs(20), || told("service-recovered").pop());
    assert_eq!((told("service-troubled").len(), told("service-recovered").len()), (1, 1));
    assert_eq!(served.json(&["status"])["troubles"].as_array().unwrap().len(), 0);
}

#[test]
fn a_matchbox_folder_is_looked_through() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("matchbox");
    for (path, content) in [
        ("groups/all.json", r#"{"id": "all", "profile": "p"}"#),
        ("groups/broken.json", "{"),
        ("profiles/p.json", r#"{"id": "p", "boot": {"kernel": "/assets/k"}}"#),
        ("ignition/p.ign", "{}"),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let looked = ask(dir.path(), &["check-config", "--matchbox", folder.to_str().unwrap(), "--json"]);
    let found = json(&looked);
    assert_eq!((&found["groups"], &found["profiles"]), (&Value::from(1), &Value::from(1)));
    let ignored: Vec<&str> =
        found["ignored"].as_array().unwrap().iter().map(|i| i["file"].as_str().unwrap()).collect();
    assert_eq!(ignored, ["groups/broken.json", "ignition/p.ign"]);
    for args in [["check-config", "--matchbox", "/nonexistent"], ["serve", "--matchbox", "/nonexistent"]] {
        let output = ask(dir.path(), &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
    }
}
