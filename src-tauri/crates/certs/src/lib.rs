//! Certificates: found, read, made, renewed, and put in place whole.
//!
//! The lab was once off for two days, every certificate of a day lapsed, and its services started with dead ones. So this
//! crate looks at each certificate the board depends on, renews those that are ours in time or after it, and holds back what
//! would start before its own is good.
//!
//! Reading order: [`read`] turns bytes into facts and has no I/O; [`find`] fetches the bytes (files, TLS servers, kubeconfig,
//! talosconfig, Talos secrets); [`LabCa`] signs by itself, [`step`] asks step-ca; `place` puts a pair of files in place so that
//! a kill leaves the old or the new; [`Shelf`] holds all of it together and renews one; [`Keeper`] is the task that does so all
//! the time, [`gate`] the one that does it before services start.

pub mod find;
pub mod gate;
pub mod read;
pub mod step;

mod keeper;
mod lab_ca;
mod lock;
mod place;
mod reload;
mod shelf;

pub use keeper::{Keeper, KeeperConfig, KeeperHandle, News, Sink};
pub use lab_ca::{Issued, LabCa, LabCaConfig};
pub use shelf::{Renewed, Shelf, ShelfConfig};

#[cfg(test)]
mod testing;

use lab::{Code, Failure};

/// Nothing that is read here is longer: a bundle of all the world's roots has some 200 kB.
pub(crate) const LONGEST: u64 = 1024 * 1024;

pub(crate) const MICROS: i64 = 1_000_000;

/// The device or the file refused, or is not as it should be.
pub(crate) fn refused(what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) -> Failure {
    Failure::new(Code::DeviceRefused, what, why, remedy)
}
