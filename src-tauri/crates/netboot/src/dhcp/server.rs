//! The sockets: one datagram at a time, answered at once.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::config::DhcpConfig;
use super::desk::{Desk, Heard, Reply};
use super::keeper::{self, Pending};
use super::lease_store::LeaseStore;
use super::proxy::Door;
use super::rivals::{self, Rivals};
use super::stock;
use crate::Proto;
use crate::seen::SeenSink;

/// Larger than any DHCP message on Ethernet; what is cut off here would not have been read anyway.
const LARGEST: usize = 2048;

/// The network went away under the socket: look again after this long instead of spinning.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// Reading the leases takes milliseconds. A store that takes longer is waited for while machines with reservations boot.
const LOAD: Duration = Duration::from_millis(500);

/// Opens a socket of the server.
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

/// One network card on which the server answers.
#[derive(Debug)]
pub struct Nic {
    /// Its interface, where other servers are listened for and addresses probed; `None` on the simulated board, whose
    /// network has neither.
    pub device: Option<String>,
    /// Port 67, kept to that interface.
    pub server: UdpSocket,
    /// Port 4011, the same.
    pub boot_server: Option<UdpSocket>,
}

/// Answers until told to stop, on several cards of one network. Of each configuration that comes, one that passes
/// [`DhcpConfig::check`] is followed at once.
pub async fn run(
    nics: Vec<Nic>,
    configs: watch::Receiver<Arc<DhcpConfig>>,
    store: Arc<dyn LeaseStore>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let devices: Vec<String> = nics.iter().filter_map(|nic| nic.device.clone()).collect();
    let rivals = if devices.is_empty() { Rivals::alone() } else { Rivals::default() };
    let desk = Arc::new(Desk::new(configs, rivals, sink));
    let (leases, waiting) = keeper::queue();
    let mut tasks = JoinSet::new();
    let (tell, loaded) = oneshot::channel();
    tasks.spawn(keeper::keep(store, desk.clone(), waiting, tell));
    // A client of the pool that asks at this very moment shall not be told to ask again; the others do not wait long.
    let _late = timeout(LOAD, loaded).await;
    tasks.spawn(desk.clone().watch_pool());
    for device in &devices {
        tasks.spawn(rivals::watch(device.clone(), desk.clone()));
    }
    if !devices.is_empty() {
        tasks.spawn(stock::fill(devices, desk.clone()));
    }
    for nic in nics {
        let doors = [(Door::Server, Some(nic.server)), (Door::BootServer, nic.boot_server)];
        for (door, socket) in doors.into_iter().filter_map(|(door, socket)| Some((door, socket?))) {
            tasks.spawn(listen(door, Arc::new(socket), desk.clone(), leases.clone()));
        }
    }
    // All of them go on for ever: one that ended has panicked, and a server without it would be half of one.
    let ended = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        ended = tasks.join_next() => Err(io::Error::other(format!("a part of DHCP ended: {ended:?}"))),
    };
    // When this returns, the ports are free again.
    tasks.shutdown().await;
    ended
}

async fn listen(door: Door, socket: Arc<UdpSocket>, desk: Arc<Desk>, leases: mpsc::Sender<Pending>) {
    let mut buffer = [0; LARGEST];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // An ICMP error about an earlier answer, or the interface went down and will come back.
                tracing::debug!(%error, "DHCP socket");
                desk.sink.refused(Proto::Dhcp, "socket error");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        match desk.hear(door, peer, &buffer[..length]) {
            Heard::Nothing => {}
            Heard::Say(reply) => send(&desk, &socket, reply).await,
            Heard::Write(lease, reply) => {
                let reply = reply.map(|reply| (reply, socket.clone()));
                if let Err(full) = leases.try_send(Pending { lease, reply }) {
                    desk.unwritten(&full.into_inner().lease);
                }
            }
        }
    }
}

pub(super) async fn send(desk: &Desk, socket: &UdpSocket, reply: Reply) {
    match socket.send_to(&reply.bytes, reply.to).await {
        Ok(_) => desk.spoken(reply),
        Err(error) => {
            tracing::warn!(%error, to = %reply.to, "DHCP answer not sent");
            desk.sink.refused(Proto::Dhcp, "answer not sent");
        }
    }
}

#[cfg(test)]
mod tests;
