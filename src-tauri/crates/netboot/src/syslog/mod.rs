//! Log lines of loaders (syslog, UDP 514) and of kernels (netconsole, UDP 6666).
//!
//! Nobody is answered, nothing is stored here; each line becomes a sighting. What a machine writes is for people to read
//! next to its boot, so that a line is made safe first: one line, printable, cut at a bound.

pub mod line;
mod server;

pub use line::{Line, netconsole, syslog};
pub use server::{LoopBack, run};
