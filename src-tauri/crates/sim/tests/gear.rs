//! The gear around the machines on a whole board: switch, router and display as a driver meets them, and what is wrong
//! with cords, cables and relays.

#![allow(clippy::unwrap_used)] // Test code: a panic fails the test.

mod world;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sim::display::Shown;
use sim::{
    DisplayKnob, Layout, Link, MachineState, PageKnob, RelayKnob, RouterKnob, RouterSim, Security, SimBoard,
    SwitchKnob, SwitchSim, WifiSim,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use world::{DEADLINE, Manners, World};

const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
/// MD5 of "adminswitch pass", by md5sum.
const COOKIE: &str = "bdddfb1f0714b5d0b6cf376e5c0f8835";

async fn full() -> World {
    World::with(Manners::default(), |config| {
        config.switch = Some(SwitchSim {
            listen: ANY,
            user: "admin".into(),
            password: "switch pass".into(),
            layout: Layout::Owner,
        });
        let home = WifiSim {
            ssid: "home".into(),
            hidden: false,
            bssid: "02:00:00:00:00:01".into(),
            signal: -50,
            channel: 36,
            security: Security::Wpa2,
            key: "the right key".into(),
        };
        config.router = Some(RouterSim {
            listen: ANY,
            metrics: ANY,
            user: "root".into(),
            password: "router pass".into(),
            networks: vec![home],
            joined: None,
        });
        config.display_link = config.relay_link.as_ref().map(|link| link.with_file_name("display"));
    })
    .await
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Status and body of one exchange.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    head: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let request = format!("{head}Host: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    Ok((head[9..12].parse().unwrap(), body.to_owned()))
}

async fn plain(address: SocketAddrV4, head: &str, body: &str) -> std::io::Result<(u16, String)> {
    let work = async { exchange(TcpStream::connect(address).await?, head, body).await };
    timeout(DEADLINE, work).await.unwrap_or(Err(std::io::ErrorKind::TimedOut.into()))
}

async fn ports(board: &SimBoard) -> String {
    let head = format!("GET /port.cgi HTTP/1.1\r\nCookie: admin={COOKIE}\r\n");
    plain(board.switch().unwrap().address(), &head, "").await.unwrap().1
}

async fn set_port(board: &SimBoard, id: u32, state: u32) -> String {
    let head = format!("POST /port.cgi HTTP/1.1\r\nCookie: admin={COOKIE}\r\n");
    let body =
        format!("portid={id}&name=node&state={state}&speed_duplex=0&flow=0&submit=+++Apply+++&cmd=port");
    plain(board.switch().unwrap().address(), &head, &body).await.unwrap().1
}

#[tokio::test]
async fn a_switched_off_port_takes_a_machines_packets_and_gives_them_back() {
    let world = full().await;
    let board = &world.board;
    // Box 1 hangs on port 6.
    assert!(
        ports(board)
            .await
            .contains("<td>Port 6</td><td>node1</td><td>Enabled</td><td>Auto</td><td>Link Down</td>")
    );
    world.relay("on 1");
    world.running(1).await;
    assert!(
        ports(board)
            .await
            .contains("<td>Port 6</td><td>node1</td><td>Enabled</td><td>Auto</td><td>1000Full</td>")
    );
    world.saw("POST /heartbeat").await;
    assert!(set_port(board, 5, 0).await.contains("<td>Port 6</td><td>node</td><td>Disabled</td>"));
    assert_eq!(board.links().of(1), Some(Link::DOWN));
    // One that was on its way may still arrive.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let heard = world.count("POST /heartbeat");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        (world.count("POST /heartbeat"), board.machine_state(1).unwrap()),
        (heard, MachineState::Running)
    );
    set_port(board, 5, 1).await;
    until("heartbeats come again", || world.count("POST /heartbeat") > heard).await;
}

#[tokio::test]
async fn a_machine_on_a_port_that_is_off_does_not_boot() {
    let world = full().await;
    set_port(&world.board, 5, 0).await;
    world.relay("on 1");
    let stuck = world.until(1, |state| matches!(state, MachineState::Stuck(_))).await;
    assert_eq!(stuck, MachineState::Stuck("PXE-E61: media test failure, check cable".into()));
    assert_eq!(world.count("dhcp"), 0);
    // Cut off in the middle of asking: nothing of it arrives either.
    let world = full().await;
    world.board.breaker().change(2, |trouble| trouble.dhcp.drop = true).unwrap();
    world.relay("on 2");
    world.until(2, |state| *state == MachineState::Address).await;
    set_port(&world.board, 4, 0).await;
    world.board.breaker().change(2, |trouble| trouble.dhcp.drop = false).unwrap();
    world.until(2, |state| matches!(state, MachineState::Stuck(_))).await;
    assert_eq!(world.count("dhcp"), 0);
}

#[tokio::test]
async fn a_power_cycle_of_the_switch_drops_links_and_forgets_settings() {
    let world = full().await;
    world.relay("on 2");
    world.running(2).await;
    set_port(&world.board, 5, 0).await;
    world.board.turn(SwitchKnob::Reboot).unwrap();
    assert!(!world.board.link(2).unwrap());
    assert!(plain(world.board.switch().unwrap().address(), "GET / HTTP/1.1\r\n", "").await.is_err());
    until("the links come back", || world.board.link(2).unwrap()).await;
    let end = Instant::now() + DEADLINE;
    while plain(world.board.switch().unwrap().address(), "GET / HTTP/1.1\r\n", "").await.is_err() {
        assert!(Instant::now() < end, "the pages come back");
        tokio::task::yield_now().await;
    }
    assert!(ports(&world.board).await.contains("<td>Port 6</td><td>node1</td><td>Enabled</td>"));
}

#[tokio::test]
async fn a_pulled_cord_is_off_at_once_and_until_it_is_put_back() {
    let world = full().await;
    let breaker = world.board.breaker();
    breaker.change(1, |trouble| trouble.soft_off_link = true).unwrap();
    assert_eq!(world.board.links().of(1), Some(Link { up: true, speed: Some(100) }));
    assert!(ports(&world.board).await.contains("<td>100Full</td>"));
    world.relay("on 1");
    world.running(1).await;
    assert_eq!(world.board.links().of(1).unwrap().speed, Some(1000));
    breaker.change(1, |trouble| trouble.cord_pulled = true).unwrap();
    world.until(1, |state| *state == MachineState::Off).await;
    assert_eq!(world.board.links().of(1), Some(Link::DOWN), "without a cord nothing is awake");
    assert_eq!(world.count("POST /goodbye"), 0);
    let finger = RelayKnob::Finger { outlet: 1, hold: Duration::from_millis(500) };
    world.board.turn(finger).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.board.machine_state(1).unwrap(), MachineState::Off);
    breaker.change(1, |trouble| trouble.cord_pulled = false).unwrap();
    assert_eq!(world.board.machine_state(1).unwrap(), MachineState::Off, "it waits for its button");
    world.board.turn(finger).unwrap();
    world.running(1).await;
}

#[tokio::test]
async fn wrong_wiring_starts_the_other_machine_and_a_stuck_relay_none() {
    let world = full().await;
    world.board.turn(RelayKnob::Swap(1, 2)).unwrap();
    world.relay("on 1");
    world.running(2).await;
    assert_eq!(world.board.machine_state(1).unwrap(), MachineState::Off);
    world.board.turn(RelayKnob::Swap(1, 2)).unwrap();
    world.board.turn(RelayKnob::Stuck { outlet: 2, closed: Some(true) }).unwrap();
    world.until(2, |state| *state == MachineState::Off).await;
    assert_eq!(world.count("POST /goodbye"), 0, "held until it was dead");
    let relay = world.board.relay();
    assert_eq!((relay.starts(), relay.boss_presses(), relay.boss_kills()), (1, 1, 0));
    world.relay("off 7");
    until("the controller is dead", || world.board.relay().boss_kills() == 1).await;
}

/// Takes any certificate; who it is, is looked at afterwards.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Status, body, and the SHA-256 of the certificate that was shown.
async fn rpc(
    board: &SimBoard,
    library: &str,
    session: &str,
    method: &str,
    params: Value,
) -> std::io::Result<(u16, Value, [u8; 32])> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let work = async {
        let stream = TcpStream::connect(board.router().unwrap().address()).await?;
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let shown = Sha256::digest(&stream.get_ref().1.peer_certificates().unwrap()[0]).into();
        let head = format!("POST /cgi-bin/luci/rpc/{library} HTTP/1.1\r\nCookie: sysauth={session}\r\n");
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, body) = exchange(stream, &head, &body.to_string()).await?;
        Ok((status, serde_json::from_str::<Value>(&body).unwrap_or_default()["result"].take(), shown))
    };
    timeout(DEADLINE, work).await.unwrap_or(Err(std::io::ErrorKind::TimedOut.into()))
}

async fn login(board: &SimBoard) -> String {
    let (_, result, _) = rpc(board, "auth", "", "login", json!(["root", "router pass"])).await.unwrap();
    result.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_router_joins_a_network_over_https() {
    let world = full().await;
    let board = &world.board;
    let (status, result, _) = rpc(board, "auth", "", "login", json!(["root", "x"])).await.unwrap();
    assert_eq!((status, result), (200, Value::Null));
    let session = login(board).await;
    let exec = async |line: &str| {
        let (status, result, _) = rpc(board, "sys", &session, "exec", json!([line])).await.unwrap();
        assert_eq!(status, 200, "{line}");
        result.as_str().unwrap().to_owned()
    };
    let heard: Value =
        serde_json::from_str(&exec(r#"ubus call iwinfo scan {\"device\":\"radio0\"}"#).await).unwrap();
    assert_eq!(heard["results"][0]["ssid"], "home");
    for (key, joined) in [("the wrong key", None), ("the right key", Some("home".to_owned()))] {
        exec(&format!(
            "uci set wireless.wifi0.ssid=home; uci set wireless.wifi0.key='{key}'; uci commit wireless; wifi"
        ))
        .await;
        if joined.is_some() {
            until("it joins", || board.router().unwrap().joined() == joined).await;
        } else {
            // Ten times as long as it takes.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        assert_eq!(board.router().unwrap().joined(), joined, "{key}");
    }
    let end = Instant::now() + DEADLINE;
    while serde_json::from_str::<Value>(&exec("ubus call network.interface.wwan status").await).unwrap()["up"]
        != true
    {
        assert!(Instant::now() < end, "an address");
    }
    assert_eq!(
        board.router().unwrap().console("uci changes; nosuch"),
        ("sh: nosuch: not found\n".into(), 127)
    );
}

#[tokio::test]
async fn the_routers_knobs() {
    let world = full().await;
    let board = &world.board;
    let router = board.router().unwrap();
    let session = login(board).await;
    let uptime = async |session: &str| rpc(board, "sys", session, "uptime", json!([])).await;
    assert_eq!(uptime(&session).await.unwrap().2, router.fingerprint());
    board.turn(RouterKnob::SessionLife(Duration::ZERO)).unwrap();
    assert_eq!(uptime(&session).await.unwrap().0, 403);
    board.turn(RouterKnob::SessionLife(Duration::from_secs(60))).unwrap();
    let session = login(board).await;
    board.turn(RouterKnob::ForgetSessions).unwrap();
    assert_eq!(uptime(&session).await.unwrap().0, 403);
    let before = router.fingerprint();
    board.turn(RouterKnob::NewCertificate).unwrap();
    let shown = uptime(&session).await.unwrap().2;
    assert!(shown == router.fingerprint() && shown != before);
    board.turn(RouterKnob::WanDown(true)).unwrap();
    assert!(router.console("ifstatus wan").0.contains("\"up\": false"));
    let metrics = async || plain(router.metrics_address(), "GET /metrics HTTP/1.1\r\n", "").await;
    let packets = |page: &str| -> f64 {
        let line =
            page.lines().find(|l| l.starts_with("node_network_receive_packets_total{device=\"eth0\"}"));
        line.unwrap().split(' ').nth(1).unwrap().parse().unwrap()
    };
    let first = packets(&metrics().await.unwrap().1);
    board.turn(RouterKnob::Floats(true)).unwrap();
    let end = Instant::now() + DEADLINE;
    loop {
        let page = metrics().await.unwrap().1;
        assert!(page.contains("e+06"), "{page}");
        if packets(&page) > first {
            break;
        }
        assert!(Instant::now() < end, "counters grow");
    }
    board.turn(RouterKnob::Exporter(PageKnob::Garbage(true))).unwrap();
    assert!(!metrics().await.unwrap().1.contains("node_network"));
    board.turn(RouterKnob::Exporter(PageKnob::Garbage(false))).unwrap();
    board.turn(RouterKnob::Unplugged(true)).unwrap();
    assert!(metrics().await.is_err() && uptime(&session).await.is_err());
    board.turn(RouterKnob::Unplugged(false)).unwrap();
    let end = Instant::now() + DEADLINE;
    while uptime("").await.is_err() || metrics().await.is_err() {
        assert!(Instant::now() < end, "it comes back");
        tokio::task::yield_now().await;
    }
    let session = login(board).await;
    board.turn(RouterKnob::Reboot).unwrap();
    assert!(metrics().await.is_err());
    let end = Instant::now() + DEADLINE;
    while uptime(&session).await.map(|answer| answer.0).unwrap_or(0) != 403 {
        assert!(Instant::now() < end, "it starts, and knows no session");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_display_is_a_file_of_the_board() {
    let world = full().await;
    let view = world.board.display().unwrap();
    let boot = view.png();
    let mut tty = std::fs::File::options().write(true).open(world.board.display_path().unwrap()).unwrap();
    tty.write_all(b"boss:ready\nlog:node1 [info] hello\n").unwrap();
    until("the line is shown", || view.shown() == Shown::Ready).await;
    assert_ne!(view.png(), boot);
    world.board.turn(DisplayKnob::Reboot).unwrap();
    until("it forgets", || view.shown() == Shown::Boot).await;
    assert_eq!((view.png(), view.lines()), (boot, 2));
}

#[tokio::test]
async fn a_board_without_a_device_says_so() {
    let world = World::start(Manners::default()).await;
    let board = &world.board;
    assert!(board.switch().is_none() && board.router().is_none() && board.display().is_none());
    for refused in
        [board.turn(SwitchKnob::Reboot), board.turn(RouterKnob::Reboot), board.turn(DisplayKnob::Reboot)]
    {
        assert!(refused.unwrap_err().to_string().starts_with("this board has no "));
    }
}
