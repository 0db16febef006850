//! DHCPv4 (RFC 2131, 2132) with what PXE (RFC 4578), UEFI HTTP Boot and iPXE add to it.
//!
//! Reading order: what is configured, what a client says, who may have which address, what we answer, how the answer
//! looks on the wire, and last the socket.

pub mod config;
pub mod message;

pub mod leases;

pub mod answer;
pub mod reply;

pub mod server;

pub use answer::{Boot, Decision, Grant, Refusal};
pub use config::{BootNames, ConfigError, DhcpConfig, Replies, Reservation};
pub use leases::Leases;
pub use message::{Client, Kind, Request};
pub use server::{bind, run};
