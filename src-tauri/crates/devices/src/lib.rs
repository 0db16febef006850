//! Drivers behind the ports of lab: the relay board over serial, the QEMU machines of the virtual board.
