//! The listener: bounded connections, each a task of its own.

use std::collections::HashMap;
use std::future::{Future, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::carrier::Carrier;
use super::connection::Connection;
use crate::apart::apart;
use crate::files::Site;
use crate::seen::SeenSink;

/// Six machines and two dozen VMs, a few connections each.
const MOST_CONNECTIONS: usize = 256;

/// No machine needs more: one that opens all it can must not lock the others out.
const MOST_PER_MACHINE: usize = 32;

/// Out of file descriptors: wait for some connection to end instead of spinning.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// For what comes before the first request, a handshake: firmware may take seconds over its arithmetic.
const HANDSHAKE: Duration = Duration::from_secs(10);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 43\r\nRetry-After: 1\r\nConnection: close\r\n\r\nToo many connections; try again in a second";

/// Serves over plain TCP until told to stop; returns when the last connection has ended.
pub async fn run(
    listener: TcpListener,
    site: Arc<dyn Site>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    run_over(listener, |stream| ready(Ok(stream)), site, sink, shutdown).await
}

/// The same on a thread of its own.
pub async fn run_apart(
    listener: TcpListener,
    site: Arc<dyn Site>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let listener = listener.into_std()?;
    let serve = |stop| async move { run(TcpListener::from_std(listener)?, site, sink, stop).await };
    apart("boot-http", &shutdown, serve).await
}

/// The same over whatever `handshake` makes of an accepted stream, within the same bounds. It runs in the connection's
/// own task and has ten seconds.
pub async fn run_over<C, F>(
    listener: TcpListener,
    handshake: impl Fn(TcpStream) -> F,
    site: Arc<dyn Site>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    C: Carrier,
    F: Future<Output = io::Result<C>> + Send + 'static,
{
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
                        sink.refused(C::PROTO, "too many connections");
                        turn_away::<C>(&stream);
                        continue;
                    }
                    let stream = handshake(stream);
                    let (site, sink, stop) = (Arc::clone(&site), sink.clone(), shutdown.child_token());
                    let task = tasks.spawn(serve(stream, peer, site, sink, stop));
                    peers.insert(task.id(), peer.ip());
                }
                Err(error) => {
                    tracing::warn!(%error, proto = %C::PROTO, "connection not accepted");
                    sink.refused(C::PROTO, "connection not accepted");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

async fn serve<C: Carrier>(
    stream: impl Future<Output = io::Result<C>>,
    peer: SocketAddr,
    site: Arc<dyn Site>,
    sink: SeenSink,
    shutdown: CancellationToken,
) {
    let stream = tokio::select! {
        stream = timeout(HANDSHAKE, stream) => stream,
        () = shutdown.cancelled() => return,
    };
    match stream {
        Ok(Ok(stream)) => Connection::new(stream, peer, site, sink).run(shutdown).await,
        Ok(Err(error)) => {
            tracing::debug!(%error, %peer, proto = %C::PROTO, "handshake");
            sink.refused(C::PROTO, "handshake failed");
        }
        Err(_) => sink.refused(C::PROTO, "handshake not finished in 10 s"),
    }
}

/// Says why if that takes no waiting and the client could read it; a new connection's send buffer is empty.
fn turn_away<C: Carrier>(stream: &TcpStream) {
    if C::PLAIN {
        let _ = stream.try_write(FULL);
    }
}

#[cfg(test)]
mod tests;
