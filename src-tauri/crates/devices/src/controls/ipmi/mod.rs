//! IPMI 2.0 over the network, through ipmitool: every other implementation knows fewer of the controllers' faults.

/// What ipmitool prints. Pure.
mod output;

/// Running it.
mod driver;

pub(super) use driver::build;
