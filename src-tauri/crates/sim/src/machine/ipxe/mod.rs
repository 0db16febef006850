//! iPXE: its scripts are interpreted for real, so that a script that would fail on the board fails here.
//!
//! [`settings`] holds what `${...}` can name, [`mod@line`] splits a script line into commands, [`interpreter`] walks through
//! the lines, [`commands`] obeys them; what takes time is asked of the outside, and [`run`] is that outside.

mod commands;
mod interpreter;
mod line;
mod run;
mod settings;

pub(crate) use run::{Loader, Outcome};
