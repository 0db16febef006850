//! A switch that is asked by SNMP, as nearly all managed ones can be: only read, so that links can be seen where no other
//! driver fits. Read in this order:

/// What the tables of IF-MIB and BRIDGE-MIB say. Pure.
pub mod tables;

/// The tables over UDP, and the port of lab in front of them.
mod driver;

pub use driver::{Snmp, SnmpConfig};
