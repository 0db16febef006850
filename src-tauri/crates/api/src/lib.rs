//! HTTP and the event stream.

pub mod wire;
