//! The socket.

use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::kernel::discipline;
use super::message::{self, Time};
use crate::gate::{Allowance, Gate, Lan};
use crate::seen::{SeenSink, What};
use crate::{Proto, clock, datagrams};

/// Clients start with a handful of questions within seconds, then ask once a minute and less.
const ALLOWANCE: Allowance = Allowance { burst: 32, per_second: 4 };

/// Tells the time until told to stop.
pub async fn run(socket: UdpSocket, lan: Lan, sink: SeenSink, shutdown: CancellationToken) -> io::Result<()> {
    let gate = Gate::new(lan, ALLOWANCE);
    let hear = |bytes: &[u8], peer: SocketAddr| {
        let received = Time::from_wall(clock::now().wall_us);
        match message::decode(bytes) {
            Ok(question) => {
                sink.saw(peer, sink.mac_of(peer), What::TimeAsked);
                let quality = discipline().quality();
                let sent = Time::from_wall(clock::now().wall_us);
                Some(message::encode(&question, &quality, received, sent).to_vec())
            }
            Err(fault) => {
                sink.malformed(Proto::Ntp, peer, fault);
                None
            }
        }
    };
    datagrams::serve(Proto::Ntp, &socket, gate, &sink, &shutdown, hear).await
}
