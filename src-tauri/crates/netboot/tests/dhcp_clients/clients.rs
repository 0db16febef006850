//! Clients in their own namespaces, from the RFCs: a PXE ROM beside two servers (RFC 4578, PXE 2.1), and a relay agent
//! (RFC 1542, RFC 3046). Each prints one line of what it was told.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const CARD: &str = "eth0";

pub(crate) fn play(words: &[String]) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = match words[..] {
        ["pxe", mac] => pxe(bytes_of(mac)),
        ["relay", mac, own, server] => relay(bytes_of(mac), own.parse().unwrap(), server.parse().unwrap()),
        _ => panic!("no such client: {words:?}"),
    };
    println!("{said}");
    ExitCode::SUCCESS
}

struct Answer {
    kind: u8,
    yiaddr: Ipv4Addr,
    siaddr: Ipv4Addr,
    file: String,
    options: BTreeMap<u8, Vec<u8>>,
    /// Codes in their order.
    order: Vec<u8>,
}

/// Two OFFERs, of which one has the address and the other the file; then the boot server.
fn pxe(mac: [u8; 6]) -> String {
    let class: (u8, &[u8]) = (60, b"PXEClient:Arch:00007:UNDI:003016");
    let uuid = [0x5a; 17];
    let common: [(u8, &[u8]); 3] = [class, (93, &[0, 7]), (97, &uuid)];
    let socket = on_card(68);
    let (mut address, mut file) = (None, None);
    let began = Instant::now();
    while address.is_none() || file.is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "address {:?}", address.is_some());
        socket.send_to(&message(1, mac, &common), "255.255.255.255:67").unwrap();
        while let Some(offer) = hear(&socket, 2) {
            assert_eq!(offer.options.get(&60).map_or(&b"PXEClient"[..], |class| &class[..9]), b"PXEClient");
            if offer.yiaddr.is_unspecified() {
                file = Some(offer);
            } else {
                address = Some(offer);
            }
        }
    }
    let (address, file) = (address.unwrap(), file.unwrap());
    assert_eq!(file.options[&97], uuid, "some ROMs drop answers without it");
    let (yiaddr, server) = (address.yiaddr.octets(), address.options[&54].clone());
    let taking = [common[0], common[1], common[2], (50, &yiaddr[..]), (54, &server[..])];
    socket.send_to(&message(3, mac, &taking), "255.255.255.255:67").unwrap();
    while hear(&socket, 5).expect("dnsmasq acknowledges").yiaddr != address.yiaddr {}

    let plain = format!("{}/24", address.yiaddr);
    let set =
        std::process::Command::new("ip").args(["address", "add", &plain, "dev", CARD]).status().unwrap();
    assert!(set.success());
    let mut question = message(3, mac, &common);
    question[12..16].copy_from_slice(&yiaddr);
    let boot_server = file.siaddr;
    socket.send_to(&question, (boot_server, 4011)).unwrap();
    let ack = hear(&socket, 5).expect("the boot server answers");
    let cleared = std::process::Command::new("ip").args(["address", "flush", "dev", CARD]).status().unwrap();
    assert!(cleared.success());
    let vendor = if file.options.contains_key(&43) { "with" } else { "without" };
    let [a, b, c, d] = server[..] else { panic!("option 54: {server:?}") };
    format!(
        "address {} from {}; file {} from {boot_server} {vendor} 43; 4011 says {}",
        address.yiaddr,
        Ipv4Addr::new(a, b, c, d),
        file.file,
        ack.file
    )
}

fn relay(mac: [u8; 6], own: Ipv4Addr, server: Ipv4Addr) -> String {
    let notes: &[u8] = &[1, 4, 0, 0, 0, 7, 2, 2, 0xab, 0xcd];
    let socket = on_card(67);
    let mut relayed = message(1, mac, &[(82, notes)]);
    relayed[3] = 1;
    relayed[24..28].copy_from_slice(&own.octets());
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < Duration::from_secs(20), "no answer came to the relay");
        socket.send_to(&relayed, (server, 67)).unwrap();
        if let Some(offer) = hear(&socket, 2) {
            let last = offer.order.last() == Some(&82) && offer.options[&82] == notes;
            return format!("offer {}{}", offer.yiaddr, if last { " notes-last" } else { "" });
        }
    }
}

fn on_card(port: u16) -> UdpSocket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    socket.bind_device(Some(CARD.as_bytes())).unwrap();
    socket.set_broadcast(true).unwrap();
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    socket.into()
}

/// The next answer of this kind (option 53), within a second.
fn hear(socket: &UdpSocket, kind: u8) -> Option<Answer> {
    let mut buffer = [0; 2048];
    loop {
        let length = socket.recv(&mut buffer).ok()?;
        let answer = read(&buffer[..length]);
        if answer.kind == kind {
            return Some(answer);
        }
    }
}

fn message(kind: u8, mac: [u8; 6], options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[..3].copy_from_slice(&[1, 1, 6]);
    bytes[4..8].copy_from_slice(&[0x12, 0x34, 0x56, 0x78]);
    bytes[10] = 0x80;
    bytes[28..34].copy_from_slice(&mac);
    bytes[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    bytes.extend([53, 1, kind, 55, 5, 1, 3, 43, 60, 67]);
    for (code, data) in options {
        bytes.extend([*code, data.len() as u8]);
        bytes.extend_from_slice(data);
    }
    bytes.push(255);
    bytes.resize(bytes.len().max(300), 0);
    bytes
}

fn read(bytes: &[u8]) -> Answer {
    let address = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
    assert_eq!((bytes[0], &bytes[236..240]), (2, &[0x63, 0x82, 0x53, 0x63][..]), "an answer of DHCP");
    assert!(bytes.len() >= 300, "BOOTP's least, which old ROMs insist on");
    let (mut options, mut order, mut at) = (BTreeMap::new(), Vec::new(), 240);
    while bytes[at] != 255 {
        let (code, length) = (bytes[at], usize::from(bytes[at + 1]));
        options.insert(code, bytes[at + 2..at + 2 + length].to_vec());
        order.push(code);
        at += 2 + length;
    }
    let file = bytes[108..236].iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
    Answer { kind: options[&53][0], yiaddr: address(16), siaddr: address(20), file, options, order }
}

fn bytes_of(mac: &str) -> [u8; 6] {
    let bytes: Vec<u8> = mac.split(':').map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    bytes.try_into().unwrap()
}
