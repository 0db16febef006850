//! The owner's 27 counters and four maps, by the owner's names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

macro_rules! counters {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// One of the owner's counters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Counter { $($variant),+ }

        impl Counter {
            /// In the owner's order.
            pub const ALL: [Self; 27] = [$(Self::$variant),+];

            /// As the owner's status page writes it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

counters! {
    Messages = "NumMessages",
    Emergency = "NumEmergencyMessages",
    Alert = "NumAlertMessages",
    Critical = "NumCriticalMessages",
    Error = "NumErrorMessages",
    Warn = "NumWarnMessages",
    Notice = "NumNoticeMessages",
    Info = "NumInfoMessages",
    Debug = "NumDebugMessages",
    DhcpDiscover = "NumDHCPDiscover",
    DhcpLeased = "NumDHCPLeased",
    DnsQueries = "NumDNSQueries",
    DnsLocal = "NumDNSLocal",
    DnsRecursions = "NumDNSRecursions",
    DnsCached = "NumDNSCached",
    CertChecks = "NumCertChecks",
    CertOk = "NumCertOK",
    CertSigned = "NumCertSigned",
    CertRenewed = "NumCertRenewed",
    FirewallWanInDrops = "NumFirewallWanInDrops",
    FirewallWanOutDrops = "NumFirewallWanOutDrops",
    FirewallWanDrops = "NumFirewallWanDrops",
    FirewallLanInDrops = "NumFirewallLanInDrops",
    FirewallLanOutDrops = "NumFirewallLanOutDrops",
    FirewallLanDrops = "NumFirewallLanDrops",
    PhysicalPxeBoots = "NumPhysicalPXEBoots",
    VirtualPxeBoots = "NumVirtualPXEBoots",
}

/// One of the owner's maps: how often each address was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Served {
    Dhcp,
    Chain,
    Ipxe,
    Assets,
}

impl Served {
    pub const ALL: [Self; 4] = [Self::Dhcp, Self::Chain, Self::Ipxe, Self::Assets];

    pub fn name(self) -> &'static str {
        match self {
            Self::Dhcp => "DHCPServed",
            Self::Chain => "ChainServed",
            Self::Ipxe => "IPXEServed",
            Self::Assets => "AssetsServed",
        }
    }
}

/// Different addresses counted in one map; a lab has some thirty, and a flood of made-up ones must not fill the memory.
pub const SERVED_KEPT: usize = 1024;

/// What was counted. Adding two of them is counting both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    numbers: [u64; 27],
    served: [BTreeMap<String, u64>; 4],
    /// Addresses that found no room in a map.
    #[serde(default)]
    pub crowded: u64,
}

impl Counts {
    pub fn add(&mut self, counter: Counter, by: u64) {
        self.numbers[counter as usize] += by;
    }

    pub fn get(&self, counter: Counter) -> u64 {
        self.numbers[counter as usize]
    }

    /// One more for an address.
    pub fn serve(&mut self, map: Served, address: &str) {
        self.serve_times(map, address, 1);
    }

    pub fn serve_times(&mut self, map: Served, address: &str, times: u64) {
        let served = &mut self.served[map as usize];
        if let Some(count) = served.get_mut(address) {
            *count += times;
        } else if served.len() < SERVED_KEPT {
            served.insert(address.to_owned(), times);
        } else {
            self.crowded += times;
        }
    }

    pub fn served(&self, map: Served) -> &BTreeMap<String, u64> {
        &self.served[map as usize]
    }

    pub fn merge(&mut self, other: &Self) {
        for counter in Counter::ALL {
            self.add(counter, other.get(counter));
        }
        for map in Served::ALL {
            for (address, times) in other.served(map) {
                self.serve_times(map, address, *times);
            }
        }
        self.crowded += other.crowded;
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Names, order and types as on the owner's status page.
    pub fn to_owners_json(&self) -> Value {
        let numbers = Counter::ALL.into_iter().map(|counter| (counter.name(), json!(self.get(counter))));
        let maps = Served::ALL.into_iter().map(|map| (map.name(), json!(self.served(map))));
        Value::Object(
            numbers.chain(maps).map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>(),
        )
    }
}

/// Who tells a counter. Never two at once: then everything would count twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Nobody: its value is unknown, which is not zero.
    #[default]
    Absent,
    /// Log records, by the profile that the board file names.
    Log,
    /// What our own services saw.
    Engine,
}

/// Who tells each counter and map on this board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sources {
    pub levels: Source,
    pub dhcp: Source,
    pub dns: Source,
    pub certificates: Source,
    pub firewall: Source,
    /// Boots over the network, and the maps of what was fetched.
    pub boots: Source,
}

impl Sources {
    pub fn of(&self, counter: Counter) -> Source {
        match counter {
            Counter::DhcpDiscover | Counter::DhcpLeased => self.dhcp,
            Counter::DnsQueries | Counter::DnsLocal | Counter::DnsRecursions | Counter::DnsCached => self.dns,
            Counter::CertChecks | Counter::CertOk | Counter::CertSigned | Counter::CertRenewed => {
                self.certificates
            }
            Counter::FirewallWanInDrops
            | Counter::FirewallWanOutDrops
            | Counter::FirewallWanDrops
            | Counter::FirewallLanInDrops
            | Counter::FirewallLanOutDrops
            | Counter::FirewallLanDrops => self.firewall,
            Counter::PhysicalPxeBoots | Counter::VirtualPxeBoots => self.boots,
            _ => self.levels,
        }
    }

    pub fn of_map(&self, map: Served) -> Source {
        match map {
            Served::Dhcp => self.dhcp,
            Served::Chain | Served::Ipxe | Served::Assets => self.boots,
        }
    }

    /// Only what `teller` tells on this board: what a log says of a service of ours is already counted.
    pub fn only(&self, counts: &Counts, teller: Source) -> Counts {
        let mut only = Counts { crowded: counts.crowded, ..Counts::default() };
        for counter in Counter::ALL.into_iter().filter(|counter| self.of(*counter) == teller) {
            only.add(counter, counts.get(counter));
        }
        for map in Served::ALL.into_iter().filter(|map| self.of_map(*map) == teller) {
            only.served[map as usize].clone_from(counts.served(map));
        }
        only
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_order_are_the_owners() {
        let json = Counts::default().to_owners_json();
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!((names.len(), names[0].as_str(), names[30].as_str()), (31, "NumMessages", "AssetsServed"));
        assert_eq!(json["DHCPServed"], json!({}));
    }

    #[test]
    fn what_another_tells_is_left_out() {
        let mut counts = Counts::default();
        counts.add(Counter::Messages, 3);
        counts.add(Counter::DnsQueries, 2);
        counts.serve(Served::Dhcp, "192.168.122.11");
        let sources = Sources { levels: Source::Log, dns: Source::Engine, ..Sources::default() };
        let (log, engine) = (sources.only(&counts, Source::Log), sources.only(&counts, Source::Engine));
        assert_eq!((log.get(Counter::Messages), log.get(Counter::DnsQueries)), (3, 0));
        assert_eq!((engine.get(Counter::Messages), engine.get(Counter::DnsQueries)), (0, 2));
        assert!(log.served(Served::Dhcp).is_empty() && engine.served(Served::Dhcp).is_empty());
    }

    #[test]
    fn a_flood_of_addresses_is_counted_and_not_kept() {
        let mut counts = Counts::default();
        for n in 0..SERVED_KEPT + 5 {
            counts.serve(Served::Chain, &n.to_string());
        }
        counts.serve(Served::Chain, "0");
        assert_eq!((counts.served(Served::Chain).len(), counts.crowded), (SERVED_KEPT, 5));
        assert_eq!(counts.served(Served::Chain)["0"], 2);
    }
}
