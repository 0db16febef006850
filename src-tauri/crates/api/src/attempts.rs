//! Wrong tokens and codes, counted by who sent them.
//!
//! With 128 bits and more nothing can be guessed; what this bounds is the noise in the log and the pace of a client that
//! repeats a stale secret. A right token always passes: on loopback all callers share one address, and a forgotten page
//! must not lock out the command line.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Wrong tries in a window before the answer becomes 429.
const TRIES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Peers remembered; the oldest makes room.
const PEERS: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Attempts {
    peers: Mutex<Vec<Peer>>,
}

#[derive(Debug)]
struct Peer {
    address: Option<IpAddr>,
    since: Instant,
    tries: u32,
}

/// What to do about a wrong try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The first in its window: worth a line in the log.
    First,
    Again,
    /// Too many: 429 and when to come back.
    TooMany {
        retry_after_s: u64,
    },
}

impl Attempts {
    pub(crate) fn wrong(&self, address: Option<IpAddr>) -> Verdict {
        self.wrong_at(address, Instant::now())
    }

    fn wrong_at(&self, address: Option<IpAddr>, now: Instant) -> Verdict {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|peer| now.duration_since(peer.since) < WINDOW);
        let Some(peer) = peers.iter_mut().find(|peer| peer.address == address) else {
            if peers.len() == PEERS {
                peers.remove(0);
            }
            peers.push(Peer { address, since: now, tries: 1 });
            return Verdict::First;
        };
        peer.tries = peer.tries.saturating_add(1);
        if peer.tries <= TRIES {
            return Verdict::Again;
        }
        let left = WINDOW.saturating_sub(now.duration_since(peer.since));
        Verdict::TooMany { retry_after_s: left.as_secs().max(1) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn ten_wrong_tries_a_minute_and_then_patience() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let peer = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(attempts.wrong_at(peer, now), Verdict::First);
        for _ in 1..TRIES {
            assert_eq!(attempts.wrong_at(peer, now), Verdict::Again);
        }
        let later = now + Duration::from_secs(20);
        assert_eq!(attempts.wrong_at(peer, later), Verdict::TooMany { retry_after_s: 40 });
        assert_eq!(attempts.wrong_at(None, later), Verdict::First, "another peer has its own count");
        assert_eq!(attempts.wrong_at(peer, now + WINDOW), Verdict::First, "a new minute");
    }

    #[test]
    fn the_memory_is_bounded() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..(PEERS as u32 + 50) {
            attempts.wrong_at(Some(IpAddr::V4(Ipv4Addr::from(number))), now);
        }
        assert_eq!(attempts.peers.lock().unwrap().len(), PEERS);
    }
}
