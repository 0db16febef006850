//! One body on its way to one client, watched until the last byte has arrived as far as can be known.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::tcp::{self, Counts};
use crate::files::Body;
use crate::{clock, progress};

/// A peer that takes nothing for this long is gone.
const STALL: Duration = Duration::from_secs(30);

/// How long the last ACKs may be missing before a body that has left counts as sent. iPXE starts a kernel with up to
/// 200 KB of its initrd received and not acknowledged, and acknowledges the rest seconds later or never; retransmissions
/// on a lossy link take less than this.
const GRACE: Duration = Duration::from_millis(500);

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
    pub(super) acked: u64,
    /// When the last of them was, or the last byte left.
    pub(super) until_us: i64,
    /// Segments with data.
    pub(super) packets: u64,
    /// How many of them were retransmissions.
    pub(super) resent: u64,
    /// Why not everything was sent.
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
        let (until_us, why) = match result {
            Ok(until_us) => (until_us, None),
            Err(error) => (clock::mono_us(), Some(error.to_string())),
        };
        Ok(Delivered {
            acked: (after.acked - before.acked).saturating_sub(head_length).min(self.count),
            until_us,
            packets: after.packets - before.packets,
            resent: after.resent - before.resent,
            why,
        })
    }

    /// Returns when the last byte was known to be on its way, on the monotonic clock.
    async fn send(&mut self, head: Vec<u8>, acked_before: u64) -> io::Result<i64> {
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
    async fn drained(&self, all: u64) -> io::Result<i64> {
        let mut last = (u64::MAX, u64::MAX);
        let (mut since, mut since_us) = (Instant::now(), clock::mono_us());
        let mut pause = Duration::from_millis(1);
        loop {
            let counts = tcp::counts(self.stream.as_fd())?;
            if (counts.acked, counts.unsent) != last {
                last = (counts.acked, counts.unsent);
                (since, since_us) = (Instant::now(), clock::mono_us());
            }
            match judge(&counts, all, since.elapsed()) {
                Verdict::Sent => return Ok(since_us),
                Verdict::Closed => {
                    return Err(io::Error::new(
                        io::ErrorKind::ConnectionReset,
                        "the client closed before the end",
                    ));
                }
                Verdict::Stalled => return Err(stalled()),
                Verdict::OnItsWay => {}
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Sent,
    OnItsWay,
    Closed,
    Stalled,
}

/// What the kernel's counts say when nothing has moved for `idle`.
fn judge(counts: &Counts, all: u64, idle: Duration) -> Verdict {
    if counts.acked >= all || (!counts.closed && counts.unsent == 0 && idle >= GRACE) {
        Verdict::Sent
    } else if counts.closed {
        Verdict::Closed
    } else if idle >= STALL {
        Verdict::Stalled
    } else {
        Verdict::OnItsWay
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_counts_as_sent_when_it_left_and_the_acks_stay_out() {
        let counts = |acked, unsent, closed| Counts { acked, unsent, packets: 0, resent: 0, closed };
        let short = Duration::from_millis(400);
        for (counts, idle, verdict) in [
            (counts(100, 0, false), Duration::ZERO, Verdict::Sent),
            // It closed because it has everything.
            (counts(100, 0, true), Duration::ZERO, Verdict::Sent),
            (counts(60, 0, false), short, Verdict::OnItsWay),
            (counts(60, 0, false), GRACE, Verdict::Sent),
            // The peer's window is closed: what is here has not been sent.
            (counts(60, 1, false), GRACE, Verdict::OnItsWay),
            (counts(60, 1, false), STALL, Verdict::Stalled),
            (counts(60, 0, true), GRACE, Verdict::Closed),
        ] {
            assert_eq!(judge(&counts, 100, idle), verdict, "{counts:?} after {idle:?}");
        }
    }
}
