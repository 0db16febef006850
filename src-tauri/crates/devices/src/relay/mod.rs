//! The relay board: eight contacts across the power buttons of the machines, behind a serial line.
//!
//! It senses nothing: what it reports is what it was told last, since it last started. Read in this order:

/// Lines to and from the board. Pure.
pub mod codec;

/// What is asked of the board, and when which command may go out. Pure: time comes in as an argument.
pub mod desk;

/// The serial line.
mod port;

/// The one task that owns the line, and the port of lab in front of it.
mod driver;

pub use driver::{Relay, RelayConfig, RelayCounters};
