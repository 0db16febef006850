//! Connections: accepted within bounds, served, ended.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::tls::Live;

/// Connections at once: 64 streams, and a browser opens up to six more for the rest. Who comes later waits in the
/// listener's backlog.
const CONNECTIONS: usize = 256;
/// Who opens a connection and says nothing (or keeps one and says nothing more) loses it.
const HEADER_WAIT: Duration = Duration::from_secs(30);
/// Who opens a connection for TLS and does not come to an end with its greeting loses it.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The first byte of every TLS connection: a record of the kind "handshake" (RFC 8446 section 5.1). No HTTP method begins
/// with it.
const TLS_GREETING: u8 = 22;
/// For somebody who speaks plain HTTP where TLS is spoken: a browser that was given the wrong address shows it.
const SPEAK_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n\
  This port speaks TLS: write https:// instead of http://.\n";
/// Data that the far side does not take for so long goes nowhere: TCP_USER_TIMEOUT (RFC 5482) counts from the first
/// byte that was not acknowledged, or could not be sent since the window is closed.
const STALLED: Duration = Duration::from_secs(30);
/// Answers under way at a stop have this long to end.
const GRACE: Duration = Duration::from_secs(3);
/// The system is out of file descriptors: trying again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop; when it returns, no connection is left.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    tls: Option<Live>,
    shutdown: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => note(ended),
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(arrive(stream, peer, tls.clone(), router.clone(), shutdown.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let rest = async {
        while let Some(ended) = connections.join_next().await {
            note(ended)
        }
    };
    if timeout(GRACE, rest).await.is_err() {
        tracing::info!(left = connections.len(), "connections are cut");
        connections.shutdown().await;
    }
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended in a panic");
    }
}

async fn arrive(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Live>,
    router: Router,
    shutdown: CancellationToken,
) {
    // Neither is needed for correctness; a kernel that refuses them still serves.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(STALLED));
    let Some(tls) = tls else { return connection(stream, peer, router, shutdown).await };
    let greeted = tokio::select! {
        () = shutdown.cancelled() => return,
        greeted = timeout(HANDSHAKE, greet(stream, &tls)) => greeted,
    };
    match greeted {
        Ok(Ok(stream)) => connection(stream, peer, router, shutdown).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS did not come about"),
        Err(_) => tracing::debug!(%peer, "TLS did not come about in time"),
    }
}

async fn greet(mut stream: TcpStream, tls: &Live) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] != TLS_GREETING {
        stream.write_all(SPEAK_TLS).await?;
        // What was asked is taken in: a connection closed over unread bytes is reset, and the words with it (RFC 9112
        // section 9.6).
        stream.shutdown().await?;
        let mut asked = [0; 4096];
        while stream.read(&mut asked).await? > 0 {}
        return Err(io::Error::other("it spoke plain HTTP"));
    }
    tls.acceptor().accept(stream).await
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        answer(router.clone(), request)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_WAIT)
            .serve_connection(TokioIo::new(stream), service)
            // A connection that became a WebSocket ends here; whoever took it over owns it from then on.
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A page that was closed in the middle of a stream looks like this too.
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, Infallible> {
    router.oneshot(request.map(Body::new)).await
}
