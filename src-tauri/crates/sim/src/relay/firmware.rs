//! The relay board's firmware as a pure machine: bytes and time in, bytes and contact changes out.
//!
//! Time is the board's own, counted from the moment it got power. The stored state of an outlet is what was last
//! commanded, changed only when a press has ended; nothing on the board senses whether the PC obeyed.

use std::collections::VecDeque;
use std::time::Duration;

use super::command::{Command, Target};
use crate::config::OUTLETS;

/// A short press starts a PC (or asks a running one to go down).
const ON_PRESS: Duration = Duration::from_millis(250);
/// A long press cuts the power of a PC whatever it does.
const OFF_PRESS: Duration = Duration::from_millis(5500);
/// The OLED is redrawn before a command's reply is printed: a kilobyte over I²C at 400 kHz.
const REDRAW: Duration = Duration::from_millis(25);
/// From an abort to the first word of the new start.
const REBOOT: Duration = Duration::from_millis(300);
/// The controller's outlet, pressed at every start: switching the supply on starts the controller.
const CONTROLLER: usize = 7;
/// The line buffer, whose last byte is the terminator.
const LINE: usize = 64;
/// What the UART holds while the main loop is busy; more is lost.
const UART: usize = 256;
/// `millis()` is a 32-bit counter of milliseconds and wraps after 49.7 days.
const MILLIS_WRAP_MS: u128 = 1 << 32;
/// The ROM greets at another baud rate, and this is what arrives at 9600.
const ROM_NOISE: &[u8] = &[0x00, 0xfe, 0x80, 0x1c, 0xf8, 0xe0, 0x7e, 0xff, 0x86, 0x00];

/// Something the outside notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Bytes(Vec<u8>),
    /// The relay of `outlet` closed (the button is held) or opened.
    Contact {
        outlet: u8,
        closed: bool,
    },
}

/// An output and the moment it happened, which is never later than the call that returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    pub at: Duration,
    pub output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PressTimer {
    target: bool,
    deadline: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct Outlet {
    stored: bool,
    press: Option<PressTimer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Rebooting {
        until: Duration,
    },
    Running,
    /// The OLED did not answer: no serial service, no relays, for ever.
    Hung,
}

/// The board. Give it times that never run backwards.
#[derive(Debug, Clone)]
pub struct Firmware {
    speed: f64,
    display_dead: bool,
    mode: Mode,
    /// When the chip last started; `millis()` counts from here.
    started: Duration,
    clock: Duration,
    outlets: [Outlet; OUTLETS as usize],
    uart: VecDeque<u8>,
    line: Vec<u8>,
    /// The main loop stands still until then, redrawing the OLED.
    busy_until: Duration,
    status_due: bool,
    out: Vec<Emission>,
    /// Bytes that came while the UART's buffer was full.
    pub overruns: u64,
    /// How often the chip has started; at each it pressed the controller's button, unless it hung.
    pub starts: u64,
}

impl Firmware {
    /// A board that gets power now; its first words are in the next call's output. `speed` divides all its times.
    pub fn power_on(speed: f64) -> Firmware {
        let mut firmware = Firmware {
            speed,
            display_dead: false,
            mode: Mode::Running,
            started: Duration::ZERO,
            clock: Duration::ZERO,
            outlets: [Outlet::default(); OUTLETS as usize],
            uart: VecDeque::new(),
            line: Vec::new(),
            busy_until: Duration::ZERO,
            status_due: false,
            out: Vec::new(),
            overruns: 0,
            starts: 0,
        };
        firmware.start();
        firmware
    }

    /// Lets time pass. Everything that happened since the last call, in order.
    pub fn advance(&mut self, now: Duration) -> Vec<Emission> {
        while let Some(at) = self.next_event().filter(|&at| at <= now) {
            self.clock = self.clock.max(at);
            self.pass();
        }
        self.clock = self.clock.max(now);
        std::mem::take(&mut self.out)
    }

    /// Bytes arrive on the serial line.
    pub fn receive(&mut self, bytes: &[u8], now: Duration) -> Vec<Emission> {
        let mut out = self.advance(now);
        if self.mode == Mode::Running {
            let room = UART - self.uart.len();
            self.uart.extend(bytes.iter().take(room));
            self.overruns += bytes.len().saturating_sub(room) as u64;
        }
        out.extend(self.advance(now));
        out
    }

    /// When `advance` has something to do again, if nothing arrives meanwhile.
    pub fn next_event(&self) -> Option<Duration> {
        match self.mode {
            Mode::Hung => None,
            Mode::Rebooting { until } => Some(until),
            Mode::Running => {
                let press = self.outlets.iter().filter_map(|outlet| Some(outlet.press?.deadline)).min();
                let loop_has_work = (self.status_due || !self.uart.is_empty()).then_some(self.clock);
                let next = [press, loop_has_work].into_iter().flatten().min()?;
                Some(next.max(self.busy_until))
            }
        }
    }

    /// The reset button, or a dip of the supply.
    pub fn reset(&mut self, now: Duration) -> Vec<Emission> {
        let mut out = self.advance(now);
        self.abort();
        out.append(&mut self.out);
        out
    }

    /// The OLED is missing at the next start, and the firmware hangs there.
    pub fn set_display_dead(&mut self, dead: bool) {
        self.display_dead = dead;
    }

    /// Somebody holds the board's own button with `outlet` selected: it toggles. Works on all eight.
    pub fn toggle_locally(&mut self, outlet: u8, now: Duration) -> Vec<Emission> {
        let mut out = self.advance(now);
        if self.mode == Mode::Running && (1..=OUTLETS).contains(&outlet) {
            let target = !self.outlets[usize::from(outlet) - 1].stored;
            self.press(usize::from(outlet), target);
        }
        out.append(&mut self.out);
        out
    }

    /// Which relays are closed, outlet 1 first.
    pub fn closed(&self) -> [bool; OUTLETS as usize] {
        self.outlets.map(|outlet| outlet.press.is_some())
    }

    /// What the status line would say, outlet 1 first.
    pub fn stored(&self) -> [bool; OUTLETS as usize] {
        self.outlets.map(|outlet| outlet.stored)
    }

    /// One pass of the main loop: what was to be printed after the redraw, presses that ended, then at most one line.
    fn pass(&mut self) {
        if let Mode::Rebooting { .. } = self.mode {
            self.start();
            return;
        }
        if std::mem::take(&mut self.status_due) {
            self.print_status();
        }
        self.end_presses();
        while let Some(byte) = self.uart.pop_front() {
            match byte {
                b'\r' => {}
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    self.obey(Command::read(&line));
                    return;
                }
                // The 64th character and all later ones land on the last slot, which the terminator then takes.
                _ if self.line.len() == LINE - 1 => {}
                _ => self.line.push(byte),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Status => {
                self.redraw();
                self.status_due = true;
            }
            Command::Ready | Command::Unready => self.redraw(),
            Command::On(target) => self.switch(target, true),
            Command::Off(target) => self.switch(target, false),
            Command::Nothing => {}
            Command::Crash => self.abort(),
        }
    }

    fn switch(&mut self, target: Target, on: bool) {
        match target {
            Target::One(outlet) => self.press(usize::from(outlet), on),
            Target::All => (1..=6).for_each(|outlet| self.press(outlet, on)),
        }
        self.redraw();
    }

    /// Begins a press, or pushes the deadline of one in the same direction. While a press runs the stored state is still
    /// the old one, so a command in the other direction finds its wish fulfilled and is lost.
    fn press(&mut self, outlet: usize, target: bool) {
        let length = self.scaled(if target { ON_PRESS } else { OFF_PRESS });
        let deadline = self.deadline(length);
        let slot = &mut self.outlets[outlet - 1];
        if slot.stored == target {
            return;
        }
        if slot.press.replace(PressTimer { target, deadline }).is_none() {
            self.emit(Output::Contact { outlet: outlet as u8, closed: true });
        }
    }

    fn end_presses(&mut self) {
        for index in 0..self.outlets.len() {
            let slot = &mut self.outlets[index];
            if let Some(press) = slot.press.filter(|press| press.deadline <= self.clock) {
                slot.stored = press.target;
                slot.press = None;
                self.emit(Output::Contact { outlet: index as u8 + 1, closed: false });
            }
        }
    }

    /// The deadline of a press that begins now. The firmware compares plain `millis()` values: a deadline beyond the wrap
    /// is a small number and has passed at once.
    fn deadline(&self, length: Duration) -> Duration {
        let millis = (self.clock - self.started).as_millis();
        let beyond_wrap = millis % MILLIS_WRAP_MS + length.as_millis() >= MILLIS_WRAP_MS;
        if beyond_wrap { self.clock } else { self.clock + length }
    }

    fn redraw(&mut self) {
        self.busy_until = self.clock + self.scaled(REDRAW);
    }

    fn print_status(&mut self) {
        let mut line = String::from("status");
        for outlet in &self.outlets {
            line.push_str(if outlet.stored { " 1" } else { " 0" });
        }
        line.push('\n');
        self.emit(Output::Bytes(line.into_bytes()));
    }

    /// An uncaught exception or a reset: all pins fall, all memory is gone.
    fn abort(&mut self) {
        for index in 0..self.outlets.len() {
            if self.outlets[index].press.is_some() {
                self.emit(Output::Contact { outlet: index as u8 + 1, closed: false });
            }
        }
        self.outlets = [Outlet::default(); OUTLETS as usize];
        self.uart.clear();
        self.line.clear();
        self.status_due = false;
        self.busy_until = self.clock;
        self.mode = Mode::Rebooting { until: self.clock + self.scaled(REBOOT) };
    }

    fn start(&mut self) {
        self.started = self.clock;
        self.starts += 1;
        self.emit(Output::Bytes(ROM_NOISE.to_vec()));
        self.emit(Output::Bytes(b"starting\r\n".to_vec()));
        if self.display_dead {
            self.mode = Mode::Hung;
            self.emit(Output::Bytes(b"SSD1306 allocation failed\r\n".to_vec()));
            return;
        }
        self.mode = Mode::Running;
        self.press(CONTROLLER, true);
        self.emit(Output::Bytes(b"ready\r\n".to_vec()));
    }

    fn emit(&mut self, output: Output) {
        self.out.push(Emission { at: self.clock, output });
    }

    fn scaled(&self, time: Duration) -> Duration {
        time.div_f64(self.speed)
    }
}

#[cfg(test)]
#[path = "firmware_tests.rs"]
mod tests;
