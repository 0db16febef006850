//! A machine's DHCP clients: the firmware, iPXE and the running system ask in three different ways.

mod client;
mod codec;
mod identity;

pub(crate) use client::{Client, Lease};
pub(crate) use identity::Identity;
