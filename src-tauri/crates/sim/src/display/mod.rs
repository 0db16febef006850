//! The status display: what its firmware makes of the lines that it gets, and what its panel then shows.
//!
//! [`firmware`] and [`panel`] are pure; `serve` runs them behind a pty.

/// What it knows and what it says back. Pure.
pub mod firmware;

/// The panel, pixel by pixel. Pure.
pub mod panel;

/// Small pictures in one colour.
mod icons;
mod serve;

pub use firmware::{Firmware, Shown};
pub use panel::png;
pub(crate) use serve::Display;
pub use serve::DisplayView;

use std::time::Duration;

/// What can be done to the display and its cable, besides talking to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayKnob {
    /// Its program hangs: it neither reads nor draws nor complains, and the host's line fills up.
    Silence(bool),
    /// Everything it hears is looked at this much later, in wall time.
    Delay(Duration),
    /// Every byte it hears is noise; line ends survive.
    Garbage(bool),
    /// Its cable, which is also its supply, is pulled out (`true`) or put back.
    Unplugged(bool),
    /// It starts anew and has forgotten what it showed.
    Reboot,
}
