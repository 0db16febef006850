use std::net::IpAddr;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::packet::{Options, decode, encode};
use super::*;
use crate::files::{Asker, Body};
use crate::seen::{Method, Seen, What};

const PATIENCE: Duration = Duration::from_secs(20);

/// One file, `ipxe.efi`.
struct OneFile(Body);

impl Files for OneFile {
    fn open(&self, who: &Asker, path: &str) -> Option<Body> {
        assert_eq!(who.peer, IpAddr::from([127, 0, 0, 1]));
        (path == "ipxe.efi").then(|| self.0.clone())
    }
}

struct Wire {
    server: SocketAddr,
    seen: mpsc::Receiver<Seen>,
    sink: SeenSink,
    shutdown: CancellationToken,
    running: JoinHandle<io::Result<()>>,
}

fn content(length: usize) -> Bytes {
    (0..length).map(|at| (at * 7 + at / 256) as u8).collect::<Vec<_>>().into()
}

impl Wire {
    async fn up(length: usize) -> Wire {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = socket.local_addr().unwrap();
        let (sink, seen) = SeenSink::new(256);
        let files = Arc::new(OneFile(Body::from_bytes(content(length))));
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(socket, files, sink.clone(), shutdown.clone()));
        Wire { server, seen, sink, shutdown, running }
    }

    async fn next(&mut self) -> What {
        timeout(PATIENCE, self.seen.recv()).await.expect("nothing seen in time").unwrap().what
    }

    /// The end of the transfer, after its request.
    async fn ended(&mut self) -> (u64, u64, u64, bool, String) {
        assert!(matches!(self.next().await, What::FileAsked { found: true, method: Method::Rrq, .. }));
        let What::FileSent { bytes, packets, resent, complete, why, path, acked, total, .. } =
            self.next().await
        else {
            panic!("the end was not reported");
        };
        assert_eq!(path, "ipxe.efi");
        assert_eq!(complete, acked == total);
        (bytes, packets, resent, complete, why.unwrap_or_default())
    }
}

struct Client {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Client {
    async fn new() -> Client {
        Client { socket: UdpSocket::bind("127.0.0.1:0").await.unwrap(), buffer: vec![0; 70_000] }
    }

    async fn ask(&self, server: SocketAddr, file: &str, options: Options) {
        let ask = Ask { file, octet: true, options };
        self.socket.send_to(&encode(&Packet::Rrq(ask)), server).await.unwrap();
    }

    async fn hear(&mut self) -> (Packet<'_>, SocketAddr) {
        let received = timeout(PATIENCE, self.socket.recv_from(&mut self.buffer)).await;
        let (length, from) = received.expect("no packet in time").unwrap();
        (decode(&self.buffer[..length]).unwrap(), from)
    }

    async fn say(&self, packet: Packet<'_>, to: SocketAddr) {
        self.socket.send_to(&encode(&packet), to).await.unwrap();
    }

    /// Receives a file as RFC 7440 has it, dropping what `drop` says (by how many DATA came before).
    async fn receive(
        &mut self,
        server: SocketAddr,
        options: Options,
        mut drop: impl FnMut(u64) -> bool,
    ) -> Vec<u8> {
        self.ask(server, "ipxe.efi", options).await;
        let block_size = usize::from(options.blksize.unwrap_or(512)).min(1468);
        let (mut file, mut expected, mut came, mut fresh) = (Vec::new(), 1u64, 0, 0);
        let mut window = 1;
        loop {
            let mut data = None;
            let from = match self.hear().await {
                (Packet::Oack(granted), from) => {
                    window = granted.windowsize.unwrap_or(1);
                    assert_eq!(granted.tsize.is_some(), options.tsize.is_some());
                    self.say(Packet::Ack(0), from).await;
                    continue;
                }
                (Packet::Data { block, data: bytes }, from) => {
                    came += 1;
                    if drop(came - 1) {
                        continue;
                    }
                    data = (block == expected as u16).then(|| bytes.to_vec()).or(data);
                    from
                }
                (other, _) => panic!("{other:?}"),
            };
            let Some(data) = data else {
                fresh = 0;
                self.say(Packet::Ack((expected - 1) as u16), from).await;
                continue;
            };
            (expected, fresh) = (expected + 1, fresh + 1);
            let last = data.len() < block_size;
            file.extend(data);
            if last || fresh == window {
                fresh = 0;
                self.say(Packet::Ack((expected - 1) as u16), from).await;
            }
            if last {
                return file;
            }
        }
    }
}

#[tokio::test]
async fn files_arrive_with_and_without_options() {
    let plain = Options::default();
    let edk2 = Options { blksize: Some(1468), tsize: Some(0), windowsize: Some(4), timeout: None };
    let greedy = Options { blksize: Some(65464), windowsize: Some(64), ..plain };
    for (length, options, packets) in
        [(1000, plain, 2), (1024, plain, 3), (0, plain, 1), (100_000, edk2, 69), (1468 * 20, greedy, 21)]
    {
        let mut wire = Wire::up(length).await;
        let file = Client::new().await.receive(wire.server, options, |_| false).await;
        assert!(file == content(length), "{length} bytes came back changed");
        assert_eq!(wire.ended().await, (length as u64, packets, 0, true, String::new()));
        assert!(wire.sink.progress().running().is_empty());
    }
}

#[tokio::test]
async fn lost_packets_are_sent_again_and_counted() {
    let mut wire = Wire::up(100_000).await;
    let options = Options { blksize: Some(1000), windowsize: Some(8), ..Options::default() };
    // In the middle of a window, at its start, and its whole rest. With a window of 8 the last needs the timer.
    let lost = [2, 17, 30, 31, 32];
    let file = Client::new().await.receive(wire.server, options, |nth| lost.contains(&nth)).await;
    assert!(file == content(100_000));
    let (bytes, packets, resent, complete, why) = wire.ended().await;
    assert!(complete, "{why}");
    assert!(resent >= 5 && packets == 101 + resent, "{packets} packets, {resent} of them again");
    assert!(bytes > 100_000, "retransmissions count as bytes on the wire too");
}

#[tokio::test]
async fn more_than_65535_blocks_of_8_bytes() {
    let length = 8 * 70_001 + 5;
    let mut wire = Wire::up(length).await;
    let options = Options { blksize: Some(8), windowsize: Some(16), ..Options::default() };
    let file = Client::new().await.receive(wire.server, options, |_| false).await;
    assert!(file == content(length));
    assert_eq!(wire.ended().await, (length as u64, 70_002, 0, true, String::new()));
}

#[tokio::test]
async fn edk2_asks_for_the_size_aborts_and_asks_again_from_the_same_port() {
    let mut wire = Wire::up(5000).await;
    let mut client = Client::new().await;
    client.ask(wire.server, "ipxe.efi", Options { tsize: Some(0), ..Options::default() }).await;
    let (packet, from) = client.hear().await;
    assert_eq!(packet, Packet::Oack(Options { tsize: Some(5000), ..Options::default() }));
    client.say(Packet::Error { code: 8, text: "User aborted the transfer" }, from).await;
    let options = Options { blksize: Some(1468), tsize: Some(0), ..Options::default() };
    let file = client.receive(wire.server, options, |_| false).await;
    assert!(file == content(5000));
    let mut ends = Vec::new();
    while ends.len() < 2 {
        if let What::FileSent { complete, packets, why, .. } = wire.next().await {
            ends.push((complete, packets, why.unwrap_or_default()));
        }
    }
    ends.sort();
    assert_eq!((ends[0].0, ends[0].1), (false, 0));
    assert_eq!(ends[1], (true, 4, String::new()));
}

#[tokio::test]
async fn the_same_request_again_restarts_a_transfer_under_way() {
    let mut wire = Wire::up(5000).await;
    let mut client = Client::new().await;
    client.ask(wire.server, "ipxe.efi", Options::default()).await;
    let (_, first_port) = client.hear().await;
    client.say(Packet::Ack(1), first_port).await;
    assert!(matches!(client.hear().await.0, Packet::Data { block: 2, .. }));
    // The machine was reset; its ROM happens to use the same port.
    client.ask(wire.server, "ipxe.efi", Options::default()).await;
    let (packet, second_port) = client.hear().await;
    assert!(matches!(packet, Packet::Data { block: 1, .. }));
    assert_ne!(first_port, second_port);
    let (_, packets, _, complete, why) = wire.ended().await;
    assert_eq!((packets, complete), (2, false), "{why}");
}

#[tokio::test]
async fn a_request_that_crossed_its_answer_is_answered_from_the_same_port() {
    let wire = Wire::up(5000).await;
    let mut client = Client::new().await;
    client.ask(wire.server, "ipxe.efi", Options::default()).await;
    let (_, first_port) = client.hear().await;
    client.ask(wire.server, "ipxe.efi", Options::default()).await;
    let (packet, second_port) = client.hear().await;
    assert!(matches!(packet, Packet::Data { block: 1, .. }));
    assert_eq!(first_port, second_port);
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_words() {
    let mut wire = Wire::up(10).await;
    let mut client = Client::new().await;
    for (file, path) in
        [("missing.efi", "missing.efi"), ("../ipxe.efi", "../ipxe.efi"), ("a\\..\\b", "a\\..\\b")]
    {
        client.ask(wire.server, file, Options::default()).await;
        assert!(matches!(client.hear().await.0, Packet::Error { code: code::NOT_FOUND, .. }), "{file}");
        let What::FileAsked { path: seen, found: false, .. } = wire.next().await else { panic!("{file}") };
        assert_eq!(seen, path);
    }
    let ask = Ask { file: "ipxe.efi", octet: true, options: Options::default() };
    client.say(Packet::Wrq(ask.clone()), wire.server).await;
    assert!(matches!(client.hear().await.0, Packet::Error { code: code::ACCESS, .. }));
    client.say(Packet::Rrq(Ask { octet: false, ..ask }), wire.server).await;
    assert!(matches!(client.hear().await.0, Packet::Error { code: code::OTHER, .. }));
    assert_eq!(wire.sink.counters().of(Proto::Tftp, "path climbs out of its root"), 2);
}

#[tokio::test]
async fn garbage_is_counted_and_never_answered() {
    let mut wire = Wire::up(10).await;
    let mut client = Client::new().await;
    for garbage in [&b""[..], b"\0\x09x", b"\0\x01no end", b"\0\x04\0\x01"] {
        client.socket.send_to(garbage, wire.server).await.unwrap();
    }
    // The first packet that comes back is the answer to the first sensible request.
    client.ask(wire.server, "ipxe.efi", Options::default()).await;
    assert!(matches!(client.hear().await.0, Packet::Data { block: 1, .. }));
    for _ in 0..4 {
        assert!(matches!(wire.next().await, What::Malformed { proto: Proto::Tftp, .. }));
    }
    assert_eq!(wire.sink.counters().of(Proto::Tftp, "not a TFTP request"), 1);
}

#[tokio::test]
async fn one_machine_cannot_take_every_place() {
    let wire = Wire::up(5000).await;
    let mut clients = Vec::new();
    for _ in 0..MOST_PER_MACHINE {
        let mut client = Client::new().await;
        client.ask(wire.server, "ipxe.efi", Options::default()).await;
        client.hear().await;
        clients.push(client);
    }
    let (sink, late) = (wire.sink.clone(), Client::new().await);
    let refused = async {
        while sink.counters().of(Proto::Tftp, "too many transfers") == 0 {
            late.ask(wire.server, "ipxe.efi", Options::default()).await;
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, refused).await.expect("a ninth transfer was served");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_more_is_given_up() {
    let mut wire = Wire::up(5000).await;
    let mut client = Client::new().await;
    client.ask(wire.server, "ipxe.efi", Options::default()).await;
    client.hear().await;
    let (_, packets, resent, complete, why) = wire.ended().await;
    assert_eq!((packets, resent, complete), (6, 5, false));
    assert_eq!(why, "the client acknowledges nothing any more");
}

#[tokio::test]
async fn the_server_ends_when_told_and_its_transfers_with_it() {
    let mut wire = Wire::up(5000).await;
    let mut client = Client::new().await;
    client.ask(wire.server, "ipxe.efi", Options::default()).await;
    client.hear().await;
    wire.shutdown.cancel();
    timeout(PATIENCE, wire.running).await.expect("still running").unwrap().unwrap();
    assert!(matches!(wire.seen.recv().await.unwrap().what, What::FileAsked { .. }));
    assert!(matches!(wire.seen.recv().await.unwrap().what, What::FileSent { complete: false, .. }));
}
