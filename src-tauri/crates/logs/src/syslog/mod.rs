//! Syslog from other machines: the router's firewall, switches, whatever knows no better.
//!
//! - [`frames`]: messages on a connection.
//! - [`message`]: what one says.
//!
//! Datagrams and connections are two inputs of their own: one that fails does not take the other with it.

pub mod frames;
pub mod message;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tokio::{net::UdpSocket, time::sleep};
use tokio_util::sync::CancellationToken;

use self::{
    frames::{Frame, Frames},
    message::Message,
};
use crate::{View, input::NameOf, listen, pipeline::Door};

/// Datagrams that wait in the kernel while this program is busy; the usual 200 kB are gone in a tenth of a second.
const RECEIVE: usize = 2 << 20;
/// After an error of the socket, which tells of an earlier packet at most.
const BREATH: Duration = Duration::from_millis(100);
/// A datagram's largest payload.
const DATAGRAM: usize = 65_535;

/// Datagrams, a message each.
pub(crate) async fn udp(address: SocketAddr, door: Arc<Door>, name_of: NameOf, stop: CancellationToken) {
    let bind = || {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        // The kernel gives what its limit allows.
        let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE);
        UdpSocket::from_std(socket)
    };
    let Some(socket) = listen::open(&door.meter, address, &stop, bind).await else { return };
    door.meter.bound(socket.local_addr().ok());
    let mut room = vec![0; DATAGRAM];
    while let Some(received) = stop.run_until_cancelled(socket.recv_from(&mut room)).await {
        match received {
            Ok((count, peer)) => take(&door, &name_of, peer.ip(), &room[..count]),
            Err(_) => sleep(BREATH).await,
        }
    }
}

/// Connections, with counted octets or with lines.
pub(crate) async fn tcp(address: SocketAddr, door: Arc<Door>, name_of: NameOf, stop: CancellationToken) {
    let meter = door.meter.clone();
    let serve = move |socket, peer: SocketAddr, lease: listen::Lease| {
        let (door, name_of) = (door.clone(), name_of.clone());
        async move {
            let mut frames = Frames::default();
            let mut each = |frame: Frame<'_>| match frame {
                Frame::Message(message) => take(&door, &name_of, peer.ip(), message),
                Frame::TooLong => door.meter.bad(1),
            };
            let mut nonsense = false;
            listen::read_all(socket, &lease, |bytes| {
                nonsense = frames.push(bytes, &mut each).is_err();
                !nonsense
            })
            .await;
            if nonsense {
                // The sender connects again, and begins with a message.
                door.meter.bad(1);
            } else {
                frames.finish(&mut each);
            }
        }
    };
    listen::accept(address, meter, stop, serve).await;
}

fn take(door: &Door, name_of: &NameOf, peer: IpAddr, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if text.trim_matches(['\0', '\n', '\r', ' ']).is_empty() {
        return door.meter.bad(1);
    }
    let message = Message::read(&text, (door.clock)().wall_us);
    let known = message.host.is_none().then(|| name_of(peer.to_canonical())).flatten();
    door.give(&View {
        node: message.host.or(known.as_deref()).unwrap_or("unknown"),
        service: message.program.unwrap_or_default(),
        level: message.level(),
        message: message.text,
        time_us: message.time_us,
        ..View::default()
    });
}
