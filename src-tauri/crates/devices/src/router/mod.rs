//! The router between the lab and the world. Read in this order:

/// What a Prometheus exporter says of the router. Pure.
pub mod metrics;

/// A router that has nothing but an exporter.
mod exporter;

/// OpenWrt by its JSON-RPC.
pub mod luci;

pub use exporter::{Exporter, ExporterConfig};
pub use luci::{Luci, LuciConfig};
