//! One body on its way to one client, watched until the last byte has arrived as far as can be known.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt, Interest};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::carrier::Carrier;
use super::tcp::{self, Counts};
use crate::files::Body;
use crate::{cached, clock, progress};

/// A peer that takes nothing for this long is gone.
const STALL: Duration = Duration::from_secs(30);

/// How long the last ACKs may be missing before a body that has left counts as sent. iPXE starts a kernel with up to
/// 200 KB of its initrd received and not acknowledged, and acknowledges the rest seconds later or never; retransmissions
/// on a lossy link take less than this.
const GRACE: Duration = Duration::from_millis(500);

/// However slowly a peer takes it, this long and no longer: 300 MB at 1.3 Mbit/s.
const LONGEST: Duration = Duration::from_secs(1800);

/// Bodies are read in pieces of this size, after which the next client has its turn.
const PIECE: u64 = 512 * 1024;

/// What the kernel sends by itself costs no memory of ours. With shorter pieces six clients at once got a sixth less, for half as
/// much again of processor time.
const HANDED: u64 = 2 * 1024 * 1024;

/// This much of a file goes with the head, read and written by us: more would be copied for nothing, less would make a
/// small file take one packet more.
const FIRST: u64 = 32 * 1024;

/// What to deliver.
pub(super) struct Delivery<'a, C> {
    pub(super) stream: &'a mut C,
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

impl<C: Carrier> Delivery<'_, C> {
    /// Sends head and body. After a failure no byte on this connection would be understood any more.
    pub(super) async fn run(mut self, head: Vec<u8>, shutdown: &CancellationToken) -> io::Result<Delivered> {
        let before = self.counts()?;
        let head_length = head.len() as u64;
        let result = tokio::select! {
            result = self.send(head, &before) => result,
            () = sleep(LONGEST) => Err(io::Error::other(format!("not finished after {} s", LONGEST.as_secs()))),
            () = shutdown.cancelled() => Err(io::Error::other("the server stops")),
        };
        let after = self.counts()?;
        let (until_us, why) = match result {
            Ok(until_us) => (until_us, None),
            Err(error) => (clock::mono_us(), Some(error.to_string())),
        };
        let mut acked = after.acked - before.acked;
        if !C::PLAIN {
            // Encrypted bytes are a few more than those they carry, evenly.
            let given = (after.given - before.given).max(1);
            acked = acked.min(given) * (head_length + self.count).min(given) / given;
        }
        Ok(Delivered {
            acked: acked.saturating_sub(head_length).min(self.count),
            until_us,
            packets: after.packets - before.packets,
            resent: after.resent - before.resent,
            why,
        })
    }

    fn counts(&self) -> io::Result<Counts> {
        tcp::counts(self.stream.socket().as_fd())
    }

    /// Returns when the last byte was known to be on its way, on the monotonic clock.
    async fn send(&mut self, head: Vec<u8>, before: &Counts) -> io::Result<i64> {
        let all = head.len() as u64 + self.count;
        let file = self.body.file().filter(|_| C::PLAIN).cloned();
        // With the head in the same write a small script takes one packet instead of two.
        let (mut skip, mut bytes) = (head.len(), head);
        let mut piece = if file.is_some() { FIRST } else { PIECE };
        let mut sent = 0;
        loop {
            let left = self.count - sent;
            let handed = left.min(HANDED);
            let is_cached =
                |file: &&Arc<File>| sent > 0 && cached::is_cached(file, self.first + sent, handed);
            let ready = file.as_ref().filter(is_cached);
            let rest = if ready.is_some() { handed } else { left.min(piece) };
            if sent + rest == self.count {
                // The tag in the head promised a content. The client must not get another one to the end.
                self.body.unchanged()?;
            }
            match ready {
                Some(file) => self.hand_over(file, sent, rest).await?,
                None => {
                    bytes.extend_from_slice(&self.body.read(self.first + sent, rest as usize).await?);
                    let row = &self.row;
                    let reached = |written: usize| row.reached(sent + written.saturating_sub(skip) as u64);
                    write(self.stream, &bytes, reached).await?;
                    bytes.clear();
                    skip = 0;
                }
            }
            sent += rest;
            if sent == self.count {
                break;
            }
            // One client that takes all it gets must not have the others wait: what is sent hardly ever waits.
            tokio::task::yield_now().await; // blocking: a turn for the others, no nap; there is always more to send
            piece = PIECE;
        }
        flush(self.stream).await?;
        let all = if C::PLAIN { before.acked + all } else { self.counts()?.given };
        self.drained(all).await
    }

    /// Has the kernel send `count` bytes of the file: they are copied nowhere, and a slow client holds none of them.
    async fn hand_over(&self, file: &Arc<File>, sent: u64, count: u64) -> io::Result<()> {
        let socket = self.stream.socket();
        let mut done = 0;
        while done < count {
            let send = || {
                // Files are shorter than 2^63 bytes.
                let mut offset = (self.first + sent + done) as libc::off_t;
                Ok(nix::sys::sendfile::sendfile(socket, file, Some(&mut offset), (count - done) as usize)?)
            };
            let written = timeout(STALL, socket.async_io(Interest::WRITABLE, send));
            let written = written.await.map_err(|_| stalled())?? as u64;
            if written == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
            }
            done += written;
            self.row.reached(sent + done);
        }
        Ok(())
    }

    /// Waits until the peer has acknowledged everything: what lies in our buffers when it goes away was not sent.
    async fn drained(&self, all: u64) -> io::Result<i64> {
        let mut last = (u64::MAX, u64::MAX);
        let (mut since, mut since_us) = (Instant::now(), clock::mono_us());
        let mut pause = Duration::from_millis(1);
        loop {
            let counts = self.counts()?;
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
    stream: &mut (impl AsyncWrite + Unpin),
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

/// What lies between may hold bytes back.
pub(super) async fn flush(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    timeout(STALL, stream.flush()).await.map_err(|_| stalled())?
}

fn stalled() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the client took nothing for {} s", STALL.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_counts_as_sent_when_it_left_and_the_acks_stay_out() {
        let counts =
            |acked, unsent, closed| Counts { acked, given: 100, unsent, packets: 0, resent: 0, closed };
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
