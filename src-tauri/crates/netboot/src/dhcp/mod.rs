//! DHCPv4 (RFC 2131, 2132) with what PXE (RFC 4578), UEFI HTTP Boot and iPXE add to it.
//!
//! Reading order: what is configured, what a client says, who may have which address and who remembers it, what we
//! answer as the network's server or beside it, how the answer looks on the wire, who else answers, and last the desk
//! where it all meets, what works around it, and the sockets.

pub mod config;
pub mod message;

pub mod lease_store;
pub mod leases;

pub mod answer;
pub mod proxy;
pub mod reply;

mod arp;
mod link;
pub mod rivals;

mod desk;
mod keeper;
pub mod server;
mod stock;

pub use answer::{Answer, Boot, Decision, Grant, Refusal};
pub use config::{BootNames, ConfigError, DhcpConfig, Mode, Replies, Reservation};
pub use lease_store::{Forgetful, Lease, LeaseState, LeaseStore, LeaseStoreError};
pub use leases::Leases;
pub use message::{Client, Identity, Kind, Request};
pub use rivals::{Rival, listen_for_others};
pub use server::{Nic, bind, run};
