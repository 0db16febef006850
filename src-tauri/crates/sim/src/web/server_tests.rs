//! The server with each of its knobs, over real sockets.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Answer, Door, PageKnob, Request, Server, Site};

const DEADLINE: Duration = Duration::from_secs(10);
const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

struct Hello;

impl Site for Hello {
    fn answer(&self, request: &Request) -> Answer {
        Answer::new(200, "text/plain", format!("hello {}", request.path))
    }
}

fn start() -> (Door, CancellationToken, JoinHandle<()>) {
    let (server, door) = Server::open("test", ANY).unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(server.run(Arc::new(Hello), None, stop.clone()));
    (door, stop, task)
}

/// All that comes for one request, or nothing within the patience.
async fn get(door: &Door, patience: Duration) -> Option<std::io::Result<Vec<u8>>> {
    let exchange = async {
        let mut stream = TcpStream::connect(door.address).await?;
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await?;
        Ok(all)
    };
    timeout(patience, exchange).await.ok()
}

async fn whole(door: &Door) -> Vec<u8> {
    get(door, DEADLINE).await.expect("an answer in time").expect("a connection")
}

#[tokio::test]
async fn it_answers_and_ends_when_told() {
    let (door, stop, task) = start();
    let text = String::from_utf8(whole(&door).await).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nhello /x"), "{text}");
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
    let mut text = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    stop.cancel();
    timeout(DEADLINE, task).await.unwrap().unwrap();
    assert!(TcpStream::connect(door.address).await.is_err());
}

#[tokio::test]
async fn bodies_can_be_noise_half_or_huge() {
    let (door, _stop, _task) = start();
    door.turn(PageKnob::Garbage(true));
    let noise = whole(&door).await;
    assert!(noise.starts_with(b"HTTP/1.1 200 OK") && !noise.ends_with(b"hello /x"));
    door.turn(PageKnob::Garbage(false));
    door.turn(PageKnob::Half(true));
    let half = whole(&door).await;
    assert!(half.ends_with(b"\r\n\r\nhell"), "{half:?}");
    assert!(String::from_utf8_lossy(&half).contains("Content-Length: 8\r\n"), "the whole was promised");
    door.turn(PageKnob::Half(false));
    door.turn(PageKnob::Huge(true));
    assert!(whole(&door).await.len() > 50_000_000);
}

#[tokio::test]
async fn it_is_late_or_silent_and_comes_back() {
    let (door, _stop, _task) = start();
    door.turn(PageKnob::Delay(Duration::from_millis(100)));
    let asked = Instant::now();
    whole(&door).await;
    assert!(asked.elapsed() >= Duration::from_millis(100));
    door.turn(PageKnob::Delay(Duration::ZERO));
    door.turn(PageKnob::Silence(true));
    assert!(get(&door, Duration::from_millis(100)).await.is_none(), "not a word");
    door.turn(PageKnob::Silence(false));
    whole(&door).await;
}

#[tokio::test]
async fn without_its_cable_nobody_listens() {
    let (door, _stop, _task) = start();
    let refused = async |door: &Door| {
        let end = Instant::now() + DEADLINE;
        while TcpStream::connect(door.address).await.is_ok() {
            assert!(Instant::now() < end, "somebody still listens");
            tokio::task::yield_now().await;
        }
    };
    let back = async |door: &Door| {
        let end = Instant::now() + DEADLINE;
        while !matches!(get(door, DEADLINE).await, Some(Ok(text)) if text.ends_with(b"hello /x")) {
            assert!(Instant::now() < end, "nobody listens at the old address");
            tokio::task::yield_now().await;
        }
    };
    // A connection that waits for its answer is cut off.
    door.turn(PageKnob::Silence(true));
    let address = door.clone();
    let waiting = tokio::spawn(async move { get(&address, DEADLINE).await });
    door.turn(PageKnob::Unplugged(true));
    refused(&door).await;
    let cut = waiting.await.unwrap().expect("it ends by itself");
    assert!(cut.is_err() || cut.is_ok_and(|text| text.is_empty()));
    door.turn(PageKnob::Silence(false));
    door.turn(PageKnob::Unplugged(false));
    back(&door).await;
    door.darken(Duration::from_millis(100));
    refused(&door).await;
    back(&door).await;
}
