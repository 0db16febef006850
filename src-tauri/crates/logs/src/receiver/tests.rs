#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use std::{
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use flate2::{Compression, write::GzEncoder};
use lab::{
    counts::{Counter, Source, Sources},
    event::Stamp,
    gear::LogsGear,
    log::{Batch, Record},
    ports::PortError,
    stream,
};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::{Inputs, LogsConfig, Sink};

#[derive(Default)]
struct Shelf {
    refuses: AtomicBool,
    records: Mutex<Vec<Record>>,
}

#[async_trait]
impl Sink for Shelf {
    async fn commit(&self, batch: &Batch) -> Result<(), PortError> {
        if self.refuses.load(Ordering::SeqCst) {
            let (what, why, remedy) = ("store records".into(), "full".into(), "make room".into());
            return Err(PortError { what, why, remedy, absent: false });
        }
        self.records.lock().unwrap().extend(batch.records.iter().cloned());
        assert_eq!(batch.counts.get(Counter::Messages), batch.records.len() as u64);
        Ok(())
    }
}

struct Bench {
    shelf: Arc<Shelf>,
    inputs: Inputs,
    address: SocketAddr,
}

async fn bench() -> Bench {
    let shelf = Arc::new(Shelf::default());
    let gear = LogsGear { otlp: Some("127.0.0.1:0".parse().unwrap()), ..LogsGear::default() };
    let sources = Sources { levels: Source::Log, ..Sources::default() };
    let config = LogsConfig { gear, sources, offsets: Default::default(), name_of: Arc::new(|_| None) };
    let began = std::time::Instant::now();
    let clock = Arc::new(move || Stamp {
        wall_us: 1,
        mono_us: began.elapsed().as_micros() as i64,
        host_boot: String::new(),
    });
    let inputs = Inputs::start(config, shelf.clone(), clock, &CancellationToken::new());
    let address = timeout(Duration::from_secs(10), async {
        loop {
            if let Some(address) = inputs.address(stream::OTLP) {
                return address;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let address = address.await.unwrap();
    Bench { shelf, inputs, address }
}

struct Heard {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Bench {
    /// A request by hand: what goes over the wire is what the test says.
    async fn asks(&self, first: &str, headers: &str, body: &[u8]) -> Heard {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "{first} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        // A server that has heard enough may close before the end.
        let _ = socket.write_all(body).await;
        let mut heard = Vec::new();
        let _ = timeout(Duration::from_secs(20), socket.read_to_end(&mut heard)).await.unwrap();
        let end = heard.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(heard[..end].to_vec()).unwrap().to_lowercase();
        Heard { status: head[9..12].parse().unwrap(), head, body: heard[end + 4..].to_vec() }
    }

    async fn posts(&self, kind: &str, body: &[u8]) -> Heard {
        self.asks("POST /v1/logs", &format!("Content-Type: {kind}\r\n"), body).await
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waits = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(20), waits).await.expect(what);
    }

    fn records(&self) -> Vec<Record> {
        self.shelf.records.lock().unwrap().clone()
    }
}

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";
const SAMPLE: &str = include_str!("../../tests/data/otelcol-sample.jsonl");

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn the_two_encodings_give_the_same_records() {
    let bench = bench().await;
    // The whole sample as one request in each encoding.
    let mut all = ExportLogsServiceRequest::default();
    for line in SAMPLE.lines() {
        all.resource_logs
            .extend(serde_json::from_str::<ExportLogsServiceRequest>(line).unwrap().resource_logs);
    }
    let packed = pack(&all.encode_to_vec());
    let headers = format!("Content-Type: {PROTOBUF}\r\nContent-Encoding: gzip\r\n");
    let heard = bench.asks("POST /v1/logs", &headers, &packed).await;
    assert_eq!(heard.status, 200, "{}", heard.head);
    assert!(heard.head.contains("content-type: application/x-protobuf"));
    let answer = ExportLogsServiceResponse::decode(&heard.body[..]).unwrap();
    assert_eq!(answer.partial_success, None);
    let from_protobuf = bench.records();
    assert_eq!(from_protobuf.len(), 1022, "answered when they are stored");

    bench.shelf.records.lock().unwrap().clear();
    let json: Vec<&str> = SAMPLE.lines().map(|line| &line[17..line.len() - 2]).collect();
    let json = format!("{{\"resourceLogs\":[{}]}}", json.join(","));
    let heard = bench.posts("application/json; charset=utf-8", json.as_bytes()).await;
    assert_eq!((heard.status, heard.body.as_slice()), (200, b"{}".as_slice()));
    assert_eq!(bench.records(), from_protobuf);
    assert_eq!(bench.inputs.readings()[0].items, 2044);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_reason() {
    let bench = bench().await;
    let torn = &SAMPLE.lines().next().unwrap().as_bytes()[..200];
    let deep = format!("{{\"resourceLogs\":{}", "[".repeat(100_000));
    let bomb = pack(&vec![b' '; 40 << 20]);
    let zipped = format!("Content-Type: {JSON}\r\nContent-Encoding: gzip\r\n");
    let brotli = format!("Content-Type: {JSON}\r\nContent-Encoding: br\r\n");
    let plain = format!("Content-Type: {JSON}\r\n");
    let table: [(&str, &str, &[u8], u16); 12] = [
        ("POST /v1/logs", &plain, torn, 400),
        ("POST /v1/logs", &plain, b"\xff\xfe", 400),
        ("POST /v1/logs", &plain, deep.as_bytes(), 400),
        ("POST /v1/logs", "Content-Type: application/x-protobuf\r\n", b"\x0a\xff\xff", 400),
        ("POST /v1/logs", &zipped, b"not packed", 400),
        ("POST /v1/logs", &zipped, &bomb, 413),
        ("POST /v1/logs", &brotli, b"{}", 415),
        ("POST /v1/logs", "Content-Type: text/plain\r\n", b"{}", 415),
        ("POST /v1/logs", "", b"{}", 415),
        ("GET /v1/logs", &plain, b"", 405),
        ("POST /v1/traces", &plain, b"{}", 404),
        ("POST /v1/logs", &plain, b"", 200),
    ];
    for (first, headers, body, status) in table {
        let heard = bench.asks(first, headers, body).await;
        assert_eq!(heard.status, status, "{first} {headers}{}", heard.head);
        if status == 400 && headers == plain {
            let refusal: serde_json::Value = serde_json::from_slice(&heard.body).unwrap();
            assert_eq!(refusal["code"], 3, "{refusal}");
        }
    }
    // One that announces more than is taken is told before it has sent it.
    let mut socket = TcpStream::connect(bench.address).await.unwrap();
    let head = format!("POST /v1/logs HTTP/1.1\r\nHost: x\r\n{plain}Content-Length: 99999999999\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut heard = vec![0; 12];
    timeout(Duration::from_secs(10), socket.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard, b"HTTP/1.1 413");
    assert_eq!(bench.records(), []);
    // A good one after all that.
    let heard = bench.posts(JSON, SAMPLE.lines().next().unwrap().as_bytes()).await;
    assert_eq!((heard.status, bench.records().len()), (200, 1));
}

#[tokio::test]
async fn a_part_that_cannot_be_read_is_told_beside_the_rest() {
    let bench = bench().await;
    let good = SAMPLE.lines().next().unwrap();
    let glued = format!("{{\"resourceLogs\":[{{{good}");
    let heard = bench.posts(JSON, glued.as_bytes()).await;
    let answer: serde_json::Value = serde_json::from_slice(&heard.body).unwrap();
    assert!(answer["partialSuccess"]["errorMessage"].as_str().unwrap().contains("skipped"), "{answer}");
    assert_eq!((heard.status, bench.records().len(), bench.inputs.readings()[0].bad), (200, 1, 1));
}

#[tokio::test]
async fn a_sender_that_left_comes_again_and_is_stored_once() {
    let bench = bench().await;
    bench.shelf.refuses.store(true, Ordering::SeqCst);
    let first = SAMPLE.lines().next().unwrap().as_bytes();
    let mut socket = TcpStream::connect(bench.address).await.unwrap();
    let length = first.len();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {length}\r\n\r\n"
    );
    socket.write_all(&[head.as_bytes(), first].concat()).await.unwrap();
    bench.until("it waits to be stored", |bench| bench.inputs.failure().is_some()).await;
    drop(socket);
    // The same again, and this time it waits long enough.
    let again = async {
        // The try after next knows that the first sender has left.
        tokio::time::sleep(Duration::from_millis(600)).await;
        bench.shelf.refuses.store(false, Ordering::SeqCst);
    };
    let (heard, ()) = tokio::join!(bench.posts(JSON, first), again);
    assert_eq!((heard.status, bench.records().len()), (200, 1));
}

#[tokio::test]
async fn when_there_is_no_room_senders_are_told_to_come_later() {
    let bench = bench().await;
    bench.shelf.refuses.store(true, Ordering::SeqCst);
    let line = SAMPLE.lines().max_by_key(|line| line.len()).unwrap();
    let resources = &line[17..line.len() - 2];
    let large = format!("{{\"resourceLogs\":[{}]}}", vec![resources; (14 << 20) / resources.len()].join(","));
    let later = async {
        bench.until("the large one waits", |bench| bench.inputs.readings()[0].items > 10_000).await;
        let heard = bench.posts(JSON, line.as_bytes()).await;
        bench.shelf.refuses.store(false, Ordering::SeqCst);
        heard
    };
    let (large, later) = tokio::join!(bench.posts(JSON, large.as_bytes()), later);
    assert_eq!((large.status, later.status), (200, 503));
    assert!(later.head.contains("retry-after: 2"), "{}", later.head);
    assert_eq!(bench.inputs.readings()[0].dropped, 0, "who comes again has lost nothing");
}
