//! One DHCP exchange: DISCOVER, OFFER, REQUEST, ACK, with the back-off of PXE firmware.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::codec::{ACK, Answer, DISCOVER, NAK, OFFER, Question, REQUEST};
use super::identity::{Identity, Unusable};
use crate::guard::{SocketError, Udp};
use crate::machine::lane::Lane;
use crate::pace::{Dice, Pace};

/// Seconds to wait after each try (PXE 2.1 §2.2.1; EDK2 uses the same four).
const BACK_OFF: [f64; 4] = [4.0, 8.0, 16.0, 32.0];
/// However fast the simulation runs, a server has this long for each answer.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
/// The last part of the other DHCP server's address, where there is one.
const OTHER_SERVER: u8 = 190;
/// A server that refuses what it has just offered is asked again this often.
const ROUNDS: u32 = 3;

/// What a machine needs to ask for its address.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) source: Ipv4Addr,
    pub(crate) port: u16,
    /// Where requests are broadcast to.
    pub(crate) servers: SocketAddrV4,
    pub(crate) mac: [u8; 6],
    pub(crate) uuid: [u8; 16],
    pub(crate) pace: Pace,
    pub(crate) lane: Lane,
}

/// What a server promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) address: Ipv4Addr,
    pub(crate) server: Ipv4Addr,
    /// Where the boot file is: the header's `siaddr`, or the DHCP server itself when that is empty.
    pub(crate) next_server: Ipv4Addr,
    pub(crate) boot_file: Option<String>,
    pub(crate) netmask: Option<Ipv4Addr>,
    pub(crate) router: Option<Ipv4Addr>,
    pub(crate) dns: Option<Ipv4Addr>,
    /// Option 175.176: iPXE need not wait for a ProxyDHCP server.
    pub(crate) no_proxy_dhcp: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DhcpError {
    #[error("PXE-E51: no DHCP offer after {tries} tries{}", because(.refused))]
    NoOffer { tries: usize, refused: Option<Unusable> },
    #[error("PXE-E52: {server} offered {address} and then did not acknowledge it{}", because(.refused))]
    NoAck { server: Ipv4Addr, address: Ipv4Addr, refused: Option<Unusable> },
    #[error("PXE-E53: no boot file name received; {server} gave the address")]
    NoFile { server: Ipv4Addr },
    #[error("the DHCP server refused {0} times what it had offered")]
    Refused(u32),
    #[error("the DHCP socket failed")]
    Socket(#[from] SocketError),
}

fn because(refused: &Option<Unusable>) -> String {
    refused.as_ref().map(|why| format!("; the last answer was dropped because {why}")).unwrap_or_default()
}

/// One ongoing exchange.
struct Asking<'a> {
    client: &'a Client,
    socket: Udp,
    identity: Identity,
    xid: u32,
    /// Seconds of the machine's own time since the first try.
    secs: f64,
    refused: Option<Unusable>,
}

impl Client {
    pub(crate) async fn acquire(&self, identity: Identity, dice: &mut Dice) -> Result<Lease, DhcpError> {
        for _ in 0..ROUNDS {
            let socket = Udp::bind(self.source, self.port).await?;
            let xid = dice.next() as u32;
            let mut asking = Asking { client: self, socket, identity, xid, secs: 0.0, refused: None };
            if let Some(lease) = asking.run().await? {
                return Ok(lease);
            }
        }
        Err(DhcpError::Refused(ROUNDS))
    }
}

impl Asking<'_> {
    /// `None` after a NAK: everything begins anew (RFC 2131 §3.1 step 4).
    async fn run(&mut self) -> Result<Option<Lease>, DhcpError> {
        let Some(offer) = self.ask(DISCOVER, &[], |answer| answer.kind() == Some(OFFER)).await? else {
            return Err(DhcpError::NoOffer { tries: BACK_OFF.len(), refused: self.refused.take() });
        };
        if self.client.lane.trouble().other_dhcp {
            return self.take_other(&offer).await;
        }
        let address = offer.yiaddr;
        let server = offer.address_option(54).unwrap_or(Ipv4Addr::UNSPECIFIED);
        // Options 50 and 54 choose this offer among those of all servers (RFC 2131 §4.3.2).
        let chosen = [(50, address.octets().to_vec()), (54, server.octets().to_vec())];
        let from_chosen = |answer: &Answer| {
            matches!(answer.kind(), Some(ACK | NAK)) && answer.address_option(54).is_none_or(|s| s == server)
        };
        match self.ask(REQUEST, &chosen, from_chosen).await? {
            None => Err(DhcpError::NoAck { server, address, refused: self.refused.take() }),
            Some(answer) if answer.kind() == Some(NAK) => Ok(None),
            Some(ack) => Ok(Some(self.lease(&offer, &ack))),
        }
    }

    /// The other server's offer was here before ours: it is taken (RFC 2131 section 4.4.1), by a broadcast that we hear too.
    /// That server itself is not simulated; it would acknowledge an address and name no file.
    async fn take_other(&mut self, ours: &Answer) -> Result<Option<Lease>, DhcpError> {
        let [a, b, c, d] = ours.yiaddr.octets();
        let (address, server) = (Ipv4Addr::new(a, b, c, d ^ 0x80), Ipv4Addr::new(a, b, c, OTHER_SERVER));
        let chosen = [(50, address.octets().to_vec()), (54, server.octets().to_vec())];
        // Nobody of ours may answer this.
        if self.ask(REQUEST, &chosen, |answer| answer.kind() == Some(ACK)).await?.is_some() {
            tracing::warn!("a request to another server was answered by ours");
        }
        Err(DhcpError::NoFile { server })
    }

    /// Sends one kind of question with growing patience until `wanted` likes an answer.
    async fn ask(
        &mut self,
        kind: u8,
        more: &[(u8, Vec<u8>)],
        wanted: impl Fn(&Answer) -> bool,
    ) -> Result<Option<Answer>, DhcpError> {
        for seconds in BACK_OFF {
            let mut options = vec![(53, vec![kind])];
            options.extend_from_slice(more);
            options.extend(self.identity.options(self.client.mac, self.client.uuid));
            let question = Question {
                xid: self.xid,
                secs: self.secs as u16,
                broadcast: self.identity.wants_broadcast(),
                mac: self.client.mac,
                options,
            };
            self.client.lane.send(&self.socket, &question.encode(), self.client.servers).await?;
            let until = Instant::now() + self.client.pace.patience(seconds, SHORTEST_WAIT);
            if let Some(answer) = self.listen(until, &wanted).await? {
                return Ok(Some(answer));
            }
            self.secs += seconds;
        }
        Ok(None)
    }

    /// The first answer that is ours, wanted and usable before `until`.
    async fn listen(
        &mut self,
        until: Instant,
        wanted: &impl Fn(&Answer) -> bool,
    ) -> Result<Option<Answer>, DhcpError> {
        let mut buffer = vec![0u8; 2048];
        while let Ok(received) = timeout_at(until, self.socket.receive(&mut buffer)).await {
            let (count, from) = received.map_err(SocketError::Io)?;
            match Answer::decode(&buffer[..count]) {
                Err(error) => tracing::debug!(%error, %from, "no DHCP answer"),
                Ok(answer) if answer.xid != self.xid || answer.mac != self.client.mac => {
                    tracing::debug!(%from, xid = answer.xid, "a DHCP answer for somebody else");
                }
                Ok(answer) if !wanted(&answer) => {
                    tracing::debug!(%from, kind = answer.kind(), "a DHCP answer out of turn");
                }
                Ok(answer) if answer.kind() == Some(NAK) => return Ok(Some(answer)),
                Ok(answer) => match self.identity.boot_file(&answer) {
                    Ok(_) => return Ok(Some(answer)),
                    Err(unusable) => {
                        tracing::debug!(%from, %unusable, "a DHCP answer of no use");
                        self.refused = Some(unusable);
                    }
                },
            }
        }
        Ok(None)
    }

    fn lease(&self, offer: &Answer, ack: &Answer) -> Lease {
        let server = ack.address_option(54).or(offer.address_option(54)).unwrap_or(Ipv4Addr::UNSPECIFIED);
        Lease {
            address: ack.yiaddr,
            server,
            next_server: if ack.siaddr.is_unspecified() { server } else { ack.siaddr },
            boot_file: self.identity.boot_file(ack).ok().flatten(),
            netmask: ack.address_option(1),
            router: ack.address_option(3),
            dns: ack.address_option(6),
            no_proxy_dhcp: ack.no_proxy_dhcp(),
        }
    }
}
