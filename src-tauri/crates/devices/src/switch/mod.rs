//! Managed switches. Read in this order:

/// The owner's model and its siblings, by their web pages: reads, and switches ports on and off.
pub mod hasivo;

/// Any other, by SNMP; only read.
pub mod snmp;

pub use hasivo::{Hasivo, HasivoConfig};
pub use snmp::{Snmp, SnmpConfig};
