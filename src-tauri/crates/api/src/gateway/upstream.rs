//! Where the engine is, and how it is spoken to.

use std::{io, net::SocketAddr, time::Duration};

use crate::{
    origin::Scheme,
    secret::Secret,
    tls::{Fingerprint, Pins, pinned_http},
};

/// On loopback a connection stands at once or not at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// An engine sends a tick every two seconds; a stream without one for so long is dead. A plain answer has as long as the
/// engine itself gives it.
pub(super) const SILENCE: Duration = Duration::from_secs(35);
/// For the few orders that the engine itself gives longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(310);
/// Shorter than the engine keeps an idle connection, so that none is used in the moment it is closed.
const IDLE: Duration = Duration::from_secs(15);

/// An engine's listener and the token for it.
#[derive(Debug, Clone)]
pub struct Upstream {
    base: SocketAddr,
    token: Secret,
    /// Certificates that it may show; `None` where it is spoken to in clear.
    pins: Option<Vec<Fingerprint>>,
}

/// An address that a gateway does not speak to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the engine at {address} is not on this computer; without TLS a token must not leave it")]
pub struct UpstreamError {
    pub address: SocketAddr,
}

impl Upstream {
    /// # Errors
    /// When the address is not loopback: the token would cross a network in clear.
    pub fn new(address: SocketAddr, token: Secret) -> Result<Self, UpstreamError> {
        if address.ip().is_loopback() {
            Ok(Self { base: address, token, pins: None })
        } else {
            Err(UpstreamError { address })
        }
    }

    /// Over TLS, wherever it is; it must show one of these certificates.
    pub fn over_tls(address: SocketAddr, token: Secret, pins: Vec<Fingerprint>) -> Self {
        Self { base: address, token, pins: Some(pins) }
    }

    pub(super) fn url(&self, path_and_query: &str) -> String {
        let scheme = Scheme::of(self.pins.is_some()).word();
        format!("{scheme}://{}{path_and_query}", self.base)
    }

    pub(super) fn pins(&self) -> &[Fingerprint] {
        self.pins.as_deref().unwrap_or_default()
    }

    pub(super) fn token(&self) -> &Secret {
        &self.token
    }
}

/// No proxy from the environment, no redirect: the token goes to the engine and nowhere else.
pub(super) fn client(pins: Pins, silence: Duration) -> io::Result<reqwest::Client> {
    pinned_http(pins)?
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .read_timeout(silence)
        .pool_idle_timeout(IDLE)
        .build()
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_leave_the_computer() {
        let make = |address: &str| Upstream::new(address.parse().unwrap(), Secret::long());
        assert!(make("127.0.0.1:80").is_ok() && make("[::1]:80").is_ok());
        for far in ["192.0.2.1:80", "0.0.0.0:80", "[2001:db8::1]:80"] {
            assert!(make(far).unwrap_err().to_string().contains("not on this computer"), "{far}");
        }
    }
}
