//! A collector on loopback that answers as it is told to.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Mutex, mpsc},
};

use lab::{Body, Draft, Stamp, Status, journal::Journal, live::Snapshot};
use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceRequest},
    common::v1::any_value::Value,
    logs::v1::LogRecord,
};
use store::Store;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    time::timeout,
};

use super::*;

const SOON: Duration = Duration::from_secs(20);
const QUICK: Pace = Pace {
    gather: Duration::from_millis(5),
    answer: Duration::from_secs(5),
    first: Duration::from_millis(5),
    last: Duration::from_millis(50),
    told: Duration::ZERO,
};

type Said = (u16, &'static str, Vec<u8>);

/// Answers one request after the other with what is planned, then with 200, and hands on what it took.
async fn collector(
    listener: TcpListener,
    planned: Arc<Mutex<VecDeque<Said>>>,
    took: mpsc::SyncSender<LogRecord>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        loop {
            let (mut head, mut length) = (String::new(), 0);
            while stream.read_line(&mut head).await.is_ok_and(|read| read > 2) {}
            if head.is_empty() {
                break;
            }
            assert!(head.starts_with("POST /v1/logs HTTP/1.1\r\n"), "{head}");
            assert!(head.to_lowercase().contains("content-type: application/x-protobuf"), "{head}");
            for line in head.to_lowercase().lines() {
                if let Some(said) = line.strip_prefix("content-length: ") {
                    length = said.parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let request = ExportLogsServiceRequest::decode(&body[..]).unwrap();
            let (status, header, answer) =
                planned.lock().unwrap().pop_front().unwrap_or_else(|| (200, "x: y", Vec::new()));
            if status == 200 {
                let resource = request.resource_logs[0].resource.as_ref().unwrap();
                let names: Vec<_> = resource.attributes.iter().map(|one| one.key.as_str()).collect();
                assert_eq!(names, ["service.name", "service.version", "host.name"]);
                for record in &request.resource_logs[0].scope_logs[0].log_records {
                    took.send(record.clone()).unwrap();
                }
            }
            let head = format!("HTTP/1.1 {status} x\r\n{header}\r\ncontent-length: {}\r\n\r\n", answer.len());
            stream.write_all(&[head.as_bytes(), &answer].concat()).await.unwrap();
        }
    }
}

struct Bench {
    store: Store,
    engine: EngineHandle,
    detached: engine::Detached,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path()).await.unwrap();
        let (engine, detached) = EngineHandle::detached(Snapshot::default());
        Self { store, engine, detached, folder }
    }

    async fn happen(&self, count: usize) {
        let draft = |number: usize| Draft {
            stamp: Stamp { wall_us: 1_700_000_000_000_000, mono_us: 1, host_boot: "one".into() },
            run: None,
            boot: Some(4),
            actor: "engine".into(),
            reason: None,
            subject: "board".into(),
            body: Body::DeviceFound { device: format!("device {number}") },
        };
        let events = self.store.append((0..count).map(draft).collect()).await.unwrap();
        for event in events {
            self.engine_told(event);
        }
    }

    fn engine_told(&self, event: Event) {
        let status = Status { seq: event.seq, ..Status::default() };
        self.detached
            .publish
            .send_replace(Arc::new(Snapshot { status: Arc::new(status), ..Snapshot::default() }));
        let _ = self.detached.events.send(Arc::new(event));
    }

    fn export(&self, address: SocketAddr, sink: ObservationSink, stop: &CancellationToken) -> Export {
        Export {
            url: format!("http://{address}"),
            archive: Arc::new(self.store.clone()),
            engine: self.engine.clone(),
            sink,
            folder: self.folder.path().to_owned(),
            pace: QUICK,
            stop: stop.clone(),
        }
    }
}

fn seq(record: &LogRecord) -> i64 {
    let found = record.attributes.iter().find(|one| one.key == "statusinator.seq").unwrap();
    match found.value.as_ref().unwrap().value {
        Some(Value::IntValue(seq)) => seq,
        ref other => panic!("{other:?}"),
    }
}

/// As many records as that, in the order in which they were taken.
async fn taken(records: mpsc::Receiver<LogRecord>, count: usize) -> (Vec<i64>, mpsc::Receiver<LogRecord>) {
    let waiting = tokio::task::spawn_blocking(move || {
        let seqs = (0..count).map(|_| seq(&records.recv_timeout(SOON).unwrap())).collect();
        (seqs, records)
    });
    waiting.await.unwrap()
}

#[tokio::test]
async fn after_an_outage_every_event_is_there_once_and_a_restart_goes_on() {
    let bench = Bench::new().await;
    bench.happen(3).await;
    // Bound and not served yet: the collector is away.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (sink, mut observed) = ObservationSink::channel();
    let stop = CancellationToken::new();
    let export = bench.export(address, sink.clone(), &stop);
    keep(&bench.folder.path().join("otlp.json"), &Sent { url: export.url.clone(), seq: 3 });
    let running = tokio::spawn(run(export));
    let trouble = async {
        bench.happen(1000).await;
        loop {
            if let Some(Observation::Trouble { service, failure: Some(failure) }) = observed.recv().await {
                return (service, failure);
            }
        }
    };
    let (service, failure) = timeout(SOON, trouble).await.expect("it says that the collector is away");
    assert_eq!(service, SERVICE);
    assert!(failure.remedy.contains("nothing is lost"), "{failure:?}");

    let partial = ExportLogsServiceResponse {
        partial_success: Some(ExportLogsPartialSuccess {
            rejected_log_records: 2,
            error_message: "odd".into(),
        }),
    };
    let planned = Arc::new(Mutex::new(VecDeque::from([
        (503, "retry-after: 0", Vec::new()),
        (429, "retry-after: 1", Vec::new()),
        (500, "x: y", b"oops".to_vec()),
        (200, "x: y", partial.encode_to_vec()),
        (404, "x: y", Vec::new()),
    ])));
    let (took, records) = mpsc::sync_channel(5000);
    let listener = TcpListener::bind(address).await.unwrap();
    let serving = tokio::spawn(collector(listener, planned.clone(), took));
    let (seqs, records) = taken(records, 1000).await;
    assert_eq!(seqs, (4..1004).collect::<Vec<_>>(), "from when the export began, each once and in order");
    assert!(planned.lock().unwrap().is_empty());
    let told = async {
        let (mut well, mut dropped) = (false, 0);
        while !well || dropped == 0 {
            match observed.recv().await.unwrap() {
                Observation::Trouble { failure: None, .. } => well = true,
                Observation::Counter { name, value } if name == "telemetry-dropped" => dropped = value,
                _ => {}
            }
        }
        dropped
    };
    assert_eq!(timeout(SOON, told).await.expect("it says that all is well"), 2);

    let file = bench.folder.path().join("otlp.json");
    let written = async {
        while !fs::read_to_string(&file).is_ok_and(|text| text.contains("\"seq\":1003}")) {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, written).await.expect("what was acknowledged is written down");
    stop.cancel();
    timeout(SOON, running).await.unwrap().unwrap();
    bench.happen(5).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(bench.export(address, sink, &stop)));
    let (seqs, _records) = taken(records, 5).await;
    assert_eq!(seqs, (1004..1009).collect::<Vec<_>>(), "what happened meanwhile, and no more");
    stop.cancel();
    timeout(SOON, running).await.unwrap().unwrap();
    serving.abort();
}

#[test]
fn another_collector_or_another_history_begins_with_now() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("otlp.json");
    assert_eq!(begin(&file, "http://a", 9), 9);
    keep(&file, &Sent { url: "http://a".into(), seq: 5 });
    assert_eq!(begin(&file, "http://a", 9), 5);
    assert_eq!((begin(&file, "http://b", 9), begin(&file, "http://a", 4)), (9, 4));
    fs::write(&file, "torn").unwrap();
    assert_eq!(begin(&file, "http://a", 9), 9);
}

#[test]
fn who_asks_for_patience_says_seconds_or_a_date() {
    assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    assert_eq!(retry_after("soon"), None);
}
