//! What is done about files that cannot be trusted: they are looked through, and put aside rather than deleted.

pub(crate) mod aside;
pub(crate) mod check;
pub(crate) mod salvage;

pub use aside::SetAside;
