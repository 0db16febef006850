//! The status display: an ESP32 with a 480×272 panel behind a serial line. It draws what it is told and says nothing back but
//! complaints; when the host dies its last picture stays. Read in this order:

/// Lines to the display: what fits its buffer, its font and its integers. Pure.
pub mod lines;

/// When which line may go out. Pure: time comes in as an argument.
pub mod pace;

/// What the display says. Pure.
mod hearing;

/// The serial line.
mod port;

/// The one task that owns the line.
mod driver;

pub use driver::{Display, DisplayState};
