//! The well-known port: requests come in, each transfer gets a port and a task of its own.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::packet::{self, Ask, Packet, code};
use super::session::Session;
use crate::apart::apart;
use crate::files::Files;
use crate::seen::SeenSink;
use crate::{Malformed, Proto, clock};

/// Six machines and their VMs at once, twice over.
const MOST_TRANSFERS: usize = 64;

/// No machine needs more: one that asks for everything at once must not lock the others out.
const MOST_PER_MACHINE: usize = 8;

/// The network went away under the socket: look again after this long instead of spinning.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// Serves until told to stop; returns when the last transfer has ended.
///
/// Bind `socket` to one address, not to 0.0.0.0: transfers answer from new ports of the same address, and firmware
/// ignores packets from another.
pub async fn run(
    socket: UdpSocket,
    files: Arc<dyn Files>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut port = Port {
        own: socket.local_addr()?,
        files,
        sink,
        active: HashMap::new(),
        tasks: JoinSet::new(),
        shutdown,
    };
    let mut buffer = [0; 2048];
    loop {
        tokio::select! {
            () = port.shutdown.cancelled() => break,
            // A transfer that ended, however it did, has dropped its end of the channel.
            Some(_) = port.tasks.join_next() => port.active.retain(|_, active| !active.repeat.is_closed()),
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, peer)) => {
                    if let Some((code, text)) = port.hear(peer, &buffer[..length]) {
                        let refusal = packet::encode(&Packet::Error { code, text });
                        // As good as lost on the way: the client asks again.
                        let _ = socket.send_to(&refusal, peer).await;
                    }
                }
                Err(error) => {
                    // An ICMP error about an earlier answer, or the interface went down and will come back.
                    tracing::debug!(%error, "TFTP socket");
                    port.sink.refused(Proto::Tftp, "socket error");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }
    // Their tokens are children of `shutdown`.
    while port.tasks.join_next().await.is_some() {}
    Ok(())
}

/// The same on a thread of its own.
pub async fn run_apart(
    socket: UdpSocket,
    files: Arc<dyn Files>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let socket = socket.into_std()?;
    let serve = |stop| async move { run(UdpSocket::from_std(socket)?, files, sink, stop).await };
    apart("boot-tftp", &shutdown, serve).await
}

struct Port {
    own: SocketAddr,
    files: Arc<dyn Files>,
    sink: SeenSink,
    active: HashMap<SocketAddr, Active>,
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

/// What the port remembers of a running transfer.
struct Active {
    request: Vec<u8>,
    repeat: mpsc::Sender<()>,
    replaced: CancellationToken,
    met: Arc<AtomicBool>,
}

impl Port {
    /// One datagram; returns the error to answer with, if any.
    fn hear(&mut self, peer: SocketAddr, datagram: &[u8]) -> Option<(u16, &'static str)> {
        match packet::decode(datagram) {
            Ok(Packet::Rrq(ask)) if ask.octet => {
                self.serve(peer, &ask, datagram);
                None
            }
            Ok(Packet::Rrq(_)) => {
                self.sink.refused(Proto::Tftp, "netascii");
                Some((code::OTHER, "only octet mode is served"))
            }
            Ok(Packet::Wrq(_)) => {
                self.sink.refused(Proto::Tftp, "write request");
                Some((code::ACCESS, "nothing can be written here"))
            }
            Ok(_) => {
                self.sink.malformed(Proto::Tftp, peer, Malformed("not a TFTP request"));
                None
            }
            Err(fault) => {
                self.sink.malformed(Proto::Tftp, peer, fault);
                None
            }
        }
    }

    fn serve(&mut self, peer: SocketAddr, ask: &Ask<'_>, datagram: &[u8]) {
        if let Some(active) = self.active.get(&peer) {
            if active.request == datagram && !active.met.load(Ordering::Relaxed) {
                // Its first packet from us was lost or crossed this one. The transfer answers from the port it has: a
                // second port would make the client refuse one of the two. A full queue holds this message already.
                if !matches!(active.repeat.try_send(()), Err(TrySendError::Closed(()))) {
                    return;
                }
            }
            // EDK2 asks for the size, aborts, and asks again; others restart from the port they had.
            active.replaced.cancel();
            self.active.remove(&peer);
        }
        let of_peer = self.active.keys().filter(|other| other.ip() == peer.ip()).count();
        if of_peer >= MOST_PER_MACHINE || self.tasks.len() >= MOST_TRANSFERS {
            // Silence, not an error: the client asks again in a second, when there may be room.
            self.sink.refused(Proto::Tftp, "too many transfers");
            return;
        }
        let socket = match open_port(self.own, peer) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(%error, %peer, "no port for a TFTP transfer");
                self.sink.refused(Proto::Tftp, "no port for a transfer");
                return;
            }
        };
        let (repeat, repeats) = mpsc::channel(1);
        let met = Arc::new(AtomicBool::new(false));
        let session = Session {
            socket,
            files: Arc::clone(&self.files),
            sink: self.sink.clone(),
            peer,
            asked: ask.file.to_owned(),
            wishes: ask.options,
            stamp: clock::now(),
            repeats,
            met: Arc::clone(&met),
        };
        let replaced = self.shutdown.child_token();
        let active = Active { request: datagram.to_vec(), repeat, replaced: replaced.clone(), met };
        self.active.insert(peer, active);
        self.tasks.spawn(session.run(replaced));
    }
}

/// A free port of our address, connected: the kernel then drops what others send to it, and tells us when the client
/// closed its own.
fn open_port(own: SocketAddr, peer: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind((own.ip(), 0))?;
    socket.connect(peer)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests;
