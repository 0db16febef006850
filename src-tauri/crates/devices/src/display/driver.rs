//! The one task that owns the display's serial line.
//!
//! It writes what [`Pace`] lets out, and reads what the display complains about: a line that is not drained fills up, and the
//! display then stands still. The line is opened again with growing pauses when it is lost.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lab::ports::PortError;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    hearing::{Heard, Hearing},
    lines::{self, Picture, READY, SHUTDOWN},
    pace::{Next, Pace},
    port,
};

/// Log lines between two turns of the owner.
const QUEUE: usize = 64;
/// Pauses between attempts to open the line.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Two kilobytes over USB take milliseconds.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// For the last line, when the program ends.
const GOODBYE_LIMIT: Duration = Duration::from_secs(3);
/// Whoever repeats what it is told does so within this time. Only then is anything said that a shell could obey.
const ECHO: Duration = Duration::from_millis(300);

/// How the display is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayState {
    /// The line is open.
    pub present: bool,
    /// Since when it is, or is not.
    pub since: Instant,
    /// Why it is not.
    pub trouble: Option<PortError>,
    /// How often the line was opened.
    pub opened: u64,
    /// What it said last; it speaks only to complain, and while it starts.
    pub words: Option<String>,
    /// Lines that it could not read.
    pub complaints: u64,
    /// Log lines that it was never shown.
    pub dropped: u64,
}

/// The display.
#[derive(Debug)]
pub struct Display {
    pictures: watch::Sender<Option<String>>,
    logs: mpsc::Sender<String>,
    state: watch::Receiver<DisplayState>,
    /// Log lines that found no room on their way to the owner.
    lost: Arc<AtomicU64>,
    stop: CancellationToken,
    owner: AbortOnDropHandle<()>,
}

impl Display {
    /// Starts the owner. The display may be missing; it is looked for again and again. Needs a tokio runtime.
    pub fn start(path: PathBuf) -> Self {
        Self::over(move || port::open(&path))
    }

    fn over<S, F>(open: F) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: FnMut() -> Result<S, PortError> + Send + 'static,
    {
        let (pictures, newest) = watch::channel(None);
        let (logs, inbox) = mpsc::channel(QUEUE);
        let (tell, state) = watch::channel(DisplayState {
            present: false,
            since: Instant::now(),
            trouble: None,
            opened: 0,
            words: None,
            complaints: 0,
            dropped: 0,
        });
        let (stop, lost) = (CancellationToken::new(), Arc::<AtomicU64>::default());
        let owner = Owner {
            newest,
            inbox,
            tell,
            stop: stop.clone(),
            pace: Pace::default(),
            began: Instant::now(),
            hearing: Hearing::default(),
            lost: Arc::clone(&lost),
        };
        let owner = AbortOnDropHandle::new(tokio::spawn(owner.run(open)));
        Self { pictures, logs, state, lost, stop, owner }
    }

    /// The newest picture; it replaces one that was not told yet.
    pub fn show(&self, picture: &Picture) {
        self.pictures.send_replace(Some(lines::status(picture)));
    }

    /// A log line. When the owner does not come after, it is lost like those that scroll away.
    pub fn log(&self, node: &str, level: &str, service: &str, message: &str) -> bool {
        let sent = self.logs.try_send(lines::log(node, level, service, message)).is_ok();
        if !sent {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }

    /// How it is now, and each change.
    pub fn state(&self) -> watch::Receiver<DisplayState> {
        self.state.clone()
    }

    /// Tells the display that the host goes, and lets go of the line.
    pub async fn close(self) {
        self.stop.cancel();
        // What hangs is let go of; the display then keeps its last picture.
        let _ = timeout(GOODBYE_LIMIT, self.owner).await;
    }
}

struct Owner {
    newest: watch::Receiver<Option<String>>,
    inbox: mpsc::Receiver<String>,
    tell: watch::Sender<DisplayState>,
    stop: CancellationToken,
    pace: Pace,
    began: Instant,
    hearing: Hearing,
    lost: Arc<AtomicU64>,
}

/// Nobody wants the display any more.
struct Ended;

impl Owner {
    async fn run<S, F>(mut self, mut open: F)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: FnMut() -> Result<S, PortError>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let trouble = match open() {
                Ok(mut line) => {
                    let opened = Instant::now();
                    self.turned(None);
                    self.pace.connected();
                    let served = self.serve(&mut line).await;
                    self.pace.lost();
                    self.hearing = Hearing::default();
                    // A line that opens and dies at once is no better than one that does not open.
                    if opened.elapsed() > LONGEST_PAUSE {
                        pause = FIRST_PAUSE;
                    }
                    match served {
                        Ok(Ended) => return,
                        Err(error) => lost(&error),
                    }
                }
                Err(trouble) => trouble,
            };
            self.turned(Some(trouble));
            if self.wait_until(Instant::now() + pause).await.is_some() {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The line is open, or why it is not.
    fn turned(&self, trouble: Option<PortError>) {
        let (present, was) = (trouble.is_none(), self.tell.borrow().clone());
        if present {
            tracing::info!("the display's line is open");
        } else if was.present || was.trouble != trouble {
            let words = trouble.as_ref().map(ToString::to_string);
            tracing::warn!(why = words, "the display is not there");
        }
        self.tell.send_modify(|state| {
            if state.present != present {
                state.since = Instant::now();
            }
            state.present = present;
            state.trouble = trouble;
            state.opened += u64::from(present);
        });
    }

    /// Without a line, what comes is kept as far as it will be shown.
    async fn wait_until(&mut self, end: Instant) -> Option<Ended> {
        loop {
            tokio::select! {
                () = sleep_until(end) => return None,
                () = self.stop.cancelled() => return Some(Ended),
                changed = self.newest.changed() => {
                    changed.ok()?;
                    self.take_picture();
                }
                Some(line) = self.inbox.recv() => self.take_log(line),
            }
        }
    }

    /// Until the line is lost, or nobody wants it any more.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&mut self, line: &mut S) -> io::Result<Ended> {
        let mut buffer = [0; 512];
        // Ends whatever half a line an earlier program left in its buffer; an empty line is ignored.
        write(line, "\n").await?;
        let mut quiet_until = Instant::now();
        loop {
            let quiet = quiet_until > Instant::now();
            let next = if quiet { Next::Idle } else { self.pace.next(self.now_us()) };
            let wake = match next {
                Next::Write(text) => {
                    if text == READY {
                        quiet_until = Instant::now() + ECHO;
                    }
                    let written = write(line, &text).await;
                    if written.is_err() && text.starts_with("log:") {
                        self.pace.missed();
                    }
                    written?;
                    continue;
                }
                Next::Idle if quiet => Some(quiet_until),
                Next::Wait(at) => Some(self.began + Duration::from_micros(at)),
                Next::Idle => None,
            };
            tokio::select! {
                () = self.stop.cancelled() => {
                    write(line, SHUTDOWN).await?;
                    line.flush().await?;
                    return Ok(Ended);
                }
                read = line.read(&mut buffer) => match read? {
                    0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the device is gone")),
                    length => self.hear(&buffer[..length])?,
                },
                Ok(()) = self.newest.changed() => self.take_picture(),
                Some(text) = self.inbox.recv() => self.take_log(text),
                () = at(wake) => {}
            }
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn take_picture(&mut self) {
        let newest = self.newest.borrow_and_update().clone();
        if let Some(line) = newest {
            self.pace.picture(line);
        }
    }

    fn take_log(&mut self, line: String) {
        self.pace.log(line);
        let dropped = self.pace.dropped() + self.lost.load(Ordering::Relaxed);
        self.tell.send_if_modified(|state| std::mem::replace(&mut state.dropped, dropped) != dropped);
    }

    /// What it says is kept; who is no display is let go of.
    fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        for Heard { words, complaint, stranger } in self.hearing.push(bytes) {
            if let Some(stranger) = stranger {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{stranger}: {words:?}")));
            }
            self.tell.send_modify(|state| {
                state.complaints += u64::from(complaint);
                state.words = Some(words);
            });
        }
        Ok(())
    }
}

/// The line was open.
fn lost(error: &io::Error) -> PortError {
    let (why, remedy, absent) = if error.kind() == io::ErrorKind::InvalidData {
        (
            error.to_string(),
            "correct the display's path in the board file; /dev/serial/by-id has the right ones",
            false,
        )
    } else {
        (format!("its line is lost: {error}"), "check the display's USB cable", true)
    };
    PortError { what: "talk to the display".to_owned(), why, remedy: remedy.to_owned(), absent }
}

async fn write<S: AsyncWrite + Unpin>(line: &mut S, text: &str) -> io::Result<()> {
    match timeout(WRITE_LIMIT, line.write_all(text.as_bytes())).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the display takes no more bytes")),
    }
}

async fn at(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
