//! A DISCOVER of our own, and whatever servers say on the wire.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Rival;
use crate::Mac;
use crate::dhcp::link::{self, Link};

/// Any client's port: answers to all of them are heard, as far as they are broadcast.
const CLIENT_PORT: u16 = 68;

/// An interface on which servers are listened for.
pub(super) struct Ear {
    link: Link,
    xid: u32,
}

impl Ear {
    pub(super) fn open(device: &str) -> io::Result<Ear> {
        Ok(Ear { link: Link::open(device, link::IPV4, &link::udp_to(CLIENT_PORT))?, xid: 0x5354_0000 })
    }

    /// Asks as a machine that does not exist. Whoever offers it an address waits in vain, and gives it away again.
    pub(super) async fn ask(&mut self) -> io::Result<()> {
        self.xid = self.xid.wrapping_add(1);
        // A locally administered address, ours by the last bytes: two programs that ask do not take each other's answer.
        let own = self.link.mac().0;
        let mac = Mac([2, b'S', b'T', own[3], own[4], own[5]]);
        self.link.send(&link::dhcp_out(self.link.mac(), &discover(mac, self.xid))).await
    }

    /// The next answer of a server, whomever it is for.
    pub(super) async fn hear(&self) -> io::Result<Rival> {
        let mut buffer = [0; 2048];
        loop {
            let length = self.link.receive(&mut buffer).await?;
            if let Some(rival) = link::udp_in(&buffer[..length]).and_then(|heard| rival(&heard)) {
                return Ok(rival);
            }
        }
    }
}

/// Asks once on this interface and names every server that answers before the deadline. Never call it for an interface
/// that nobody named: it makes other servers set an address aside.
pub async fn listen_for_others(device: &str, wait: Duration) -> io::Result<Vec<Rival>> {
    let until = Instant::now() + wait;
    let mut ear = Ear::open(device)?;
    ear.ask().await?;
    let mut found: Vec<Rival> = Vec::new();
    while let Ok(rival) = timeout_at(until, ear.hear()).await {
        let rival = rival?;
        if found.iter().all(|known| known.server != rival.server) && found.len() < super::MOST {
            found.push(rival);
        }
    }
    Ok(found)
}

/// A DISCOVER that wants a broadcast answer and says who asks.
fn discover(mac: Mac, xid: u32) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[..3].copy_from_slice(&[1, 1, 6]);
    bytes[4..8].copy_from_slice(&xid.to_be_bytes());
    bytes[10] = 0x80;
    bytes[28..34].copy_from_slice(&mac.0);
    bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
    bytes.extend([53, 1, 1, 55, 4, 1, 3, 51, 54, 60, 12]);
    bytes.extend(b"statusinator");
    bytes.push(255);
    bytes.resize(300, 0);
    bytes
}

/// An OFFER or an ACK, as somebody who only listens reads it.
fn rival(heard: &link::Datagram<'_>) -> Option<Rival> {
    let bytes = heard.payload;
    if *bytes.first()? != 2 || *bytes.get(236..240)? != [99, 130, 83, 99] {
        return None;
    }
    let yiaddr = Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(16..20)?).ok()?);
    let (mut kind, mut server) = (None, None);
    let mut rest = &bytes[240..];
    while let Some((&code, tail)) = rest.split_first() {
        match code {
            0 => rest = tail,
            255 => break,
            _ => {
                let (&length, tail) = tail.split_first()?;
                let (data, tail) = tail.split_at_checked(usize::from(length))?;
                match (code, data) {
                    (53, [number]) => kind = Some(*number),
                    (54, &[a, b, c, d]) => server = Some(Ipv4Addr::new(a, b, c, d)),
                    _ => {}
                }
                rest = tail;
            }
        }
    }
    // OFFER, ACK. A NAK gives nothing, and may answer a client that moved here from another network.
    let offers = Some(yiaddr).filter(|yiaddr| !yiaddr.is_unspecified());
    matches!(kind, Some(2 | 5)).then_some(Rival {
        server: server.unwrap_or(heard.from),
        mac: heard.mac,
        offers,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dhcp::message;

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn answer(kind: u8, yiaddr: [u8; 4], server: Option<[u8; 4]>) -> Vec<u8> {
        let mut bytes = vec![0; 240];
        bytes[0] = 2;
        bytes[16..20].copy_from_slice(&yiaddr);
        bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
        bytes.extend([0, 53, 1, kind]);
        if let Some(server) = server {
            bytes.extend([54, 4]);
            bytes.extend(server);
        }
        bytes.push(255);
        bytes
    }

    fn read(payload: &[u8]) -> Option<Rival> {
        rival(&link::Datagram { mac: Mac([2; 6]), from: FROM, payload })
    }

    #[test]
    fn servers_are_named_by_what_they_say() {
        let named = read(&answer(2, [10, 0, 0, 9], Some([10, 0, 0, 2]))).unwrap();
        assert_eq!(named.to_string(), "10.0.0.2 at 02:02:02:02:02:02 gives 10.0.0.9");
        assert_eq!(read(&answer(5, [10, 0, 0, 9], None)).unwrap().server, FROM);
        assert_eq!(read(&answer(2, [0; 4], None)).unwrap().offers, None, "a ProxyDHCP server");
        assert_eq!(read(&answer(6, [0; 4], None)), None, "a NAK gives nothing");
        let mut request = answer(2, [10, 0, 0, 9], None);
        request[0] = 1;
        assert_eq!(read(&request), None);
    }

    #[test]
    fn our_question_is_one_that_servers_can_read() {
        let asked = message::decode(&discover(Mac([2, 1, 2, 3, 4, 5]), 7)).unwrap();
        assert_eq!((asked.kind, asked.xid, asked.flags), (message::Kind::Discover, 7, 0x8000));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
            let mut answer = answer(2, [1; 4], None);
            answer.pop();
            answer.extend(bytes);
            let _ = read(&answer);
        }
    }
}
