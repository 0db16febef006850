//! The relay board in one task: firmware, wire and the power buttons behind the relays.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::firmware::{Emission, Firmware, Output};
use super::places::{Places, Wiring};
use super::{RelayKnob, RelayView};
use crate::pace::Dice;
use crate::pty::Port;

/// Replies held back by [`RelayKnob::Delay`]; far more than a poll a second can make.
const HELD_BACK: usize = 64;

pub(crate) struct Board {
    port: Port,
    /// Where the slave is now; `None` while unplugged.
    path: watch::Sender<Option<std::path::PathBuf>>,
    firmware: Firmware,
    places: Places,
    view: RelayView,
    started: Instant,
    silent: bool,
    garbage: bool,
    delay: Duration,
    held_back: VecDeque<(Duration, Vec<u8>)>,
    dice: Dice,
    /// Replies that could not be held back.
    dropped: u64,
}

impl Board {
    pub(crate) fn new(
        port: Port,
        path: watch::Sender<Option<std::path::PathBuf>>,
        wiring: Vec<Wiring>,
        speed: f64,
        seed: u64,
        view: RelayView,
    ) -> Board {
        Board {
            port,
            path,
            firmware: Firmware::power_on(speed),
            places: Places::new(wiring, speed, view.clone()),
            view,
            started: Instant::now(),
            silent: false,
            garbage: false,
            delay: Duration::ZERO,
            held_back: VecDeque::new(),
            dice: Dice::new(seed, &[0x72_656c_6179]),
            dropped: 0,
        }
    }

    /// Serves until `stop`.
    pub(crate) async fn run(mut self, mut knobs: mpsc::Receiver<RelayKnob>, stop: CancellationToken) {
        let mut buffer = [0u8; 256];
        loop {
            self.let_time_pass();
            let next = self.next_event().map(|at| self.started + at);
            let sleep = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep => {}
                knob = knobs.recv() => match knob {
                    Some(knob) => self.turn(knob),
                    None => break,
                },
                read = self.port.read(&mut buffer) => match read {
                    Ok(count) => {
                        let now = self.started.elapsed();
                        let out = self.firmware.receive(&buffer[..count], now);
                        self.carry(out, now);
                    }
                    Err(error) => {
                        tracing::error!(%error, "the relay board's pty failed; unplugged");
                        self.unplug();
                    }
                },
            }
        }
        tracing::debug!(
            overruns = self.firmware.overruns,
            lost = self.port.lost,
            dropped = self.dropped + self.places.dropped,
            "the relay board ends"
        );
    }

    fn let_time_pass(&mut self) {
        let now = self.started.elapsed();
        let out = self.firmware.advance(now);
        self.carry(out, now);
        while self.held_back.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, bytes)) = self.held_back.pop_front() {
                self.port.write(&bytes);
            }
        }
    }

    fn next_event(&self) -> Option<Duration> {
        let reply = self.held_back.front().map(|(due, _)| *due);
        [self.places.next_event(), self.firmware.next_event(), reply].into_iter().flatten().min()
    }

    /// Takes what the firmware did to the wire and to the buttons.
    fn carry(&mut self, out: Vec<Emission>, now: Duration) {
        for emission in out {
            self.places.carry(&emission);
            if let Output::Bytes(bytes) = emission.output {
                self.say(bytes, now);
            }
        }
        self.places.advance(now);
        self.view.started(self.firmware.starts);
    }

    fn say(&mut self, mut bytes: Vec<u8>, now: Duration) {
        if self.silent {
            return;
        }
        if self.garbage {
            for byte in bytes.iter_mut().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
                *byte = self.dice.next() as u8 | 0x80;
            }
        }
        if self.delay.is_zero() && self.held_back.is_empty() {
            self.port.write(&bytes);
        } else if self.held_back.len() < HELD_BACK {
            // Never before one that waits already: a wire keeps its order.
            let after = self.held_back.back().map_or(Duration::ZERO, |(due, _)| *due);
            self.held_back.push_back(((now + self.delay).max(after), bytes));
        } else {
            self.dropped += 1;
        }
    }

    fn turn(&mut self, knob: RelayKnob) {
        let now = self.started.elapsed();
        match knob {
            RelayKnob::Silence(silent) => self.silent = silent,
            RelayKnob::Delay(delay) => self.delay = delay,
            RelayKnob::Garbage(garbage) => self.garbage = garbage,
            RelayKnob::DeadDisplay(dead) => self.firmware.set_display_dead(dead),
            RelayKnob::Unplugged(true) => self.unplug(),
            RelayKnob::Unplugged(false) => {
                if let Err(error) = self.port.plug_in() {
                    tracing::error!(%error, "the relay board could not be plugged in again");
                }
                self.path.send_replace(self.port.path().map(Into::into));
            }
            RelayKnob::Reboot => {
                let out = self.firmware.reset(now);
                self.carry(out, now);
            }
            RelayKnob::Stuck { outlet, closed } => self.places.stick(outlet, closed, now),
            RelayKnob::Swap(one, other) => self.places.swap(one, other, now),
            RelayKnob::Finger { outlet, hold } => self.places.finger(outlet, hold, now),
            RelayKnob::LocalButton(outlet) => {
                let out = self.firmware.toggle_locally(outlet, now);
                self.carry(out, now);
            }
        }
    }

    fn unplug(&mut self) {
        self.port.unplug();
        self.path.send_replace(None);
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
