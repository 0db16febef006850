//! The one task that owns the display's serial line.
//!
//! It writes what [`Pace`] lets out, and reads what the display complains about: a line that is not drained fills up, and the
//! display then stands still. The line is opened again with growing pauses when it is lost.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serial2_tokio::SerialPort;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    lines::{self, Picture, SHUTDOWN},
    pace::{Next, Pace},
};

/// Nominal: behind the line is USB.
const BAUD: u32 = 115_200;
/// Log lines between two turns of the owner.
const QUEUE: usize = 64;
/// Pauses between attempts to open the line.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Two kilobytes over USB take milliseconds.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// For the last line, when the program ends.
const GOODBYE_LIMIT: Duration = Duration::from_secs(3);
/// Of what it says, one line is kept; it prints back whole lines that it could not read.
const WORDS_KEPT: usize = 120;

/// How the display is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DisplayState {
    /// The line is open.
    pub present: bool,
    /// Why it is not.
    pub why: Option<String>,
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
    stop: CancellationToken,
    owner: AbortOnDropHandle<()>,
}

impl Display {
    /// Starts the owner. The display may be missing; it is looked for again and again. Needs a tokio runtime.
    pub fn start(path: PathBuf) -> Self {
        Self::over(move || open(&path))
    }

    fn over<S, F>(open: F) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: FnMut() -> io::Result<S> + Send + 'static,
    {
        let (pictures, newest) = watch::channel(None);
        let (logs, inbox) = mpsc::channel(QUEUE);
        let (tell, state) = watch::channel(DisplayState::default());
        let stop = CancellationToken::new();
        let owner = Owner {
            newest,
            inbox,
            tell,
            stop: stop.clone(),
            pace: Pace::default(),
            began: Instant::now(),
            heard: Vec::new(),
        };
        let owner = AbortOnDropHandle::new(tokio::spawn(owner.run(open)));
        Self { pictures, logs, state, stop, owner }
    }

    /// The newest picture; it replaces one that was not told yet.
    pub fn show(&self, picture: &Picture) {
        self.pictures.send_replace(Some(lines::status(picture)));
    }

    /// A log line. When the owner does not come after, it is lost like those that scroll away.
    pub fn log(&self, node: &str, level: &str, service: &str, message: &str) -> bool {
        self.logs.try_send(lines::log(node, level, service, message)).is_ok()
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

fn open(path: &Path) -> io::Result<SerialPort> {
    SerialPort::open(path, |mut settings: serial2_tokio::Settings| {
        settings.set_raw();
        settings.set_baud_rate(BAUD)?;
        Ok(settings)
    })
}

struct Owner {
    newest: watch::Receiver<Option<String>>,
    inbox: mpsc::Receiver<String>,
    tell: watch::Sender<DisplayState>,
    stop: CancellationToken,
    pace: Pace,
    began: Instant,
    /// The line that the display is saying.
    heard: Vec<u8>,
}

/// Nobody wants the display any more.
struct Ended;

impl Owner {
    async fn run<S, F>(mut self, mut open: F)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: FnMut() -> io::Result<S>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match open() {
                Ok(mut line) => {
                    tracing::info!("the display's line is open");
                    pause = FIRST_PAUSE;
                    self.tell.send_modify(|state| {
                        state.present = true;
                        state.why = None;
                        state.opened += 1;
                    });
                    self.pace.connected();
                    let served = self.serve(&mut line).await;
                    self.pace.lost();
                    self.heard.clear();
                    match served {
                        Ok(Ended) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if self.tell.borrow().present {
                tracing::warn!(%error, "lost the display's line");
            }
            self.tell.send_modify(|state| {
                state.present = false;
                state.why = Some(error.to_string());
            });
            if self.wait_until(Instant::now() + pause).await.is_some() {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
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
        loop {
            let wake = match self.pace.next(self.now_us()) {
                Next::Write(text) => {
                    write(line, &text).await?;
                    continue;
                }
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
                    length => self.hear(&buffer[..length]),
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
        let before = self.pace.dropped();
        self.pace.log(line);
        let dropped = self.pace.dropped();
        if dropped != before {
            self.tell.send_modify(|state| state.dropped = dropped);
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte != b'\n' {
                if self.heard.len() < WORDS_KEPT {
                    self.heard.push(byte);
                }
                continue;
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.heard)).trim().to_owned();
            if line.is_empty() {
                continue;
            }
            let complains = ["Invalid input!", "Not enough memory", "Deserialization failed"]
                .iter()
                .any(|words| line.starts_with(words));
            self.tell.send_modify(|state| {
                state.complaints += u64::from(complains);
                state.words = Some(line.chars().filter(|c| !c.is_control()).collect());
            });
        }
    }
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
