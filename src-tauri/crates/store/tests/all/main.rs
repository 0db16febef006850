//! The store from outside, on real files. One binary, since linking is what takes the time.

// A test may panic; clippy's own exception does not reach functions that tests share.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod backup;
mod bounded;
mod crash;
mod damage;
mod disk;
mod history;
mod images;
mod logging;
mod measure;
mod measure_logs;
mod opening;
mod powercut;
mod replay;
