//! The listener as callers meet it, route by route.

mod commands;
mod faults;
mod doors;
mod reading;
pub(crate) mod streams;
