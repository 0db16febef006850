//! The listener as callers meet it, route by route.

mod commands;
mod doors;
mod explain;
mod faults;
mod reading;
pub(crate) mod streams;
