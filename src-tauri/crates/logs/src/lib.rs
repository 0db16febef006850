//! Log records: read from files and sockets, brought into one shape, counted. Nothing here depends on TLS.
//!
//! Reading order: [`view`] is one record as it was said, [`otlp`] reads records out of the collector's lines,
//! [`classify`] is the table of what counts, [`count`] counts whole files, [`own`] is what our own services add to the same
//! counters.
//!
//! Then the inputs: [`tail`] follows a file, `collector` is the collector's, [`receiver`] takes OTLP over HTTP, [`syslog`] and
//! [`talos`] take what machines send, on sockets that `listen` keeps open. [`pipeline`] brings it all to one sink, and
//! [`input`] starts what a board names.

pub mod classify;
mod collector;
pub mod count;
pub mod input;
mod listen;
pub mod otlp;
pub mod own;
pub mod pipeline;
pub mod receiver;
#[cfg(test)]
mod shows;
pub mod syslog;
pub mod tail;
pub mod talos;
pub mod view;

pub use classify::Classifier;
pub use input::{Inputs, LogsConfig, NameOf};
pub use pipeline::{
    Clock, Sink,
    rates::{Rates, Talker},
};
pub use view::View;
