//! The one task that owns the serial line, and the port of lab in front of it.
//!
//! Everybody else puts requests into its queue. The line is opened again with growing pauses when it is lost, and
//! closed before it is opened: two readers on one line get half an answer each.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lab::ports::{Nature, Outlet, PortError, Power, PowerReading};
use lab::power::PowerState;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::codec::{Assembler, Channel};
use super::desk::{Desk, Effect, Failure, Ticket};
use super::port;

/// Eight presses and some readers; more at once is a mistake somewhere.
const QUEUE: usize = 32;
/// Pauses between attempts to open the line.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest command takes 8 ms at 9600 baud.
const WRITE_LIMIT: Duration = Duration::from_secs(1);
/// Longer than the longest press with rest and looking; only reached when the owner is gone.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Where the board is, and what it may press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayConfig {
    /// A serial device, best by its name under /dev/serial/by-id.
    pub path: PathBuf,
    /// Outlet 8 is a spare. Outlet 7 is the controller's own and cannot be allowed.
    #[serde(default)]
    pub allow_8: bool,
}

/// What went wrong on the line, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RelayCounters {
    /// Lines that the board never says.
    pub garbage: u64,
    /// How often the line was opened.
    pub opened: u64,
}

#[derive(Debug, Default)]
struct Counted {
    garbage: AtomicU64,
    opened: AtomicU64,
}

/// The relay board.
#[derive(Debug)]
pub struct Relay {
    allow_8: bool,
    requests: mpsc::Sender<Request>,
    counted: Arc<Counted>,
    _owner: AbortOnDropHandle<()>,
}

#[derive(Debug)]
enum Request {
    Look(oneshot::Sender<Result<PowerReading, PortError>>),
    Press(Channel, PowerState, oneshot::Sender<Result<(), PortError>>),
}

impl Relay {
    /// Start the owner. The board may be missing; it is looked for again and again. Needs a tokio runtime.
    pub fn start(config: RelayConfig) -> Self {
        let path = config.path;
        Self::over(move || port::open(&path), config.allow_8)
    }

    fn over<S, F>(open: F, allow_8: bool) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: FnMut() -> io::Result<S> + Send + 'static,
    {
        let (requests, inbox) = mpsc::channel(QUEUE);
        let counted = Arc::new(Counted::default());
        let owner = Owner {
            inbox,
            counted: counted.clone(),
            desk: Desk::default(),
            next: 0,
            looks: BTreeMap::new(),
            presses: BTreeMap::new(),
        };
        let owner = AbortOnDropHandle::new(tokio::spawn(owner.run(open)));
        Self { allow_8, requests, counted, _owner: owner }
    }

    pub fn counters(&self) -> RelayCounters {
        RelayCounters {
            garbage: self.counted.garbage.load(Ordering::Relaxed),
            opened: self.counted.opened.load(Ordering::Relaxed),
        }
    }

    async fn press(&self, outlet: Outlet, target: PowerState) -> Result<(), PortError> {
        let channel = Channel::new(outlet, self.allow_8).map_err(|refusal| PortError {
            what: pressing(outlet, target),
            why: refusal.to_string(),
            remedy: "correct the machine's outlet in the board file".to_owned(),
            absent: false,
        })?;
        self.ask(pressing(outlet, target), |reply| Request::Press(channel, target, reply)).await
    }

    async fn ask<T>(
        &self,
        what: String,
        request: impl FnOnce(oneshot::Sender<Result<T, PortError>>) -> Request,
    ) -> Result<T, PortError> {
        let stuck = |why: &str| PortError {
            what,
            why: why.to_owned(),
            remedy: "restart the program".to_owned(),
            absent: false,
        };
        let (reply, answer) = oneshot::channel();
        if self.requests.try_send(request(reply)).is_err() {
            return Err(stuck("too many requests for the relay board are waiting"));
        }
        match tokio::time::timeout(REQUEST_LIMIT, answer).await {
            Ok(Ok(result)) => result,
            _ => Err(stuck("the relay board's owner does not answer")),
        }
    }
}

fn pressing(outlet: Outlet, target: PowerState) -> String {
    format!("press outlet {outlet} {}", target.word())
}

#[async_trait]
impl Power for Relay {
    async fn read(&self) -> Result<PowerReading, PortError> {
        self.ask("read the relay board".to_owned(), Request::Look).await
    }

    async fn on(&self, outlet: Outlet) -> Result<(), PortError> {
        self.press(outlet, PowerState::On).await
    }

    async fn off(&self, outlet: Outlet) -> Result<(), PortError> {
        self.press(outlet, PowerState::Off).await
    }

    /// The board remembers what it was told and measures nothing.
    fn nature(&self, _: Outlet) -> Nature {
        Nature::Button
    }
}

struct Owner {
    inbox: mpsc::Receiver<Request>,
    counted: Arc<Counted>,
    desk: Desk,
    next: Ticket,
    looks: BTreeMap<Ticket, oneshot::Sender<Result<PowerReading, PortError>>>,
    presses: BTreeMap<Ticket, Pressing>,
}

/// Who waits for the end of a press.
struct Pressing {
    outlet: Outlet,
    target: PowerState,
    reply: oneshot::Sender<Result<(), PortError>>,
}

/// Nobody holds the [`Relay`] any more.
struct Ended;

impl Owner {
    async fn run<S, F>(mut self, mut open: F)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: FnMut() -> io::Result<S>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            let why = match open() {
                Ok(mut line) => {
                    self.counted.opened.fetch_add(1, Ordering::Relaxed);
                    tracing::info!("the relay board's line is open");
                    pause = FIRST_PAUSE;
                    match self.serve(&mut line).await {
                        Ok(Ended) => return,
                        Err(error) => {
                            tracing::warn!(%error, "lost the relay board's line");
                            self.desk.lost();
                            self.answer_all();
                            error
                        }
                    }
                }
                Err(error) => error,
            };
            if self.refuse_until(Instant::now() + pause, &why).await.is_some() {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Without a line, requests are answered at once.
    async fn refuse_until(&mut self, end: Instant, why: &io::Error) -> Option<Ended> {
        loop {
            let request = tokio::select! {
                () = tokio::time::sleep_until(end) => return None,
                request = self.inbox.recv() => request,
            };
            let absent = |what| {
                PortError {
                what,
                why: format!("the serial line cannot be opened: {why}"),
                remedy: "check the USB cable of the relay board, its path in the board file, and that this user is \
                         in the group dialout"
                    .to_owned(),
                absent: true,
            }
            };
            match request {
                None => return Some(Ended),
                Some(Request::Look(reply)) => {
                    let _ = reply.send(Err(absent("read the relay board".to_owned())));
                }
                Some(Request::Press(channel, target, reply)) => {
                    let _ = reply.send(Err(absent(pressing(channel.outlet(), target))));
                }
            }
        }
    }

    /// Until the line is lost, or nobody wants it any more.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&mut self, line: &mut S) -> io::Result<Ended> {
        // Ends whatever half a word an earlier program left in the board's buffer: half a word followed by ours could
        // be the one that crashes it. An empty line alone is ignored.
        write(line, "\n").await?;
        let mut assembler = Assembler::default();
        let mut buffer = [0; 256];
        loop {
            for effect in self.desk.step(now()) {
                self.carry_out(effect, line).await?;
            }
            let wake = self.desk.wake().map(Instant::from_std);
            tokio::select! {
                read = line.read(&mut buffer) => match read? {
                    0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the device is gone")),
                    length => self.hear(&mut assembler, &buffer[..length]),
                },
                request = self.inbox.recv() => match request {
                    Some(request) => self.accept(request),
                    None => return Ok(Ended),
                },
                () = at(wake) => {}
            }
        }
    }

    fn hear(&mut self, assembler: &mut Assembler, bytes: &[u8]) {
        for heard in assembler.push(bytes) {
            match heard {
                Ok(line) => self.desk.heard(line, now()),
                Err(_) => {
                    self.counted.garbage.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn accept(&mut self, request: Request) {
        let ticket = self.next;
        self.next += 1;
        match request {
            Request::Look(reply) => {
                self.looks.insert(ticket, reply);
                self.desk.look(ticket, now());
            }
            Request::Press(channel, target, reply) => {
                self.presses.insert(ticket, Pressing { outlet: channel.outlet(), target, reply });
                self.desk.press(ticket, channel, target, now());
            }
        }
    }

    async fn carry_out<S: AsyncWrite + Unpin>(&mut self, effect: Effect, line: &mut S) -> io::Result<()> {
        match effect {
            Effect::Send(command) => write(line, &command.line()).await?,
            Effect::Seen(..) | Effect::Pressed(..) => self.answer(effect),
        }
        Ok(())
    }

    fn answer_all(&mut self) {
        for effect in self.desk.step(now()) {
            self.answer(effect);
        }
    }

    /// Who asked may have given up waiting; then the answer goes nowhere.
    fn answer(&mut self, effect: Effect) {
        match effect {
            Effect::Seen(ticket, result) => {
                if let Some(reply) = self.looks.remove(&ticket) {
                    let _ = reply
                        .send(result.map_err(|failure| error("read the relay board".to_owned(), failure)));
                }
            }
            Effect::Pressed(ticket, result) => {
                if let Some(Pressing { outlet, target, reply }) = self.presses.remove(&ticket) {
                    let _ = reply.send(result.map_err(|failure| error(pressing(outlet, target), failure)));
                }
            }
            Effect::Send(_) => {}
        }
    }
}

fn error(what: String, failure: Failure) -> PortError {
    let (remedy, absent) = match failure {
        Failure::Busy => ("wait for the press to end", false),
        Failure::Already(_) => ("look again what is shown of this machine, and repeat", false),
        Failure::Silent => ("check that the relay board has power (12 V) and its serial cable", true),
        Failure::Hung => {
            ("switch the board's power supply off and on, and check the relay board's own display", true)
        }
        Failure::NotReached(_) => ("look at the relay board's display, then try again", false),
        Failure::Restarted => ("check by eye which machines run before anything is pressed again", false),
        Failure::Lost => ("check the USB cable of the relay board", true),
    };
    PortError { what, why: failure.to_string(), remedy: remedy.to_owned(), absent }
}

async fn write<S: AsyncWrite + Unpin>(line: &mut S, text: &str) -> io::Result<()> {
    match tokio::time::timeout(WRITE_LIMIT, line.write_all(text.as_bytes())).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the line takes no more bytes")),
    }
}

async fn at(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

/// tokio's clock, so that tests can pause it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
