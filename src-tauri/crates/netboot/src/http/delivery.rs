//! One body on its way to one client, watched until the last byte is acknowledged.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::tcp;
use crate::files::Body;
use crate::progress;

/// A peer that takes nothing for this long is gone.
const STALL: Duration = Duration::from_secs(30);

/// However slowly a peer takes it, this long and no longer: 300 MB at 1.3 Mbit/s.
const LONGEST: Duration = Duration::from_secs(1800);

/// Bodies are read and written in pieces of this size.
const PIECE: u64 = 256 * 1024;

/// What to deliver.
pub(super) struct Delivery<'a> {
    pub(super) stream: &'a mut TcpStream,
    pub(super) body: &'a Body,
    /// First byte of the body to send.
    pub(super) first: u64,
    /// How many to send.
    pub(super) count: u64,
    pub(super) row: progress::Transfer,
}

/// What came of it.
pub(super) struct Delivered {
    /// Body bytes the peer has acknowledged.
    pub(super) bytes: u64,
    /// Segments with data.
    pub(super) packets: u64,
    /// How many of them were retransmissions.
    pub(super) resent: u64,
    /// Why not everything was acknowledged.
    pub(super) why: Option<String>,
}

impl Delivery<'_> {
    /// Sends head and body. After a failure no byte on this connection would be understood any more.
    pub(super) async fn run(mut self, head: Vec<u8>, shutdown: &CancellationToken) -> io::Result<Delivered> {
        let before = tcp::counts(self.stream.as_fd())?;
        let head_length = head.len() as u64;
        let result = tokio::select! {
            result = self.send(head, before.acked) => result,
            () = sleep(LONGEST) => Err(io::Error::other(format!("not finished after {} s", LONGEST.as_secs()))),
            () = shutdown.cancelled() => Err(io::Error::other("the server stops")),
        };
        let after = tcp::counts(self.stream.as_fd())?;
        Ok(Delivered {
            bytes: (after.acked - before.acked).saturating_sub(head_length).min(self.count),
            packets: after.packets - before.packets,
            resent: after.resent - before.resent,
            why: result.err().map(|error| error.to_string()),
        })
    }

    async fn send(&mut self, head: Vec<u8>, acked_before: u64) -> io::Result<()> {
        let all = head.len() as u64 + self.count;
        // With the head in the same write a small script takes one packet instead of two.
        let mut bytes = head;
        let mut skip = bytes.len();
        let mut sent = 0;
        loop {
            let rest = (self.count - sent).min(PIECE);
            bytes.extend_from_slice(&self.body.read(self.first + sent, rest as usize).await?);
            let row = &self.row;
            write(self.stream, &bytes, |written| row.reached(sent + written.saturating_sub(skip) as u64))
                .await?;
            sent += rest;
            if sent == self.count {
                break;
            }
            bytes.clear();
            skip = 0;
        }
        self.drained(acked_before + all).await
    }

    /// Waits until the peer has acknowledged everything: what lies in our buffers when it goes away was not sent.
    async fn drained(&self, all: u64) -> io::Result<()> {
        let mut acked = 0;
        let mut since = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            let counts = tcp::counts(self.stream.as_fd())?;
            if counts.acked >= all {
                return Ok(());
            }
            if counts.closed {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionReset,
                    "the client closed before the end",
                ));
            }
            if counts.acked > acked {
                (acked, since) = (counts.acked, Instant::now());
            } else if since.elapsed() >= STALL {
                return Err(stalled());
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }
}

/// Writes everything or fails; `reached` hears how far it is.
pub(super) async fn write(
    stream: &mut TcpStream,
    bytes: &[u8],
    mut reached: impl FnMut(usize) + Send,
) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        let count = timeout(STALL, stream.write(&bytes[written..])).await.map_err(|_| stalled())??;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        written += count;
        reached(written);
    }
    Ok(())
}

fn stalled() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the client took nothing for {} s", STALL.as_secs()))
}
