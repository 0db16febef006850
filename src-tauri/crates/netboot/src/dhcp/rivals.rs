//! Other DHCP servers on the network: who they are, and what they mean for us.
//!
//! Two servers that know nothing of each other give a machine two OFFERs, and which one it takes is chance. So ours
//! answers only while no other does, unless it is told to stand beside it or to take over.

mod ask;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use super::answer::Refusal;
use super::config::Mode;
use crate::Mac;

pub use ask::listen_for_others;
pub(super) use watch::watch;

/// So many servers are remembered; whoever forges more of them has made us silent already.
const MOST: usize = 16;

/// A server that answers this many of our questions in a row with silence is gone: one may be lost.
const SILENCES: u32 = 2;

/// Another server, as one answer of it shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// Option 54, or the sender's address where there is none.
    pub server: Ipv4Addr,
    /// Its hardware address (or that of the relay it spoke through).
    pub mac: Mac,
    /// The address it gave; `None` from a ProxyDHCP server, which gives none.
    pub offers: Option<Ipv4Addr>,
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offers {
            Some(address) => write!(f, "{} at {} gives {address}", self.server, self.mac),
            None => write!(f, "{} at {} tells what to boot, and gives no address", self.server, self.mac),
        }
    }
}

/// What we do about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// Answer it as the network's server.
    Answer,
    /// Answer it beside the network's server.
    Beside,
    /// Leave it.
    Silent(Refusal),
}

/// The servers that answer now, as far as we know.
#[derive(Debug, Default)]
pub struct Rivals {
    /// With the number of questions it left unanswered since.
    heard: BTreeMap<Ipv4Addr, u32>,
    /// We have listened at all.
    listened: bool,
}

impl Rivals {
    /// One that asks nobody, for a network where nobody else can be (the simulated board).
    pub fn alone() -> Rivals {
        Rivals { heard: BTreeMap::new(), listened: true }
    }

    /// A server that gives addresses was heard. Whether it is new.
    pub fn heard(&mut self, server: Ipv4Addr) -> bool {
        let known = self.heard.contains_key(&server);
        if known || self.heard.len() < MOST {
            self.heard.insert(server, 0);
        }
        !known && self.heard.contains_key(&server)
    }

    /// A question was asked, and long enough ago. Who is gone.
    pub fn asked(&mut self) -> Vec<Ipv4Addr> {
        self.listened = true;
        for silences in self.heard.values_mut() {
            *silences += 1;
        }
        let gone = self.heard.iter().filter(|(_, silences)| **silences > SILENCES);
        let gone: Vec<Ipv4Addr> = gone.map(|(&server, _)| server).collect();
        self.heard.retain(|_, silences| *silences <= SILENCES);
        gone
    }

    /// Long enough was listened to begin.
    pub fn listened(&mut self) {
        self.listened = true;
    }

    /// Some server that answers.
    pub fn first(&self) -> Option<Ipv4Addr> {
        self.heard.keys().next().copied()
    }

    /// What we do about messages now.
    pub fn stand(&self, mode: Mode) -> Stand {
        match (mode, self.first()) {
            (Mode::Off, _) => Stand::Silent(Refusal::Off),
            (Mode::Proxy, _) => Stand::Beside,
            (Mode::Takeover, _) => Stand::Answer,
            (Mode::Serve, Some(server)) => Stand::Silent(Refusal::Rival(server)),
            (Mode::Serve, None) if !self.listened => Stand::Silent(Refusal::Listening),
            (Mode::Serve, None) => Stand::Answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIVAL: Ipv4Addr = Ipv4Addr::new(192, 168, 122, 66);

    #[test]
    fn only_serve_keeps_silent_beside_another_server() {
        let mut rivals = Rivals::default();
        assert_eq!(rivals.stand(Mode::Serve), Stand::Silent(Refusal::Listening));
        assert!(rivals.asked().is_empty());
        assert_eq!(rivals.stand(Mode::Serve), Stand::Answer);
        assert!(rivals.heard(RIVAL) && !rivals.heard(RIVAL));
        let table = [
            (Mode::Serve, Stand::Silent(Refusal::Rival(RIVAL))),
            (Mode::Proxy, Stand::Beside),
            (Mode::Takeover, Stand::Answer),
            (Mode::Off, Stand::Silent(Refusal::Off)),
        ];
        for (mode, stand) in table {
            assert_eq!(rivals.stand(mode), stand);
        }
    }

    #[test]
    fn a_server_is_gone_after_silence_and_not_after_one_lost_packet() {
        let mut rivals = Rivals::alone();
        rivals.heard(RIVAL);
        assert!(rivals.asked().is_empty());
        rivals.heard(RIVAL);
        assert_eq!((rivals.asked(), rivals.asked(), rivals.asked()), (vec![], vec![], vec![RIVAL]));
        assert_eq!(rivals.stand(Mode::Serve), Stand::Answer);
    }

    #[test]
    fn forged_servers_fill_no_memory() {
        let mut rivals = Rivals::alone();
        let new = (0..1000).filter(|&last| rivals.heard(Ipv4Addr::from(0x0a00_0000 + last))).count();
        assert_eq!((new, rivals.heard.len()), (MOST, MOST));
    }
}
