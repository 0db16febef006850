//! The socket: one datagram at a time, answered at once.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::answer::{Boot, Decision, Grant, answer};
use super::config::{DhcpConfig, Replies};
use super::leases::Leases;
use super::message::{self, Kind, Request};
use super::reply;
use crate::seen::{SeenSink, What};
use crate::{Proto, clock};

/// Larger than any DHCP message on Ethernet; what is cut off here would not have been read anyway.
const LARGEST: usize = 2048;

/// The network went away under the socket: look again after this long instead of spinning.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// Opens the server's socket.
///
/// `device` keeps it to one interface (needs CAP_NET_RAW): a server that hears every interface of its host would
/// answer the office network too. Addresses are never shared with another server: a taken port is an error.
pub fn bind(address: SocketAddrV4, device: Option<&str>) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_broadcast(true)?;
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    socket.bind(&SocketAddr::V4(address).into())?;
    UdpSocket::from_std(socket.into())
}

/// Answers until told to stop. `config` should have passed [`DhcpConfig::check`].
pub async fn run(
    socket: UdpSocket,
    config: Arc<DhcpConfig>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut leases = Leases::default();
    for (&mac, reservation) in &config.reservations {
        sink.neighbours().learn(reservation.address.into(), mac);
    }
    let mut buffer = [0; LARGEST];
    loop {
        let received = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            received = socket.recv_from(&mut buffer) => received,
        };
        let (length, peer) = match received {
            Ok(received) => received,
            Err(error) => {
                // An ICMP error about an earlier answer, or the interface went down and will come back.
                tracing::debug!(%error, "DHCP socket");
                sink.refused(Proto::Dhcp, "socket error");
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    () = tokio::time::sleep(AFTER_ERROR) => continue,
                }
            }
        };
        let Some((bytes, to)) = hear(&config, &mut leases, &sink, peer, &buffer[..length]) else { continue };
        if let Err(error) = socket.send_to(&bytes, to).await {
            tracing::warn!(%error, %to, "DHCP answer not sent");
            sink.refused(Proto::Dhcp, "answer not sent");
        }
    }
}

/// One datagram in; perhaps one out, and where to.
fn hear(
    config: &DhcpConfig,
    leases: &mut Leases,
    sink: &SeenSink,
    peer: SocketAddr,
    datagram: &[u8],
) -> Option<(Vec<u8>, SocketAddr)> {
    if config.replies == Replies::ToSource && !peer.ip().is_loopback() {
        sink.refused(Proto::Dhcp, "not from the simulated network");
        return None;
    }
    let request = match message::decode(datagram) {
        Ok(request) => request,
        Err(fault) => {
            sink.malformed(Proto::Dhcp, peer, fault);
            return None;
        }
    };
    let mac = Some(request.mac);
    let client = request.client();
    let seen = What::Dhcp {
        kind: request.kind,
        client,
        arch: request.arch,
        vendor_class: request.vendor_class.clone(),
        xid: request.xid,
        bytes: datagram.len(),
    };
    sink.saw(peer, mac, seen);
    let decision = answer(config, leases, &request, clock::mono_us());
    if let Decision::Nak(why) | Decision::Silent(why) = &decision {
        sink.refused(Proto::Dhcp, why.kind());
        sink.saw(peer, mac, What::DhcpRefused { why: *why });
    }
    let (kind, bytes) = reply::encode(config, &request, &decision)?;
    let grant = match &decision {
        Decision::Offer(grant) | Decision::Ack(grant) => Some(grant),
        _ => None,
    };
    let address = grant.and_then(|grant| grant.address);
    if kind == Kind::Ack
        && let Some(address) = address
        && !sink.neighbours().learn(IpAddr::V4(address), request.mac)
    {
        sink.refused(Proto::Dhcp, "address table full");
    }
    let to = destination(config.replies, peer, &request, grant);
    let answered = What::DhcpAnswered {
        kind,
        address: address.unwrap_or(Ipv4Addr::UNSPECIFIED),
        boot_file: grant.and_then(|grant| grant.boot.file()).map(str::to_owned),
        no_boot_file: match grant {
            Some(Grant { boot: Boot::Missing(why), .. }) => Some(why),
            _ => None,
        },
        known: config.reservations.contains_key(&request.mac),
        bytes: bytes.len(),
    };
    sink.saw(peer, mac, answered);
    Some((bytes, to))
}

/// RFC 2131, section 4.1, simplified: a client without an address cannot be reached but by broadcast, since nobody
/// can ask it by ARP. `ciaddr` is believed only where `answer` has checked it, as the address granted or (INFORM) as one
/// of our network: a forged one must not send our answers elsewhere.
fn destination(replies: Replies, peer: SocketAddr, request: &Request, grant: Option<&Grant>) -> SocketAddr {
    let uses_its_own = !request.ciaddr.is_unspecified()
        && grant.is_some_and(|grant| grant.address.is_none_or(|address| address == request.ciaddr));
    match replies {
        Replies::ToSource => peer,
        Replies::Broadcast if uses_its_own => (request.ciaddr, CLIENT_PORT).into(),
        Replies::Broadcast => (Ipv4Addr::BROADCAST, CLIENT_PORT).into(),
    }
}

/// RFC 2131: clients listen here, whatever port they send from.
const CLIENT_PORT: u16 = 68;

#[cfg(test)]
mod tests;
