//! How an answer looks on the wire.

use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, Encodable, Encoder, Message, MessageType, Opcode, OptionCode, UnknownOption};

use super::answer::{Boot, Decision, Grant};
use super::config::DhcpConfig;
use super::message::{Client, Kind, Request};

/// The size of a BOOTP message (RFC 951): old PXE ROMs drop anything shorter, and the library does not pad.
const SHORTEST: usize = 300;

/// PXE's own options, inside option 43: PXE_DISCOVERY_CONTROL (6) = 8, "boot the file named in this message".
///
/// Firmware that finds option 60 `PXEClient` in an answer looks for these. Without them some of it starts to search for
/// a boot server on UDP 4011, which nobody answers. ROMs that are said to ignore answers with option 43 do so for
/// ProxyDHCP answers, which come without an address; this is the main server's answer, and the reference lab's server
/// sends its real boards the same four bytes.
const BOOT_THE_NAMED_FILE: [u8; 4] = [6, 1, 8, 255];

/// iPXE's own options, inside option 175: `no-pxedhcp` (176) = 1. Otherwise iPXE waits about three seconds for a
/// ProxyDHCP server that does not exist.
const NO_PXEDHCP: [u8; 3] = [176, 1, 1];

/// The datagram for a decision, and which kind it is; `None` when the decision is to say nothing.
pub fn encode(config: &DhcpConfig, request: &Request, decision: &Decision) -> Option<(Kind, Vec<u8>)> {
    let (kind, grant) = match decision {
        Decision::Offer(grant) => (Kind::Offer, Some(grant)),
        Decision::Ack(grant) => (Kind::Ack, Some(grant)),
        Decision::Nak(_) => (Kind::Nak, None),
        Decision::Silent(_) | Decision::Noted => return None,
    };
    let none = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(request.xid, none, none, none, none, &request.mac.0);
    message.set_opcode(Opcode::BootReply).set_flags(request.flags.into());
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(match kind {
        Kind::Offer => MessageType::Offer,
        Kind::Nak => MessageType::Nak,
        _ => MessageType::Ack,
    }));
    options.insert(DhcpOption::ServerIdentifier(config.server_id));
    if let Some(grant) = grant {
        if kind == Kind::Ack {
            // RFC 2131, table 3: an ACK returns it, an OFFER does not.
            message.set_ciaddr(request.ciaddr);
        }
        put_network(config, grant, &mut message);
        put_boot(config, request, &grant.boot, &mut message);
    } else if let Decision::Nak(why) = decision {
        message.opts_mut().insert(DhcpOption::Message(why.to_string()));
    }
    let mut bytes = Vec::with_capacity(512);
    // Fails only for text that is too long, which `DhcpConfig::check` refuses; then silence is all that is left.
    message.encode(&mut Encoder::new(&mut bytes)).ok()?;
    if bytes.len() < SHORTEST {
        bytes.resize(SHORTEST, 0);
    }
    Some((kind, bytes))
}

fn put_network(config: &DhcpConfig, grant: &Grant, message: &mut Message) {
    if let Some(address) = grant.address {
        message.set_yiaddr(address);
        // RFC 2131, section 4.4.5: renew at a half, rebind at seven eighths.
        let lease = u32::try_from(config.lease.as_secs()).unwrap_or(u32::MAX);
        let options = message.opts_mut();
        options.insert(DhcpOption::AddressLeaseTime(lease));
        options.insert(DhcpOption::Renewal(lease / 2));
        options.insert(DhcpOption::Rebinding(lease - lease / 8));
    }
    let options = message.opts_mut();
    options.insert(DhcpOption::SubnetMask(config.netmask));
    options.insert(DhcpOption::BroadcastAddr(config.broadcast()));
    if let Some(router) = config.router {
        options.insert(DhcpOption::Router(vec![router]));
    }
    if !config.dns.is_empty() {
        options.insert(DhcpOption::DomainNameServer(config.dns.clone()));
    }
    if let Some(server) = config.log_server {
        options.insert(DhcpOption::LogServer(vec![server]));
    }
    if let Some(name) = &grant.host_name {
        options.insert(DhcpOption::Hostname(name.clone()));
    }
    if let Some(domain) = &config.domain {
        options.insert(DhcpOption::DomainName(domain.clone()));
        options.insert(raw(119, domain_search(domain)));
    }
    if !config.ntp.is_empty() {
        options.insert(DhcpOption::NtpServers(config.ntp.clone()));
    }
}

fn put_boot(config: &DhcpConfig, request: &Request, boot: &Boot, message: &mut Message) {
    if let Some(file) = boot.file() {
        // Some clients read the header, others the options: send both. A URL too long for the field is in 67 alone.
        message.set_siaddr(config.next_server);
        if file.len() < 128 {
            message.set_fname(file.as_bytes());
        }
        let options = message.opts_mut();
        options.insert(DhcpOption::BootfileName(file.as_bytes().to_vec()));
        options.insert(DhcpOption::TFTPServerName(config.next_server.to_string().into_bytes()));
    }
    let client = request.client();
    let options = message.opts_mut();
    match client {
        Client::Firmware => {
            options.insert(DhcpOption::ClassIdentifier(b"PXEClient".to_vec()));
            if boot.file().is_some() {
                options.insert(DhcpOption::VendorExtensions(BOOT_THE_NAMED_FILE.to_vec()));
            }
        }
        // EDK2 takes an answer as one for HTTP Boot by this option alone.
        Client::HttpFirmware => {
            options.insert(DhcpOption::ClassIdentifier(b"HTTPClient".to_vec()));
        }
        // For iPXE option 60 would start a PXE boot server search of its own.
        Client::Ipxe | Client::System => {}
    }
    if client == Client::Ipxe || request.has_ipxe_options {
        options.insert(raw(175, NO_PXEDHCP.to_vec()));
    }
    // PXE 2.1 wants the machine's identifier back; some ROMs drop answers without it.
    if let Some(id) = request.machine_id.as_ref().filter(|_| client != Client::System) {
        options.insert(DhcpOption::ClientMachineIdentifier(id.clone()));
    }
}

fn raw(code: u8, data: Vec<u8>) -> DhcpOption {
    DhcpOption::Unknown(UnknownOption::new(OptionCode::from(code), data))
}

/// One name in DNS form (RFC 3397); `DhcpConfig::check` has seen its labels.
fn domain_search(domain: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(domain.len() + 2);
    for label in domain.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::answer::answer;
    use super::super::config::tests::{KNOWN, STRANGER, board};
    use super::super::leases::Leases;
    use super::super::message::decode;
    use super::super::message::tests::datagram;
    use super::*;

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

    fn answered(kind: u8, options: &[(u8, &[u8])]) -> Vec<u8> {
        let request = decode(&datagram(kind, KNOWN.0, options)).unwrap();
        let decision = answer(&board(), &mut Leases::default(), &request, 0);
        encode(&board(), &request, &decision).unwrap().1
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
        let decision = answer(&config, &mut Leases::default(), &request, 0);
        let (_, bytes) = encode(&config, &request, &decision).unwrap();
        assert_eq!(bytes[108], 0);
        assert_eq!(options(&bytes)[&67], config.boot.script_url.as_bytes());
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
            let decision = answer(&board(), &mut Leases::default(), &request, 0);
            let Some((kind, bytes)) = encode(&board(), &request, &decision) else { return Ok(()) };
            prop_assert!((300..=1472).contains(&bytes.len()), "{} bytes", bytes.len());
            let options = options(&bytes);
            prop_assert_eq!(options[&53][0], match kind { Kind::Offer => 2, Kind::Ack => 5, _ => 6 });
            prop_assert_eq!(&bytes[28..34], &mac[..]);
        }
    }
}
