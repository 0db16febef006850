//! Wake-on-LAN: the one packet that a sleeping network card understands. Nothing answers, nothing can be read; the engine
//! repeats it until the machine is heard.

/// The packet. Pure.
mod packet;

/// Sending it.
mod driver;

pub(super) use driver::build;
