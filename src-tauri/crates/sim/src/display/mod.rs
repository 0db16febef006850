//! The status display: what its firmware makes of the lines that it gets, and what its panel then shows.

/// What it knows and what it says back. Pure.
pub mod firmware;

/// The panel, pixel by pixel. Pure.
pub mod panel;

/// Small pictures in one colour.
mod icons;

pub use firmware::{Firmware, Shown};
pub use panel::png;
