//! The relay board: an ESP32 whose eight relays sit across the power buttons of the PCs.
//!
//! [`command`] reads a line as its firmware does, [`firmware`] is the firmware itself (pure: bytes and time in, bytes and
//! contact changes out), [`button`] is the button the relay closes, [`port`] is the serial adapter on a pty, and
//! [`serve`] runs them all in one task.

mod button;
mod command;
mod firmware;
mod port;
mod serve;

pub(crate) use button::Press;
pub(crate) use port::Port;
pub(crate) use serve::{Board, Wiring};

use std::time::Duration;

/// What can be done to the relay board and its wire, besides talking to it.
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
}
