//! One loop: commands and observations in, events and status out.

mod handle;

pub use handle::{Command, Detached, EngineHandle, Order, Outcome};
