//! TFTP, read-only (RFC 1350), with options (RFC 2347), block size (2348), size and timeout (2349) and windows (7440).
//!
//! Our own, because a boot's timeline lives on what libraries hide: aborts, repeats, retransmissions and progress.

pub mod packet;

pub mod transfer;

mod burst;
mod pieces;
mod session;

pub mod server;

pub use server::{run, run_apart};
