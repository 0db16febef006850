//! The user's own program, for gear that nobody else knows: it is told on or off by its arguments, and may print a state.

/// What it prints. Pure.
mod words;

/// Running it.
mod driver;

pub(super) use driver::build;
