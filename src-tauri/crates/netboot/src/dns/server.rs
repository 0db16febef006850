//! The sockets: UDP answered at once, TCP in bounded connections, others' names passed on in bounded tasks.

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Asked, Transport, answer};
use super::client;
use super::zone::Zone;
use crate::gate::{Allowance, Gate, Lan};
use crate::seen::{SeenSink, What};
use crate::{Proto, clock, datagrams};

/// A kernel with a dozen programs that all start asks some hundred names; a loop in one of them asks for ever.
const ALLOWANCE: Allowance = Allowance { burst: 200, per_second: 50 };
/// Questions passed on at the same time.
const MOST_PASSED_ON: usize = 64;
/// TCP is for answers that UDP cannot carry; a lab has few.
const MOST_CONNECTIONS: usize = 32;
/// For a question to arrive, and between two of them (RFC 7766, section 6.2.3: a few seconds).
const TCP_IDLE: Duration = Duration::from_secs(5);
/// How long the other server may take; clients ask again after 5 s.
const PASS_ON_LIMIT: Duration = Duration::from_secs(3);
/// Out of file descriptors: wait for some connection to end instead of spinning.
const AFTER_ERROR: Duration = Duration::from_millis(200);

/// What the server is told.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// The lab's names.
    pub zone: Zone,
    /// Who may ask.
    pub lan: Lan,
    /// Who knows the other names; without one they are refused.
    pub forward: Option<SocketAddrV4>,
}

/// Serves on both sockets until told to stop.
pub async fn run(
    udp: UdpSocket,
    tcp: TcpListener,
    config: Arc<DnsConfig>,
    sink: SeenSink,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let desk = Desk { config, sink, turn: Arc::default(), passing: Arc::new(Semaphore::new(MOST_PASSED_ON)) };
    let by_udp = by_udp(udp, &desk, &shutdown);
    let by_tcp = by_tcp(tcp, &desk, &shutdown);
    let (by_udp, by_tcp) = tokio::join!(by_udp, by_tcp);
    by_udp.and(by_tcp)
}

#[derive(Clone)]
struct Desk {
    config: Arc<DnsConfig>,
    sink: SeenSink,
    turn: Arc<AtomicUsize>,
    passing: Arc<Semaphore>,
}

impl Desk {
    fn answer(&self, bytes: &[u8], peer: SocketAddr, transport: Transport) -> Option<Answer> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        match answer(&self.config.zone, bytes, transport, turn, self.config.forward.is_some()) {
            Ok(found) => {
                if let Answer::Reply(_, Some(asked)) = &found {
                    self.saw(peer, asked.clone());
                }
                Some(found)
            }
            Err(fault) => {
                self.sink.malformed(Proto::Dns, peer, fault);
                None
            }
        }
    }

    fn saw(&self, peer: SocketAddr, asked: Asked) {
        let Asked { name, kind, answered, by } = asked;
        self.sink.saw(peer, self.sink.mac_of(peer), What::NameAsked { name, kind, answered, by });
    }

    /// The other server's answer, or our word that it did not come.
    async fn pass_on(&self, question: &[u8], peer: SocketAddr, mut asked: Asked) -> Option<Vec<u8>> {
        let (Some(server), Ok(_place)) = (self.config.forward, self.passing.try_acquire()) else {
            self.sink.refused(Proto::Dns, "too many questions passed on");
            return None;
        };
        match timeout(PASS_ON_LIMIT, client::relay(server.into(), question)).await {
            Ok(Ok((reply, answered))) => {
                asked.answered = answered;
                self.saw(peer, asked);
                Some(reply)
            }
            Ok(Err(_)) | Err(_) => {
                self.sink.refused(Proto::Dns, "the other server did not answer");
                self.saw(peer, asked);
                client::server_failure(question)
            }
        }
    }
}

async fn by_udp(socket: UdpSocket, desk: &Desk, shutdown: &CancellationToken) -> io::Result<()> {
    let socket = Arc::new(socket);
    let (pass, mut passed) = mpsc::channel::<(Vec<u8>, SocketAddr, Asked)>(MOST_PASSED_ON);
    let gate = Gate::new(desk.config.lan, ALLOWANCE);
    let hear = |bytes: &[u8], peer| match desk.answer(bytes, peer, Transport::Udp)? {
        Answer::Reply(reply, _) => Some(reply),
        Answer::PassOn(asked) => {
            if pass.try_send((bytes.to_vec(), peer, asked)).is_err() {
                desk.sink.refused(Proto::Dns, "too many questions passed on");
            }
            None
        }
    };
    let passing = async {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(_) = tasks.join_next() => {}
                Some((question, peer, asked)) = passed.recv() => {
                    let (desk, socket) = (desk.clone(), Arc::clone(&socket));
                    tasks.spawn(async move {
                        if let Some(reply) = desk.pass_on(&question, peer, asked).await {
                            // As good as lost on the way: the client asks again.
                            let _ = socket.send_to(&reply, peer).await;
                        }
                    });
                }
            }
        }
    };
    let serving = datagrams::serve(Proto::Dns, &socket, gate, &desk.sink, shutdown, hear);
    let (served, ()) = tokio::join!(serving, passing);
    served
}

async fn by_tcp(listener: TcpListener, desk: &Desk, shutdown: &CancellationToken) -> io::Result<()> {
    let mut tasks = JoinSet::new();
    let mut gate = Gate::new(desk.config.lan, ALLOWANCE);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((_, peer)) if tasks.len() >= MOST_CONNECTIONS => {
                    desk.sink.refused(Proto::Dns, "too many connections");
                    tracing::debug!(%peer, "DNS connection turned away");
                }
                Ok((stream, peer)) => match gate.admit(peer.ip(), clock::mono_us()) {
                    Ok(()) => {
                        tasks.spawn(connection(stream, peer, desk.clone(), shutdown.child_token()));
                    }
                    Err(why) => desk.sink.refused(Proto::Dns, why),
                },
                Err(error) => {
                    tracing::warn!(%error, "DNS connection not accepted");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// RFC 1035, section 4.2.2: each message behind two bytes of length.
async fn connection(mut stream: TcpStream, peer: SocketAddr, desk: Desk, shutdown: CancellationToken) {
    let serve = async {
        // Ends by the idle limit: whoever sends nothing whole within it is gone.
        while let Ok(Ok(length)) = timeout(TCP_IDLE, stream.read_u16()).await {
            if usize::from(length) > datagrams::LARGEST {
                return desk.sink.refused(Proto::Dns, "question too long");
            }
            let mut question = vec![0; usize::from(length)];
            let Ok(Ok(_)) = timeout(TCP_IDLE, stream.read_exact(&mut question)).await else { return };
            let reply = match desk.answer(&question, peer, Transport::Tcp) {
                Some(Answer::Reply(reply, _)) => Some(reply),
                Some(Answer::PassOn(asked)) => desk.pass_on(&question, peer, asked).await,
                None => None,
            };
            let Some(reply) = reply else { return };
            let Ok(length) = u16::try_from(reply.len()) else { return };
            let framed = [&length.to_be_bytes()[..], &reply].concat();
            let Ok(Ok(())) = timeout(TCP_IDLE, stream.write_all(&framed)).await else { return };
        }
    };
    tokio::select! {
        () = serve => {}
        () = shutdown.cancelled() => {}
    }
}
