//! Time (RFC 5905, server mode): what DHCP option 42 promises.
//!
//! Where the host's clock follows others, we say so and how far it may be off. Where it does not (a board without
//! internet), the machines still have to agree with each other, or certificates are "not yet valid": then we serve our own
//! clock at stratum 10, as chrony's `local` does. Clients that hear a better server prefer that one; iPXE, chrony and
//! Talos take 10, and would refuse the 16 of "not synchronised".
//!
//! - [`message`]: the 48 bytes. No I/O.
//! - [`server`], [`client`]: asked, and asking.

pub mod client;
mod kernel;
pub mod message;
mod server;

pub use kernel::{Discipline, discipline};
pub use server::run;
