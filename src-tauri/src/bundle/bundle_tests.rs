//! Secrets are planted wherever they could be, and looked for in what comes out.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use lab::{
    Body, Draft, Stamp,
    journal::Journal,
    log::{Batch, Level, Record},
};
use store::{Store, logs::LogStore};

use super::*;

const WIFI: &str = "Wl\u{e4}n pass/word+1";
const RELAY: &str = "relay-Pa55\"quoted";
const SHORT: &str = "x7!";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPlantedPlanted12\nQgAEplantedplantedplantedQ==\n-----END PRIVATE KEY-----\n";

fn stamp() -> Stamp {
    Stamp { wall_us: 1_700_000_000_000_000, mono_us: 1, host_boot: "one".into() }
}

fn close(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Ways in which somebody may have written a secret down.
fn said(secret: &str) -> Vec<String> {
    forms::of(secret).into_iter().map(|form| format!("somebody wrote {form} here")).collect()
}

/// A data folder as an engine leaves it, with secrets in every corner; gives all of them.
async fn planted(data: &DataDir) -> Vec<String> {
    data.create().unwrap();
    let token = "0123456789abcdef".repeat(4);
    close(&data.secrets(), &format!("wifi = {WIFI:?}\nrelay = {RELAY:?}\npin = \"{SHORT}\"\n"));
    close(&data.control_token(), &format!("{token}\n"));
    close(&data.path().join("tls/api.key"), KEY);
    close(
        &data.path().join("tls/api.pem"),
        &format!("-----BEGIN CERTIFICATE-----\nMIIBpublic\n-----END CERTIFICATE-----\n{KEY}"),
    );
    close(&data.path().join("ca/key.passphrase"), "ca-Passphrase-1234\n");
    let lines = KEY.lines().filter(|line| !line.starts_with('-')).map(str::to_owned);
    let mut secrets = vec![WIFI.to_owned(), RELAY.into(), token, "ca-Passphrase-1234".into()];
    secrets.extend(lines);

    let mut words: Vec<String> = secrets.iter().flat_map(|secret| said(secret)).collect();
    words.extend([KEY.to_owned(), format!("the pin is {SHORT} today")]);
    words.push("GET /x HTTP/1.1\r\nAuthorization: Bearer unknown-Bearer-token\r\nHost: x".into());
    words.push("wpa_supplicant: psk=unknown-psk-value ssid=lab".into());
    words.push("machine:\n  ca:\n    key: dW5rbm93bi1rZXktdmFsdWUtaW4tYmFzZTY0".into());
    close(&data.logs().join("statusinator.2026-01-01.log"), &words.join("\n"));

    let folder = data.path().join("simulated");
    let (store, _) = Store::open(&folder).await.unwrap();
    let draft = |words: &String| Draft {
        stamp: stamp(),
        run: None,
        boot: None,
        actor: "control".into(),
        reason: Some(words.clone()),
        subject: "board".into(),
        body: Body::DeviceFound { device: words.clone() },
    };
    store.append(words.iter().map(draft).collect()).await.unwrap();
    let (logs, _) = LogStore::open(&folder).await.unwrap();
    let record = |words: &String| Record {
        stream: "collector".into(),
        time_us: None,
        seen_us: 1,
        node: "boss".into(),
        service: "sshd".into(),
        level: Level::Info,
        message: words.clone(),
    };
    let batch = Batch { records: words.iter().map(record).collect(), ..Batch::default() };
    logs.commit(&batch).await.unwrap();
    logs.close().await;
    store.close().await;
    secrets.extend(
        ["unknown-Bearer-token", "unknown-psk-value", "dW5rbm93bi1rZXktdmFsdWUtaW4tYmFzZTY0"]
            .map(str::to_owned),
    );
    secrets
}

fn unpack(bytes: &[u8], name: &str) -> Vec<(String, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("b.tar.gz"), bytes).unwrap();
    let tar = Command::new("tar").args(["-xzf", "b.tar.gz"]).current_dir(dir.path()).status().unwrap();
    assert!(tar.success());
    let mut folders = vec![dir.path().join(name)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let place = path.strip_prefix(dir.path().join(name)).unwrap().display().to_string();
                files.push((place, fs::read(&path).unwrap()));
            }
        }
    }
    files
}

#[tokio::test]
async fn no_secret_leaves_in_any_form_and_all_the_rest_does() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::new(Some(dir.path().join("data"))).unwrap();
    let secrets = planted(&data).await;
    let (memories, copies) = without_engine(&data).await.unwrap();
    let bytes = make(&data, "bundle", &memories).await.unwrap();
    drop((memories, copies));
    let files = unpack(&bytes, "bundle");
    let text = |name: &str| {
        let found = files.iter().find(|(place, _)| place == name);
        let (_, bytes) = found.unwrap_or_else(|| {
            panic!("{name} is not among {:?}", files.iter().map(|f| &f.0).collect::<Vec<_>>())
        });
        String::from_utf8(bytes.clone()).unwrap()
    };
    for (place, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        for form in secrets.iter().flat_map(|secret| forms::of(secret)).filter(|form| form.len() >= 8) {
            assert!(!text.contains(&form), "{form} is in {place}");
        }
        assert!(!text.contains(&format!(" {SHORT} ")), "the short one is in {place}");
        assert!(!text.contains("BEGIN PRIVATE"), "{place}");
    }

    let events = text("simulated/events.jsonl");
    assert!(events.lines().count() > 50 && events.contains("device-found") && events.contains(redact::GONE));
    for line in events.lines().chain(text("simulated/logs.jsonl").lines()) {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    assert!(text("simulated/logs.jsonl").contains("ssid=lab"));
    assert!(text("own-log/statusinator.2026-01-01.log").contains("somebody wrote [redacted] here"));
    assert!(text("certificates/api.pem").contains("MIIBpublic"), "public parts come along");
    assert!(text("simulated/board.toml").contains("[board]"));
    for (name, wanted) in [
        ("versions.json", crate::VERSION),
        ("files.jsonl", "\"mode\":\"600\""),
        ("proc/meminfo", "MemTotal"),
        ("doctor.jsonl", "data folder"),
        ("simulated/status.json", "\"seq\""),
        ("README.txt", "secret stood"),
    ] {
        assert!(text(name).contains(wanted), "{wanted} is not in {name}");
    }
}

#[tokio::test]
async fn what_is_damaged_is_named_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::new(Some(dir.path().join("data"))).unwrap();
    data.create().unwrap();
    let file = data.path().join("lab/events.db");
    close(&file, "this is no database, whatever its name says; it is long enough to be looked at as one");
    let (memories, _copies) = without_engine(&data).await.unwrap();
    let files = unpack(&make(&data, "bundle", &memories).await.unwrap(), "bundle");
    let readme = &files.iter().find(|(place, _)| place == "README.txt").unwrap().1;
    let readme = String::from_utf8_lossy(readme);
    assert!(readme.contains("lab/events") && readme.contains("lab/logs.db"), "{readme}");
    assert!(fs::read_to_string(file).unwrap().starts_with("this is no database"), "looking changes nothing");
}
