//! The real OpenTelemetry collector writes and rotates, is killed twenty times, and every record in its files counts once.
//! Run by `make test-real`, which builds it and names it in REAL_OTELCOL.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test that finds nothing must fail, and one that measures says what

mod support;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use lab::{counts::Counter, gear::LogsGear, stream};
use serde_json::{Value, json};
use support::{Bench, Running, Shelf, free, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

const KILLS: usize = 20;
/// Records a second, in requests of so many.
const RATE: u64 = 2000;
const TOGETHER: u64 = 20;
/// Between two kills; long enough for two rotations at 1 MB.
const LIFE: Duration = Duration::from_millis(1800);

struct Collector {
    folder: PathBuf,
    port: u16,
    config: PathBuf,
}

impl Collector {
    fn new(folder: &Path, megabytes: u32) -> Self {
        let (port, config) = (free(), folder.join("otelcol.yaml"));
        let text = format!(
            "receivers:\n  otlp:\n    protocols:\n      http:\n        endpoint: 127.0.0.1:{port}\n\
             exporters:\n  file:\n    path: {}\n    flush_interval: 200ms\n    rotation:\n      max_megabytes: {megabytes}\n      max_backups: 1000\n\
             service:\n  telemetry:\n    metrics:\n      level: none\n  pipelines:\n    logs:\n      receivers: [otlp]\n      exporters: [file]\n",
            folder.join("otelcol.jsonl").display()
        );
        fs::write(&config, text).unwrap();
        Self { folder: folder.to_owned(), port, config }
    }

    async fn start(&self) -> (Running, TcpStream) {
        let program =
            std::env::var_os("REAL_OTELCOL").expect("REAL_OTELCOL names the collector: run `make test-real`");
        let log =
            fs::OpenOptions::new().append(true).create(true).open(self.folder.join("otelcol.log")).unwrap();
        let mut command = Command::new(program);
        command.arg("--config").arg(&self.config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let running = Running(command.spawn().unwrap());
        let connects = async {
            loop {
                if let Ok(socket) = TcpStream::connect(("127.0.0.1", self.port)).await {
                    return socket;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        (running, timeout(Duration::from_secs(30), connects).await.expect("the collector listens"))
    }
}

/// As the journal's pipeline says it, numbered.
fn request(first: u64) -> Vec<u8> {
    let text = |text: &str| json!({ "stringValue": text });
    let record = |number: u64| {
        json!({
            "timeUnixNano": "1795355357123456000", "severityNumber": 9, "severityText": "info",
            "body": { "kvlistValue": { "values": [
                { "key": "PRIORITY", "value": text("6") },
                { "key": "message", "value": text(&format!("record-{number:09} {}", "and its words ".repeat(8))) },
            ] } },
        })
    };
    let records: Vec<Value> = (first..first + TOGETHER).map(record).collect();
    let attributes = json!([{ "key": "host.name", "value": text("boss") }, { "key": "service.name", "value": text("load.service") }]);
    let body = json!({ "resourceLogs": [{ "resource": { "attributes": attributes }, "scopeLogs": [{ "scope": {}, "logRecords": records }] }] });
    let body = body.to_string();
    format!("POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Numbers of records in whole objects of the files, each with how often, and how many lines hold more than whole objects.
/// Read in another way than ours: every place where an object begins is tried.
fn truth(folder: &Path) -> (BTreeMap<u64, u32>, u64, usize) {
    let (mut numbers, mut torn, mut files) = (BTreeMap::new(), 0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        files += 1;
        let bytes = fs::read(path).unwrap();
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line).into_owned();
            let (mut at, mut whole) = (0, 0);
            while let Some(begins) = line[at..].find("{\"resourceLogs\"") {
                at += begins;
                let mut objects = serde_json::Deserializer::from_str(&line[at..]).into_iter::<Value>();
                let Some(Ok(object)) = objects.next() else {
                    at += 1;
                    continue;
                };
                for part in object.to_string().split("\"record-").skip(1) {
                    *numbers.entry(part[..9].parse().unwrap()).or_default() += 1;
                }
                at += objects.byte_offset();
                whole += objects.byte_offset();
            }
            torn += u64::from(whole < line.trim().len());
        }
    }
    (numbers, torn, files)
}

async fn killed_twenty_times(megabytes: u32) {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::new(folder.path(), megabytes);
    let gear = || LogsGear { collector: Some(folder.path().join("otelcol.jsonl")), ..LogsGear::default() };
    let shelf = Arc::new(Shelf::default());
    let (mut next, mut sending) = (0, Duration::ZERO);
    let (mut bench, mut bad) = (Some(Bench::start(gear(), shelf.clone())), 0);
    let bad_of = |bench: &Bench| bench.inputs.readings()[0].bad;
    for kill in 0..KILLS {
        let (mut running, mut socket) = collector.start().await;
        // What it answers does not matter here: its files are the measure.
        let mut answers = vec![0; 1 << 16];
        let mut tick = interval(Duration::from_secs(1) / u32::try_from(RATE / TOGETHER).unwrap());
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let began = Instant::now();
        while began.elapsed() < LIFE {
            tick.tick().await;
            if socket.write_all(&request(next)).await.is_err() {
                break;
            }
            next += TOGETHER;
            while socket.try_read(&mut answers).is_ok_and(|count| count > 0) {}
        }
        sending += began.elapsed();
        running.kill();
        let _ = timeout(Duration::from_millis(1), socket.read(&mut answers)).await;
        // Ours goes away too, now and then, and for longer than a rotation.
        if kill % 5 == 2 {
            let ending: Bench = bench.take().unwrap();
            bad += bad_of(&ending);
            ending.end().await;
        } else if bench.is_none() {
            bench = Some(Bench::start(gear(), shelf.clone()));
        }
    }
    let bench = bench.unwrap_or_else(|| Bench::start(gear(), shelf.clone()));
    let (numbers, torn, files) = truth(folder.path());
    let expected: usize = numbers.values().map(|times| *times as usize).sum();
    until("everything in the files is stored", || shelf.len() >= expected).await;
    // Nothing comes twice later.
    tokio::time::sleep(Duration::from_secs(2)).await;
    bad += bad_of(&bench);
    let mut stored: BTreeMap<u64, u32> = BTreeMap::new();
    for record in &shelf.0.lock().unwrap().records {
        assert_eq!((record.stream.as_str(), record.service.as_str()), (stream::COLLECTOR, "load.service"));
        *stored.entry(record.message["record-".len()..][..9].parse().unwrap()).or_default() += 1;
    }
    println!(
        "{megabytes} MB: {next} records sent at {:.0} a second, {expected} in {files} files, {} stored, {bad} bad lines",
        next as f64 / sending.as_secs_f64(),
        stored.len()
    );
    assert!(
        stored == numbers,
        "each record in the files once: {} stored, {} there",
        stored.len(),
        numbers.len()
    );
    assert_eq!(shelf.0.lock().unwrap().counts.get(Counter::Messages), expected as u64);
    assert!(expected as u64 > next / 2 && files >= 2, "the collector wrote and rotated");
    // A torn end of the last file waits for its rest; one that was met by two of our lives may count in both.
    assert!(bad <= torn + 1 && bad + 1 >= torn, "{bad} bad lines told, {torn} there");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotated_at_one_megabyte() {
    killed_twenty_times(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotated_at_ten_megabytes() {
    killed_twenty_times(10).await;
}
