//! The shell: what a person types, where things lie, and which driver stands behind which port.
//!
//! `cli` reads the command line, `config` knows all paths, `wiring` builds a running program. Nothing in here decides.

mod bundle;
pub mod certificates;
pub mod cli;
pub mod clock;
pub mod config;
pub mod holders;
pub mod logging;
pub mod ports;
pub mod secrets;
pub mod wiring;

/// The version that `--version`, the log and every engine event name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
