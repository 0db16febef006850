//! What the lab calls its hosts.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use hickory_proto::rr::rdata::{A, NS, PTR, SOA};
use hickory_proto::rr::{Name, RData, Record};

/// A lab starts within the minute; nobody should remember for longer where its machines were.
const TTL: u32 = 60;
/// For secondaries, which a lab does not have: refresh, retry, expire, in seconds.
const REFRESH: i32 = 3600;
const RETRY: i32 = 600;
const EXPIRE: i32 = 86_400;

/// What a zone is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The zone, as in `local`.
    pub domain: String,
    /// The name server's own label, as in `boss`.
    pub server: String,
    /// The network whose addresses have names, and its prefix.
    pub network: (Ipv4Addr, u8),
    /// Label → addresses, all of them given in turn. The first label with an address alone is what the address is called.
    pub records: Vec<(String, Vec<Ipv4Addr>)>,
}

/// A name that DNS cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" cannot be a host name: {why}")]
pub struct ZoneError {
    /// The name.
    pub name: String,
    /// Why not.
    pub why: String,
}

/// The zone and its way back.
#[derive(Debug, Clone)]
pub struct Zone {
    origin: Name,
    server: Name,
    /// Keys are in lower case (RFC 4343).
    forward: BTreeMap<Name, Vec<Ipv4Addr>>,
    backward: BTreeMap<Ipv4Addr, Name>,
    reverse: Name,
    network: (Ipv4Addr, u8),
}

/// What the zone says to a name.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Its addresses.
    Addresses(&'a [Ipv4Addr]),
    /// What an address is called.
    Called(&'a Name),
    /// The head of the zone, or of its way back.
    Apex,
    /// It exists and has no records of its own.
    Empty,
    /// It is ours to know, and there is no such name.
    Nothing,
    /// Somebody else's.
    Elsewhere,
}

impl Zone {
    /// Checks the names and makes the way back.
    pub fn new(names: &Names) -> Result<Zone, ZoneError> {
        let parse = |label: &str, origin: Option<&Name>| {
            let refused = |why: String| ZoneError { name: label.to_owned(), why };
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
            if label.is_empty() || !label.chars().all(plain) {
                return Err(refused("letters, digits and hyphens are allowed".to_owned()));
            }
            let mut name =
                Name::parse(label, origin).map_err(|error| refused(error.to_string()))?.to_lowercase();
            name.set_fqdn(true);
            Ok(name)
        };
        let origin = parse(&names.domain, None)?;
        let server = parse(&names.server, Some(&origin))?;
        let mut forward: BTreeMap<Name, Vec<Ipv4Addr>> = BTreeMap::new();
        let mut backward = BTreeMap::new();
        for (label, addresses) in &names.records {
            let name = parse(label, Some(&origin))?;
            if let [address] = addresses[..] {
                backward.entry(address).or_insert_with(|| name.clone());
            }
            let known = forward.entry(name).or_default();
            for address in addresses {
                if !known.contains(address) {
                    known.push(*address);
                }
            }
        }
        let reverse = parse(&reverse_of(names.network), None)?;
        Ok(Zone { origin, server, forward, backward, reverse, network: names.network })
    }

    /// Every name with its addresses, without the last dot.
    pub fn names(&self) -> impl Iterator<Item = (String, &[Ipv4Addr])> {
        self.forward.iter().map(|(name, addresses)| (told(name), addresses.as_slice()))
    }

    /// Looks a name up, in whatever case it is written.
    pub fn look(&self, name: &Name) -> Lookup<'_> {
        let mut name = name.to_lowercase();
        name.set_fqdn(true);
        if name == self.origin || name == self.reverse {
            return Lookup::Apex;
        }
        if self.origin.zone_of(&name) {
            let below = |known: &Name| name.zone_of(known);
            return match self.forward.get(&name) {
                Some(addresses) => Lookup::Addresses(addresses),
                // RFC 8020: a name above another exists.
                None if self.forward.keys().any(below) => Lookup::Empty,
                None => Lookup::Nothing,
            };
        }
        if self.reverse.zone_of(&name) {
            return self.look_back(&name);
        }
        Lookup::Elsewhere
    }

    fn look_back(&self, name: &Name) -> Lookup<'_> {
        let Some((address, whole)) = address_of(name) else { return Lookup::Nothing };
        if !whole {
            return Lookup::Empty;
        }
        let mask = u32::MAX.checked_shl(32 - u32::from(self.network.1)).unwrap_or(0);
        if u32::from(address) & mask != u32::from(self.network.0) & mask {
            return Lookup::Elsewhere;
        }
        self.backward.get(&address).map_or(Lookup::Nothing, Lookup::Called)
    }

    /// RFC 2308: what is not there is told with this record, and may be remembered for its last number.
    pub(super) fn soa(&self, name: &Name) -> Record {
        let apex = if self.reverse.zone_of(&name.to_lowercase()) { &self.reverse } else { &self.origin };
        let mailbox = self.server.prepend_label("hostmaster").unwrap_or_else(|_| self.server.clone());
        // There are no secondaries that would compare the serial number.
        let soa = SOA::new(self.server.clone(), mailbox, 1, REFRESH, RETRY, EXPIRE, TTL);
        Record::from_rdata(apex.clone(), TTL, RData::SOA(soa))
    }

    pub(super) fn ns(&self, name: &Name) -> Record {
        Record::from_rdata(name.clone(), TTL, RData::NS(NS(self.server.clone())))
    }
}

pub(super) fn a(name: &Name, address: Ipv4Addr) -> Record {
    Record::from_rdata(name.clone(), TTL, RData::A(A(address)))
}

pub(super) fn ptr(name: &Name, called: &Name) -> Record {
    Record::from_rdata(name.clone(), TTL, RData::PTR(PTR(called.clone())))
}

/// A name for people: without the last dot.
pub(super) fn told(name: &Name) -> String {
    let mut name = name.clone();
    name.set_fqdn(false);
    name.to_ascii()
}

/// The zone of the way back, cut at whole bytes: `122.168.192.in-addr.arpa` for a /24.
fn reverse_of((network, prefix): (Ipv4Addr, u8)) -> String {
    let bytes = usize::from(prefix / 8).clamp(1, 3);
    let labels: Vec<String> = network.octets()[..bytes].iter().rev().map(u8::to_string).collect();
    format!("{}.in-addr.arpa", labels.join("."))
}

/// The address that a name below in-addr.arpa stands for, and whether it is a whole one.
fn address_of(name: &Name) -> Option<(Ipv4Addr, bool)> {
    let labels: Vec<&[u8]> = name.iter().collect();
    let numbers = labels.len().checked_sub(2).filter(|count| (1..=4).contains(count))?;
    let mut octets = [0; 4];
    for (octet, label) in octets.iter_mut().zip(labels[..numbers].iter().rev()) {
        let text = std::str::from_utf8(label).ok()?;
        // One spelling for each number, so that "011" is no second name for 11.
        *octet = text.parse().ok().filter(|number: &u8| number.to_string() == text)?;
    }
    Some((Ipv4Addr::from(octets), numbers == 4))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn lab() -> Names {
        let at = |last| Ipv4Addr::new(192, 168, 122, last);
        let record = |name: &str, lasts: &[u8]| (name.to_owned(), lasts.iter().map(|l| at(*l)).collect());
        Names {
            domain: "local".into(),
            server: "boss".into(),
            network: (at(0), 24),
            records: vec![
                record("boss", &[3]),
                record("node1", &[11]),
                record("node2", &[12]),
                record("c1-physical", &[11]),
                record("physical-workers", &[12, 14, 16]),
            ],
        }
    }

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    #[test]
    fn names_are_found_in_any_case_and_addresses_have_one_name() {
        let zone = Zone::new(&lab()).unwrap();
        let node1 = [Ipv4Addr::new(192, 168, 122, 11)];
        assert_eq!(zone.look(&name("NODE1.Local.")), Lookup::Addresses(&node1));
        assert_eq!(zone.look(&name("node1.local")), Lookup::Addresses(&node1));
        assert_eq!(zone.look(&name("11.122.168.192.in-addr.arpa.")), Lookup::Called(&name("node1.local.")));
        let table = [
            ("local.", Lookup::Apex),
            ("122.168.192.in-addr.arpa.", Lookup::Apex),
            ("node9.local.", Lookup::Nothing),
            ("x.node1.local.", Lookup::Nothing),
            ("99.122.168.192.in-addr.arpa.", Lookup::Nothing),
            ("011.122.168.192.in-addr.arpa.", Lookup::Nothing),
            ("1.2.3.4.5.122.168.192.in-addr.arpa.", Lookup::Nothing),
            ("example.org.", Lookup::Elsewhere),
            ("12.0.0.10.in-addr.arpa.", Lookup::Elsewhere),
            (".", Lookup::Elsewhere),
        ];
        for (asked, expected) in table {
            assert_eq!(zone.look(&name(asked)), expected, "{asked}");
        }
    }

    #[test]
    fn a_network_that_ends_within_a_byte_answers_for_its_own_part_only() {
        let mut lab = lab();
        lab.network = (Ipv4Addr::new(192, 168, 120, 0), 22);
        let zone = Zone::new(&lab).unwrap();
        assert!(matches!(zone.look(&name("11.122.168.192.in-addr.arpa.")), Lookup::Called(_)));
        assert_eq!(zone.look(&name("122.168.192.in-addr.arpa.")), Lookup::Empty);
        assert_eq!(zone.look(&name("1.124.168.192.in-addr.arpa.")), Lookup::Elsewhere);
    }

    #[test]
    fn a_name_above_another_exists() {
        let mut lab = lab();
        lab.records.push(("a.deep".into(), vec![Ipv4Addr::new(192, 168, 122, 9)]));
        assert_eq!(Zone::new(&lab).unwrap().look(&name("deep.local.")), Lookup::Empty);
    }

    #[test]
    fn names_that_cannot_be_are_named() {
        for bad in ["", "two words", "under_score", &"x".repeat(64)] {
            let mut lab = lab();
            lab.records.push((bad.to_owned(), vec![]));
            assert_eq!(Zone::new(&lab).expect_err(bad).name, bad);
        }
    }
}
