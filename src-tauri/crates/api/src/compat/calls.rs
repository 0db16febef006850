//! Who called back, and with what. The live image of hypervisors and wipers calls until it is heard, so nothing in here
//! waits for anybody, and nothing that callers send can grow without end.

use std::{collections::BTreeMap, net::IpAddr};

use super::labstatus::Callbacks;

/// Machines, their virtual machines and some strangers.
const CALLERS: usize = 256;
const KEYS: usize = 32;
const KEY_LONGEST: usize = 64;
const VALUE_LONGEST: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Calls {
    callers: BTreeMap<IpAddr, Caller>,
    dropped: u64,
}

#[derive(Debug, Default)]
struct Caller {
    times: u64,
    pairs: BTreeMap<String, String>,
}

impl Calls {
    /// Counts the call, and keeps its pair when both halves say something. The last value of a key wins.
    pub(super) fn heard(&mut self, from: IpAddr, key: &str, value: &str) {
        // The same caller over IPv4 and over an IPv6 socket that maps it.
        let from = from.to_canonical();
        if !self.callers.contains_key(&from) && self.callers.len() >= CALLERS {
            self.dropped += 1;
            return;
        }
        let caller = self.callers.entry(from).or_default();
        caller.times += 1;
        if key.is_empty() || value.is_empty() {
            return;
        }
        let known = caller.pairs.contains_key(key);
        let too_long = key.len() > KEY_LONGEST || value.len() > VALUE_LONGEST;
        if too_long || (!known && caller.pairs.len() >= KEYS) {
            self.dropped += 1;
            return;
        }
        caller.pairs.insert(key.to_owned(), value.to_owned());
    }

    /// Forgets who called. What was dropped stays counted.
    pub(super) fn clear(&mut self) {
        self.callers.clear();
    }

    /// Callers and pairs for which there was no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn wire(&self) -> Callbacks {
        let some = |caller: &&(&IpAddr, &Caller)| !caller.1.pairs.is_empty();
        let all: Vec<_> = self.callers.iter().collect();
        let pairs: BTreeMap<_, _> =
            all.iter().filter(some).map(|(ip, caller)| (ip.to_string(), caller.pairs.clone())).collect();
        let counts: BTreeMap<_, _> = all.iter().map(|(ip, caller)| (ip.to_string(), caller.times)).collect();
        Callbacks {
            pairs: (!pairs.is_empty()).then_some(pairs),
            counts: (!counts.is_empty()).then_some(counts),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(number))
    }

    #[test]
    fn callers_are_told_apart_by_address_and_the_last_value_wins() {
        let mut calls = Calls::default();
        let (v4, mapped): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "::ffff:192.0.2.1".parse().unwrap());
        calls.heard(v4, "wipe", "debian");
        calls.heard(mapped, "wipe", "other");
        calls.heard("2001:db8::7".parse().unwrap(), "wipe", "");
        let wire = calls.wire();
        let pairs = wire.pairs.unwrap();
        assert_eq!((pairs.len(), pairs["192.0.2.1"]["wipe"].as_str()), (1, "other"));
        assert_eq!(wire.counts.unwrap(), [("192.0.2.1".into(), 2), ("2001:db8::7".into(), 1)].into());
        calls.clear();
        assert_eq!(calls.wire(), Callbacks::default(), "null, as it was");
    }

    #[test]
    fn nobody_can_fill_the_memory_and_what_is_dropped_is_counted() {
        let mut calls = Calls::default();
        for number in 0..1000 {
            calls.heard(ip(number), "wipe", "x");
        }
        assert_eq!((calls.callers.len(), calls.dropped()), (CALLERS, 744));
        for number in 0..100 {
            calls.heard(ip(1), &format!("key{number}"), "x");
        }
        assert_eq!(calls.callers[&ip(1)].pairs.len(), KEYS);
        assert_eq!(calls.dropped(), 744 + 69, "31 more keys had room beside wipe");
        calls.heard(ip(2), &"k".repeat(KEY_LONGEST + 1), "x");
        calls.heard(ip(2), "wipe", &"v".repeat(VALUE_LONGEST + 1));
        assert_eq!((calls.callers[&ip(2)].times, calls.callers[&ip(2)].pairs["wipe"].as_str()), (3, "x"));
        assert_eq!(calls.dropped(), 744 + 69 + 2);
    }
}
