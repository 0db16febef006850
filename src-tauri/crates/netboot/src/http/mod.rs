//! HTTP/1.1 (RFC 9110, 9112), as much of it as boot loaders, firmware and the probe image speak.
//!
//! A server of our own rather than a framework: what it must tell (bytes and packets of each body, where a transfer
//! broke) lies below what frameworks show.

pub mod head;

pub mod range;
pub mod respond;

pub mod carrier;

mod tcp;

mod connection;
mod delivery;

pub mod server;
pub mod tls;

pub use carrier::Carrier;
pub use server::{run, run_apart, run_over};
