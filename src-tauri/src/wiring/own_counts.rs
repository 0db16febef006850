//! What our boot services see, in the owner's counters: where they serve, no log of dnsmasq or of a web server tells of it.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use lab::{counts::Counts, log::Record, sign::FileRole};
use logs::own::{Fetched, Own};
use netboot::{
    Mac,
    dhcp::Kind,
    dns::Answerer,
    owner::{self, Asked},
    seen::{Method, Seen, What},
};

use super::{
    boot_files::{self, role},
    logs::Logs,
};

/// What was seen since somebody took it. Its maps are bounded, see [`lab::counts::SERVED_KEPT`].
#[derive(Clone, Default)]
pub(super) struct OwnCounts {
    counts: Arc<Mutex<Counts>>,
    /// Where log records that our services heard go, where records are kept.
    logs: Arc<OnceLock<Arc<Logs>>>,
}

impl OwnCounts {
    pub(super) fn hand_to(&self, logs: Arc<Logs>) {
        // Said once, before any service runs.
        let _ = self.logs.set(logs);
    }

    /// A line that a machine wrote while it booted.
    pub(super) fn record(&self, record: Record) {
        if let Some(logs) = self.logs.get() {
            logs.own(record);
        }
    }

    pub(super) fn count(&self, own: &Own) {
        own.count(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts a sighting; `written` turns an address into the board file's.
    pub(super) fn saw(&self, seen: &Seen, written: impl Fn(IpAddr) -> IpAddr) {
        for own in own(seen, written).into_iter().flatten() {
            self.count(&own);
        }
    }

    /// Everything since the last call.
    pub(super) fn take(&self) -> Counts {
        std::mem::take(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// First byte of the reference lab's virtual machines' addresses; its PCs have 16.
const VIRTUAL: u8 = 0xde;

/// What a sighting is to the counters: at most a question and its answer.
fn own(seen: &Seen, written: impl Fn(IpAddr) -> IpAddr) -> [Option<Own>; 2] {
    let first = match &seen.what {
        What::Dhcp { kind: Kind::Discover, .. } => Own::DhcpDiscover,
        // An offer that names files beside another server gives no address.
        What::DhcpAnswered { kind: Kind::Offer, address, .. } if !address.is_unspecified() => {
            Own::DhcpOffer { address: written(IpAddr::V4(*address)) }
        }
        What::NameAsked { by, .. } => {
            // dnsmasq calls a refusal a local answer too ("config error is REFUSED").
            let answered = match by {
                Answerer::Zone | Answerer::Nobody => Own::DnsLocal,
                Answerer::Other => Own::DnsForwarded,
            };
            return [Some(Own::DnsQuery), Some(answered)];
        }
        // A question for the size alone fetches nothing; a file that is fetched in parts counts with its first.
        What::FileAsked { method: Method::Get | Method::Rrq, path, found, range, .. }
            if range.is_none_or(|(first, _)| first == 0) =>
        {
            let Some(what) = fetched(path, *found, seen.mac) else { return [None, None] };
            Own::Fetched { what, remote: written(seen.peer.ip()) }
        }
        _ => return [None, None],
    };
    [Some(first), None]
}

/// Which part a file plays, on our own paths and on the owner's. On the owner's it counts whether it is there or not, as it
/// does by the web server's log.
fn fetched(path: &str, is_found: bool, mac: Option<Mac>) -> Option<Fetched> {
    let path = path.trim_start_matches('/');
    let script =
        |mac: Option<Mac>| Fetched::Script { is_virtual: mac.is_some_and(|mac| mac.0[0] == VIRTUAL) };
    match owner::asked(path) {
        Some(Asked::Chain) => return Some(Fetched::Chain),
        Some(Asked::Script(mac)) => return Some(script(Some(mac))),
        Some(Asked::Asset { .. }) => return Some(Fetched::Asset),
        Some(Asked::LabScript { .. } | Asked::Wipe(_) | Asked::Secret) => return None,
        None if path.starts_with("assets/") => return Some(Fetched::Asset),
        None if !is_found => return None,
        None => {}
    }
    match role(path) {
        // What all machines load first, of ours and of a matchbox folder; the others are a machine's own.
        FileRole::Script if matches!(path, boot_files::CHAIN_UNDIONLY | "boot.ipxe" | "boot.ipxe.0") => {
            Some(Fetched::Chain)
        }
        FileRole::Script => Some(script(mac)),
        FileRole::Kernel | FileRole::Initrd | FileRole::Image => Some(Fetched::Asset),
        FileRole::Other if path.starts_with(super::trees::IMAGES) => Some(Fetched::Asset),
        FileRole::Loader | FileRole::Other => None,
    }
}

#[cfg(test)]
#[path = "own_counts_tests.rs"]
mod tests;
