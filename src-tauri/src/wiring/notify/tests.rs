//! Against a server on this computer that writes down what it is told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use engine::Detached;
use lab::{
    Code, Status,
    live::Snapshot,
    stream::{CauseKind, Silence},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use super::*;

const QUICK: Times = Times {
    look: Duration::from_millis(5),
    hold: Duration::from_millis(40),
    settle: Duration::from_secs(3),
    first_wait: Duration::from_millis(5),
};
const LIMIT: Duration = Duration::from_secs(20);

/// Answers with these statuses, then with 200; hands over each request's head and body.
async fn server(statuses: &[u16]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/board", listener.local_addr().unwrap());
    let (told, requests) = mpsc::channel(64);
    let statuses: Arc<Mutex<VecDeque<u16>>> = Arc::new(Mutex::new(statuses.iter().copied().collect()));
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (told, statuses) = (told.clone(), statuses.clone());
            tokio::spawn(async move {
                let mut text = Vec::new();
                let mut piece = [0; 4096];
                loop {
                    let read = socket.read(&mut piece).await.unwrap_or(0);
                    if read == 0 {
                        return;
                    }
                    text.extend_from_slice(&piece[..read]);
                    let whole = String::from_utf8_lossy(&text).into_owned();
                    let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
                    let length = head
                        .to_lowercase()
                        .lines()
                        .find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
                    if body.len() < length.unwrap_or(0) {
                        continue;
                    }
                    let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
                    let _ = told.send(whole.clone()).await;
                    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                    let _ = socket.write_all(answer.as_bytes()).await;
                    text.clear();
                }
            });
        }
    });
    (url, requests)
}

fn picture(silent: &[&str]) -> Arc<Snapshot> {
    let mut status = Status::default();
    for name in silent {
        let failure =
            Failure::new(Code::DeviceAbsent, "hear it", "no process named otelcol runs", "start it");
        let silence =
            Silence { since_us: None, pace_s: None, cause: CauseKind::Process, failure, told: clock::now() };
        status.watched.silent.insert((*name).to_owned(), silence);
    }
    Arc::new(Snapshot { status: Arc::new(status), ..Snapshot::default() })
}

/// A program that tells, and how to end it.
struct Telling {
    engine: Detached,
    observed: mpsc::Receiver<Observation>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn start(url: &str, token: Option<&str>, folder: &std::path::Path, silent: &[&str]) -> Telling {
    let (handle, engine) = EngineHandle::detached(Snapshot::clone(&picture(silent)));
    let (sink, observed) = ObservationSink::channel();
    let stop = CancellationToken::new();
    let notices = Notices {
        gear: NotifyGear { url: url.into(), secret: token.map(|_| "ntfy".into()) },
        board: "labinator".into(),
        token: token.map(Secret::new),
        folder: folder.to_path_buf(),
        engine: handle,
        sink,
        stop: stop.clone(),
    };
    Telling { engine, observed, stop, task: tokio::spawn(notices.run_with(QUICK)) }
}

impl Telling {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// The next word about the webhook itself.
    async fn trouble(&mut self) -> Option<Failure> {
        let fact = async {
            loop {
                if let Observation::Fact { body, .. } = self.observed.recv().await.unwrap() {
                    match *body {
                        Body::ServiceTroubled { failure, .. } => return Some(failure),
                        Body::ServiceRecovered { .. } => return None,
                        other => panic!("{other:?}"),
                    }
                }
            }
        };
        tokio::time::timeout(LIMIT, fact).await.expect("something is said of the webhook")
    }
}

async fn next(requests: &mut mpsc::Receiver<String>) -> String {
    tokio::time::timeout(LIMIT, requests.recv()).await.expect("a message in time").unwrap()
}

/// Many looks pass and nothing is told.
async fn nothing(requests: &mut mpsc::Receiver<String>) {
    let more = tokio::time::timeout(QUICK.hold * 4, requests.recv()).await;
    assert!(more.is_err(), "told again: {more:?}");
}

#[tokio::test]
async fn one_message_at_the_start_and_one_at_the_end_also_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (url, mut requests) = server(&[]).await;
    let telling = start(&url, Some("tk_geheim"), folder.path(), &["collector"]);
    let said = next(&mut requests).await;
    assert!(said.starts_with("POST /board HTTP/1.1\r\n"), "{said}");
    let lower = said.to_lowercase();
    for line in [
        "title: labinator: collector is silent",
        "priority: 3",
        "tags: warning",
        "authorization: bearer tk_geheim",
    ] {
        assert!(lower.contains(&format!("\r\n{line}\r\n")), "{line}: {said}");
    }
    assert!(said.ends_with("\r\n\r\nno process named otelcol runs\nWhat to do: start it"), "{said}");
    nothing(&mut requests).await;
    // Gone for a moment is not over.
    telling.engine.publish.send_replace(picture(&[]));
    telling.engine.publish.send_replace(picture(&["collector"]));
    nothing(&mut requests).await;
    telling.end().await;

    // It still stands, is not seen at first, and is seen again.
    let telling = start(&url, Some("tk_geheim"), folder.path(), &[]);
    tokio::time::sleep(QUICK.look * 4).await;
    telling.engine.publish.send_replace(picture(&["collector"]));
    nothing(&mut requests).await;
    telling.engine.publish.send_replace(picture(&[]));
    let said = next(&mut requests).await;
    assert!(said.to_lowercase().contains("\r\ntitle: labinator: over: collector is silent\r\n"), "{said}");
    nothing(&mut requests).await;
    telling.end().await;

    // And one that ended while the program was off: told after all had time to be seen again.
    let telling = start(&url, None, folder.path(), &["otlp"]);
    next(&mut requests).await;
    telling.end().await;
    let telling = start(&url, None, folder.path(), &[]);
    assert!(next(&mut requests).await.contains("over: otlp"), "its end");
    telling.end().await;
    let told = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert_eq!(told, "{}");
}

#[tokio::test]
async fn a_server_that_refuses_is_named_and_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let (url, mut requests) = server(&[401, 503]).await;
    let mut telling = start(&url, Some("tk_geheim"), folder.path(), &["collector"]);
    let failure = telling.trouble().await.expect("a refusal");
    assert_eq!(
        (failure.code, failure.why.as_str()),
        (Code::Unauthorized, "127.0.0.1 answered 401 Unauthorized")
    );
    assert!(!format!("{failure:?}").contains("geheim"));
    assert_eq!(telling.trouble().await.map(|failure| failure.code), Some(Code::DeviceRefused));
    assert_eq!(telling.trouble().await, None, "the third one is taken");
    for _ in 0..3 {
        assert!(next(&mut requests).await.contains("collector is silent"));
    }
    nothing(&mut requests).await;
    telling.end().await;
}

#[tokio::test]
async fn nobody_there_is_said_and_a_fault_that_passed_meanwhile_is_told_as_passed() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut telling = start(&format!("http://{free}/board"), None, folder.path(), &["collector"]);
    let failure = telling.trouble().await.expect("nobody listens");
    assert_eq!((failure.code, failure.why.as_str()), (Code::DeviceAbsent, "127.0.0.1 cannot be reached"));
    telling.end().await;

    let mut ledger = Ledger::open(&folder.path().join("none"), QUICK.hold, QUICK.settle);
    let standing = || causes::standing(&picture(&["collector"]));
    ledger.look(standing(), Duration::ZERO, 0);
    ledger.look(Default::default(), Duration::from_millis(10), 0);
    ledger.look(Default::default(), Duration::from_millis(60), 0);
    let (id, message) = ledger.next("b", 90_000_000).unwrap();
    assert_eq!(message.title, "b: was: collector is silent");
    assert!(message.body.starts_with("It stood for 90 s and is over."));
    ledger.delivered(&id);
    assert_eq!(ledger.next("b", 0), None);
}

#[tokio::test]
async fn a_token_never_crosses_a_network_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let mut telling = start("http://ntfy.example/board", Some("tk_geheim"), folder.path(), &["collector"]);
    let failure = telling.trouble().await.expect("a refusal");
    assert!(failure.why.contains("anybody can read it") && !failure.why.contains("geheim"), "{failure}");
    tokio::time::timeout(LIMIT, telling.task).await.expect("it does not even try").unwrap();
    for url in ["ntfy.example/board", "ftp://ntfy.example", "http://"] {
        let gear = NotifyGear { url: url.into(), secret: None };
        assert_eq!(Post::new(&gear, None).err().map(|failure| failure.code), Some(Code::BadConfig), "{url}");
    }
    let gear = NotifyGear { url: "https://ntfy.example/board".into(), secret: Some("ntfy".into()) };
    assert!(Post::new(&gear, None).err().is_some_and(|failure| failure.remedy.contains("secrets set ntfy")));
    assert!(Post::new(&gear, Some(Secret::new("x"))).is_ok());
}
