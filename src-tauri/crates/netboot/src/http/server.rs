//! The listener: bounded connections, each a task of its own.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use crate::Proto;
use crate::files::Site;
use crate::seen::SeenSink;

/// Six machines and two dozen VMs, a few connections each.
const MOST_CONNECTIONS: usize = 256;

/// No machine needs more: one that opens all it can must not lock the others out.
const MOST_PER_MACHINE: usize = 32;

/// Out of file descriptors: wait for some connection to end instead of spinning.
const AFTER_ERROR: Duration = Duration::from_millis(200);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 43\r\nRetry-After: 1\r\nConnection: close\r\n\r\nToo many connections; try again in a second";

/// Serves until told to stop; returns when the last connection has ended.
pub async fn run(
    listener: TcpListener,
    site: Arc<dyn Site>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut tasks: JoinSet<()> = JoinSet::new();
    let mut peers: HashMap<Id, IpAddr> = HashMap::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = tasks.join_next_with_id() => {
                let id = match &ended {
                    Ok((id, ())) => *id,
                    Err(error) => error.id(),
                };
                peers.remove(&id);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let of_peer = peers.values().filter(|&&ip| ip == peer.ip()).count();
                    if peers.len() >= MOST_CONNECTIONS || of_peer >= MOST_PER_MACHINE {
                        sink.refused(Proto::Http, "too many connections");
                        turn_away(&stream);
                        continue;
                    }
                    let connection = Connection::new(stream, peer, Arc::clone(&site), sink.clone());
                    let task = tasks.spawn(connection.run(shutdown.child_token()));
                    peers.insert(task.id(), peer.ip());
                }
                Err(error) => {
                    tracing::warn!(%error, "HTTP connection not accepted");
                    sink.refused(Proto::Http, "connection not accepted");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// Says why if that takes no waiting; a new connection's send buffer is empty.
fn turn_away(stream: &TcpStream) {
    let _ = stream.try_write(FULL);
}

#[cfg(test)]
mod tests;
