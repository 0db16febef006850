//! Drivers behind the ports of lab. One folder a device; codecs are pure, drivers own the wire.

/// The status display: a small panel on a serial line.
pub mod display;

/// The virtual board: QEMU machines on a bridge, in namespaces of their own.
pub mod qemu;

/// Power buttons of real machines: the relay board on its serial line.
pub mod relay;
