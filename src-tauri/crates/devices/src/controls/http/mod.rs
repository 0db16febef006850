//! Everything that is switched by single HTTP requests: one engine, and what is known of some devices as data for it.

/// A state in an answer. Pure.
mod reading;

/// Requests and readings of the devices that are known. Pure.
mod presets;

/// From the board file to a plan.
mod plan;

/// Carrying a plan out.
mod driver;

pub(super) use plan::{own, plug};
pub(super) use presets::{esphome, home_assistant, pikvm, shelly_gen1, shelly_gen2, tasmota};
