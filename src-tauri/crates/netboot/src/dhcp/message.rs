//! What a DHCP client says.

use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dhcproto::v4::borrowed::{DhcpOptionIterator, Message};
use dhcproto::v4::{MAGIC, Opcode};

use crate::{Mac, Malformed};

/// The message types of RFC 2131 (option 53).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Client: is there a server?
    Discover,
    /// Server: you could have this.
    Offer,
    /// Client: I want, or want to keep, this address.
    Request,
    /// Client: somebody else already uses it.
    Decline,
    /// Server: it is yours.
    Ack,
    /// Server: it is not.
    Nak,
    /// Client: I need it no more.
    Release,
    /// Client: I have an address, tell me the rest.
    Inform,
}

impl Kind {
    /// As in option 53.
    pub fn number(self) -> u8 {
        match self {
            Kind::Discover => 1,
            Kind::Offer => 2,
            Kind::Request => 3,
            Kind::Decline => 4,
            Kind::Ack => 5,
            Kind::Nak => 6,
            Kind::Release => 7,
            Kind::Inform => 8,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Discover => "DISCOVER",
            Kind::Offer => "OFFER",
            Kind::Request => "REQUEST",
            Kind::Decline => "DECLINE",
            Kind::Ack => "ACK",
            Kind::Nak => "NAK",
            Kind::Release => "RELEASE",
            Kind::Inform => "INFORM",
        })
    }
}

/// Which program on the machine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// PXE firmware, BIOS or UEFI (vendor class `PXEClient`).
    Firmware,
    /// UEFI HTTP Boot (vendor class `HTTPClient`).
    HttpFirmware,
    /// iPXE (user class `iPXE`); it calls itself a PXEClient too.
    Ipxe,
    /// GRUB from the machine's own disk. It names no class: its DISCOVER says what it is and nothing more, its REQUEST asks
    /// for the extensions path (option 18) and for a vendor class; no system does either (seen from GRUB 2.06).
    Grub,
    /// Anything else: an operating system.
    System,
}

/// One message of a client, reduced to what answers depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Option 53; only the kinds clients send.
    pub kind: Kind,
    /// The hardware address field.
    pub mac: Mac,
    /// Transaction.
    pub xid: u32,
    /// The flags field, returned as it came (its top bit asks for broadcast answers).
    pub flags: u16,
    /// The address the client uses already, or 0.0.0.0.
    pub ciaddr: Ipv4Addr,
    /// The relay it came through, or 0.0.0.0.
    pub giaddr: Ipv4Addr,
    /// Option 50.
    pub requested: Option<Ipv4Addr>,
    /// Option 54: which server's offer the client takes.
    pub server_id: Option<Ipv4Addr>,
    /// The first architecture of option 93, or else the one in option 60.
    pub arch: Option<u16>,
    /// Option 60, with anything unprintable replaced.
    pub vendor_class: Option<String>,
    /// Option 77 names iPXE.
    pub says_ipxe: bool,
    /// Option 175 is present: iPXE's own options, which only iPXE sends.
    pub has_ipxe_options: bool,
    /// Option 97, returned as it came.
    pub machine_id: Option<Vec<u8>>,
    /// Option 61, returned as it came (RFC 6842).
    pub client_id: Option<Vec<u8>>,
    /// Option 57: the largest message it takes.
    pub max_size: Option<u16>,
    /// Option 55: what it wants to be told.
    pub wants: Option<Vec<u8>>,
    /// Option 82: a relay's own notes, returned as they came (RFC 3046).
    pub relay_notes: Option<Vec<u8>>,
    /// Sub-option 71 of option 43: which of a PXE boot server's items it chose, returned as it came.
    pub boot_item: Option<[u8; 4]>,
}

/// Who a client of the pool is: its own word for itself, or else its hardware address (RFC 2131, section 2). The two are
/// one where the word is the hardware address, as iPXE and most firmware send it, so that a machine keeps its address
/// from one program to the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// By its hardware address.
    Hardware(Mac),
    /// By option 61.
    Named(Vec<u8>),
}

impl Identity {
    /// From the header and option 61.
    pub fn of(mac: Mac, client_id: Option<&[u8]>) -> Identity {
        match client_id {
            Some(id) if id.first() != Some(&1) || id[1..] != mac.0 => Identity::Named(id.to_vec()),
            _ => Identity::Hardware(mac),
        }
    }
}

impl Request {
    /// Who it is to the pool.
    pub fn identity(&self) -> Identity {
        Identity::of(self.mac, self.client_id.as_deref())
    }

    /// Which program on the machine speaks.
    pub fn client(&self) -> Client {
        let vendor = self.vendor_class.as_deref().unwrap_or("");
        // User class first: iPXE's vendor class is that of the firmware whose driver it borrows.
        if self.says_ipxe {
            Client::Ipxe
        } else if vendor.starts_with("HTTPClient") {
            Client::HttpFirmware
        } else if vendor.starts_with("PXEClient") {
            Client::Firmware
        } else if self.is_grub() {
            Client::Grub
        } else {
            Client::System
        }
    }

    fn is_grub(&self) -> bool {
        let bare = self.client_id.is_none() && self.max_size.is_none();
        let asks = match (&self.wants, self.kind) {
            (None, kind) => kind == Kind::Discover,
            (Some(wants), _) => wants.contains(&18) && wants.contains(&60),
        };
        self.vendor_class.is_none() && bare && asks
    }
}

const OVERLOAD: u8 = 52;
const MESSAGE_TYPE: u8 = 53;

/// Reads one datagram.
///
/// Only option bytes are taken from the library and each is judged here: its typed decoder stops at the first option
/// it dislikes, and a client with an odd host name would lose its architecture to that.
pub fn decode(datagram: &[u8]) -> Result<Request, Malformed> {
    // A panic in the library over one packet must not end DHCP for everybody.
    catch_unwind(AssertUnwindSafe(|| decode_inner(datagram))).unwrap_or(Err(Malformed("decoder gave up")))
}

fn decode_inner(datagram: &[u8]) -> Result<Request, Malformed> {
    let message = Message::new(datagram).map_err(|_| Malformed("shorter than a DHCP message"))?;
    if message.opcode() != Opcode::BootRequest {
        return Err(Malformed("not from a client"));
    }
    if datagram[236..240] != MAGIC {
        return Err(Malformed("no DHCP magic"));
    }
    if datagram[1] != 1 || message.hlen() != 6 {
        return Err(Malformed("not an Ethernet client"));
    }
    let mac = Mac(datagram[28..34].try_into().map_err(|_| Malformed("shorter than a DHCP message"))?);
    if !mac.is_unicast() {
        return Err(Malformed("hardware address of nobody"));
    }
    let mut found = Options::default();
    let mut overload = 0;
    for option in message.opts() {
        match (option.code().into(), option.data()) {
            (OVERLOAD, &[fields]) => overload = fields,
            (code, data) => found.take(code, data)?,
        }
    }
    // Option 52 (RFC 2132, section 9.3): options go on in `file` (bit 0), then in `sname` (bit 1).
    for (bit, field) in [(1, 108..236), (2, 44..108)] {
        if overload & bit != 0 {
            for option in DhcpOptionIterator::new(&datagram[field]) {
                found.take(option.code().into(), option.data())?;
            }
        }
    }
    let kind = found.kind.ok_or(Malformed("no DHCP message type"))?;
    let arch = found.arch.or_else(|| found.vendor_class.as_deref().and_then(arch_in_vendor_class));
    Ok(Request {
        kind,
        mac,
        xid: message.xid(),
        flags: message.flags().into(),
        ciaddr: message.ciaddr(),
        giaddr: message.giaddr(),
        requested: found.requested,
        server_id: found.server_id,
        arch,
        vendor_class: found.vendor_class,
        says_ipxe: found.says_ipxe,
        has_ipxe_options: found.has_ipxe_options,
        machine_id: found.machine_id,
        client_id: found.client_id,
        max_size: found.max_size,
        wants: found.wants,
        relay_notes: found.relay_notes,
        boot_item: found.boot_item,
    })
}

#[derive(Default)]
struct Options {
    kind: Option<Kind>,
    requested: Option<Ipv4Addr>,
    server_id: Option<Ipv4Addr>,
    arch: Option<u16>,
    vendor_class: Option<String>,
    says_ipxe: bool,
    has_ipxe_options: bool,
    machine_id: Option<Vec<u8>>,
    client_id: Option<Vec<u8>>,
    max_size: Option<u16>,
    wants: Option<Vec<u8>>,
    relay_notes: Option<Vec<u8>>,
    boot_item: Option<[u8; 4]>,
}

impl Options {
    fn take(&mut self, code: u8, data: &[u8]) -> Result<(), Malformed> {
        match code {
            43 => self.boot_item = boot_item(data),
            50 => self.requested = Some(address(data)?),
            MESSAGE_TYPE => self.kind = Some(kind(data)?),
            54 => self.server_id = Some(address(data)?),
            55 if !data.is_empty() => self.wants = Some(data.to_vec()),
            // RFC 2132, section 9.10: 576 is the least a client may say.
            57 => self.max_size = data.try_into().ok().map(u16::from_be_bytes),
            // RFC 2132, section 9.14: a type and at least one byte. A shorter one names nobody.
            61 if data.len() >= 2 => self.client_id = Some(data.to_vec()),
            82 => self.relay_notes = Some(data.to_vec()),
            60 => self.vendor_class = Some(printable(data)),
            77 => self.says_ipxe = user_class_is_ipxe(data),
            // RFC 4578: a list of 16-bit numbers; firmware that can do several names its favourite first.
            93 => self.arch = data.first_chunk().map(|&first| u16::from_be_bytes(first)),
            // Type byte and UUID (RFC 4578, section 2.3). Other lengths are not echoed: nobody could have meant them.
            97 if data.len() == 17 => self.machine_id = Some(data.to_vec()),
            175 => self.has_ipxe_options = true,
            _ => {}
        }
        Ok(())
    }
}

fn address(data: &[u8]) -> Result<Ipv4Addr, Malformed> {
    let octets: [u8; 4] = data.try_into().map_err(|_| Malformed("address of the wrong length"))?;
    Ok(octets.into())
}

fn kind(data: &[u8]) -> Result<Kind, Malformed> {
    match data {
        [1] => Ok(Kind::Discover),
        [3] => Ok(Kind::Request),
        [4] => Ok(Kind::Decline),
        [7] => Ok(Kind::Release),
        [8] => Ok(Kind::Inform),
        [2 | 5 | 6] => Err(Malformed("a server's message type")),
        _ => Err(Malformed("unknown DHCP message type")),
    }
}

/// PXE 2.1, table 2-1: PXE_BOOT_ITEM is type and layer, two bytes each.
fn boot_item(data: &[u8]) -> Option<[u8; 4]> {
    let mut rest = data;
    loop {
        match rest {
            [71, 4, item @ ..] => return item.first_chunk().copied(),
            [0, tail @ ..] => rest = tail,
            [code, length, tail @ ..] if *code != 255 => rest = tail.get(usize::from(*length)..)?,
            _ => return None,
        }
    }
}

/// RFC 3004 wants a list of length-prefixed classes; iPXE sends the bare word.
fn user_class_is_ipxe(data: &[u8]) -> bool {
    if data == b"iPXE" {
        return true;
    }
    let mut rest = data;
    while let Some((&length, tail)) = rest.split_first() {
        let Some((class, tail)) = tail.split_at_checked(usize::from(length)) else { return false };
        if class == b"iPXE" {
            return true;
        }
        rest = tail;
    }
    false
}

/// `PXEClient:Arch:00007:UNDI:003016` → 7.
fn arch_in_vendor_class(text: &str) -> Option<u16> {
    let digits = text.split_once(":Arch:")?.1.get(..5)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// For people and for prefixes; the other end may have sent anything.
fn printable(data: &[u8]) -> String {
    let shown = |&byte: &u8| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '?' };
    data.strip_suffix(&[0]).unwrap_or(data).iter().map(shown).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A client's datagram, written by hand so that it does not share our reading of the format.
    pub(crate) fn datagram(kind: u8, mac: [u8; 6], options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 240];
        bytes[..4].copy_from_slice(&[1, 1, 6, 0]);
        bytes[4..8].copy_from_slice(&0xfeed_beef_u32.to_be_bytes());
        bytes[28..34].copy_from_slice(&mac);
        bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
        bytes.extend([53, 1, kind]);
        for (code, data) in options {
            bytes.push(*code);
            bytes.push(data.len() as u8);
            bytes.extend_from_slice(data);
        }
        bytes.push(255);
        bytes
    }

    /// Every word for a packet that is no request.
    pub(crate) const FAULTS: [&str; 10] = [
        "decoder gave up",
        "shorter than a DHCP message",
        "not from a client",
        "no DHCP magic",
        "not an Ethernet client",
        "hardware address of nobody",
        "no DHCP message type",
        "a server's message type",
        "unknown DHCP message type",
        "address of the wrong length",
    ];

    const MAC: [u8; 6] = [0x16, 9, 1, 0x1a, 0xf4, 0x30];
    const OVMF: &[u8] = b"PXEClient:Arch:00007:UNDI:003016";

    #[test]
    fn tells_the_programs_on_a_machine_apart() {
        type Case = (&'static str, &'static [(u8, &'static [u8])], Client, Option<u16>);
        let cases: [Case; 12] = [
            ("UEFI", &[(60, OVMF), (93, &[0, 7])], Client::Firmware, Some(7)),
            ("93 wins over 60", &[(60, OVMF), (93, &[0, 9, 0, 7])], Client::Firmware, Some(9)),
            ("only 60", &[(60, OVMF)], Client::Firmware, Some(7)),
            ("HTTP", &[(60, b"HTTPClient:Arch:00016:UNDI:003001")], Client::HttpFirmware, Some(16)),
            ("iPXE, bare", &[(60, OVMF), (77, b"iPXE"), (175, &[1, 1, 0])], Client::Ipxe, Some(7)),
            ("iPXE, listed", &[(77, b"\x03abc\x04iPXE")], Client::Ipxe, None),
            ("another class", &[(60, OVMF), (77, b"\x04iPXF")], Client::Firmware, Some(7)),
            ("class cut off", &[(77, b"\x09iPXE"), (55, &[1, 3])], Client::System, None),
            ("GRUB", &[], Client::Grub, None),
            ("GRUB's request", &[(55, &[1, 3, 6, 15, 12, 17, 18, 60])], Client::Grub, None),
            ("NetworkManager", &[(55, &[1, 2, 6, 12, 15, 17, 26, 28, 121])], Client::System, None),
            ("Linux", &[(60, b"udhcp 1.35.0"), (12, &[0xff, 0xfe])], Client::System, None),
        ];
        for (name, options, client, arch) in cases {
            let request = decode(&datagram(1, MAC, options)).expect(name);
            assert_eq!((request.client(), request.arch), (client, arch), "{name}");
            assert_eq!((request.xid, request.mac), (0xfeed_beef, Mac(MAC)), "{name}");
        }
    }

    #[test]
    fn options_after_an_unreadable_one_still_count() {
        // Non-UTF-8 host name and a client FQDN too short to be one, both before what matters.
        let request = decode(&datagram(1, MAC, &[(12, &[0xff]), (81, &[1]), (93, &[0, 7])])).unwrap();
        assert_eq!(request.arch, Some(7));
    }

    #[test]
    fn options_go_on_in_the_file_field() {
        let mut bytes = datagram(1, MAC, &[(52, &[1])]);
        bytes[108..113].copy_from_slice(&[93, 2, 0, 7, 255]);
        assert_eq!(decode(&bytes).unwrap().arch, Some(7));
    }

    #[test]
    fn a_client_is_its_word_or_its_hardware() {
        let by = |options: &[(u8, &[u8])]| decode(&datagram(1, MAC, options)).unwrap().identity();
        let hardware = Identity::Hardware(Mac(MAC));
        assert_eq!(by(&[]), hardware);
        assert_eq!(by(&[(61, &[1, 0x16, 9, 1, 0x1a, 0xf4, 0x30])]), hardware, "the same, said twice");
        assert_eq!(by(&[(61, b"\0box")]), Identity::Named(b"\0box".to_vec()));
        assert_eq!(
            by(&[(61, &[1, 0x16, 9, 1, 0x1a, 0xf4, 0x31])]),
            by(&[(61, &[1, 0x16, 9, 1, 0x1a, 0xf4, 0x31])])
        );
        assert_eq!(by(&[(61, &[0])]), hardware, "too short to name anybody");
    }

    #[test]
    fn a_boot_item_is_found_among_other_vendor_options() {
        let item = |vendor: &[u8]| decode(&datagram(3, MAC, &[(43, vendor)])).unwrap().boot_item;
        assert_eq!(item(&[0, 6, 1, 8, 71, 4, 0, 0, 0, 1, 255]), Some([0, 0, 0, 1]));
        assert_eq!(item(&[71, 4, 0, 0]), None);
        assert_eq!(item(&[6, 9]), None);
        assert_eq!(item(&[255, 71, 4, 0, 0, 0, 0]), None);
    }

    #[test]
    fn what_is_no_request_is_named() {
        let good = datagram(1, MAC, &[]);
        let spoilt = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            bytes
        };
        let cases = [
            (good[..239].to_vec(), "shorter"),
            (spoilt(0, 2), "not from a client"),
            (spoilt(236, 0), "magic"),
            (spoilt(1, 6), "Ethernet"),
            (spoilt(2, 255), "Ethernet"),
            (spoilt(28, 0xff), "nobody"),
            (good[..240].to_vec(), "no DHCP message type"),
            (datagram(2, MAC, &[]), "server's"),
            (datagram(99, MAC, &[]), "unknown"),
            (datagram(3, MAC, &[(50, &[1, 2, 3])]), "wrong length"),
        ];
        for (bytes, word) in cases {
            let fault = decode(&bytes).expect_err(word);
            assert!(fault.0.contains(word), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn any_options_are_read_or_refused(
            kind in any::<u8>(),
            tail in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let mut bytes = datagram(kind, MAC, &[]);
            bytes.pop();
            bytes.extend(tail);
            let _ = decode(&bytes);
        }
    }
}
