#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use std::{
    collections::BTreeMap,
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lab::{
    counts::{Counter, Counts, Source, Sources},
    gear::LogsGear,
    log::{Level, Offset, Record},
    stream,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Inputs, LogsConfig};

/// Takes a batch whole or not at all, and may refuse.
#[derive(Default)]
struct Shelf {
    refuses: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    records: Vec<Record>,
    counts: Counts,
    offsets: BTreeMap<String, Vec<Offset>>,
    largest: usize,
}

#[async_trait]
impl Sink for Shelf {
    async fn commit(&self, batch: &Batch) -> Result<(), PortError> {
        if self.refuses.load(Ordering::SeqCst) {
            let (what, why, remedy) = ("store records".into(), "the disk is full".into(), "make room".into());
            return Err(PortError { what, why, remedy, absent: false });
        }
        let mut kept = self.kept.lock().unwrap();
        kept.records.extend(batch.records.iter().cloned());
        kept.counts.merge(&batch.counts);
        kept.offsets.extend(batch.offsets.clone());
        kept.largest = kept.largest.max(batch.records.len());
        Ok(())
    }
}

impl Shelf {
    fn texts(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        kept.records.iter().map(|r| format!("{}/{}/{}: {}", r.stream, r.node, r.service, r.message)).collect()
    }
}

fn clock() -> Clock {
    let began = std::time::Instant::now();
    Arc::new(move || {
        let us = i64::try_from(began.elapsed().as_micros()).unwrap();
        Stamp { wall_us: 1_795_355_357_000_000 + us, mono_us: us, host_boot: "one".into() }
    })
}

struct Bench {
    shelf: Arc<Shelf>,
    inputs: Inputs,
    stop: CancellationToken,
}

fn any() -> Option<SocketAddr> {
    Some("127.0.0.1:0".parse().unwrap())
}

fn start(gear: LogsGear, shelf: Arc<Shelf>) -> Bench {
    let sources =
        Sources { levels: Source::Log, firewall: Source::Log, dhcp: Source::Engine, ..Sources::default() };
    let offsets = shelf.kept.lock().unwrap().offsets.clone();
    let name_of: crate::NameOf =
        Arc::new(|address| (address.to_string() == "127.0.0.1").then(|| "node7".to_owned()));
    let stop = CancellationToken::new();
    let config = LogsConfig { gear, sources, offsets, name_of };
    let inputs = Inputs::start(config, shelf.clone(), clock(), &stop);
    Bench { shelf, inputs, stop }
}

impl Bench {
    async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let waits = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let found = timeout(Duration::from_secs(20), waits).await;
        assert!(found.is_ok(), "{what}: {:?} {:?}", self.shelf.texts(), self.inputs.readings());
    }

    async fn address(&self, stream: &str) -> SocketAddr {
        self.until("it listens", |bench| bench.inputs.address(stream).is_some()).await;
        self.inputs.address(stream).unwrap()
    }

    async fn connect(&self, stream: &str) -> TcpStream {
        TcpStream::connect(self.address(stream).await).await.unwrap()
    }

    fn reading(&self, stream: &str) -> lab::stream::StreamReading {
        self.inputs.readings().into_iter().find(|reading| reading.name == stream).unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(5), self.inputs.ended()).await.unwrap();
    }
}

const DROP: &str = "<4>Nov 22 13:49:17 wally.local kernel: [1.5] drop wan in: IN=eth0 SRC=203.0.113.9";

#[tokio::test]
async fn what_machines_send_arrives_counted() {
    let gear = LogsGear { syslog_udp: any(), syslog_tcp: any(), talos: any(), ..LogsGear::default() };
    let bench = start(gear, Arc::default());
    assert!(bench.inputs.readings().iter().all(|reading| reading.optional), "nobody has connected yet");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(DROP.as_bytes(), bench.address(stream::SYSLOG_UDP).await).unwrap();
    let mut syslog = bench.connect(stream::SYSLOG_TCP).await;
    syslog.write_all(format!("{} {DROP}{DROP}\n", DROP.len()).as_bytes()).await.unwrap();
    syslog.write_all(b"<13>Nov 22 13:49:17 app: n\xc3").await.unwrap();
    syslog.shutdown().await.unwrap();
    let mut talos = bench.connect(stream::TALOS).await;
    talos.write_all(b"garbage\n{\"msg\":\"up\",\"talos-level\":\"info\"}\n").await.unwrap();
    talos.write_all(b"{\"msg\":\"\xff\",\"hostname\":\"n1\",\"talos-service\":\"etcd\"}").await.unwrap();
    talos.shutdown().await.unwrap();
    bench.until("six records", |bench| bench.shelf.texts().len() == 6).await;
    let mut texts = bench.shelf.texts();
    texts.sort();
    assert_eq!(
        texts,
        [
            "syslog-tcp/node7/app: n\u{fffd}",
            "syslog-tcp/wally/kernel: [1.5] drop wan in: IN=eth0 SRC=203.0.113.9",
            "syslog-tcp/wally/kernel: [1.5] drop wan in: IN=eth0 SRC=203.0.113.9",
            "syslog-udp/wally/kernel: [1.5] drop wan in: IN=eth0 SRC=203.0.113.9",
            "talos/n1/etcd: \u{fffd}",
            "talos/node7/kernel: up",
        ]
    );
    let counts = bench.shelf.kept.lock().unwrap().counts.clone();
    assert_eq!((counts.get(Counter::Messages), counts.get(Counter::FirewallWanInDrops)), (6, 3));
    let talos = bench.reading(stream::TALOS);
    assert_eq!((talos.items, talos.bad, talos.optional), (2, 1, false));
    let rates = bench.inputs.rates();
    assert_eq!((rates.nodes[0].name.as_str(), rates.nodes[0].records), ("wally", 3));
    assert!(rates.counters[&Counter::FirewallWanInDrops] > 0.0);
    bench.end().await;
}

#[tokio::test]
async fn records_and_counts_made_here_go_the_same_way() {
    let bench = start(LogsGear::default(), Arc::default());
    assert_eq!(bench.inputs.readings(), []);
    let record = Record {
        stream: stream::BOOT_LOG.into(),
        time_us: None,
        seen_us: 1,
        node: "node1".into(),
        service: "ipxe".into(),
        level: Level::Error,
        message: "no".into(),
    };
    bench.inputs.own(record.clone());
    bench.inputs.own(Record { stream: "made up".into(), level: Level::Unknown, ..record });
    let mut seen = Counts::default();
    seen.add(Counter::DhcpLeased, 2);
    seen.add(Counter::FirewallWanDrops, 5);
    bench.inputs.add_counts(&seen);
    bench.until("two records", |bench| bench.shelf.texts().len() == 2).await;
    bench
        .until("the counts", |bench| bench.shelf.kept.lock().unwrap().counts.get(Counter::DhcpLeased) == 2)
        .await;
    assert_eq!(bench.shelf.texts(), ["boot-log/node1/ipxe: no", "statusinator/node1/ipxe: no"]);
    let counts = bench.shelf.kept.lock().unwrap().counts.clone();
    assert_eq!((counts.get(Counter::Error), counts.get(Counter::Info)), (1, 1));
    assert_eq!(counts.get(Counter::FirewallWanDrops), 0, "logs tell these on this board");
    let names: Vec<String> = bench.inputs.readings().into_iter().map(|reading| reading.name).collect();
    assert_eq!(names, [stream::BOOT_LOG, stream::OWN]);
    bench.end().await;
}

fn otlp(n: usize) -> String {
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"host.name","value":{{"stringValue":"boss"}}}}]}},"scopeLogs":[{{"scope":{{}},"logRecords":[{{"severityText":"info","body":{{"stringValue":"{n}"}}}}]}}]}}]}}"#
    ) + "\n"
}

#[tokio::test]
async fn while_nothing_can_be_stored_the_file_waits_and_the_network_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otelcol.jsonl");
    let shelf = Arc::new(Shelf::default());
    shelf.refuses.store(true, Ordering::SeqCst);
    // More than the queue of files takes.
    let lines = 30_000;
    std::fs::write(&path, (0..lines).map(otlp).collect::<String>()).unwrap();
    let gear = LogsGear { collector: Some(path), syslog_tcp: any(), ..LogsGear::default() };
    let bench = start(gear, shelf.clone());
    let mut syslog = bench.connect(stream::SYSLOG_TCP).await;
    let noise = format!("<13>Nov 22 13:49:17 wally noise: {}\n", "x".repeat(4000));
    let sent = 5000_u64;
    for _ in 0..sent {
        syslog.write_all(noise.as_bytes()).await.unwrap();
    }
    bench
        .until("all was taken or dropped", |bench| {
            let reading = bench.reading(stream::SYSLOG_TCP);
            reading.items + reading.dropped == sent
        })
        .await;
    let reading = bench.reading(stream::SYSLOG_TCP);
    assert!(reading.dropped > 0 && reading.items < 3000, "the backlog is bounded: {reading:?}");
    assert!(bench.reading(stream::COLLECTOR).items < lines as u64, "the file waits");
    assert_eq!(bench.inputs.failure().unwrap().why, "the disk is full");

    shelf.refuses.store(false, Ordering::SeqCst);
    let all = lines + usize::try_from(reading.items).unwrap();
    bench.until("all that was taken is stored", |bench| bench.shelf.texts().len() == all).await;
    let from_file =
        shelf.kept.lock().unwrap().records.iter().filter(|r| r.stream == stream::COLLECTOR).count();
    assert_eq!((from_file, bench.reading(stream::COLLECTOR).dropped), (lines, 0));
    assert_eq!(bench.inputs.failure(), None);
    bench.end().await;
}

#[tokio::test]
async fn what_cannot_be_opened_says_why_and_is_tried_again() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let gear =
        LogsGear { talos: Some(at), collector: Some("/nowhere/otelcol.jsonl".into()), ..LogsGear::default() };
    let bench = start(gear, Arc::default());
    bench.until("it says so", |bench| bench.reading(stream::TALOS).failure.is_some()).await;
    let failure = bench.reading(stream::TALOS).failure.unwrap();
    assert!(
        failure.why.contains("another program") && failure.remedy.contains(&at.port().to_string()),
        "{failure:?}"
    );
    drop(taken);
    bench.until("it listens", |bench| bench.inputs.address(stream::TALOS).is_some()).await;
    assert_eq!(bench.reading(stream::TALOS).failure, None);
    bench.until("the file is missing", |bench| bench.reading(stream::COLLECTOR).failure.is_some()).await;
    bench.end().await;
}

fn collector(path: &Path) -> LogsGear {
    LogsGear { collector: Some(path.to_owned()), ..LogsGear::default() }
}

#[tokio::test]
async fn a_restart_goes_on_where_the_last_batch_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otelcol.jsonl");
    let shelf = Arc::new(Shelf::default());
    std::fs::write(&path, otlp(0) + &otlp(1) + "{\"resourceLogs\":[{").unwrap();
    let bench = start(collector(&path), shelf.clone());
    bench.until("two", |bench| bench.shelf.texts().len() == 2).await;
    bench.end().await;
    std::fs::rename(&path, folder.path().join("otelcol-1.jsonl")).unwrap();
    std::fs::write(&path, otlp(2)).unwrap();
    let bench = start(collector(&path), shelf.clone());
    bench.until("three", |bench| bench.shelf.texts().len() == 3).await;
    bench.until("the torn line is told", |bench| bench.reading(stream::COLLECTOR).bad == 1).await;
    assert_eq!(shelf.kept.lock().unwrap().counts.get(Counter::Messages), 3);
    bench.end().await;
}
