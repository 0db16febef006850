//! RFC 4861, sections 4.1 and 4.2: what a solicitation says and how an advertisement is written.

use std::net::Ipv6Addr;

use sha2::{Digest, Sha256};

use crate::{Mac, Malformed};

/// ICMPv6 type of a router solicitation.
pub const SOLICITATION: u8 = 133;
/// ICMPv6 type of a router advertisement.
pub const ADVERTISEMENT: u8 = 134;
/// RFC 4861, sections 6.1.1 and 6.1.2: what has passed a router was sent by somebody outside.
const HOPS_OF_NEIGHBOURS: u8 = 255;

const SOURCE_LINK_LAYER: u8 = 1;
const PREFIX_INFORMATION: u8 = 3;

/// Somebody asks for routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solicitation {
    /// From its source link-layer option, where it has one.
    pub mac: Option<Mac>,
}

/// What we say. Times are seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertisement {
    /// Hop limit for what the machines send.
    pub hop_limit: u8,
    /// Addresses come from DHCPv6. A client that reads this waits for DHCPv6, so we never set it.
    pub managed: bool,
    /// Other settings come from DHCPv6. The same.
    pub other: bool,
    /// How long we are a default router; 0: we are none.
    pub router_lifetime: u16,
    /// A /64 of the link, from which machines make addresses of their own.
    pub prefix: Ipv6Addr,
    /// How long such an address is valid.
    pub valid: u32,
    /// How long it is preferred.
    pub preferred: u32,
    /// Our own hardware address, so that nobody has to ask for it.
    pub mac: Mac,
}

impl Advertisement {
    /// What a lab needs: a prefix, and nothing to wait for. `valid` and `preferred` outlast several advertisements, and
    /// end within the hour when the board goes away.
    pub fn of_a_lab(prefix: Ipv6Addr, mac: Mac) -> Advertisement {
        Advertisement {
            hop_limit: 64,
            managed: false,
            other: false,
            router_lifetime: 0,
            prefix,
            valid: 3600,
            preferred: 1800,
            mac,
        }
    }
}

/// Reads a solicitation. `hops` is what the packet had left when it arrived; the kernel has checked the checksum.
pub fn decode(bytes: &[u8], hops: u8, source: Ipv6Addr) -> Result<Solicitation, Malformed> {
    if hops != HOPS_OF_NEIGHBOURS {
        return Err(Malformed("solicitation from beyond a router"));
    }
    let (head, options) = bytes.split_first_chunk::<8>().ok_or(Malformed("solicitation too short"))?;
    if head[0] != SOLICITATION {
        return Err(Malformed("not a router solicitation"));
    }
    if head[1] != 0 {
        return Err(Malformed("solicitation with a code"));
    }
    let mac = link_layer(options)?;
    // Section 6.1.1: who has no address yet has nothing to be reached at.
    if source.is_unspecified() && mac.is_some() {
        return Err(Malformed("solicitation from nowhere with an address"));
    }
    Ok(Solicitation { mac })
}

/// The options are walked to their end: a later one of length 0 makes the whole packet malformed.
fn link_layer(options: &[u8]) -> Result<Option<Mac>, Malformed> {
    let mut found = None;
    for option in Options(options) {
        let (kind, value) = option?;
        if let (SOURCE_LINK_LAYER, None, Ok(mac)) = (kind, found, <[u8; 6]>::try_from(value)) {
            found = Some(Mac(mac)).filter(Mac::is_unicast);
        }
    }
    Ok(found)
}

/// Type and value of each option. Lengths count units of eight bytes, the two bytes before the value included.
struct Options<'a>(&'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = Result<(u8, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let length = self.0.get(1).map_or(0, |units| usize::from(*units) * 8);
        if length == 0 || length > self.0.len() {
            self.0 = &[];
            return Some(Err(Malformed("option without length")));
        }
        let (option, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(Ok((option[0], &option[2..])))
    }
}

/// Writes an advertisement. The checksum is left to the kernel, which knows the addresses (RFC 3542, section 3.1).
pub fn encode(advert: &Advertisement) -> Vec<u8> {
    let mut out = Vec::with_capacity(56);
    let flags = u8::from(advert.managed) << 7 | u8::from(advert.other) << 6;
    out.extend([ADVERTISEMENT, 0, 0, 0, advert.hop_limit, flags]);
    out.extend(advert.router_lifetime.to_be_bytes());
    // Reachable time and retransmission timer: the machines' own choice.
    out.extend([0; 8]);
    out.extend([SOURCE_LINK_LAYER, 1]);
    out.extend(advert.mac.0);
    // Both flags: the prefix is on this link (L), and addresses may be made of it (A).
    out.extend([PREFIX_INFORMATION, 4, 64, 0xc0]);
    out.extend(advert.valid.to_be_bytes());
    out.extend(advert.preferred.to_be_bytes());
    out.extend([0; 4]);
    out.extend(advert.prefix.octets());
    out
}

/// Reads an advertisement: our own in tests, and somebody else's when we look who else is there.
pub fn decode_advertisement(bytes: &[u8], hops: u8) -> Result<Advertisement, Malformed> {
    if hops != HOPS_OF_NEIGHBOURS {
        return Err(Malformed("advertisement from beyond a router"));
    }
    let (head, options) = bytes.split_first_chunk::<16>().ok_or(Malformed("advertisement too short"))?;
    if head[0] != ADVERTISEMENT || head[1] != 0 {
        return Err(Malformed("not a router advertisement"));
    }
    let mut advert = Advertisement {
        hop_limit: head[4],
        managed: head[5] & 0x80 != 0,
        other: head[5] & 0x40 != 0,
        router_lifetime: u16::from_be_bytes([head[6], head[7]]),
        prefix: Ipv6Addr::UNSPECIFIED,
        valid: 0,
        preferred: 0,
        mac: link_layer(options)?.unwrap_or(Mac([0; 6])),
    };
    for option in Options(options) {
        let (kind, value) = option?;
        if kind == PREFIX_INFORMATION && value.len() == 30 {
            let word =
                |at: usize| u32::from_be_bytes([value[at], value[at + 1], value[at + 2], value[at + 3]]);
            (advert.valid, advert.preferred) = (word(2), word(6));
            let mut prefix = [0; 16];
            prefix.copy_from_slice(&value[14..30]);
            advert.prefix = Ipv6Addr::from(prefix);
        }
    }
    Ok(advert)
}

/// A /64 that is this board's alone (RFC 4193): fd, 40 bits that follow from `seed`, subnet 0. The same board has the
/// same prefix at every start, so that a machine that kept an address of it can go on using it.
pub fn unique_local_prefix(seed: &str) -> Ipv6Addr {
    let hash = Sha256::digest(seed.as_bytes());
    let mut octets = [0; 16];
    octets[0] = 0xfd;
    octets[1..6].copy_from_slice(&hash[..5]);
    Ipv6Addr::from(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FROM: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x1409, 0x1ff, 0xfe1a, 0xf430);
    const MAC: Mac = Mac([0x16, 9, 1, 0x1a, 0xf4, 0x30]);

    fn solicitation() -> Vec<u8> {
        let mut bytes = vec![SOLICITATION, 0, 0xab, 0xcd, 0, 0, 0, 0, SOURCE_LINK_LAYER, 1];
        bytes.extend(MAC.0);
        bytes
    }

    #[test]
    fn a_loaders_solicitation_names_its_machine() {
        assert_eq!(decode(&solicitation(), 255, FROM), Ok(Solicitation { mac: Some(MAC) }));
        assert_eq!(decode(&solicitation()[..8], 255, Ipv6Addr::UNSPECIFIED), Ok(Solicitation { mac: None }));
    }

    #[test]
    fn what_section_6_1_1_refuses_is_refused() {
        let spoiled = |spoil: fn(&mut Vec<u8>)| {
            let mut bytes = solicitation();
            spoil(&mut bytes);
            bytes
        };
        let table = [
            ("router", solicitation(), 64, FROM),
            ("short", solicitation()[..7].to_vec(), 255, FROM),
            ("not a", spoiled(|b| b[0] = 128), 255, FROM),
            ("code", spoiled(|b| b[1] = 1), 255, FROM),
            ("option", spoiled(|b| b[9] = 0), 255, FROM),
            ("option", spoiled(|b| b[9] = 2), 255, FROM),
            ("option", spoiled(|b| b.push(14)), 255, FROM),
            ("option", spoiled(|b| b.extend([14, 0, 0, 0, 0, 0, 0, 0])), 255, FROM),
            ("nowhere", solicitation(), 255, Ipv6Addr::UNSPECIFIED),
        ];
        for (word, bytes, hops, source) in table {
            let fault = decode(&bytes, hops, source).expect_err(word);
            assert!(fault.0.contains(word), "{fault} instead of {word}");
        }
    }

    #[test]
    fn an_advertisement_byte_by_byte() {
        let prefix = Ipv6Addr::new(0xfd12, 0x3456, 0x789a, 0, 0, 0, 0, 0);
        let bytes = encode(&Advertisement::of_a_lab(prefix, MAC));
        #[rustfmt::skip]
        let expected = [
            134, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            1, 1, 0x16, 9, 1, 0x1a, 0xf4, 0x30,
            3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 7, 8, 0, 0, 0, 0,
            0xfd, 0x12, 0x34, 0x56, 0x78, 0x9a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_board_keeps_its_prefix_and_shares_it_with_nobody() {
        let ours = unique_local_prefix("virtual 192.168.122.0");
        assert_eq!(ours, unique_local_prefix("virtual 192.168.122.0"));
        assert_ne!(ours, unique_local_prefix("virtual 192.168.123.0"));
        assert_eq!(ours.octets()[0], 0xfd);
        assert_eq!(ours.octets()[6..], [0; 10]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, hops: u8, source: u128) {
            let _ = decode(&bytes, hops, Ipv6Addr::from(source));
            let _ = decode_advertisement(&bytes, hops);
        }

        #[test]
        fn what_is_written_is_read_again(
            prefix: u128, mac: [u8; 6], router_lifetime: u16, valid: u32, preferred: u32, managed: bool, other: bool,
        ) {
            let mac = Some(Mac(mac)).filter(Mac::is_unicast).unwrap_or(MAC);
            let prefix = Ipv6Addr::from(prefix);
            let advert =
                Advertisement { hop_limit: 64, managed, other, router_lifetime, prefix, valid, preferred, mac };
            prop_assert_eq!(decode_advertisement(&encode(&advert), 255), Ok(advert));
        }
    }
}
