//! Who holds which address of the pool. Reserved addresses never appear here.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::config::DhcpConfig;
use crate::Mac;

/// An offer nobody takes up is free again after this long: firmware requests within seconds.
const OFFER_US: i64 = 60_000_000;

/// An address somebody else was found to use is left alone for this long.
const DECLINED_US: i64 = 600_000_000;

/// The pool's state, kept in memory and never larger than the pool. All times are microseconds of one monotonic clock.
///
/// Forgetting it in a restart is harmless: a client that renews an address nobody holds simply gets it again.
#[derive(Debug, Default)]
pub struct Leases {
    held: HashMap<Ipv4Addr, Hold>,
    of: HashMap<Mac, Ipv4Addr>,
}

#[derive(Debug, Clone, Copy)]
struct Hold {
    /// `None`: declined, so nobody's.
    mac: Option<Mac>,
    until_us: i64,
}

impl Leases {
    /// The address a machine without reservation holds or could have: what it holds, else what it wishes for, else one
    /// chosen by its hardware address so that it tends to get the same again. `None` when the pool is full.
    pub fn find(
        &self,
        config: &DhcpConfig,
        mac: Mac,
        wish: Option<Ipv4Addr>,
        now_us: i64,
    ) -> Option<Ipv4Addr> {
        if let Some(held) = self.held_by(mac, now_us) {
            return Some(held);
        }
        let wish = wish.filter(|&wish| self.is_free(config, wish, now_us));
        wish.or_else(|| {
            let (first, last) = (u32::from(config.pool.0), u32::from(config.pool.1));
            let size = last.checked_sub(first)?.checked_add(1)?;
            // FNV-1a: spreads neighbouring addresses of one maker's cards well enough over a few dozen places.
            let spread = mac
                .0
                .iter()
                .fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
                % size;
            (0..size)
                .map(|step| Ipv4Addr::from(first + (spread + step) % size))
                .find(|&address| self.is_free(config, address, now_us))
        })
    }

    /// The address a machine holds now.
    pub fn held_by(&self, mac: Mac, now_us: i64) -> Option<Ipv4Addr> {
        let address = *self.of.get(&mac)?;
        let hold = self.held.get(&address)?;
        (hold.mac == Some(mac) && hold.until_us > now_us).then_some(address)
    }

    /// Whether a machine without reservation may have this address.
    pub fn is_free(&self, config: &DhcpConfig, address: Ipv4Addr, now_us: i64) -> bool {
        (config.pool.0..=config.pool.1).contains(&address)
            && address != config.server_id
            && config.router != Some(address)
            && !config.reservations.values().any(|reservation| reservation.address == address)
            && self.held.get(&address).is_none_or(|hold| hold.until_us <= now_us)
    }

    pub(super) fn offer(&mut self, address: Ipv4Addr, mac: Mac, now_us: i64) {
        // A repeated DISCOVER must not shorten a lease that runs.
        let running = self.held.get(&address).filter(|hold| hold.mac == Some(mac)).map_or(0, |h| h.until_us);
        self.put(address, Some(mac), running.max(now_us.saturating_add(OFFER_US)));
    }

    pub(super) fn bind(&mut self, address: Ipv4Addr, mac: Mac, lease_us: i64, now_us: i64) {
        self.put(address, Some(mac), now_us.saturating_add(lease_us));
    }

    pub(super) fn release(&mut self, mac: Mac) {
        if let Some(address) = self.of.remove(&mac) {
            self.held.remove(&address);
        }
    }

    /// Only the holder's word is taken: otherwise anybody could declare the whole pool unusable.
    pub(super) fn decline(&mut self, address: Ipv4Addr, mac: Mac, now_us: i64) {
        if self.held_by(mac, now_us) == Some(address) {
            self.put(address, None, now_us.saturating_add(DECLINED_US));
        }
    }

    fn put(&mut self, address: Ipv4Addr, mac: Option<Mac>, until_us: i64) {
        let before = self.held.insert(address, Hold { mac, until_us });
        if let Some(former) = before.and_then(|hold| hold.mac) {
            self.of.remove(&former);
        }
        if let Some(mac) = mac
            && let Some(other) = self.of.insert(mac, address)
            && other != address
        {
            self.held.remove(&other);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::config::tests::board;
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn mac(last: u8) -> Mac {
        Mac([2, 0, 0, 0, 0, last])
    }

    #[test]
    fn a_machine_keeps_its_address_and_a_full_pool_says_so() {
        let (config, mut leases) = (board(), Leases::default());
        for last in 0..4 {
            let address = leases.find(&config, mac(last), None, 0).unwrap();
            leases.bind(address, mac(last), MINUTE, 0);
            assert_eq!(leases.find(&config, mac(last), None, 1), Some(address));
        }
        assert_eq!(leases.find(&config, mac(4), None, 1), None);
        assert!(leases.find(&config, mac(4), None, MINUTE).is_some(), "expired leases are free");
    }

    #[test]
    fn only_the_holder_can_decline() {
        let (config, mut leases) = (board(), Leases::default());
        let address = leases.find(&config, mac(1), None, 0).unwrap();
        leases.bind(address, mac(1), MINUTE, 0);
        leases.decline(address, mac(2), 0);
        assert_eq!(leases.held_by(mac(1), 0), Some(address));
        leases.decline(address, mac(1), 0);
        assert!(!leases.is_free(&config, address, MINUTE), "left alone longer than the lease was");
        assert_ne!(leases.find(&config, mac(1), Some(address), 0), Some(address));
    }

    #[test]
    fn a_repeated_offer_does_not_shorten_a_lease() {
        let mut leases = Leases::default();
        let address = Ipv4Addr::new(192, 168, 122, 200);
        leases.bind(address, mac(1), 100 * MINUTE, 0);
        leases.offer(address, mac(1), MINUTE);
        assert_eq!(leases.held_by(mac(1), 99 * MINUTE), Some(address));
    }

    proptest! {
        /// Whatever is bound, released, declined in whatever order: one holder an address, one address a holder.
        #[test]
        fn nobody_shares(steps in prop::collection::vec((0u8..12, 0u8..4, 0i64..3), 0..80)) {
            let (config, mut leases, mut now) = (board(), Leases::default(), 0);
            for (who, what, minutes) in steps {
                now += minutes * MINUTE;
                match (what, leases.find(&config, mac(who), None, now)) {
                    (0, Some(address)) => leases.offer(address, mac(who), now),
                    (1, Some(address)) => leases.bind(address, mac(who), 5 * MINUTE, now),
                    (2, Some(address)) => leases.decline(address, mac(who), now),
                    (3, _) => leases.release(mac(who)),
                    _ => {}
                }
                let mut held: Vec<_> = (0..12).filter_map(|who| leases.held_by(mac(who), now)).collect();
                let holders = held.len();
                held.sort();
                held.dedup();
                prop_assert_eq!(held.len(), holders);
                prop_assert!(leases.held.len() <= 4 && leases.of.len() <= 4);
            }
        }
    }
}
