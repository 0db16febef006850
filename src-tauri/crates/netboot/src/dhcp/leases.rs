//! Who holds which address of the pool. Reserved addresses never appear here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

use super::config::DhcpConfig;
use super::lease_store::{Lease, LeaseState};
use super::message::Identity;
use crate::Mac;

/// An offer nobody takes up is free again after this long: firmware requests within seconds.
const OFFER_US: i64 = 60_000_000;

/// An address somebody else was found to use is left alone for this long.
const TAKEN_US: i64 = 600_000_000;

/// An address that nobody used when it was asked for counts as free for this long.
const PROBED_US: i64 = 600_000_000;

/// The pool's state, kept in memory and never larger than the pool. All times are microseconds of one monotonic clock.
///
/// It remembers who had an address last, so that a machine that comes back gets it again while nobody else needs it.
#[derive(Debug, Default)]
pub struct Leases {
    /// The addresses that may be given at all.
    pool: BTreeSet<Ipv4Addr>,
    /// Of these, the ones nobody holds.
    free: BTreeSet<Ipv4Addr>,
    /// Of the free ones, those that were asked for lately without an answer, and until when that counts.
    stock: BTreeMap<Ipv4Addr, i64>,
    held: HashMap<Ipv4Addr, Hold>,
    /// Also whom an address belonged to before it became free.
    of: HashMap<Identity, Ipv4Addr>,
    ends: BTreeSet<(i64, Ipv4Addr)>,
}

#[derive(Debug, Clone)]
struct Hold {
    /// `None`: in use by somebody we do not know, so nobody's.
    owner: Option<(Identity, Mac)>,
    until_us: i64,
    /// Acknowledged, not only offered.
    bound: bool,
    /// Free again, but remembered.
    over: bool,
}

impl Leases {
    /// An empty pool.
    pub fn new(config: &DhcpConfig) -> Leases {
        let pool: BTreeSet<Ipv4Addr> = config.pool_addresses().collect();
        Leases { free: pool.clone(), pool, ..Leases::default() }
    }

    /// Another pool or other reservations: what is held within the new pool stays held.
    pub fn retarget(&mut self, config: &DhcpConfig) {
        let pool: BTreeSet<Ipv4Addr> = config.pool_addresses().collect();
        if pool == self.pool {
            return;
        }
        let gone: Vec<Ipv4Addr> = self.held.keys().filter(|held| !pool.contains(held)).copied().collect();
        for address in gone {
            self.forget(address);
        }
        let taken = |address: &&Ipv4Addr| self.held.get(*address).is_none_or(|hold| hold.over);
        self.free = pool.iter().filter(taken).copied().collect();
        self.stock.retain(|address, _| self.free.contains(address));
        self.pool = pool;
    }

    /// What a store remembered. `left_us` says how much of a lease is left, of a store's wall-clock end.
    pub fn restore(&mut self, leases: Vec<Lease>, now_us: i64, left_us: impl Fn(i64) -> i64) {
        for lease in leases {
            if !self.pool.contains(&lease.address) {
                continue;
            }
            let left = left_us(lease.until_wall_us);
            let owner = (lease.identity(), lease.mac);
            let until_us = now_us.saturating_add(left.max(0));
            match lease.state {
                LeaseState::Bound => self.put(lease.address, Some(owner), until_us, true),
                LeaseState::Released => self.put(lease.address, Some(owner), now_us, true),
                LeaseState::Taken => self.put(lease.address, None, until_us.min(now_us + TAKEN_US), true),
            }
        }
        self.expire(now_us);
    }

    /// Ends what has run out. Called before anything is decided.
    pub fn expire(&mut self, now_us: i64) {
        while let Some(&(until_us, address)) = self.ends.first().filter(|(until_us, _)| *until_us <= now_us) {
            self.ends.remove(&(until_us, address));
            self.stock.remove(&address);
            if let Some(hold) = self.held.get_mut(&address) {
                hold.over = true;
                self.free.insert(address);
            }
        }
    }

    /// The address a client holds or could have: what it holds, what it had, what it wishes for, else one chosen by
    /// its hardware address so that it tends to get the same again. `None` when the pool is full.
    pub fn find(&self, identity: &Identity, mac: Mac, wish: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        if let Some(own) = self.known(identity) {
            return Some(own);
        }
        // While addresses are probed ahead, a wish for one that was not is no reason to risk a conflict.
        let sound = |wish: &Ipv4Addr| self.stock.is_empty() || self.stock.contains_key(wish);
        if let Some(wish) = wish.filter(|wish| self.free.contains(wish)).filter(sound) {
            return Some(wish);
        }
        let (first, last) = (*self.pool.first()?, *self.pool.last()?);
        // FNV-1a: spreads neighbouring addresses of one maker's cards well enough over a few dozen places.
        let hash = |hash: u32, &byte: &u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let size = u32::from(last) - u32::from(first) + 1;
        let start = Ipv4Addr::from(u32::from(first) + mac.0.iter().fold(0x811c_9dc5_u32, hash) % size);
        let stocked = || self.stock.range(start..).chain(self.stock.range(..start)).map(|(&at, _)| at).next();
        let any = || self.free.range(start..).chain(self.free.range(..start)).copied().next();
        stocked().or_else(any)
    }

    /// The address of a client we have a record of: held, or had and still free.
    pub fn known(&self, identity: &Identity) -> Option<Ipv4Addr> {
        let address = *self.of.get(identity)?;
        let hold = self.held.get(&address)?;
        hold.owner.as_ref().is_some_and(|(owner, _)| owner == identity).then_some(address)
    }

    /// The address a client holds now, offered or acknowledged.
    pub fn held_by(&self, identity: &Identity) -> Option<Ipv4Addr> {
        self.known(identity).filter(|address| !self.free.contains(address))
    }

    /// Whether a client without reservation may have this address.
    pub fn is_free(&self, address: Ipv4Addr) -> bool {
        self.free.contains(&address)
    }

    /// Whether the address is of the pool at all.
    pub fn is_pooled(&self, address: Ipv4Addr) -> bool {
        self.pool.contains(&address)
    }

    /// Addresses that nobody holds.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// Whether an address was asked for before it was given.
    pub fn is_stocked(&self, address: Ipv4Addr) -> bool {
        self.stock.contains_key(&address)
    }

    pub(super) fn offer(&mut self, address: Ipv4Addr, owner: (Identity, Mac), now_us: i64) {
        let (until_us, bound) = match self.held.get(&address).filter(|hold| !hold.over) {
            // A repeated DISCOVER must not shorten a lease that runs.
            Some(hold) if hold.owner.as_ref() == Some(&owner) => (hold.until_us, hold.bound),
            _ => (0, false),
        };
        self.put(address, Some(owner), until_us.max(now_us.saturating_add(OFFER_US)), bound);
    }

    pub(super) fn bind(&mut self, address: Ipv4Addr, owner: (Identity, Mac), lease_us: i64, now_us: i64) {
        self.put(address, Some(owner), now_us.saturating_add(lease_us), true);
    }

    /// A lease that could not be written down is an offer again.
    pub(super) fn unbind(&mut self, address: Ipv4Addr, identity: &Identity, now_us: i64) {
        if self.held_by(identity) == Some(address)
            && let Some(owner) = self.held.get(&address).and_then(|hold| hold.owner.clone())
        {
            self.put(address, Some(owner), now_us.saturating_add(OFFER_US), false);
        }
    }

    /// Frees what a client holds; it is remembered. What it was, if it had been acknowledged.
    pub(super) fn release(&mut self, identity: &Identity, now_us: i64) -> Option<Ipv4Addr> {
        let address = self.held_by(identity)?;
        let hold = self.held.get(&address)?;
        let (owner, bound) = (hold.owner.clone(), hold.bound);
        self.put(address, owner, now_us, bound);
        self.expire(now_us);
        bound.then_some(address)
    }

    /// Takes back an offer that was not taken up. What was acknowledged stays.
    pub(super) fn withdraw(&mut self, identity: &Identity, now_us: i64) {
        let offered = |address: &Ipv4Addr| self.held.get(address).is_some_and(|hold| !hold.bound);
        if self.held_by(identity).as_ref().is_some_and(offered) {
            self.release(identity, now_us);
        }
    }

    /// Somebody we do not know uses the address.
    pub(super) fn taken(&mut self, address: Ipv4Addr, now_us: i64) -> i64 {
        let until_us = now_us.saturating_add(TAKEN_US);
        if self.pool.contains(&address) {
            self.put(address, None, until_us, true);
        }
        until_us
    }

    /// Free addresses to ask for, so that `want` of them are known to be unused.
    pub(super) fn unprobed(&mut self, want: usize, now_us: i64) -> Vec<Ipv4Addr> {
        self.expire(now_us);
        self.stock.retain(|_, until_us| *until_us > now_us);
        let lacking = want.saturating_sub(self.stock.len());
        self.free.iter().filter(|at| !self.stock.contains_key(at)).take(lacking).copied().collect()
    }

    /// Nobody answered for this address.
    pub(super) fn stocked(&mut self, address: Ipv4Addr, now_us: i64) {
        if self.free.contains(&address) {
            self.stock.insert(address, now_us.saturating_add(PROBED_US));
        }
    }

    /// Addresses known to be unused.
    pub fn in_stock(&self) -> usize {
        self.stock.len()
    }

    fn put(&mut self, address: Ipv4Addr, owner: Option<(Identity, Mac)>, until_us: i64, bound: bool) {
        self.forget(address);
        if let Some((identity, _)) = &owner
            && let Some(other) = self.of.insert(identity.clone(), address)
            && other != address
        {
            self.forget(other);
            if self.pool.contains(&other) {
                self.free.insert(other);
            }
        }
        self.free.remove(&address);
        self.stock.remove(&address);
        self.ends.insert((until_us, address));
        self.held.insert(address, Hold { owner, until_us, bound, over: false });
    }

    fn forget(&mut self, address: Ipv4Addr) {
        let Some(hold) = self.held.remove(&address) else { return };
        self.ends.remove(&(hold.until_us, address));
        if let Some((identity, _)) = hold.owner
            && self.of.get(&identity) == Some(&address)
        {
            self.of.remove(&identity);
        }
    }
}

#[cfg(test)]
mod tests;
