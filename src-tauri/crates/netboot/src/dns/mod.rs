//! Names (RFC 1034, 1035): authoritative for the lab's zone, silent about the rest unless told to pass it on.
//!
//! The bytes are hickory's business; what is asked of a lab's name server is little enough to be read here.
//!
//! - [`zone`]: names and addresses, forwards and backwards.
//! - [`answer`]: one question in, one answer out. No I/O.
//! - [`server`]: UDP and TCP, and passing on.
//! - [`client`]: asking a server, for checks.

pub mod answer;
pub mod client;
mod server;
pub mod zone;

pub use answer::Answerer;
pub use server::{DnsConfig, run};
pub use zone::{Names, Zone, ZoneError};
