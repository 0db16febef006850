use std::net::Ipv4Addr;
use std::sync::Mutex;

use async_trait::async_trait;

use super::super::config::tests::{KNOWN, STRANGER, board};
use super::super::message::tests::datagram;
use super::*;
use crate::clock;
use crate::dhcp::answer::{Boot, Grant};
use crate::dhcp::config::Replies;
use crate::dhcp::desk::destination;
use crate::dhcp::message::{self, Kind, Request};
use crate::dhcp::{Client, Forgetful, Lease, LeaseState, LeaseStoreError, Refusal};
use crate::seen::{Seen, What};

/// A server on the loopback network's broadcast address, as the simulated board has it, and a client beside it.
struct Wire {
    client: UdpSocket,
    server: SocketAddr,
    sink: SeenSink,
    seen: tokio::sync::mpsc::Receiver<Seen>,
    configs: watch::Sender<Arc<DhcpConfig>>,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<io::Result<()>>,
}

impl Wire {
    async fn up() -> Wire {
        Wire::with(Arc::new(Forgetful)).await
    }

    async fn with(store: Arc<dyn LeaseStore>) -> Wire {
        let socket = bind(SocketAddrV4::new(Ipv4Addr::new(127, 255, 255, 255), 0), None).unwrap();
        let server = socket.local_addr().unwrap();
        let config = DhcpConfig { replies: Replies::ToSource, ..board() };
        let (sink, seen) = SeenSink::new(64);
        let shutdown = CancellationToken::new();
        let (configs, follow) = watch::channel(Arc::new(config));
        let nic = Nic { device: None, server: socket, boot_server: None };
        let running = tokio::spawn(run(vec![nic], follow, store, sink.clone(), shutdown.clone()));
        let client = bind(SocketAddrV4::new(Ipv4Addr::new(127, 122, 122, 11), 0), None).unwrap();
        Wire { client, server, sink, seen, configs, shutdown, running }
    }

    async fn send(&self, bytes: &[u8]) {
        self.client.send_to(bytes, self.server).await.unwrap();
    }

    async fn answer(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let received = timeout(Duration::from_secs(10), self.client.recv_from(&mut buffer)).await;
        let (length, _) = received.expect("no answer within 10 s").unwrap();
        buffer[..length].to_vec()
    }

    async fn next(&mut self) -> Seen {
        timeout(Duration::from_secs(10), self.seen.recv()).await.expect("nothing seen within 10 s").unwrap()
    }
}

#[tokio::test]
async fn a_simulated_machine_gets_its_address_from_a_broadcast() {
    let mut wire = Wire::up().await;
    let firmware: [(u8, &[u8]); 2] = [(60, b"PXEClient:Arch:00007"), (93, &[0, 7])];
    wire.send(&datagram(1, KNOWN.0, &firmware)).await;
    let offer = wire.answer().await;
    assert_eq!(offer[16..20], [192, 168, 122, 11]);

    let asked = [firmware[0], firmware[1], (50, &[192, 168, 122, 11]), (54, &[192, 168, 122, 3])];
    wire.send(&datagram(3, KNOWN.0, &asked)).await;
    let ack = wire.answer().await;
    assert!(ack.windows(3).any(|option| option == [53, 1, 5]), "no ACK");

    let seen = wire.next().await;
    assert_eq!((seen.mac, seen.peer), (Some(KNOWN), wire.client.local_addr().unwrap()));
    assert!(matches!(
        seen.what,
        What::Dhcp { kind: Kind::Discover, client: Client::Firmware, arch: Some(7), .. }
    ));
    let What::DhcpAnswered { kind, address, boot_file, known, bytes, .. } = wire.next().await.what else {
        panic!("the offer was not reported");
    };
    assert_eq!((kind, known, bytes), (Kind::Offer, true, offer.len()));
    assert_eq!((address, boot_file.as_deref()), (Ipv4Addr::new(192, 168, 122, 11), Some("ipxe.efi")));
    assert!(matches!(wire.next().await.what, What::Dhcp { kind: Kind::Request, .. }));
    assert!(matches!(wire.next().await.what, What::DhcpAnswered { kind: Kind::Ack, .. }));
}

/// What a stranger asks for and takes.
fn taking(address: Ipv4Addr) -> Vec<u8> {
    datagram(3, STRANGER.0, &[(50, &address.octets()), (54, &[192, 168, 122, 3])])
}

const POOLED: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 201);

#[tokio::test]
async fn an_acknowledged_address_has_a_name_from_then_on() {
    let mut wire = Wire::up().await;
    assert_eq!(wire.sink.neighbours().mac_of(POOLED.into()), None);
    wire.send(&taking(POOLED)).await;
    wire.answer().await;
    wire.next().await;
    assert!(matches!(wire.next().await.what, What::DhcpAnswered { known: false, .. }));
    assert_eq!(wire.sink.neighbours().mac_of(POOLED.into()), Some(STRANGER));
}

/// A store that fails while it is told to, and remembers.
#[derive(Default)]
struct Disk {
    kept: Mutex<Vec<Lease>>,
    broken: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl LeaseStore for Disk {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(self.kept.lock().unwrap().clone())
    }

    async fn commit(&self, leases: &[Lease]) -> Result<(), LeaseStoreError> {
        if self.broken.load(std::sync::atomic::Ordering::SeqCst) {
            let (what, why, remedy) =
                ("store leases".into(), "the disk is full".into(), "free some space".into());
            return Err(LeaseStoreError { what, why, remedy });
        }
        self.kept.lock().unwrap().extend_from_slice(leases);
        Ok(())
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_stored_and_reservations_do_not_care() {
    let disk = Arc::new(Disk::default());
    disk.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut wire = Wire::with(disk.clone()).await;
    wire.send(&taking(POOLED)).await;
    assert!(matches!(wire.next().await.what, What::Dhcp { .. }));
    let What::LeaseStoreLost { why, .. } = wire.next().await.what else { panic!("the loss was not said") };
    assert!(why.contains("disk is full"), "{why}");
    wire.send(&datagram(1, KNOWN.0, &[])).await;
    assert_eq!(wire.answer().await[16..20], [192, 168, 122, 11], "the first answer is the reservation's");

    disk.broken.store(false, std::sync::atomic::Ordering::SeqCst);
    wire.send(&taking(POOLED)).await;
    assert_eq!(wire.answer().await[16..20], POOLED.octets());
    let kept = disk.kept.lock().unwrap().clone();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].address, kept[0].mac, kept[0].state), (POOLED, STRANGER, LeaseState::Bound));
    let in_a_day = clock::now().wall_us + 86_400_000_000;
    assert!((in_a_day - 60_000_000..=in_a_day).contains(&kept[0].until_wall_us));
    while wire.next().await.what != What::LeaseStoreBack {}
}

#[tokio::test]
async fn a_restart_keeps_leases() {
    let disk = Arc::new(Disk::default());
    let wire = Wire::with(disk.clone()).await;
    wire.send(&taking(POOLED)).await;
    wire.answer().await;
    wire.shutdown.cancel();
    let wire = Wire::with(disk).await;
    let other = [2, 0, 0, 0, 0, 1];
    wire.send(&datagram(3, other, &[(50, &POOLED.octets()), (54, &[192, 168, 122, 3])])).await;
    assert!(wire.answer().await.windows(3).any(|option| option == [53, 1, 6]), "it is another's");
    wire.send(&datagram(3, STRANGER.0, &[(50, &POOLED.octets())])).await;
    assert_eq!(wire.answer().await[16..20], POOLED.octets(), "INIT-REBOOT: its owner is remembered");
}

#[tokio::test]
async fn a_changed_configuration_holds_from_the_next_packet_and_a_wrong_one_is_refused() {
    let wire = Wire::up().await;
    let firmware: [(u8, &[u8]); 2] = [(60, b"PXEClient:Arch:00007"), (93, &[0, 7])];
    let mut config = (**wire.configs.borrow()).clone();
    let own = super::super::BootNames { efi64: "shimx64.efi".into(), ..config.boot.clone() };
    config.reservations.entry(KNOWN).and_modify(|node1| node1.boot = Some(own));
    wire.configs.send_replace(Arc::new(config.clone()));
    wire.send(&datagram(1, KNOWN.0, &firmware)).await;
    assert_eq!(&wire.answer().await[108..120], b"shimx64.efi\0");

    config.boot.script_url = String::new();
    config.reservations.clear();
    wire.configs.send_replace(Arc::new(config));
    wire.send(&datagram(1, KNOWN.0, &firmware)).await;
    assert_eq!(&wire.answer().await[108..120], b"shimx64.efi\0", "the former one goes on");
    assert_eq!(wire.sink.counters().of(Proto::Dhcp, "configuration refused"), 1);
}

#[tokio::test]
async fn a_full_pool_is_said_once() {
    let mut wire = Wire::up().await;
    for last in 0..6 {
        wire.send(&datagram(1, [2, 0, 0, 0, 0, last], &[])).await;
    }
    wire.send(&datagram(1, KNOWN.0, &[])).await;
    let mut said = 0;
    loop {
        match wire.next().await.what {
            What::PoolEmpty { pool } => said += usize::from(pool.0 == Ipv4Addr::new(192, 168, 122, 200)),
            What::DhcpAnswered { known: true, .. } => break,
            _ => {}
        }
    }
    assert_eq!((said, wire.sink.counters().of(Proto::Dhcp, "pool empty")), (1, 2));
}

#[tokio::test]
async fn a_pool_that_has_something_to_give_again_is_said_once_and_not_because_of_a_renewal() {
    let mut wire = Wire::up().await;
    let holder = [2, 0, 0, 0, 0, 0];
    wire.send(&datagram(1, holder, &[])).await;
    let own: [u8; 4] = wire.answer().await[16..20].try_into().unwrap();
    wire.send(&datagram(3, holder, &[(50, &own), (54, &[192, 168, 122, 3])])).await;
    wire.answer().await;
    for last in 1..6 {
        wire.send(&datagram(1, [2, 0, 0, 0, 0, last], &[])).await;
    }
    // RENEWING: its address stands in ciaddr alone.
    let mut renewal = datagram(3, holder, &[]);
    renewal[12..16].copy_from_slice(&own);
    wire.send(&renewal).await;
    let mut release = datagram(7, holder, &[(54, &[192, 168, 122, 3])]);
    release[12..16].copy_from_slice(&own);
    wire.send(&release).await;
    wire.send(&datagram(1, KNOWN.0, &[])).await;
    let mut story = Vec::new();
    loop {
        match wire.next().await.what {
            What::PoolEmpty { .. } => story.push("empty"),
            What::PoolFree => story.push("free"),
            What::DhcpAnswered { kind: Kind::Ack, .. } => story.push("given"),
            What::DhcpAnswered { known: true, .. } => break,
            _ => {}
        }
    }
    // What is written to the disk first is answered a moment later.
    let place = |word| story.iter().position(|said| *said == word);
    assert!(place("empty") < place("free"), "{story:?}");
    assert_eq!(story.iter().filter(|word| **word != "given").count(), 2, "once each: {story:?}");
}

#[tokio::test]
async fn a_lease_that_ends_while_nobody_asks_frees_the_pool() {
    let (sink, mut seen) = SeenSink::new(64);
    let config = DhcpConfig { replies: Replies::ToSource, ..board() };
    let (_configs, follow) = watch::channel(Arc::new(config));
    let desk = Desk::new(follow, Rivals::alone(), sink);
    desk.with(|state| state.loaded = true);
    let peer = SocketAddr::from(([127, 122, 122, 11], 68));
    for last in 0..6 {
        desk.hear(Door::Server, peer, &datagram(1, [2, 0, 0, 0, 0, last], &[]));
    }
    desk.look_at_pool(clock::mono_us());
    let mut said = || std::iter::from_fn(|| seen.try_recv().ok()).map(|seen| seen.what).collect::<Vec<_>>();
    let before = said();
    assert!(
        before.iter().any(|what| matches!(what, What::PoolEmpty { .. })) && !before.contains(&What::PoolFree)
    );
    // Offers that nobody takes up end after a minute.
    desk.look_at_pool(clock::mono_us() + 61_000_000);
    desk.look_at_pool(clock::mono_us() + 62_000_000);
    assert_eq!(said(), [What::PoolFree]);
}

#[tokio::test]
async fn garbage_is_counted_and_never_answered() {
    let mut wire = Wire::up().await;
    let mut from_a_server = datagram(2, KNOWN.0, &[]);
    from_a_server[0] = 2;
    for bytes in [&b"hello"[..], &[0; 300], &from_a_server] {
        wire.send(bytes).await;
    }
    let mut to_a_rogue = datagram(3, KNOWN.0, &[(54, &[192, 168, 122, 66])]);
    wire.send(&to_a_rogue).await;
    // The first answer that comes is the one to the first sensible request after all that.
    to_a_rogue = datagram(1, KNOWN.0, &[]);
    to_a_rogue[4..8].copy_from_slice(&[7; 4]);
    wire.send(&to_a_rogue).await;
    assert_eq!(wire.answer().await[4..8], [7; 4]);

    for why in ["shorter than a DHCP message", "not from a client", "not from a client"] {
        assert_eq!(wire.next().await.what, What::Malformed { proto: Proto::Dhcp, why });
    }
    assert!(matches!(wire.next().await.what, What::Dhcp { .. }));
    let rogue = Ipv4Addr::new(192, 168, 122, 66);
    assert_eq!(wire.next().await.what, What::DhcpRefused { why: Refusal::OtherServer(rogue) });
    assert!(matches!(wire.next().await.what, What::OtherServer { server, .. } if server == rogue));
    assert_eq!(wire.sink.counters().of(Proto::Dhcp, "not from a client"), 2);
    assert_eq!(wire.sink.counters().of(Proto::Dhcp, "request to another server"), 1);
}

#[tokio::test]
async fn the_server_ends_when_told() {
    let wire = Wire::up().await;
    wire.shutdown.cancel();
    timeout(Duration::from_secs(10), wire.running).await.expect("still running").unwrap().unwrap();
}

#[test]
fn answers_go_where_a_client_without_address_hears_them() {
    let peer: SocketAddr = "0.0.0.0:68".parse().unwrap();
    let own = Ipv4Addr::new(192, 168, 122, 11);
    let mut request = message::decode(&datagram(3, KNOWN.0, &[])).unwrap();
    let grant =
        Grant { address: Some(own), host_name: None, known: true, boot: Boot::Nothing, beside: false };
    let to = |request: &Request, grant| destination(&board(), peer, request, grant).to_string();
    assert_eq!(to(&request, Some(&grant)), "255.255.255.255:68");
    request.ciaddr = own;
    assert_eq!(to(&request, Some(&grant)), "192.168.122.11:68");
    assert_eq!(to(&request, None), "255.255.255.255:68", "a NAK tells it that its address is not its own");
    request.ciaddr = Ipv4Addr::new(8, 8, 8, 8);
    assert_eq!(to(&request, Some(&grant)), "255.255.255.255:68", "a forged address is no target");
    request.ciaddr = Ipv4Addr::UNSPECIFIED;
    request.giaddr = Ipv4Addr::new(192, 168, 122, 254);
    assert_eq!(to(&request, Some(&grant)), "192.168.122.254:67", "a relay passes it on");
    assert_eq!(to(&request, None), "192.168.122.254:67");
}

#[tokio::test]
async fn nobody_outside_the_lab_is_answered() {
    let desk = |replies| {
        let (sink, _seen) = SeenSink::new(4);
        let (_, configs) = watch::channel(Arc::new(DhcpConfig { replies, ..board() }));
        Desk::new(configs, Rivals::alone(), sink)
    };
    let asked = datagram(3, KNOWN.0, &[(60, b"PXEClient")]);
    let from = |desk: &Desk, door, peer: &str| {
        let answered = matches!(desk.hear(door, peer.parse().unwrap(), &asked), Heard::Say(_));
        (answered, desk.sink.counters().of(Proto::ProxyDhcp, "not from the lab network"))
    };
    let simulated = desk(Replies::ToSource);
    assert_eq!(from(&simulated, Door::BootServer, "192.168.122.50:68"), (false, 1));
    let real = desk(Replies::Broadcast);
    assert_eq!(from(&real, Door::BootServer, "8.8.8.8:68"), (false, 1));
    assert_eq!(from(&real, Door::BootServer, "192.168.122.50:68"), (true, 1));
}

proptest::proptest! {
    /// Whatever comes to either port, and however we stand: no panic, no growth, and what is no request is counted.
    #[test]
    fn hostile_packets_are_counted_and_forgotten(
        packets in proptest::collection::vec(
            (proptest::bool::ANY, proptest::bool::ANY, 0u8..10, proptest::collection::vec(0u8.., 0..120)),
            1..60,
        ),
        mode in 0usize..4,
    ) {
        use crate::dhcp::Mode;
        let mode = [Mode::Serve, Mode::Proxy, Mode::Takeover, Mode::Off][mode];
        let (sink, _seen) = SeenSink::new(16);
        let (_, configs) = watch::channel(Arc::new(DhcpConfig { mode, ..board() }));
        let desk = Desk::new(configs, Rivals::alone(), sink);
        desk.with(|state| state.loaded = true);
        let mut malformed = 0;
        for (shaped, boot_server, kind, bytes) in packets {
            let door = if boot_server { Door::BootServer } else { Door::Server };
            let mut packet = bytes.clone();
            if shaped {
                packet = datagram(kind, [2, 0, 0, 0, 0, kind], &[]);
                packet.pop();
                packet.extend(bytes);
            }
            malformed += u64::from(message::decode(&packet).is_err());
            let heard = desk.hear(door, "192.168.122.200:68".parse().unwrap(), &packet);
            proptest::prop_assert!(mode != Mode::Off || matches!(heard, Heard::Nothing));
            proptest::prop_assert!(mode != Mode::Proxy || !matches!(heard, Heard::Write(..)));
        }
        let kinds = desk.sink.counters().snapshot();
        let counted = kinds.iter().filter(|one| message::tests::FAULTS.contains(&one.kind));
        proptest::prop_assert_eq!(counted.map(|one| one.count).sum::<u64>(), malformed);
        proptest::prop_assert!(desk.with(|state| state.leases.free()) <= 4);
    }
}
