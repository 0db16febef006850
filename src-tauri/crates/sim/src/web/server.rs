//! The server's task: it listens while it may, and treats each connection as its knobs say.

use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;

use super::request::{Refused, Request};
use super::{Answer, Manners, MannersNow, PageKnob, Site};
use crate::config::SimError;
use crate::guard;
use crate::pace::Dice;

/// At once; a small device's server has room for few, and one more waits in the kernel's queue.
const CONNECTIONS: usize = 32;
/// A connection that takes longer is ended; longer than any client here waits.
const CONNECTION_LIFE: Duration = Duration::from_secs(90);
/// A port that somebody took while the cable was out is asked for again.
const LISTEN_AGAIN: Duration = Duration::from_millis(200);
/// How long an answer goes on with [`PageKnob::Huge`].
const HUGE: usize = 50_000_000;
const PIECE: usize = 64 * 1024;

/// Key and certificate of the moment.
type Tls = watch::Receiver<Arc<ServerConfig>>;

/// A server that listens and does not answer yet.
pub(crate) struct Server {
    device: &'static str,
    address: SocketAddrV4,
    listener: Option<TcpListener>,
    manners: MannersNow,
}

/// Where it is, and its knobs.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddrV4,
    manners: watch::Sender<Manners>,
}

impl Door {
    pub(crate) fn turn(&self, knob: PageKnob) {
        self.manners.send_modify(|manners| manners.turn(knob));
    }

    /// Nobody listens for so long.
    pub(crate) fn darken(&self, time: Duration) {
        self.manners.send_modify(|manners| manners.dark_until = Some(Instant::now() + time));
    }
}

impl Server {
    /// Port 0 is any; the door has the real one.
    pub(crate) fn open(device: &'static str, address: SocketAddrV4) -> Result<(Server, Door), SimError> {
        let failed = |source| SimError::Listen { device, address, source };
        let (listener, address) = guard::listen(address).map_err(failed)?;
        let (manners_in, manners) = watch::channel(Manners::default());
        let door = Door { address, manners: manners_in };
        Ok((Server { device, address, listener: Some(listener), manners }, door))
    }

    /// Serves until `stop`.
    pub(crate) async fn run(mut self, site: Arc<dyn Site>, tls: Option<Tls>, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        let mut refused = 0u64;
        while !stop.is_cancelled() {
            let manners = *self.manners.borrow_and_update();
            if !manners.listens() {
                self.listener = None;
                connections.abort_all();
            }
            let dark_until = manners.dark_until.filter(|until| *until > Instant::now() && !manners.unplugged);
            let accepting = manners.listens() && connections.len() < CONNECTIONS;
            tokio::select! {
                () = stop.cancelled() => break,
                changed = self.manners.changed() => if changed.is_err() { break },
                () = until(dark_until) => {}
                _ = connections.join_next(), if !connections.is_empty() => {}
                accepted = accept(&mut self.listener, self.address), if accepting => match accepted {
                    Ok(stream) => {
                        let (site, manners) = (site.clone(), self.manners.clone());
                        let tls = tls.as_ref().map(|tls| TlsAcceptor::from(tls.borrow().clone()));
                        connections.spawn(tokio::time::timeout(CONNECTION_LIFE, async move {
                            if let Err(error) = serve(stream, tls, &*site, manners).await {
                                tracing::debug!(%error, "a connection to a simulated device ended early");
                            }
                        }));
                    }
                    Err(error) => {
                        refused += 1;
                        tracing::warn!(device = self.device, %error, "a simulated device cannot listen");
                        tokio::time::sleep(LISTEN_AGAIN).await;
                    }
                },
            }
        }
        tracing::debug!(device = self.device, refused, "a simulated device's pages end");
    }
}

/// The next connection; listens again first where nobody did.
async fn accept(
    listener: &mut Option<TcpListener>,
    address: SocketAddrV4,
) -> Result<TcpStream, guard::SocketError> {
    let open = match listener.take() {
        Some(open) => open,
        None => guard::listen(address)?.0,
    };
    Ok(listener.insert(open).accept().await?.0)
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    site: &dyn Site,
    manners: MannersNow,
) -> io::Result<()> {
    match tls {
        None => exchange(stream, site, manners).await,
        Some(acceptor) => exchange(acceptor.accept(stream).await?, site, manners).await,
    }
}

/// One request and its answer.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    site: &dyn Site,
    mut manners: MannersNow,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    let request = loop {
        match Request::parse(&bytes) {
            Ok(Some(request)) => break Ok(request),
            Ok(None) => {}
            Err(refused) => break Err(refused),
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    if !site.hears() || manners.wait_for(|manners| !manners.silent).await.is_err() {
        // The client gives up first, or this connection's life ends.
        std::future::pending::<()>().await;
    }
    let delay = manners.borrow().delay;
    tokio::time::sleep(delay).await;
    if !manners.borrow().listens() {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let answer = match request {
        Ok(request) => site.answer(&request),
        Err(Refused(status)) => Answer::new(status, "text/plain", "what was sent is no request\n"),
    };
    tokio::time::sleep(answer.after).await;
    let manners = *manners.borrow();
    send(&mut stream, answer, manners).await?;
    stream.shutdown().await
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, mut answer: Answer, manners: Manners) -> io::Result<()> {
    if manners.garbage {
        let mut dice = Dice::new(answer.body.len() as u64, &[]);
        answer.body.iter_mut().for_each(|byte| *byte = dice.next() as u8);
    }
    let length = if manners.huge { HUGE.max(answer.body.len()) } else { answer.body.len() };
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {length}\r\nConnection: close\r\n",
        answer.status,
        reason(answer.status),
        answer.kind
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    if manners.half {
        return stream.write_all(&answer.body[..answer.body.len() / 2]).await;
    }
    stream.write_all(&answer.body).await?;
    let mut rest = length - answer.body.len();
    let filler = [b' '; PIECE];
    while rest > 0 {
        let piece = rest.min(PIECE);
        stream.write_all(&filler[..piece]).await?;
        rest -= piece;
    }
    Ok(())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        _ => "Unknown",
    }
}
