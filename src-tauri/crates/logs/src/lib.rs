//! Log records: read from files and sockets, brought into one shape, counted. Nothing here depends on TLS.
//!
//! Reading order: [`view`] is one record as it was said, [`otlp`] reads records out of the collector's lines, [`lines`] cuts
//! a stream of bytes into lines, [`tail`] follows the collector's file, [`classify`] is the table of what counts, [`count`]
//! counts whole files, [`own`] is what our own services add to the same counters.

pub mod classify;
pub mod count;
pub mod lines;
pub mod otlp;
pub mod own;
pub mod tail;
pub mod view;

pub use classify::Classifier;
pub use view::View;
