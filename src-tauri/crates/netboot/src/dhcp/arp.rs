//! Whether somebody already uses an address: ARP probes as RFC 5227, section 2.1.1, sends them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::link::{self, Link};
use crate::Mac;

/// Machines on a wire answer within milliseconds; one that sleeps may need a little longer. RFC 5227 waits seconds
/// because it must be right at the first look: we look ahead of need, and the client looks again.
const WAIT: Duration = Duration::from_millis(250);
/// A lost packet must not make an address look free.
const TIMES: usize = 2;

/// Which of these addresses are in use on an interface, and by whom. Takes half a second.
pub(super) async fn in_use(device: &str, addresses: &[Ipv4Addr]) -> io::Result<BTreeMap<Ipv4Addr, Mac>> {
    let link = Link::open(device, link::ARP, &[])?;
    let asked: BTreeSet<Ipv4Addr> = addresses.iter().copied().collect();
    let mut found = BTreeMap::new();
    let mut buffer = [0; 128];
    for _ in 0..TIMES {
        for address in
            asked.iter().filter(|address| !found.contains_key(*address)).copied().collect::<Vec<_>>()
        {
            link.send(&probe(link.mac(), address)).await?;
        }
        let until = Instant::now() + WAIT;
        while let Ok(received) = timeout_at(until, link.receive(&mut buffer)).await {
            if let Some((address, mac)) = claim(&buffer[..received?]).filter(|(at, _)| asked.contains(at)) {
                found.insert(address, mac);
            }
        }
    }
    Ok(found)
}

/// "Who has it? Tell nobody": without an address of its own, so that no table learns anything from it.
fn probe(from: Mac, address: Ipv4Addr) -> Vec<u8> {
    let mut frame = link::broadcast(from, link::ARP);
    frame.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(from.0);
    frame.extend([0; 10]);
    frame.extend(address.octets());
    frame
}

/// The address that the sender of a frame says is its own.
fn claim(frame: &[u8]) -> Option<(Ipv4Addr, Mac)> {
    if frame.get(12..20)? != [8, 6, 0, 1, 8, 0, 6, 4] {
        return None;
    }
    let mac = Mac(frame.get(22..28)?.try_into().ok()?);
    let address: [u8; 4] = frame.get(28..32)?.try_into().ok()?;
    (address != [0; 4]).then_some((address.into(), mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_claims_nothing_and_an_answer_does() {
        let (me, other) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
        let address = Ipv4Addr::new(192, 168, 122, 200);
        let mut frame = probe(me, address);
        assert_eq!(frame.len(), 42);
        assert_eq!(frame[38..], [192, 168, 122, 200]);
        assert_eq!(claim(&frame), None);
        frame[21] = 2;
        frame[22..28].copy_from_slice(&other.0);
        frame[28..32].copy_from_slice(&address.octets());
        assert_eq!(claim(&frame), Some((address, other)));
        assert_eq!(claim(&frame[..30]), None);
    }
}
