//! Whom we believe on a cable: devices of a lab sign their certificates themselves, with names and dates that mean
//! nothing, so what is held fast is the certificate itself. The one given in the board file, or else the first one
//! seen from then on, as with ssh's known hosts. That the device holds the certificate's key is always checked.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest, Sha256};

/// SHA-256 of a certificate as it goes over the wire (DER); what
/// `openssl x509 -noout -fingerprint -sha256` prints.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// What stands in the board file is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 hexadecimal digits (SHA-256), with or without colons")]
pub struct NoFingerprint;

impl Fingerprint {
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let digits: String = text.trim().chars().filter(|char| *char != ':').collect();
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| NoFingerprint)?;
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

/// Remembers the first certificate of each device whose fingerprint nobody gave. Asked and told in the middle of a
/// handshake: it answers from memory.
pub trait Trust: Send + Sync {
    /// `host` is host and port, as in `192.168.122.1:443`.
    fn known(&self, host: &str) -> Option<Fingerprint>;
    /// The device proved that it holds the key of this certificate. May be told the same twice.
    fn first_seen(&self, host: &str, fingerprint: Fingerprint);
}

/// Which certificate a device may show.
#[derive(Clone)]
pub enum Pin {
    /// This one and no other.
    Only(Fingerprint),
    /// The first one seen, from then on.
    First(Arc<dyn Trust>),
}

impl Pin {
    /// As the board file has it.
    pub fn new(fingerprint: Option<&str>, trust: Arc<dyn Trust>) -> Result<Self, NoFingerprint> {
        Ok(match fingerprint {
            Some(text) => Self::Only(text.parse()?),
            None => Self::First(trust),
        })
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only(fingerprint) => write!(f, "Only({fingerprint})"),
            Self::First(_) => f.write_str("First"),
        }
    }
}

/// A device showed another certificate than the one it is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    pub expected: Fingerprint,
    pub shown: Fingerprint,
    /// It was written in the board file, as against: seen at the first contact.
    pub given: bool,
}

/// Checks certificates of one host.
pub(crate) struct Verifier {
    host: String,
    pin: Pin,
    provider: Arc<CryptoProvider>,
    changed: Mutex<Option<Changed>>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("host", &self.host).field("pin", &self.pin).finish_non_exhaustive()
    }
}

impl Verifier {
    pub(crate) fn new(host: String, pin: Pin) -> Arc<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Arc::new(Self { host, pin, provider, changed: Mutex::new(None) })
    }

    /// Why the last handshake was refused; rustls has no room for both fingerprints.
    pub(crate) fn take_changed(&self) -> Option<Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn config(self: &Arc<Self>) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Self>::clone(self))
            .with_no_client_auth();
        // A resumed session shows no certificate, and one that was trusted may have been replaced since.
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn expected(&self) -> Option<Fingerprint> {
        match &self.pin {
            Pin::Only(fingerprint) => Some(*fingerprint),
            Pin::First(trust) => trust.known(&self.host),
        }
    }

    /// Only now is it sure that the device holds the key, and did not just repeat another's certificate.
    fn proved(&self, certificate: &CertificateDer<'_>) {
        if let Pin::First(trust) = &self.pin
            && trust.known(&self.host).is_none()
        {
            trust.first_seen(&self.host, Fingerprint::of(certificate));
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Fingerprint::of(certificate);
        let Some(expected) = self.expected().filter(|expected| *expected != shown) else {
            return Ok(ServerCertVerified::assertion());
        };
        let given = matches!(self.pin, Pin::Only(_));
        *self.changed.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Changed { expected, shown, given });
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let valid = verify_tls12_signature(message, certificate, signature, algorithms)?;
        self.proved(certificate);
        Ok(valid)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let valid = verify_tls13_signature(message, certificate, signature, algorithms)?;
        self.proved(certificate);
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
