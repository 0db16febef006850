//! The loop that DNS, NTP and log receivers share: one datagram in, perhaps one out.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use crate::gate::Gate;
use crate::seen::SeenSink;
use crate::{Proto, clock};

/// The network went away under the socket: look again after this long instead of spinning.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// Larger than anything that is sent to these services over Ethernet without fragments; a longer one is cut off.
pub(crate) const LARGEST: usize = 4096;

/// Opens a socket at one address. Addresses are never shared with another server: a taken port is an error.
pub fn bind(at: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(at)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// Hands over what passes the gate until told to stop; what `hear` returns is sent back.
pub(crate) async fn serve(
    proto: Proto,
    socket: &UdpSocket,
    mut gate: Gate,
    sink: &SeenSink,
    shutdown: &CancellationToken,
    mut hear: impl FnMut(&[u8], SocketAddr) -> Option<Vec<u8>>,
) -> io::Result<()> {
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
                tracing::debug!(%error, %proto, "datagrams");
                sink.refused(proto, "socket error");
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    () = tokio::time::sleep(AFTER_ERROR) => continue,
                }
            }
        };
        if let Err(why) = gate.admit(peer.ip(), clock::mono_us()) {
            sink.refused(proto, why);
            continue;
        }
        let Some(answer) = hear(&buffer[..length], peer) else { continue };
        // A full send buffer: as good as lost on the way, the client asks again.
        if let Err(error) = socket.try_send_to(&answer, peer) {
            tracing::debug!(%error, %peer, %proto, "answer not sent");
            sink.refused(proto, "answer not sent");
        }
    }
}
