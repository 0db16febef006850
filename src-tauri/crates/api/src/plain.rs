//! Clients for plain HTTP on this computer, and for what people name in the board file.

use std::io;

use rustls::crypto::aws_lc_rs;

use crate::tls::{Pins, pinned_http};

/// The beginning of a client that has no use for certificates: it believes none. Without it every client would look for the
/// computer's own certificates, which a fresh machine need not have.
///
/// # Errors
/// When the cryptography of this program knows no version of TLS, which it does.
pub fn plain_http() -> io::Result<reqwest::ClientBuilder> {
    pinned_http(Pins::default())
}

/// The beginning of a client for an address that a person named: over TLS it believes whom this computer believes. No
/// redirects: what is sent is for that address.
pub fn named_http() -> reqwest::ClientBuilder {
    // A second installation is refused, and the first one is the same.
    let _ = aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none())
}
