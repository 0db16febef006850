//! The relay board: an ESP32 whose eight relays sit across the power buttons of the PCs.
//!
//! `command` reads a line as its firmware does, [`firmware`] is the firmware itself (pure: bytes and time in, bytes and
//! contact changes out), [`button`] is the button the relay closes, [`pc`] the least PC that can stand behind it. These
//! are enough to run histories of hours in no time. `places` are the cables from the outlets to the buttons, and `serve`
//! runs the board on a pty in one task.

pub mod button;
pub mod firmware;
pub mod pc;

mod command;
mod places;
mod serve;

pub(crate) use button::Press;
pub(crate) use places::Wiring;
pub(crate) use serve::Board;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What can be done to the relay board, its wires and the buttons behind it, besides talking to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RelayKnob {
    /// The board hears everything and says nothing.
    Silence(bool),
    /// Everything the board says arrives this much later, in wall time.
    Delay(Duration),
    /// Every byte the board says is replaced by noise, as with a wrong baud rate; line ends survive.
    Garbage(bool),
    /// The USB adapter is pulled out (`true`) or put back.
    Unplugged(bool),
    /// The reset button, or a dip of the supply: all states are lost and outlet 7 is pressed.
    Reboot,
    /// The board loses its OLED at the next reboot, and with it its serial service.
    DeadDisplay(bool),
    /// Somebody holds the board's own button until the selected outlet toggles.
    LocalButton(u8),
    /// The relay's contact no longer moves, whatever the board's memory says: it stays closed, or open. `None` mends it.
    Stuck { outlet: u8, closed: Option<bool> },
    /// The wires of two outlets are exchanged; once more exchanges them back.
    Swap(u8, u8),
    /// Somebody presses the front button of the machine that belongs to this outlet, for so long of the board's time.
    Finger { outlet: u8, hold: Duration },
}

/// What the relay board has done, for as long as it runs.
#[derive(Debug, Clone, Default)]
pub struct RelayView(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    starts: AtomicU64,
    boss_presses: AtomicU64,
    boss_kills: AtomicU64,
}

impl RelayView {
    /// How often the board has started.
    pub fn starts(&self) -> u64 {
        self.0.starts.load(Relaxed)
    }

    /// How often the controller's own button was pressed, by whomever. Each start of the board is one of them.
    pub fn boss_presses(&self) -> u64 {
        self.0.boss_presses.load(Relaxed)
    }

    /// How many of them were long enough to kill it.
    pub fn boss_kills(&self) -> u64 {
        self.0.boss_kills.load(Relaxed)
    }

    fn started(&self, starts: u64) {
        self.0.starts.store(starts, Relaxed);
    }

    fn boss(&self, press: Press) {
        match press {
            Press::Down => self.0.boss_presses.fetch_add(1, Relaxed),
            Press::Held => self.0.boss_kills.fetch_add(1, Relaxed),
            Press::Up => return,
        };
    }
}
