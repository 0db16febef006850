//! The relay board in one task: firmware, wire and the power buttons behind the relays.
//!
//! Buttons live here and not with the machines, because how long a press lasted must come from one clock: a process that
//! gets the processor late would otherwise turn a short press into a long one.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::button::{PowerButton, Press};
use super::firmware::{Emission, Firmware, Output};
use super::{Port, RelayKnob};
use crate::pace::Dice;

/// Replies held back by [`RelayKnob::Delay`]; far more than a poll a second can make.
const HELD_BACK: usize = 64;

/// The cable from one outlet to one machine.
pub(crate) struct Wiring {
    pub(crate) outlet: u8,
    pub(crate) machine: mpsc::Sender<Press>,
}

pub(crate) struct Board {
    port: Port,
    /// Where the slave is now; `None` while unplugged.
    path: watch::Sender<Option<std::path::PathBuf>>,
    firmware: Firmware,
    buttons: Vec<(Wiring, PowerButton)>,
    started: Instant,
    silent: bool,
    garbage: bool,
    delay: Duration,
    held_back: VecDeque<(Duration, Vec<u8>)>,
    dice: Dice,
    /// Presses that a machine's full queue could not take, and replies that could not be held back.
    dropped: u64,
}

impl Board {
    pub(crate) fn new(
        port: Port,
        path: watch::Sender<Option<std::path::PathBuf>>,
        wiring: Vec<Wiring>,
        speed: f64,
        seed: u64,
    ) -> Board {
        let buttons = wiring.into_iter().map(|wiring| (wiring, PowerButton::new(speed))).collect();
        Board {
            port,
            path,
            firmware: Firmware::power_on(speed),
            buttons,
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
            dropped = self.dropped,
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
        let buttons = self.buttons.iter().filter_map(|(_, button)| button.next_event());
        let reply = self.held_back.front().map(|(due, _)| *due);
        buttons.chain(self.firmware.next_event()).chain(reply).min()
    }

    /// Takes what the firmware did to the wire and to the buttons.
    fn carry(&mut self, out: Vec<Emission>, now: Duration) {
        for Emission { at, output } in out {
            match output {
                Output::Bytes(bytes) => self.say(bytes, now),
                Output::Contact { outlet, closed } => {
                    tracing::debug!(outlet, closed, "contact");
                    self.each_button(|wiring, button| {
                        if wiring.outlet == outlet { button.contact(closed, at) } else { Vec::new() }
                    });
                }
            }
        }
        self.each_button(|_, button| button.advance(now));
    }

    fn each_button(&mut self, mut presses: impl FnMut(&Wiring, &mut PowerButton) -> Vec<Press>) {
        for (wiring, button) in &mut self.buttons {
            for press in presses(wiring, button) {
                if wiring.machine.try_send(press).is_err() {
                    self.dropped += 1;
                    tracing::warn!(
                        outlet = wiring.outlet,
                        "a machine did not take a press of its power button"
                    );
                }
            }
        }
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
