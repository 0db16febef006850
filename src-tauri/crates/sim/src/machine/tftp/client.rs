//! The sockets under a transfer: retransmissions, and loyalty to the port that answered first.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::transfer::{Failure, Purpose, Step, Transfer};
use crate::guard::{SocketError, Udp};
use crate::machine::lane::Lane;
use crate::pace::Pace;

/// EDK2 repeats its last packet after this many seconds …
const REPEAT_AFTER: f64 = 4.0;
/// … this often before it gives up.
const REPEATS: u32 = 6;
/// Where acknowledgements are lost, they are lost from here on: the transfer stands still in the middle of a file.
const BLOCKS_THAT_PASS: u32 = 64;
/// However fast the simulation runs, a server has this long for each packet.
const SHORTEST_WAIT: Duration = Duration::from_millis(500);

#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) source: Ipv4Addr,
    pub(crate) server: SocketAddrV4,
    pub(crate) pace: Pace,
    pub(crate) lane: Lane,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum TftpError {
    #[error("PXE-E32: {server} was silent on TFTP for {file}")]
    Silent { server: SocketAddrV4, file: String },
    #[error("PXE-E35: the TFTP transfer of {file} failed")]
    Failed {
        file: String,
        #[source]
        source: Failure,
    },
    #[error("PXE-E36: {file} has {promised} bytes by its server's word and {received} came")]
    Size { file: String, promised: u64, received: u64 },
    #[error("the TFTP socket failed")]
    Socket(#[from] SocketError),
}

impl Client {
    /// Asks for the size, then fetches; the bytes that came. What is in them is nobody's business here.
    pub(crate) async fn fetch(&self, file: &str, between: Duration) -> Result<u64, TftpError> {
        let promised = self.run(file, Purpose::Size).await?;
        tokio::time::sleep(between).await;
        let received = self.run(file, Purpose::Body).await?.unwrap_or(0);
        match promised {
            Some(promised) if promised != received => {
                Err(TftpError::Size { file: file.to_owned(), promised, received })
            }
            _ => Ok(received),
        }
    }

    async fn run(&self, file: &str, purpose: Purpose) -> Result<Option<u64>, TftpError> {
        let socket = Udp::bind(self.source, 0).await?;
        let mut transfer = Transfer::new(purpose);
        let mut last = transfer.request(file);
        let mut to = self.server;
        let mut buffer = vec![0u8; 2048];
        self.lane.send(&socket, &last, to).await?;
        let mut repeats = 0;
        let mut blocks = 0;
        loop {
            let until = Instant::now() + self.pace.patience(REPEAT_AFTER, SHORTEST_WAIT);
            let step = loop {
                match timeout_at(until, socket.receive(&mut buffer)).await {
                    Err(_) => break Step::Ignore,
                    Ok(received) => {
                        let (count, from) = received.map_err(SocketError::Io)?;
                        let Some(peer) = self.peer(from, to) else { continue };
                        match transfer.take(&buffer[..count]) {
                            Ok(Step::Ignore) => {}
                            Ok(step) => {
                                to = peer;
                                break step;
                            }
                            Err(error) => tracing::debug!(%error, %from, "no TFTP packet"),
                        }
                    }
                }
            };
            match step {
                Step::Send(bytes) => {
                    (last, repeats) = (bytes, 0);
                    blocks += 1;
                    if blocks < BLOCKS_THAT_PASS || !self.lane.trouble().lost_acks {
                        self.lane.send(&socket, &last, to).await?;
                    }
                }
                Step::Done(bytes, size) => {
                    socket.send(&bytes, to).await?;
                    return Ok(size);
                }
                Step::Failed(source) => return Err(TftpError::Failed { file: file.to_owned(), source }),
                Step::Ignore if repeats == REPEATS => {
                    return Err(TftpError::Silent { server: self.server, file: file.to_owned() });
                }
                Step::Ignore => {
                    repeats += 1;
                    if blocks < BLOCKS_THAT_PASS || !self.lane.trouble().lost_acks {
                        self.lane.send(&socket, &last, to).await?;
                    }
                }
            }
        }
    }

    /// A transfer's first answer comes from a port of the server's choice and all later ones from the same
    /// (RFC 1350 §4); a packet from anywhere else is not ours.
    fn peer(&self, from: SocketAddr, to: SocketAddrV4) -> Option<SocketAddrV4> {
        let SocketAddr::V4(from) = from else { return None };
        let ours = if to == self.server { from.ip() == self.server.ip() } else { from == to };
        ours.then_some(from)
    }
}
