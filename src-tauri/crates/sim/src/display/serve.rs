//! The display in one task: its firmware behind a pty, and the view of it that tests and pages get.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{DisplayKnob, Firmware, Shown, panel};
use crate::pace::{Dice, Pace};
use crate::pty::Port;

/// The USB receive buffer: what comes while nobody reads it. Beyond that the host has to wait.
const USB_BUFFER: usize = 2048;
/// What it prints at its start, one a second.
const BOOT_LINES: [&str; 3] = ["Startup delay: 3000", "Startup delay: 2000", "Startup delay: 1000"];
const BOOT_LINE_S: f64 = 1.0;

/// What the display has in its memory and on its panel, for as long as the board runs.
#[derive(Debug, Clone, Default)]
pub struct DisplayView(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    firmware: Firmware,
    lines: u64,
    complaints: u64,
    starts: u64,
}

impl DisplayView {
    /// What the panel shows now, as a PNG picture of 480×272 pixels.
    pub fn png(&self) -> Vec<u8> {
        let firmware = self.read(|seen| seen.firmware.clone());
        // The encoder writes into memory; only a writer that fails could make it fail.
        panel::png(&firmware).unwrap_or_default()
    }

    pub fn shown(&self) -> Shown {
        self.read(|seen| seen.firmware.shown())
    }

    /// Lines taken since the board started, whatever became of them.
    pub fn lines(&self) -> u64 {
        self.read(|seen| seen.lines)
    }

    /// Lines that it complained about.
    pub fn complaints(&self) -> u64 {
        self.read(|seen| seen.complaints)
    }

    /// How often it has started.
    pub fn starts(&self) -> u64 {
        self.read(|seen| seen.starts)
    }

    /// A look at what the firmware has in its memory.
    pub fn firmware(&self) -> Firmware {
        self.read(|seen| seen.firmware.clone())
    }

    fn read<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// It starts and knows nothing.
    fn boot(&self) {
        self.read(|seen| {
            seen.firmware = Firmware::default();
            seen.starts += 1;
        });
    }

    /// What it prints back.
    fn hear(&self, bytes: &[u8]) -> Vec<String> {
        self.read(|seen| {
            let said = seen.firmware.hear(bytes);
            seen.lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            // A complaint is two lines: what is wrong, and the text.
            seen.complaints += said.len() as u64 / 2;
            said
        })
    }
}

pub(crate) struct Display {
    port: Port,
    view: DisplayView,
    pace: Pace,
    dice: Dice,
    /// Lines that it still prints before it looks at what came, and when the next one is due.
    booting: Option<(usize, Instant)>,
    /// Came and was not looked at yet.
    waiting: Vec<u8>,
    due: Option<Instant>,
    silent: bool,
    garbage: bool,
    delay: Duration,
    path: watch::Sender<Option<std::path::PathBuf>>,
}

impl Display {
    pub(crate) fn new(
        port: Port,
        path: watch::Sender<Option<std::path::PathBuf>>,
        view: DisplayView,
        pace: Pace,
        seed: u64,
    ) -> Display {
        Display {
            port,
            view,
            pace,
            dice: Dice::new(seed, &[0x6469_7370]),
            booting: None,
            waiting: Vec::new(),
            due: None,
            silent: false,
            garbage: false,
            delay: Duration::ZERO,
            path,
        }
    }

    /// Serves until `stop`.
    pub(crate) async fn run(mut self, mut knobs: mpsc::Receiver<DisplayKnob>, stop: CancellationToken) {
        let mut buffer = [0u8; 1024];
        self.boot();
        loop {
            self.let_time_pass();
            let next = self.booting.map(|(_, at)| at).or(self.due.filter(|_| !self.silent));
            let sleep = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let room = (USB_BUFFER - self.waiting.len().min(USB_BUFFER)).min(buffer.len());
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep => {}
                knob = knobs.recv() => match knob {
                    Some(knob) => self.turn(knob),
                    None => break,
                },
                read = self.port.read(&mut buffer[..room]), if room > 0 => match read {
                    Ok(count) => self.take(&buffer[..count]),
                    Err(error) => {
                        tracing::error!(%error, "the display's pty failed; unplugged");
                        self.unplug();
                    }
                },
            }
        }
        tracing::debug!(lost = self.port.lost, "the display ends");
    }

    fn boot(&mut self) {
        self.view.boot();
        self.booting = Some((0, Instant::now()));
    }

    fn let_time_pass(&mut self) {
        let now = Instant::now();
        while let Some((line, at)) = self.booting.filter(|(_, at)| *at <= now) {
            match BOOT_LINES.get(line) {
                Some(text) => {
                    self.say(text);
                    self.booting = Some((line + 1, at + self.pace.delay(BOOT_LINE_S)));
                }
                None => {
                    self.say("Setting up");
                    self.booting = None;
                }
            }
        }
        if self.booting.is_none() && !self.silent && self.due.is_some_and(|due| due <= now) {
            self.due = None;
            let bytes = std::mem::take(&mut self.waiting);
            for line in self.view.hear(&bytes) {
                self.say(&line);
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let noise = |byte: u8, dice: &mut Dice| match byte {
            b'\r' | b'\n' => byte,
            _ => dice.next() as u8 | 0x80,
        };
        for &byte in bytes {
            let byte = if self.garbage { noise(byte, &mut self.dice) } else { byte };
            self.waiting.push(byte);
        }
        self.due.get_or_insert(Instant::now() + self.delay);
    }

    fn say(&mut self, line: &str) {
        self.port.write(format!("{line}\r\n").as_bytes());
    }

    fn turn(&mut self, knob: DisplayKnob) {
        match knob {
            DisplayKnob::Silence(silent) => self.silent = silent,
            DisplayKnob::Delay(delay) => self.delay = delay,
            DisplayKnob::Garbage(garbage) => self.garbage = garbage,
            DisplayKnob::Unplugged(true) => self.unplug(),
            DisplayKnob::Unplugged(false) => {
                if self.port.path().is_some() {
                    return;
                }
                if let Err(error) = self.port.plug_in() {
                    tracing::error!(%error, "the display could not be plugged in again");
                }
                self.path.send_replace(self.port.path().map(Into::into));
                // The cable is its supply.
                self.boot();
            }
            DisplayKnob::Reboot => {
                (self.waiting, self.due) = (Vec::new(), None);
                self.boot();
            }
        }
    }

    fn unplug(&mut self) {
        self.port.unplug();
        (self.waiting, self.due, self.booting) = (Vec::new(), None, None);
        self.path.send_replace(None);
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
