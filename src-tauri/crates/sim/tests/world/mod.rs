//! Small scripted servers for one simulated board, written from the RFCs for these tests alone.
#![allow(clippy::unwrap_used)] // Test code: a panic in a server fails the test that waits for it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sim::{MachineState, SimBoard, SimConfig, SimMachine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Far longer than a boot takes at speed 100.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 122, 122, 3);
pub(crate) const LOADER_BYTES: usize = 10_000;

/// How the servers of a test behave.
#[derive(Clone)]
pub(crate) struct Manners {
    pub(crate) dhcp_answers: bool,
    /// Answers to somebody else, and nonsense, before each true one.
    pub(crate) decoys: bool,
    pub(crate) file_in_header: bool,
    pub(crate) file_in_option: bool,
    pub(crate) no_proxy_dhcp: bool,
    /// Firmware's requests that are refused with a NAK before one is acknowledged.
    pub(crate) naks: usize,
    pub(crate) loader: bool,
    pub(crate) script: String,
    pub(crate) initrd_bytes: usize,
    /// Reports that are turned away before one is received.
    pub(crate) refused_reports: usize,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners {
            dhcp_answers: true,
            decoys: false,
            file_in_header: true,
            file_in_option: true,
            no_proxy_dhcp: true,
            naks: 0,
            loader: true,
            script: "#!ipxe\nkernel k statusinator.box=1 statusinator.name=node1 statusinator.report=http://HTTP \
                     statusinator.heartbeat_ms=1000 quiet || goto lost\ninitrd i || goto lost\nboot\n:lost\nreboot\n"
                .into(),
            initrd_bytes: 200_000,
            refused_reports: 0,
        }
    }
}

#[derive(Default)]
pub(crate) struct Seen {
    /// One line an event, in order.
    pub(crate) log: Vec<String>,
    pub(crate) reports: Vec<serde_json::Value>,
    /// What a wiper asked and reported.
    pub(crate) wipes: Vec<serde_json::Value>,
    /// What the next heartbeats are answered.
    pub(crate) orders: VecDeque<&'static str>,
    naks: usize,
    refused: usize,
}

pub(crate) type Shared = Arc<Mutex<Seen>>;

pub(crate) struct World {
    pub(crate) board: SimBoard,
    pub(crate) seen: Shared,
    pub(crate) _servers: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start(manners: Manners) -> World {
        World::with(manners, |_| {}).await
    }

    pub(crate) async fn with(mut manners: Manners, change: impl FnOnce(&mut SimConfig)) -> World {
        let dhcp = UdpSocket::bind("127.255.255.255:0").await.unwrap();
        let tftp = UdpSocket::bind((SERVER, 0)).await.unwrap();
        let http = TcpListener::bind((SERVER, 0)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = SimConfig {
            seed: 42,
            speed: 100.0,
            machines: (1..=2)
                .map(|n| SimMachine {
                    box_number: n,
                    name: format!("node{n}"),
                    mac: [2, 0, 0, 0, 0, n],
                    source: Ipv4Addr::new(127, 122, 122, 10 + n),
                    outlet: n,
                    port: Some(7 - u32::from(n)),
                })
                .collect(),
            dhcp: v4(dhcp.local_addr().unwrap()),
            client_port: 0,
            tftp_port: tftp.local_addr().unwrap().port(),
            relay_link: Some(folder.path().join("relay-board")),
            display_link: None,
            switch: None,
            router: None,
            collector: None,
        };
        change(&mut config);
        let base = http.local_addr().unwrap();
        manners.script = manners.script.replace("HTTP", &base.to_string());
        let seen: Shared = Arc::default();
        let mut servers = JoinSet::new();
        servers.spawn(serve_dhcp(dhcp, base, manners.clone(), seen.clone()));
        servers.spawn(serve_tftp(tftp, manners.clone(), seen.clone()));
        servers.spawn(serve_http(http, manners, seen.clone()));
        let board = SimBoard::start(config).unwrap();
        World { board, seen, _servers: servers, _folder: folder }
    }

    /// Says something to the relay board, as its driver would.
    pub(crate) fn relay(&self, line: &str) {
        let path = self.board.relay_path().unwrap();
        let flags = nix::fcntl::OFlag::O_NOCTTY.bits();
        let mut tty = File::options().write(true).custom_flags(flags).open(path).unwrap();
        tty.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub(crate) async fn until(&self, box_number: u8, wanted: impl Fn(&MachineState) -> bool) -> MachineState {
        let mut states = self.board.watch_machine(box_number).unwrap();
        let state =
            timeout(DEADLINE, states.wait_for(|state| wanted(state))).await.map(|s| s.unwrap().clone());
        state.unwrap_or_else(|_| {
            let state = self.board.machine_state(box_number).unwrap();
            panic!("box {box_number} is {state:?}; seen: {:#?}", self.log())
        })
    }

    pub(crate) async fn running(&self, box_number: u8) {
        self.until(box_number, |state| *state == MachineState::Running).await;
    }

    /// Waits until the servers have seen something.
    pub(crate) async fn saw(&self, what: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.log().iter().any(|line| line.contains(what)) {
            assert!(Instant::now() < end, "{what} was not seen: {:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.seen.lock().unwrap().log.clone()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.log().iter().filter(|line| line.contains(what)).count()
    }
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(v4) => v4,
        SocketAddr::V6(v6) => panic!("{v6}"),
    }
}

fn note(seen: &Shared, line: String) {
    seen.lock().unwrap().log.push(line);
}

fn option(packet: &[u8], wanted: u8) -> Option<Vec<u8>> {
    let mut rest = packet.get(240..)?;
    while let [code, length, after @ ..] = rest {
        if *code == 255 {
            break;
        }
        if *code == wanted {
            return Some(after[..usize::from(*length)].to_vec());
        }
        rest = &after[usize::from(*length)..];
    }
    None
}

async fn serve_dhcp(socket: UdpSocket, http: SocketAddr, manners: Manners, seen: Shared) {
    let mut buffer = vec![0u8; 2048];
    loop {
        let (count, from) = socket.recv_from(&mut buffer).await.unwrap();
        let asked = &buffer[..count];
        assert!(count >= 300 && asked[..3] == [1, 1, 6] && asked[236..240] == [99, 130, 83, 99], "{asked:?}");
        let kind = option(asked, 53).unwrap()[0];
        let class = String::from_utf8(option(asked, 60).unwrap()).unwrap();
        let user = option(asked, 77).map(|class| String::from_utf8(class).unwrap());
        let who =
            if class == "statusinator-probe" { "system" } else { user.as_deref().unwrap_or("firmware") };
        note(&seen, format!("{} dhcp {kind} {who}", from.ip()));
        if class.starts_with("PXEClient") {
            assert_eq!(class, "PXEClient:Arch:00007:UNDI:003016");
            assert_eq!((option(asked, 93), option(asked, 94)), (Some(vec![0, 7]), Some(vec![1, 3, 16])));
            assert_eq!(option(asked, 97).unwrap().len(), 17);
            assert!(option(asked, 55).unwrap().contains(&67));
        } else {
            assert_eq!(option(asked, 93), None, "the running system is no PXE client");
        }
        if !manners.dhcp_answers {
            continue;
        }
        let nak = kind == 3 && who == "firmware" && {
            let mut seen = seen.lock().unwrap();
            seen.naks += 1;
            seen.naks <= manners.naks
        };
        let file = match who {
            "firmware" => "loader.efi".to_owned(),
            "iPXE" => format!("http://{http}/boot.ipxe"),
            _ => String::new(),
        };
        let SocketAddr::V4(source) = from else { unreachable!() };
        let mut reply = vec![0u8; 236];
        reply[..3].copy_from_slice(&[2, 1, 6]);
        reply[4..8].copy_from_slice(&asked[4..8]);
        if !nak {
            reply[16..20].copy_from_slice(&source.ip().octets());
            reply[20..24].copy_from_slice(&SERVER.octets());
        }
        reply[28..34].copy_from_slice(&asked[28..34]);
        if manners.file_in_header {
            reply[108..108 + file.len()].copy_from_slice(file.as_bytes());
        }
        let answer_kind = if kind == 1 {
            2
        } else if nak {
            6
        } else {
            5
        };
        reply.extend([99, 130, 83, 99, 53, 1, answer_kind, 54, 4]);
        reply.extend(SERVER.octets());
        reply.extend([51, 4, 0, 0, 14, 16, 1, 4, 255, 0, 0, 0]);
        if manners.file_in_option && !file.is_empty() {
            reply.extend([67, file.len() as u8]);
            reply.extend(file.bytes());
        }
        if manners.no_proxy_dhcp {
            reply.extend([175, 3, 176, 1, 1]);
        }
        reply.push(255);
        if manners.decoys {
            let mut other = reply.clone();
            other[7] ^= 1;
            socket.send_to(&other, from).await.unwrap();
            let mut other = reply.clone();
            other[33] ^= 1;
            socket.send_to(&other, from).await.unwrap();
            socket.send_to(b"nonsense", from).await.unwrap();
            if answer_kind == 5 {
                let mut foreign = reply.clone();
                foreign[242] = 6; // a NAK …
                foreign[248] ^= 1; // … of another server
                socket.send_to(&foreign, from).await.unwrap();
            }
        }
        if kind == 3 {
            assert_eq!(option(asked, 54), Some(SERVER.octets().to_vec()), "the server is chosen");
            assert_eq!(option(asked, 50), Some(source.ip().octets().to_vec()), "the offer is taken");
        }
        socket.send_to(&reply, from).await.unwrap();
    }
}

async fn serve_tftp(socket: UdpSocket, manners: Manners, seen: Shared) {
    let mut buffer = vec![0u8; 2048];
    loop {
        let (count, from) = socket.recv_from(&mut buffer).await.unwrap();
        let asked = String::from_utf8(buffer[2..count].to_vec()).unwrap().replace('\0', " ");
        note(&seen, format!("{} rrq {}", from.ip(), asked.trim_end()));
        // A transfer has a port of its own (RFC 1350 §4).
        let transfer = UdpSocket::bind((SERVER, 0)).await.unwrap();
        if !manners.loader {
            transfer.send_to(b"\0\x05\0\x01no such file\0", from).await.unwrap();
            continue;
        }
        if asked.contains("tsize") {
            let oack = format!("\0\x06tsize\0{LOADER_BYTES}\0");
            transfer.send_to(oack.as_bytes(), from).await.unwrap();
            let (count, _) = timeout(DEADLINE, transfer.recv_from(&mut buffer)).await.unwrap().unwrap();
            assert_eq!(buffer[..2], [0, 5], "the client breaks off");
            assert!(count > 4);
            note(&seen, format!("{} tftp aborted", from.ip()));
            continue;
        }
        transfer.send_to(b"\0\x06blksize\x001468\0", from).await.unwrap();
        let loader = vec![0x5a; LOADER_BYTES];
        for block in 0..=LOADER_BYTES / 1468 + 1 {
            timeout(DEADLINE, transfer.recv_from(&mut buffer)).await.unwrap().unwrap();
            assert_eq!(buffer[..4], [0, 4, 0, block as u8], "acknowledged in order");
            if block * 1468 <= LOADER_BYTES {
                let data = &loader[block * 1468..LOADER_BYTES.min(block * 1468 + 1468)];
                let packet = [&[0, 3, 0, block as u8 + 1], data].concat();
                transfer.send_to(&packet, from).await.unwrap();
            }
        }
        note(&seen, format!("{} tftp done", from.ip()));
    }
}

async fn serve_http(listener: TcpListener, manners: Manners, seen: Shared) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, from) = listener.accept().await.unwrap();
        connections.spawn(answer(stream, from.ip().to_string(), manners.clone(), seen.clone()));
    }
}

async fn answer(mut stream: TcpStream, from: String, manners: Manners, seen: Shared) {
    let mut asked = Vec::new();
    let body = loop {
        if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&asked);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                break body.to_owned();
            }
        }
    };
    let line = String::from_utf8_lossy(&asked).lines().next().unwrap().replace(" HTTP/1.1", "");
    note(&seen, format!("{from} {line}"));
    let content: Vec<u8> = match line.split_once(' ').unwrap().1 {
        "/boot.ipxe" => manners.script.clone().into_bytes(),
        "/k" => vec![1; 300_000],
        "/i" => vec![2; manners.initrd_bytes],
        "/report" => {
            let mut seen = seen.lock().unwrap();
            seen.reports.push(serde_json::from_str(&body).unwrap());
            seen.refused += 1;
            let word = if seen.refused <= manners.refused_reports { "come again" } else { "received" };
            word.into()
        }
        "/heartbeat" => seen.lock().unwrap().orders.pop_front().unwrap_or("ok").into(),
        "/goodbye" => b"ok".to_vec(),
        "/wipe/ask" => {
            let ask: serde_json::Value = serde_json::from_str(&body).unwrap();
            let mut seen = seen.lock().unwrap();
            seen.wipes.push(ask.clone());
            // The first question is put on record, the second one answered.
            let go = seen.wipes.len() > 1;
            let word =
                if go { format!("go {} sda", ask["ticket"].as_str().unwrap()) } else { "wait a bit".into() };
            format!("received wipe-{word}").into_bytes()
        }
        "/wiped" => {
            seen.lock().unwrap().wipes.push(serde_json::from_str(&body).unwrap());
            b"received".to_vec()
        }
        other => panic!("{other}"),
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
    let sent = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&content).await
    };
    if sent.await.is_err() {
        note(&seen, format!("{from} {line} was broken off"));
    }
}
