//! Log records: read from files and sockets, brought into one shape, counted. Nothing here depends on TLS.
//!
//! [`tail`] follows the collector's file.

pub mod tail;
