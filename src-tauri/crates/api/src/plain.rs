//! Clients for plain HTTP on this computer.

use std::io;

use crate::tls::{Pins, pinned_http};

/// The beginning of a client that has no use for certificates: it believes none. Without it every client would look for the
/// computer's own certificates, which a fresh machine need not have.
///
/// # Errors
/// When the cryptography of this program knows no version of TLS, which it does.
pub fn plain_http() -> io::Result<reqwest::ClientBuilder> {
    pinned_http(Pins::default())
}
