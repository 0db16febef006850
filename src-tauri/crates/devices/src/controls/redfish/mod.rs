//! Redfish (DMTF DSP0266): a management controller's HTTP service.

/// What its resources say. Pure.
mod codec;

/// Asking it.
mod driver;

pub(super) use driver::build;
