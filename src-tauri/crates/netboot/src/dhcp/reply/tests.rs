use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::answer::answer as decide;
use super::super::config::tests::{KNOWN, STRANGER, board};
use super::super::leases::Leases;
use super::super::message::decode;
use super::super::message::tests::datagram;
use super::super::proxy;
use super::*;
use crate::dhcp::Refusal;

/// Reads an answer back by hand: header fields by offset, options as a map.
fn options(bytes: &[u8]) -> BTreeMap<u8, Vec<u8>> {
    assert_eq!(bytes[236..240], [99, 130, 83, 99]);
    let (mut options, mut rest) = (BTreeMap::new(), &bytes[240..]);
    loop {
        match rest {
            [255, padding @ ..] => {
                assert!(padding.iter().all(|&byte| byte == 0));
                return options;
            }
            [code, length, tail @ ..] => {
                let (data, tail) = tail.split_at(usize::from(*length));
                assert!(options.insert(*code, data.to_vec()).is_none(), "option {code} twice");
                rest = tail;
            }
            _ => panic!("no end of options"),
        }
    }
}

fn answer(config: &DhcpConfig, request: &Request) -> Decision {
    decide(config, &mut Leases::new(config), request, 0).decision
}

fn answered(kind: u8, options: &[(u8, &[u8])]) -> Vec<u8> {
    let request = decode(&datagram(kind, KNOWN.0, options)).unwrap();
    encode(&board(), &request, &answer(&board(), &request)).unwrap().1
}

#[test]
fn firmware_is_told_where_and_what_in_both_places() {
    let uuid = [0u8; 17];
    let bytes = answered(1, &[(60, b"PXEClient:Arch:00007"), (93, &[0, 7]), (97, &uuid)]);
    assert_eq!(bytes[0], 2);
    assert_eq!(bytes[4..8], 0xfeed_beef_u32.to_be_bytes());
    assert_eq!(bytes[16..20], [192, 168, 122, 11], "yiaddr");
    assert_eq!(bytes[20..24], [192, 168, 122, 3], "siaddr");
    assert_eq!(bytes[28..34], KNOWN.0, "chaddr");
    assert_eq!(&bytes[108..117], b"ipxe.efi\0");
    let options = options(&bytes);
    let expected: [(u8, &[u8]); 19] = [
        (1, &[255, 255, 255, 0]),
        (3, &[192, 168, 122, 1]),
        (6, &[192, 168, 122, 3]),
        (7, &[192, 168, 122, 3]),
        (12, b"node1"),
        (15, b"local"),
        (28, &[192, 168, 122, 255]),
        (42, &[192, 168, 122, 3]),
        (43, &[6, 1, 8, 255]),
        (51, &86_400_u32.to_be_bytes()),
        (53, &[2]),
        (54, &[192, 168, 122, 3]),
        (58, &43_200_u32.to_be_bytes()),
        (59, &75_600_u32.to_be_bytes()),
        (60, b"PXEClient"),
        (66, b"192.168.122.3"),
        (67, b"ipxe.efi"),
        (97, &uuid),
        (119, b"\x05local\0"),
    ];
    let expected: BTreeMap<u8, Vec<u8>> =
        expected.into_iter().map(|(code, data)| (code, data.to_vec())).collect();
    assert_eq!(options, expected);
}

#[test]
fn http_firmware_gets_its_class_back_and_a_url() {
    let options = options(&answered(1, &[(60, b"HTTPClient:Arch:00016"), (93, &[0, 16])]));
    assert_eq!(options[&60], b"HTTPClient");
    assert_eq!(options[&67], b"http://192.168.122.3/ipxe.efi");
    assert!(!options.contains_key(&43));
}

#[test]
fn ipxe_is_told_not_to_wait_for_a_proxy() {
    let asked: [(u8, &[u8]); 4] =
        [(60, b"PXEClient:Arch:00007"), (77, b"iPXE"), (93, &[0, 7]), (175, &[1, 1, 0])];
    let options = options(&answered(1, &asked));
    assert_eq!(options[&175], [176, 1, 1]);
    assert_eq!(options[&67], b"http://192.168.122.3/boot.ipxe");
    assert!(!options.contains_key(&60) && !options.contains_key(&43));
}

#[test]
fn a_system_is_told_nothing_of_booting() {
    let bytes = answered(1, &[(60, b"udhcp 1.35"), (97, &[0; 17])]);
    assert_eq!((&bytes[20..24], bytes[108]), (&[0; 4][..], 0), "siaddr and file are empty");
    let options = options(&bytes);
    for code in [43, 60, 66, 67, 97, 175] {
        assert!(!options.contains_key(&code), "option {code}");
    }
}

#[test]
fn a_nak_says_why_and_gives_nothing() {
    let bytes = answered(3, &[(50, &[10, 0, 0, 1])]);
    assert_eq!(bytes.len(), 300);
    assert_eq!(bytes[16..20], [0; 4]);
    let options = options(&bytes);
    assert_eq!(options.keys().copied().collect::<Vec<_>>(), [53, 54, 56]);
    assert_eq!(options[&56], b"it wants 10.0.0.1, which is not of this network");
}

#[test]
fn a_url_too_long_for_the_header_is_in_the_option() {
    let mut config = board();
    config.boot.script_url = format!("http://192.168.122.3/{}", "x".repeat(200));
    assert_eq!(config.check(), Ok(()));
    let request = decode(&datagram(1, STRANGER.0, &[(77, b"iPXE")])).unwrap();
    let decision = answer(&config, &request);
    let (_, bytes) = encode(&config, &request, &decision).unwrap();
    assert_eq!(bytes[108], 0);
    assert_eq!(options(&bytes)[&67], config.boot.script_url.as_bytes());
}

#[test]
fn a_client_that_says_what_it_wants_gets_that_in_its_order() {
    let bytes = answered(1, &[(55, &[15, 3, 1, 250]), (60, b"udhcp")]);
    let mut order = Vec::new();
    let mut rest = &bytes[240..];
    while let [code, length, tail @ ..] = rest {
        if *code == 255 {
            break;
        }
        order.push(*code);
        rest = &tail[usize::from(*length)..];
    }
    let place = |code| order.iter().position(|&at| at == code);
    assert_eq!(order[..3], [53, 54, 51]);
    assert!(place(15) < place(3) && place(3) < place(1) && place(1) < place(6), "{order:?}");
    assert!([7, 12, 28, 42, 119].iter().all(|&unwanted| place(unwanted).is_none()), "{order:?}");
}

#[test]
fn a_small_client_loses_what_it_can_do_without() {
    let mut config = board();
    config.boot.script_url = format!("http://192.168.122.3/{}", "x".repeat(220));
    config.domain = Some(format!("{}.{}", "a".repeat(60), "b".repeat(60)));
    let with = |size: u16| {
        let size = size.to_be_bytes();
        let options = [(57, &size[..]), (77, b"iPXE"), (97, &[0; 17])];
        let request = decode(&datagram(1, KNOWN.0, &options)).unwrap();
        encode(&config, &request, &answer(&config, &request)).unwrap().1
    };
    assert!(options(&with(1500)).contains_key(&119));
    for size in [0, 576] {
        let bytes = with(size);
        assert!(bytes.len() <= 576 - 28, "{} bytes", bytes.len());
        let options = options(&bytes);
        assert!(!options.contains_key(&119), "search domains are the first to go");
        assert!(options.contains_key(&67) && options.contains_key(&3));
    }
}

#[test]
fn a_relays_notes_come_back_as_the_last_option() {
    let notes: &[u8] = &[1, 4, 1, 2, 3, 4, 2, 2, 9, 9];
    let mut asked = datagram(1, KNOWN.0, &[(82, notes), (61, b"\0box")]);
    asked[24..28].copy_from_slice(&[192, 168, 122, 254]);
    let request = decode(&asked).unwrap();
    let (_, bytes) = encode(&board(), &request, &answer(&board(), &request)).unwrap();
    assert_eq!(bytes[24..28], [192, 168, 122, 254], "giaddr");
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    assert_eq!(bytes[end], 255);
    assert_eq!(&bytes[end - notes.len()..end], notes);
    assert_eq!(options(&bytes)[&61], b"\0box", "RFC 6842");
    let refused = Decision::Nak(Refusal::NoAddress);
    let (_, bytes) = encode(&board(), &request, &refused).unwrap();
    assert_eq!(bytes[10], 0x80, "a relay must broadcast a NAK");
    assert_eq!(options(&bytes)[&82], notes);
}

#[test]
fn beside_another_server_only_the_boot_file_is_told() {
    let ask = |kind, options: &[(u8, &[u8])], door| {
        let request = decode(&datagram(kind, KNOWN.0, options)).unwrap();
        encode(&board(), &request, &proxy::answer(&board(), &request, door)).unwrap().1
    };
    let uuid = [0u8; 17];
    let firmware: [(u8, &[u8]); 3] = [(60, b"PXEClient:Arch:00007"), (93, &[0, 7]), (97, &uuid)];
    let bytes = ask(1, &firmware, proxy::Door::Server);
    assert_eq!(bytes[16..20], [0; 4], "yiaddr");
    assert_eq!(bytes[20..24], [192, 168, 122, 3], "siaddr");
    assert_eq!(options(&bytes).keys().copied().collect::<Vec<_>>(), [53, 54, 60, 66, 67, 97]);
    let item = [firmware[0], firmware[1], (43, &[71, 4, 0, 0, 0, 0, 255])];
    let bytes = ask(3, &item, proxy::Door::BootServer);
    assert_eq!(options(&bytes)[&43], [71, 4, 0, 0, 0, 0, 255]);
    let ipxe: [(u8, &[u8]); 1] = [(77, b"iPXE")];
    let options = options(&ask(1, &ipxe, proxy::Door::Server));
    assert_eq!(options[&60], b"PXEClient", "iPXE takes a proxy's offer by this alone");
}

proptest! {
    /// Whatever a client sends: an answer is at least 300 bytes, fits an Ethernet frame and can be read.
    #[test]
    fn every_answer_can_be_read(
        kind in 1u8..9,
        arch in prop::option::of(0u16..20),
        vendor in prop::sample::select(vec!["PXEClient", "HTTPClient", "MSFT 5.0", ""]),
        ipxe in any::<bool>(),
        wish in prop::option::of(any::<[u8; 4]>()),
        ciaddr in prop::option::of(any::<[u8; 4]>()),
        id in prop::option::of(any::<[u8; 17]>()),
        mac in any::<[u8; 6]>(),
    ) {
        let arch = arch.map(u16::to_be_bytes);
        let mut asked: Vec<(u8, &[u8])> = vec![(60, vendor.as_bytes())];
        if ipxe { asked.push((77, b"iPXE")); }
        if let Some(arch) = &arch { asked.push((93, arch)); }
        if let Some(wish) = &wish { asked.push((50, wish)); }
        if let Some(id) = &id { asked.push((97, id)); }
        let mut bytes = datagram(kind, mac, &asked);
        if let Some(ciaddr) = ciaddr { bytes[12..16].copy_from_slice(&ciaddr); }
        let Ok(request) = decode(&bytes) else { return Ok(()) };
        let decision = answer(&board(), &request);
        let Some((kind, bytes)) = encode(&board(), &request, &decision) else { return Ok(()) };
        prop_assert!((300..=1472).contains(&bytes.len()), "{} bytes", bytes.len());
        let options = options(&bytes);
        prop_assert_eq!(options[&53][0], match kind { Kind::Offer => 2, Kind::Ack => 5, _ => 6 });
        prop_assert_eq!(&bytes[28..34], &mac[..]);
    }
}
