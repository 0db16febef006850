use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::files::{Asker, Body, Files, Found, Reply, Tags};
use crate::seen::{Method, Seen, What};
use crate::{Mac, Proto};

const PATIENCE: Duration = Duration::from_secs(20);
const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

struct Boots {
    kernel: Body,
}

impl Files for Boots {
    fn open(&self, who: &Asker, path: &str) -> Option<Body> {
        assert_eq!(who.mac, Some(MAC), "the machine is known by its address");
        match path {
            "kernel" => Some(self.kernel.clone()),
            "assets/a b" => Some(Body::from_bytes("0123456789")),
            "empty" => Some(Body::from_bytes("")),
            _ => None,
        }
    }
}

impl Site for Boots {
    fn get(&self, who: &Asker, path: &str, query: &str) -> Found {
        if path != "ask" {
            return self.open(who, path).into();
        }
        let body = Bytes::from(format!("nothing for {query}"));
        Found::Said(Reply { status: 404, content_type: "text/plain", body })
    }

    fn post(&self, _: &Asker, path: &str, body: &[u8]) -> Reply {
        let body = Bytes::from(format!("{path}: {}", body.len()));
        Reply { status: 202, content_type: "text/plain", body }
    }
}

struct Wire {
    server: SocketAddr,
    sink: SeenSink,
    seen: mpsc::Receiver<Seen>,
    shutdown: CancellationToken,
    running: JoinHandle<io::Result<()>>,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Wire {
    async fn up(kernel: usize) -> Wire {
        Wire::serving(Body::from_bytes(vec![7; kernel])).await
    }

    async fn serving(kernel: Body) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let (sink, seen) = SeenSink::new(256);
        sink.neighbours().learn(IpAddr::from([127, 0, 0, 1]), MAC);
        let site = Arc::new(Boots { kernel });
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(listener, site, sink.clone(), shutdown.clone()));
        Wire { server, sink, seen, shutdown, running }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.server).await.unwrap()
    }

    async fn ask(&self, request: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream, request.starts_with("HEAD")).await
    }

    async fn next(&mut self) -> What {
        timeout(PATIENCE, self.seen.recv()).await.expect("nothing seen in time").unwrap().what
    }
}

/// Reads one answer, by its Content-Length.
async fn answer(stream: &mut TcpStream, only_head: bool) -> Answer {
    let read = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("the answer ends in its head"));
        }
        let head = String::from_utf8(head).unwrap();
        let length = header(&head, "Content-Length").map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; if only_head { 0 } else { length }];
        stream.read_exact(&mut body).await.expect("the answer ends in its body");
        Answer { status: head[9..12].parse().unwrap(), head, body }
    };
    timeout(PATIENCE, read).await.expect("no answer in time")
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(timeout(PATIENCE, stream.read(&mut [0; 16])).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn a_file_arrives_whole_and_is_reported() {
    let mut wire = Wire::up(3_000_000).await;
    let got = wire.ask("GET /kernel HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!((got.status, got.body.len()), (200, 3_000_000));
    let etag = header(&got.head, "ETag").unwrap();
    assert_eq!((etag.len(), header(&got.head, "Accept-Ranges")), (66, Some("bytes")));
    assert!(header(&got.head, "Date").unwrap().ends_with(" GMT"));
    let asked = What::FileAsked {
        proto: Proto::Http,
        method: Method::Get,
        path: "kernel".into(),
        found: true,
        range: None,
    };
    assert_eq!(wire.next().await, asked);
    let What::FileSent { total, bytes, acked, packets, complete, micros, .. } = wire.next().await else {
        panic!("the end was not reported");
    };
    assert_eq!((total, bytes, acked, complete), (3_000_000, 3_000_000, 3_000_000, true));
    assert!(packets >= 3_000_000 / 65_536 && micros > 0, "{packets} packets in {micros} µs");
    assert!(wire.sink.progress().running().is_empty());

    let again = format!("GET /kernel HTTP/1.1\r\nIf-None-Match: {etag}\r\n\r\n");
    let got = wire.ask(&again).await;
    assert_eq!((got.status, header(&got.head, "Content-Length")), (304, None));
}

#[tokio::test]
async fn head_tells_the_size_and_sends_nothing() {
    let mut wire = Wire::up(500).await;
    let mut stream = wire.connect().await;
    stream.write_all(b"HEAD /kernel HTTP/1.1\r\n\r\nHEAD /none HTTP/1.1\r\n\r\n").await.unwrap();
    let got = answer(&mut stream, true).await;
    assert_eq!((got.status, header(&got.head, "Content-Length")), (200, Some("500")));
    // A body would stand here instead of the next answer.
    assert_eq!(answer(&mut stream, true).await.status, 404);
    assert!(matches!(wire.next().await, What::FileAsked { method: Method::Head, found: true, .. }));
    assert!(matches!(wire.next().await, What::FileAsked { method: Method::Head, found: false, .. }));
}

#[tokio::test]
async fn a_site_may_say_why_it_has_nothing_and_hears_the_query() {
    let mut wire = Wire::up(1).await;
    let got = wire.ask("GET /ask?mac=02%2D00&x HTTP/1.1\r\n\r\n").await;
    assert_eq!((got.status, got.body.as_slice()), (404, &b"nothing for mac=02%2D00&x"[..]));
    assert!(matches!(wire.next().await, What::FileAsked { found: false, .. }));
    let got = wire.ask("HEAD /ask?y HTTP/1.1\r\n\r\n").await;
    assert_eq!((got.status, header(&got.head, "Content-Length")), (404, Some("13")));
}

#[tokio::test]
async fn parts_of_files() {
    let mut wire = Wire::up(10).await;
    let etag = Body::from_bytes("0123456789").etag().to_owned();
    for (headers, status, body, content_range) in [
        ("Range: bytes=2-4".to_owned(), 206, "234", Some("bytes 2-4/10")),
        ("Range: bytes=-3".to_owned(), 206, "789", Some("bytes 7-9/10")),
        (format!("Range: bytes=9-\r\nIf-Range: \"{etag}\""), 206, "9", Some("bytes 9-9/10")),
        ("Range: bytes=9-\r\nIf-Range: \"other\"".to_owned(), 200, "0123456789", None),
        ("Range: bytes=10-".to_owned(), 416, "", Some("bytes */10")),
        ("Range: bytes=0-1,4-5".to_owned(), 200, "0123456789", None),
    ] {
        let got = wire.ask(&format!("GET /assets/a%20b HTTP/1.1\r\n{headers}\r\n\r\n")).await;
        assert_eq!((got.status, got.body.as_slice()), (status, body.as_bytes()), "{headers}");
        assert_eq!(header(&got.head, "Content-Range"), content_range, "{headers}");
    }
    assert!(matches!(wire.next().await, What::FileAsked { range: Some((2, 4)), .. }));
    assert!(matches!(wire.next().await, What::FileSent { total: 10, bytes: 3, complete: true, .. }));
    let got = wire.ask("GET /empty HTTP/1.1\r\n\r\n").await;
    assert_eq!((got.status, got.body.len(), header(&got.head, "Content-Length")), (200, 0, Some("0")));
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_a_row() {
    let wire = Wire::up(100_000).await;
    let mut stream = wire.connect().await;
    let requests = "GET /kernel HTTP/1.1\r\n\r\nPOST /report HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello\
        GET /none HTTP/1.1\r\n\r\nGET /assets/a%20b HTTP/1.1\r\nConnection: close\r\n\r\n";
    stream.write_all(requests.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream, false).await.body.len(), 100_000);
    let reported = answer(&mut stream, false).await;
    assert_eq!((reported.status, reported.body.as_slice()), (202, &b"report: 5"[..]));
    assert_eq!(answer(&mut stream, false).await.status, 404);
    assert_eq!(answer(&mut stream, false).await.body, b"0123456789");
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn refusals_have_a_status_and_a_sentence() {
    let wire = Wire::up(1).await;
    for (request, status) in [
        ("DELETE /kernel HTTP/1.1\r\n\r\n".to_owned(), 405),
        ("GET /../etc/passwd HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /%2e%2e/etc/passwd HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /a%zz HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /kernel HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc".to_owned(), 400),
        ("POST /report HTTP/1.1\r\n\r\n".to_owned(), 411),
        ("POST /report HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n".to_owned(), 411),
        ("POST /report HTTP/1.1\r\nContent-Length: 262145\r\n\r\n".to_owned(), 413),
        (format!("GET /kernel HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(17_000)), 431),
        ("GET /none HTTP/1.1\r\n\r\n".to_owned(), 404),
    ] {
        let got = wire.ask(&request).await;
        let sentence = String::from_utf8(got.body).unwrap();
        assert_eq!(got.status, status, "{sentence}");
        assert!(sentence.ends_with(".\n") && sentence.len() < 80, "{sentence}");
    }
}

#[tokio::test]
async fn garbage_is_counted_and_never_answered() {
    let mut wire = Wire::up(1).await;
    for garbage in [&b"\x16\x03\x01\x02\x00"[..], b"GET / HTTP/7.7\r\n\r\n"] {
        let mut stream = wire.connect().await;
        stream.write_all(garbage).await.unwrap();
        assert!(is_closed(&mut stream).await, "{garbage:?} was answered");
        assert!(matches!(wire.next().await, What::Malformed { proto: Proto::Http, .. }));
    }
    let mut stream = wire.connect().await;
    stream.write_all(b"GET /kernel HT").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(is_closed(&mut stream).await);
    let cut_off = What::Malformed { proto: Proto::Http, why: "HTTP head cut off" };
    assert_eq!(wire.next().await, cut_off);
}

#[tokio::test]
async fn the_largest_report_is_taken_and_one_cut_off_is_not() {
    let mut wire = Wire::up(1).await;
    let report = "x".repeat(256 * 1024);
    let post = "POST /report HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 262144\r\n\r\n";
    let mut stream = wire.connect().await;
    stream.write_all(post.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream, false).await.status, 100);
    stream.write_all(report.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream, false).await.body, b"report: 262144");
    assert_eq!(wire.next().await, What::Posted { path: "report".into(), bytes: 262_144 });

    let mut stream = wire.connect().await;
    stream.write_all(b"POST /report HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(is_closed(&mut stream).await);
    assert!(matches!(wire.next().await, What::Malformed { why: "report cut off", .. }));
}

#[tokio::test]
async fn a_transfer_the_client_breaks_is_not_complete() {
    let mut wire = Wire::up(60_000_000).await;
    let mut stream = wire.connect().await;
    stream.write_all(b"GET /kernel HTTP/1.1\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 100_000]).await.unwrap();
    let running = wire.sink.progress().running();
    assert_eq!((running.len(), running[0].path.as_str(), running[0].total), (1, "kernel", 60_000_000));
    assert_eq!(running[0].mac, Some(MAC));
    drop(stream);
    wire.next().await;
    let What::FileSent { bytes, total, complete, why, .. } = wire.next().await else {
        panic!("the end was not reported");
    };
    assert!(!complete && why.is_some() && bytes < total, "{bytes} bytes, {why:?}");
    assert!(bytes >= 100_000, "what the client read counts");
}

#[tokio::test]
async fn stopping_the_server_ends_a_transfer_and_says_so() {
    let mut wire = Wire::up(60_000_000).await;
    let mut stream = wire.connect().await;
    stream.write_all(b"GET /kernel HTTP/1.1\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 1000]).await.unwrap();
    wire.shutdown.cancel();
    timeout(PATIENCE, &mut wire.running).await.expect("still running").unwrap().unwrap();
    wire.next().await;
    let What::FileSent { complete: false, why: Some(why), .. } = wire.next().await else {
        panic!("the end was not reported");
    };
    assert_eq!(why, "the server stops");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_drips_its_request_is_told_so_after_ten_seconds() {
    let wire = Wire::up(1).await;
    let mut stream = wire.connect().await;
    let began = Instant::now();
    let drip = async {
        for byte in b"GET /kernel HTTP/1.1\r\nX-Slow: yes, and on it goes".iter().cycle() {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            if wire.sink.counters().of(Proto::Http, "The head of a request comes within 10 seconds.") > 0 {
                break;
            }
        }
    };
    timeout(Duration::from_secs(60), drip).await.expect("it may drip for ever");
    let took = began.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(12)).contains(&took), "{took:?}");
    assert_eq!(answer(&mut stream, false).await.status, 408);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_without_a_word() {
    let wire = Wire::up(1).await;
    let began = Instant::now();
    let mut fresh = wire.connect().await;
    assert_eq!(fresh.read(&mut [0; 16]).await.unwrap(), 0);
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_machine_cannot_take_every_connection() {
    let wire = Wire::up(1).await;
    let mut open = Vec::new();
    for _ in 0..MOST_PER_MACHINE {
        open.push(wire.connect().await);
    }
    let mut late = wire.connect().await;
    let got = answer(&mut late, false).await;
    assert_eq!((got.status, got.body.len()), (503, 43));
    assert!(is_closed(&mut late).await);
    assert_eq!(wire.sink.counters().of(Proto::Http, "too many connections"), 1);
    drop(open);
    let served = async {
        loop {
            let mut stream = wire.connect().await;
            if stream.write_all(b"GET /assets/a%20b HTTP/1.1\r\n\r\n").await.is_ok()
                && answer(&mut stream, false).await.status == 200
            {
                break;
            }
        }
    };
    timeout(PATIENCE, served).await.expect("places are not given back");
}

/// A stream that is not bare TCP, as far as the server knows, and comes to be by a handshake of one byte.
struct Wrapped(TcpStream);

impl tokio::io::AsyncRead for Wrapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, to)
    }
}

impl tokio::io::AsyncWrite for Wrapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Carrier for Wrapped {
    const PROTO: Proto = Proto::Https;
    const PLAIN: bool = false;

    fn socket(&self) -> &TcpStream {
        &self.0
    }
}

#[tokio::test]
async fn the_same_is_served_over_whatever_a_handshake_makes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let (sink, mut seen) = SeenSink::new(256);
    sink.neighbours().learn(IpAddr::from([127, 0, 0, 1]), MAC);
    let site = Arc::new(Boots { kernel: file_body(&vec![9; 3_000_000]).1 });
    let shutdown = CancellationToken::new();
    let handshake = |mut stream: TcpStream| async move {
        match stream.read_u8().await? {
            b'!' => Ok(Wrapped(stream)),
            _ => Err(io::Error::other("not the word")),
        }
    };
    let running = tokio::spawn(run_over(listener, handshake, site, sink.clone(), shutdown.clone()));
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(b"!GET /kernel HTTP/1.1\r\n\r\n").await.unwrap();
    let got = answer(&mut stream, false).await;
    assert!(got.status == 200 && got.body == vec![9; 3_000_000]);
    let asked = timeout(PATIENCE, seen.recv()).await.unwrap().unwrap().what;
    assert!(matches!(asked, What::FileAsked { proto: Proto::Https, found: true, .. }), "{asked:?}");
    let sent = timeout(PATIENCE, seen.recv()).await.unwrap().unwrap().what;
    let whole = |acked| acked == 3_000_000;
    assert!(
        matches!(sent, What::FileSent { proto: Proto::Https, acked, complete: true, .. } if whole(acked)),
        "{sent:?}"
    );

    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(b"?").await.unwrap();
    assert!(is_closed(&mut stream).await);
    assert_eq!(sink.counters().of(Proto::Https, "handshake failed"), 1);
    shutdown.cancel();
    timeout(PATIENCE, running).await.expect("still running").unwrap().unwrap();
}

/// A file on disk and the body that is served of it.
fn file_body(content: &[u8]) -> (tempfile::NamedTempFile, Body) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, content).unwrap();
    let body = Body::from_file(file.reopen().unwrap(), &Tags::default()).unwrap();
    (file, body)
}

#[tokio::test]
async fn files_arrive_as_they_are_whole_and_in_parts() {
    let content: Vec<u8> = (0..5_000_000u32).map(|at| (at * 7 + at / 256) as u8).collect();
    let (_file, kernel) = file_body(&content);
    let mut wire = Wire::serving(kernel).await;
    for (range, first, last) in
        [("0-", 0, 4_999_999), ("33000-4000000", 33_000, 4_000_000), ("-40000", 4_960_000, 4_999_999)]
    {
        let got = wire.ask(&format!("GET /kernel HTTP/1.1\r\nRange: bytes={range}\r\n\r\n")).await;
        assert!(got.status == 206 && got.body == content[first..=last], "{range}");
        wire.next().await;
        let What::FileSent { bytes, acked, complete: true, .. } = wire.next().await else {
            panic!("{range}")
        };
        assert_eq!((bytes, acked), ((last - first + 1) as u64, (last - first + 1) as u64), "{range}");
    }
}

/// Asks for the kernel, has something done to its file while the client's window is full, and returns how many bytes of
/// the body came and whether the connection was reset.
async fn interrupted(harm: impl FnOnce(&std::fs::File)) -> (usize, bool, Option<String>) {
    const LENGTH: usize = 60_000_000;
    let (file, kernel) = file_body(&vec![7; LENGTH]);
    let mut wire = Wire::serving(kernel).await;
    let mut stream = wire.connect().await;
    stream.write_all(b"GET /kernel HTTP/1.1\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 1000]).await.unwrap();
    harm(file.as_file());
    let (mut came, mut piece) = (1000, vec![0; 1 << 20]);
    let reset = loop {
        match timeout(PATIENCE, stream.read(&mut piece)).await.expect("neither bytes nor an end") {
            Ok(0) => break false,
            Ok(count) => came += count,
            Err(error) => break error.kind() == io::ErrorKind::ConnectionReset,
        }
    };
    assert!(came < LENGTH, "{came} bytes came");
    wire.next().await;
    let What::FileSent { complete: false, why, .. } = wire.next().await else { panic!("it counts as sent") };
    (came, reset, why)
}

#[tokio::test]
async fn a_file_that_becomes_shorter_or_another_while_it_is_sent_is_never_taken_for_whole() {
    let (_, reset, why) = interrupted(|file| file.set_len(1_000_000).unwrap()).await;
    assert!(reset, "{why:?}");
    let (_, reset, why) = interrupted(|mut file| std::io::Write::write_all(&mut file, b"x").unwrap()).await;
    assert!(reset, "{why:?}");
    assert_eq!(why.as_deref(), Some("the file changed while it was sent"));
}
