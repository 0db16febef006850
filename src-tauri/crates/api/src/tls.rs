//! TLS for the engine's listener, and clients that know its certificate.
//!
//! [`live`] is the server's side: a certificate from two files that may be replaced at any time. [`pins`] is the client's:
//! a lab's certificates are signed by a lab's CA, which a fresh computer does not know, so the command line and the windows
//! of the same data folder hold fast to the certificate itself, as the engine wrote it down.

mod live;
mod pins;

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

pub use live::{Live, Pair, PairError, Turn};
pub use pins::{Pins, pinned_http};

/// SHA-256 of a certificate as it goes over the wire (DER).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// A fingerprint is 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 hexadecimal digits (SHA-256)")]
pub struct NoFingerprint;

impl Fingerprint {
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NoFingerprint)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[path = "tls/tls_tests.rs"]
pub(crate) mod tests;
