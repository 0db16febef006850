//! The virtual board: QEMU machines with real firmware on a bridge, in namespaces of their own.
//!
//! Everything a virtual board makes (processes, bridge, taps, mounts) lives in one PID, network and mount namespace,
//! so that the kernel takes all of it along when the engine ends, however it ends. Read in this order:

/// The outer side: start this program again inside new namespaces.
pub mod namespace;

/// The inner side: take over what the outer process handed in.
pub mod adopt;

/// Bridge and taps, and the counters of each machine's wire.
pub mod network;

/// What QEMU is told, as a pure function.
pub mod machine;

/// Which programs and firmware files this host has.
pub mod tools;

/// Power buttons and consoles of the machines.
pub mod power;

/// What can be broken on purpose.
pub mod faults;

mod console;
mod process;
mod qmp;

pub use adopt::{Adopted, Told, adopt};
pub use faults::{RivalPlan, WireFaults};
pub use machine::{Firmware, MachineSpec};
pub use namespace::{Inside, NamespaceError, reexec};
pub use network::{Network, NetworkError, NetworkPlan};
pub use power::Machines;
pub use tools::{ToolError, Tools};
