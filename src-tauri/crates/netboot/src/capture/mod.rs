//! What was on a machine's wire while it booted: frames in a bounded ring, opened as a pcapng file.
//!
//! Boot protocols only, and of the bulk only the heads: enough to see who said what when, too little to hold a kernel, a
//! machine's configuration or anything else that is secret. [`select`] decides that without I/O, [`ring`] keeps it,
//! [`pcapng`] writes it, [`socket`] hears it.

pub mod pcapng;
pub mod ring;
pub mod select;
mod socket;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use crate::Mac;
use ring::{Frame, Rings};
use socket::Ears;

/// A frame with more is cut; Ethernet's largest, and a little for what a card joins.
const LARGEST: usize = 2048;
/// After an interface went down; it may come back.
const REST: Duration = Duration::from_millis(200);

/// The rings of a board's machines.
#[derive(Debug)]
pub struct Capture {
    /// As it is named in the file.
    interface: String,
    /// Said in each file: what kind of board this is.
    board: String,
    rings: Mutex<Rings>,
}

impl Capture {
    /// Empty rings for these machines (name, hardware address).
    pub fn new(interface: &str, board: &str, machines: impl IntoIterator<Item = (String, Mac)>) -> Self {
        let rings = Mutex::new(Rings::new(machines));
        Self { interface: interface.to_owned(), board: board.to_owned(), rings }
    }

    /// One machine's ring as a file; of a span alone, in microseconds since 1970. `None`: no such machine.
    pub fn pcapng(&self, machine: &str, span: Option<(i64, i64)>) -> Option<Vec<u8>> {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = rings.of(machine)?;
        let (from, to) = span.unwrap_or((i64::MIN, i64::MAX));
        let frames =
            ring.frames().filter(|frame| (from..=to).contains(&(frame.wall_ns / 1000).cast_signed()));
        let lost = match ring.pushed_out() {
            0 => String::new(),
            older => format!("; {older} older frames were pushed out"),
        };
        let comment = format!("{}, machine {machine}{lost}", self.board);
        Some(pcapng::file(&self.interface, &comment, frames))
    }

    fn heard(&self, bytes: &[u8], wall_ns: u64) {
        let Some(kept) = select::kept(bytes) else { return };
        let frame = Frame { wall_ns, length: bytes.len() as u32, bytes: bytes[..kept].into() };
        self.rings.lock().unwrap_or_else(PoisonError::into_inner).take(&frame);
    }
}

/// Hears an interface until told to stop. Fails where this process may not (CAP_NET_RAW), or without the interface.
pub async fn run(capture: Arc<Capture>, stop: CancellationToken) -> io::Result<()> {
    let ears = Ears::open(&capture.interface)?;
    let mut buffer = vec![0; LARGEST];
    loop {
        let heard = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            heard = ears.next(&mut buffer) => heard,
        };
        match heard {
            Ok(count) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                // In 64 bits of nanoseconds until the year 2554.
                capture.heard(&buffer[..count], u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
            }
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(REST) => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
}
