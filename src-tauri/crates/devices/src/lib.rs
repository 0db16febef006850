//! Drivers behind the ports of lab. One folder a device; codecs are pure, drivers own the wire.

/// The status display: a small panel on a serial line.
pub mod display;

/// Power controls of machines that hang on no relay.
pub mod controls;

/// All power of a board behind one port.
pub mod outlets;

/// HTTP to devices: deadlines, bounds, who we are, and words for what goes wrong.
pub mod http;

#[cfg(test)]
mod fake;

/// Which certificates of devices are believed.
pub mod tls;

/// The virtual board: QEMU machines on a bridge, in namespaces of their own.
pub mod qemu;

/// Power buttons of real machines: the relay board on its serial line.
pub mod relay;

/// Managed switches: the owner's model by its web pages, any other by SNMP.
pub mod switch;

/// The router to the world: OpenWrt, or any with a Prometheus exporter.
pub mod router;
