use std::net::Ipv4Addr;

use tokio::time::timeout;

use super::super::config::tests::{KNOWN, STRANGER, board};
use super::super::message::tests::datagram;
use super::*;
use crate::dhcp::{Client, Refusal};
use crate::seen::Seen;

/// A server on the loopback network's broadcast address, as the simulated board has it, and a client beside it.
struct Wire {
    client: UdpSocket,
    server: SocketAddr,
    sink: SeenSink,
    seen: tokio::sync::mpsc::Receiver<Seen>,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<io::Result<()>>,
}

impl Wire {
    async fn up() -> Wire {
        let socket = bind(SocketAddrV4::new(Ipv4Addr::new(127, 255, 255, 255), 0), None).unwrap();
        let server = socket.local_addr().unwrap();
        let config = DhcpConfig { replies: Replies::ToSource, ..board() };
        let (sink, seen) = SeenSink::new(64);
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(run(socket, Arc::new(config), sink.clone(), shutdown.clone()));
        let client = bind(SocketAddrV4::new(Ipv4Addr::new(127, 122, 122, 11), 0), None).unwrap();
        Wire { client, server, sink, seen, shutdown, running }
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

#[tokio::test]
async fn an_acknowledged_address_has_a_name_from_then_on() {
    let mut wire = Wire::up().await;
    let address = Ipv4Addr::new(192, 168, 122, 201);
    assert_eq!(wire.sink.neighbours().mac_of(address.into()), None);
    wire.send(&datagram(3, STRANGER.0, &[(50, &address.octets())])).await;
    wire.answer().await;
    assert_eq!(wire.sink.neighbours().mac_of(address.into()), Some(STRANGER));
    wire.next().await;
    assert!(matches!(wire.next().await.what, What::DhcpAnswered { known: false, .. }));
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
    let grant = Grant { address: Some(own), host_name: None, known: true, boot: Boot::Nothing };
    let to = |request: &Request, grant| destination(Replies::Broadcast, peer, request, grant).to_string();
    assert_eq!(to(&request, Some(&grant)), "255.255.255.255:68");
    request.ciaddr = own;
    assert_eq!(to(&request, Some(&grant)), "192.168.122.11:68");
    assert_eq!(to(&request, None), "255.255.255.255:68", "a NAK tells it that its address is not its own");
    request.ciaddr = Ipv4Addr::new(8, 8, 8, 8);
    assert_eq!(to(&request, Some(&grant)), "255.255.255.255:68", "a forged address is no target");
}

#[test]
fn the_simulated_board_answers_nobody_outside_it() {
    let (sink, _seen) = SeenSink::new(4);
    let config = DhcpConfig { replies: Replies::ToSource, ..board() };
    let outside = "192.168.122.50:68".parse().unwrap();
    let heard = hear(&config, &mut Leases::default(), &sink, outside, &datagram(1, KNOWN.0, &[]));
    assert_eq!(heard, None);
    assert_eq!(sink.counters().of(Proto::Dhcp, "not from the simulated network"), 1);
}
