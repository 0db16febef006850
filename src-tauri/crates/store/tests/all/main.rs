//! The store from outside, on real files. One binary, since linking is what takes the time.

// A test may panic; clippy's own exception does not reach functions that tests share.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod bounded;
mod crash;
mod history;
mod measure;
mod opening;
mod replay;
