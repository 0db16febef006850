//! TFTP as UEFI's PXE client speaks it: first ask for the size and break off, then fetch in large blocks.

mod client;
mod codec;
mod transfer;

pub(crate) use client::Client;
