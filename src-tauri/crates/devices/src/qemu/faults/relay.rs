//! A relay between a machine's wire and the bridge: what it is told to, it passes on late or twice.
//!
//! The kernels this runs on have no netem, so frames take a way through here: the machine's tap leaves the bridge, a pair
//! of interfaces takes its place, and this copies between tap and pair. One task a machine; it ends with its handle.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lab::fault::Fault;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::frame::Traffic;
use super::packet::{LARGEST, PREFIX, PacketSocket};

/// Frames that wait in one direction: a second of a fast machine's HTTP. What comes beyond is dropped, as by a switch.
const MOST_FRAMES: usize = 4096;
const MOST_BYTES: usize = 16 << 20;

/// How late, one way. DHCP: later than a slow server, sooner than the first repetition (EDK2: 4 s). TFTP goes in
/// lockstep, so that this is felt once a block. HTTP: as over a satellite.
fn late_by(traffic: Traffic) -> Duration {
    match traffic {
        Traffic::Dhcp => Duration::from_millis(1500),
        Traffic::Tftp => Duration::from_millis(25),
        Traffic::Http => Duration::from_millis(100),
    }
}

/// What becomes of the frames of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tamper {
    delay: BTreeSet<Traffic>,
    duplicate: BTreeSet<Traffic>,
}

impl Tamper {
    pub(super) fn of(faults: &BTreeSet<Fault>) -> Self {
        let mut tamper = Self::default();
        for fault in faults {
            match fault {
                Fault::DelayDhcp => tamper.delay.insert(Traffic::Dhcp),
                Fault::DelayTftp => tamper.delay.insert(Traffic::Tftp),
                Fault::DelayHttp => tamper.delay.insert(Traffic::Http),
                Fault::DuplicateDhcp => tamper.duplicate.insert(Traffic::Dhcp),
                Fault::DuplicateTftp => tamper.duplicate.insert(Traffic::Tftp),
                Fault::DuplicateHttp => tamper.duplicate.insert(Traffic::Http),
                _ => false,
            };
        }
        tamper
    }

    /// Whether a relay is needed at all.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// How late a frame leaves, and how often.
    fn treatment(&self, frame: &[u8]) -> (Duration, usize) {
        let Some(traffic) = Traffic::of(frame) else { return (Duration::ZERO, 1) };
        let late = if self.delay.contains(&traffic) { late_by(traffic) } else { Duration::ZERO };
        (late, if self.duplicate.contains(&traffic) { 2 } else { 1 })
    }
}

/// A running relay.
#[derive(Debug)]
pub(super) struct Relay {
    tamper: watch::Sender<Tamper>,
    dropped: Arc<AtomicU64>,
    machine: String,
    _task: AbortOnDropHandle<()>,
}

impl Relay {
    /// Copies between the machine's tap and the far end of the pair on the bridge.
    pub(super) fn start(machine: &str, tap: &str, far: &str, tamper: Tamper) -> io::Result<Self> {
        let (of_machine, of_board) = (PacketSocket::open(tap)?, PacketSocket::open(far)?);
        let (tamper, told) = watch::channel(tamper);
        let dropped = Arc::new(AtomicU64::new(0));
        let (name, drops) = (machine.to_owned(), dropped.clone());
        let task = tokio::spawn(async move {
            let up = copy(&of_machine, &of_board, told.clone(), &drops);
            let down = copy(&of_board, &of_machine, told.clone(), &drops);
            let ended = tokio::select! { ended = up => ended, ended = down => ended };
            tracing::error!(machine = name, error = %ended, "the relay of a machine's frames ended");
        });
        Ok(Self { tamper, dropped, machine: machine.to_owned(), _task: AbortOnDropHandle::new(task) })
    }

    pub(super) fn tell(&self, tamper: Tamper) {
        self.tamper.send_replace(tamper);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(machine = self.machine, dropped, "a relay had no room for some frames");
        }
    }
}

/// One direction, for as long as both interfaces are there.
async fn copy(
    from: &PacketSocket,
    to: &PacketSocket,
    tamper: watch::Receiver<Tamper>,
    dropped: &AtomicU64,
) -> io::Error {
    let mut buffer = vec![0; LARGEST];
    let mut late = Late::default();
    let send = |bytes: &[u8]| {
        if let Err(error) = to.send(bytes) {
            tracing::debug!(%error, "a frame was not passed on");
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    };
    loop {
        let due = late.next_due();
        tokio::select! {
            received = from.receive(&mut buffer) => {
                let length = match received {
                    Ok(length) if length > PREFIX => length,
                    Ok(_) => continue,
                    // The machine was switched off and its tap is down: it comes back.
                    Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => continue,
                    Err(error) => return error,
                };
                let bytes = &buffer[..length];
                let (delay, times) = tamper.borrow().treatment(&bytes[PREFIX..]);
                for _ in 0..times {
                    if delay.is_zero() {
                        send(bytes);
                    } else if !late.push(Instant::now() + delay, bytes) {
                        dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                while let Some(bytes) = late.pop(Instant::now()) {
                    send(&bytes);
                }
            }
        }
    }
}

/// Frames that wait for their moment, in order of it.
#[derive(Debug, Default)]
struct Late {
    frames: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

impl Late {
    fn next_due(&self) -> Option<Instant> {
        self.frames.front().map(|(due, _)| *due)
    }

    /// `false` when there is no room.
    fn push(&mut self, due: Instant, bytes: &[u8]) -> bool {
        if self.frames.len() >= MOST_FRAMES || self.bytes + bytes.len() > MOST_BYTES {
            return false;
        }
        self.bytes += bytes.len();
        // Protocols are late by different times; within one, frames keep their order.
        let at = self.frames.partition_point(|(other, _)| *other <= due);
        self.frames.insert(at, (due, bytes.to_vec()));
        true
    }

    fn pop(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (_, bytes) = self.frames.pop_front_if(|(due, _)| *due <= now)?;
        self.bytes -= bytes.len();
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn late_frames_leave_in_order_of_their_moment_and_no_more_wait_than_fit() {
        let now = Instant::now();
        let mut late = Late::default();
        assert!(late.push(now + Duration::from_secs(2), b"later"));
        assert!(late.push(now + Duration::from_secs(1), b"first"));
        assert!(late.push(now + Duration::from_secs(1), b"second"));
        assert_eq!(late.next_due(), Some(now + Duration::from_secs(1)));
        assert_eq!(late.pop(now), None, "none is due");
        let due = now + Duration::from_secs(1);
        assert_eq!(late.pop(due).as_deref(), Some(b"first".as_slice()));
        assert_eq!(late.pop(due).as_deref(), Some(b"second".as_slice()));
        assert_eq!(late.pop(due), None);
        for _ in 0..MOST_FRAMES - 1 {
            assert!(late.push(due, b""));
        }
        assert!(!late.push(due, b""), "full");
        let mut large = Late::default();
        while large.push(due, &[0; 1 << 20]) {}
        assert!(large.bytes <= MOST_BYTES && large.frames.len() == 16);
    }

    #[test]
    fn only_what_was_asked_for_is_treated() {
        let mut dhcp = vec![0; 60];
        dhcp[12] = 8;
        dhcp[14] = 0x45;
        dhcp[23] = 17;
        dhcp[35] = 68;
        dhcp[37] = 67;
        let both = Tamper::of(&[Fault::DelayDhcp, Fault::DuplicateDhcp].into());
        assert_eq!(both.treatment(&dhcp), (Duration::from_millis(1500), 2));
        let other = Tamper::of(&[Fault::DelayHttp, Fault::DropDhcp].into());
        assert_eq!(other.treatment(&dhcp), (Duration::ZERO, 1));
        assert!(Tamper::of(&[Fault::DropDhcp].into()).is_none() && !other.is_none());
    }
}
