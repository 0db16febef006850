//! Bytes of certificates and keys into facts. No I/O here.

mod blocks;
mod chain;
mod facts;
mod key;
mod names;

pub use blocks::{Blocks, Unreadable, blocks};
pub use chain::{Anchors, chain_broken};
pub use facts::{Certificate, certificate};
pub use key::{Key, key};
pub use names::{covers, missing};

#[cfg(test)]
#[path = "read/read_tests.rs"]
mod tests;
