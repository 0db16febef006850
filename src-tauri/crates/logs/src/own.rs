//! What our own services saw, in the owner's counters: where our DHCP, names, web server or CA serve, no log tells of it.

use std::net::IpAddr;

use lab::counts::{Counter, Counts, Served};

/// One thing that one of our services did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    DhcpDiscover,
    DhcpOffer {
        address: IpAddr,
    },
    /// A name was asked for.
    DnsQuery,
    /// It was answered from our own records.
    DnsLocal,
    /// It was passed on to another server.
    DnsForwarded,
    /// It was answered from what another server had said before.
    DnsCached,
    Fetched {
        what: Fetched,
        remote: IpAddr,
    },
    CertificateChecked,
    CertificateGood,
    CertificateSigned,
    CertificateRenewed,
}

/// What a machine fetched, by its part in a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The first script, the same for every machine.
    Chain,
    /// The machine's own script.
    Script { is_virtual: bool },
    /// A kernel, an initrd, a root file system.
    Asset,
}

impl Own {
    pub fn count(&self, counts: &mut Counts) {
        let served = |counts: &mut Counts, map, address: &IpAddr| {
            // A socket for both families writes an IPv4 peer as ::ffff:a.b.c.d.
            counts.serve(map, &address.to_canonical().to_string());
        };
        match self {
            Self::DhcpDiscover => counts.add(Counter::DhcpDiscover, 1),
            Self::DhcpOffer { address } => {
                counts.add(Counter::DhcpLeased, 1);
                served(counts, Served::Dhcp, address);
            }
            Self::DnsQuery => counts.add(Counter::DnsQueries, 1),
            Self::DnsLocal => counts.add(Counter::DnsLocal, 1),
            Self::DnsForwarded => counts.add(Counter::DnsRecursions, 1),
            Self::DnsCached => counts.add(Counter::DnsCached, 1),
            Self::Fetched { what: Fetched::Chain, remote } => served(counts, Served::Chain, remote),
            Self::Fetched { what: Fetched::Script { is_virtual }, remote } => {
                let boots = if *is_virtual { Counter::VirtualPxeBoots } else { Counter::PhysicalPxeBoots };
                counts.add(boots, 1);
                served(counts, Served::Ipxe, remote);
            }
            Self::Fetched { what: Fetched::Asset, remote } => served(counts, Served::Assets, remote),
            Self::CertificateChecked => counts.add(Counter::CertChecks, 1),
            Self::CertificateGood => counts.add(Counter::CertOk, 1),
            Self::CertificateSigned => counts.add(Counter::CertSigned, 1),
            Self::CertificateRenewed => counts.add(Counter::CertRenewed, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_observation_moves_what_the_owners_log_line_would() {
        let address = "192.168.122.11".parse().unwrap();
        let remote = "::ffff:192.168.122.11".parse().unwrap();
        let mut counts = Counts::default();
        for own in [
            Own::DhcpDiscover,
            Own::DhcpOffer { address },
            Own::DnsQuery,
            Own::DnsLocal,
            Own::DnsForwarded,
            Own::DnsCached,
            Own::Fetched { what: Fetched::Chain, remote },
            Own::Fetched { what: Fetched::Script { is_virtual: false }, remote },
            Own::Fetched { what: Fetched::Script { is_virtual: true }, remote },
            Own::Fetched { what: Fetched::Asset, remote },
            Own::CertificateChecked,
            Own::CertificateGood,
            Own::CertificateSigned,
            Own::CertificateRenewed,
        ] {
            own.count(&mut counts);
        }
        let moved: Vec<_> = Counter::ALL.into_iter().filter(|counter| counts.get(*counter) > 0).collect();
        let expected = [
            Counter::DhcpDiscover,
            Counter::DhcpLeased,
            Counter::DnsQueries,
            Counter::DnsLocal,
            Counter::DnsRecursions,
            Counter::DnsCached,
            Counter::CertChecks,
            Counter::CertOk,
            Counter::CertSigned,
            Counter::CertRenewed,
            Counter::PhysicalPxeBoots,
            Counter::VirtualPxeBoots,
        ];
        assert_eq!(moved, expected);
        for (map, times) in [(Served::Dhcp, 1), (Served::Chain, 1), (Served::Ipxe, 2), (Served::Assets, 1)] {
            assert_eq!(counts.served(map).get("192.168.122.11"), Some(&times), "{map:?}");
        }
    }
}
