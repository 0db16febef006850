//! Who is answered at all, and how often: the door of every small service.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// Peers remembered. A /24 full of machines; a flood of invented addresses ends here.
const MOST_PEERS: usize = 256;

/// The network whose hosts are served.
///
/// An answer to an address of the lab's network leaves by the lab's interface, wherever its question came in: so whoever
/// asks from elsewhere is not answered, and an answer never reaches another network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lan {
    network: u32,
    mask: u32,
}

impl Lan {
    /// The network of `address` with a mask of `prefix` bits.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Lan {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
        Lan { network: u32::from(address) & mask, mask }
    }

    /// Whether a peer belongs to it.
    pub fn contains(&self, peer: IpAddr) -> bool {
        matches!(peer, IpAddr::V4(peer) if u32::from(peer) & self.mask == self.network)
    }
}

/// How much one peer may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// At once, after a pause.
    pub burst: u32,
    /// In the long run.
    pub per_second: u32,
}

/// Both rules. Pure: `now_us` is handed in.
#[derive(Debug)]
pub struct Gate {
    lan: Lan,
    allowance: Allowance,
    /// What each has left, in millionths of a packet, and when that was.
    peers: HashMap<IpAddr, (i64, i64)>,
}

impl Gate {
    /// Nobody has asked yet.
    pub fn new(lan: Lan, allowance: Allowance) -> Gate {
        Gate { lan, allowance, peers: HashMap::new() }
    }

    /// Lets one packet in, or says why not.
    pub fn admit(&mut self, peer: IpAddr, now_us: i64) -> Result<(), &'static str> {
        if !self.lan.contains(peer) {
            return Err("not from the lab network");
        }
        let full = i64::from(self.allowance.burst) * 1_000_000;
        let rate = i64::from(self.allowance.per_second);
        let refilled = |(left, at): (i64, i64)| (left + (now_us - at).max(0).saturating_mul(rate)).min(full);
        if self.peers.len() >= MOST_PEERS && !self.peers.contains_key(&peer) {
            // Who has its whole allowance again is as good as new.
            self.peers.retain(|_, known| refilled(*known) < full);
            if self.peers.len() >= MOST_PEERS {
                return Err("too many peers at once");
            }
        }
        let left = self.peers.get(&peer).map_or(full, |known| refilled(*known));
        let admitted = left >= 1_000_000;
        self.peers.insert(peer, (if admitted { left - 1_000_000 } else { left }, now_us));
        if admitted { Ok(()) } else { Err("too many at once") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        let lan = Lan::new(Ipv4Addr::new(192, 168, 122, 3), 24);
        Gate::new(lan, Allowance { burst: 3, per_second: 10 })
    }

    #[test]
    fn only_the_lab_is_served() {
        let mut gate = gate();
        assert_eq!(gate.admit([192, 168, 122, 254].into(), 0), Ok(()));
        for stranger in [IpAddr::from([192, 168, 123, 1]), [127, 0, 0, 1].into(), "fe80::1".parse().unwrap()]
        {
            assert_eq!(gate.admit(stranger, 0), Err("not from the lab network"), "{stranger}");
        }
    }

    #[test]
    fn one_machine_has_its_allowance_and_no_other_pays_for_it() {
        let mut gate = gate();
        let loud = IpAddr::from([192, 168, 122, 11]);
        let admitted = (0..100).filter(|_| gate.admit(loud, 0).is_ok()).count();
        assert_eq!(admitted, 3);
        assert_eq!(gate.admit([192, 168, 122, 12].into(), 0), Ok(()));
        assert!(gate.admit(loud, 99_999).is_err(), "a tenth of a second earns one");
        assert!(gate.admit(loud, 100_000).is_ok());
        let later = (0..100).filter(|_| gate.admit(loud, i64::MAX / 2).is_ok()).count();
        assert_eq!(later, 3, "a long pause earns no more than the burst");
    }

    #[test]
    fn invented_addresses_fill_no_memory_and_age_away() {
        let lan = Lan::new(Ipv4Addr::new(10, 0, 0, 1), 8);
        let mut gate = Gate::new(lan, Allowance { burst: 3, per_second: 10 });
        let address = |n: u32| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + n));
        let admitted = (0..10_000).filter(|n| gate.admit(address(*n), 0).is_ok()).count();
        assert_eq!((admitted, gate.peers.len()), (MOST_PEERS, MOST_PEERS));
        assert_eq!(gate.admit(address(20_000), 1_000_000), Ok(()), "the others have been silent long enough");
    }
}
