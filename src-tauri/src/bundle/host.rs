//! What the computer says of itself, and what lies in the data folder.

use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::Path,
};

use serde_json::{Value, json};

use crate::{VERSION, config::DataDir};

/// Files of the kernel that tell how the computer is. Each is cut at this many bytes.
const KERNEL: [&str; 17] = [
    "cmdline",
    "cpuinfo",
    "diskstats",
    "interrupts",
    "loadavg",
    "meminfo",
    "mounts",
    "net/dev",
    "net/route",
    "net/snmp",
    "net/softnet_stat",
    "net/udp",
    "pressure/cpu",
    "pressure/io",
    "pressure/memory",
    "softirqs",
    "uptime",
];
const KERNEL_MOST: u64 = 64 * 1024;
/// Of each day's own log file.
const LOG_MOST: u64 = 4 << 20;
/// Files listed.
const LISTED: usize = 2000;

pub(super) fn versions() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let release = read("/etc/os-release");
    let release: Value = release
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), Value::from(value.trim_matches('"'))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    json!({
        "program": VERSION,
        "kernel": read("/proc/version"),
        "host": read("/proc/sys/kernel/hostname"),
        "os": release,
        "machine": std::env::consts::ARCH,
        "made": jiff::Timestamp::now().to_string(),
    })
}

pub(super) fn kernel() -> Vec<(String, String)> {
    let one =
        |name: &&str| Some((format!("proc/{name}"), head(&Path::new("/proc").join(name), KERNEL_MOST)?));
    KERNEL.iter().filter_map(one).collect()
}

/// The program's own log files, each from its end.
pub(super) fn own_logs(data: &DataDir) -> Vec<(String, String)> {
    let entries = fs::read_dir(data.logs()).into_iter().flatten().flatten();
    let mut logs: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok().filter(|name| name.ends_with(".log"))?;
            Some((format!("own-log/{name}"), tail(&entry.path(), LOG_MOST)?))
        })
        .collect();
    logs.sort();
    logs
}

/// Certificates that lie in the data folder; keys beside them do not come along.
pub(super) fn certificates(data: &DataDir) -> Vec<(String, String)> {
    let entries = fs::read_dir(data.path().join("tls")).into_iter().flatten().flatten();
    let pem = entries.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "pem"));
    let public = |text: &str| {
        let mut inside = false;
        let lines = text.lines().filter(|line| {
            inside |= *line == "-----BEGIN CERTIFICATE-----";
            let now = inside;
            inside &= *line != "-----END CERTIFICATE-----";
            now
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    pem.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some((format!("certificates/{name}"), public(&head(&entry.path(), KERNEL_MOST)?)))
    })
    .collect()
}

/// Names, sizes, modes and ages: of every file here, none of what is in it.
pub(super) fn files(data: &DataDir) -> Vec<String> {
    let (mut lines, mut folders) = (Vec::new(), vec![data.path().to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if lines.len() >= LISTED {
                return lines;
            }
            if meta.is_dir() {
                folders.push(entry.path());
            }
            lines.push(line(data.path(), &entry.path(), &meta));
        }
    }
    lines.sort();
    lines
}

fn line(root: &Path, path: &Path, meta: &fs::Metadata) -> String {
    let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
    let changed = jiff::Timestamp::from_second(meta.mtime()).map(|at| at.to_string()).unwrap_or_default();
    let mode = format!("{:o}", meta.mode() & 0o7777);
    json!({ "file": name, "bytes": meta.len(), "mode": mode, "uid": meta.uid(), "changed": changed })
        .to_string()
}

fn head(path: &Path, most: u64) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn tail(path: &Path, most: u64) -> Option<String> {
    let mut file = fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most))).ok()?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
