//! Clients that believe a certificate because it is the one that they were told of.

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::Fingerprint;

/// Certificates that are believed; clones share the list, and an empty one believes nobody.
#[derive(Debug, Clone, Default)]
pub struct Pins(Arc<RwLock<Vec<Fingerprint>>>);

impl Pins {
    pub fn new(list: Vec<Fingerprint>) -> Self {
        Self(Arc::new(RwLock::new(list)))
    }

    pub(crate) fn set(&self, list: &[Fingerprint]) {
        if *self.0.read().unwrap_or_else(PoisonError::into_inner) != list {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = list.to_vec();
        }
    }

    fn has(&self, shown: Fingerprint) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&shown)
    }
}

/// The beginning of a client for an engine: over TLS it believes these certificates and no others, whatever the computer's
/// own list says, and proxies of the environment are not for it.
///
/// # Errors
/// When the cryptography of this program knows no version of TLS, which it does.
pub fn pinned_http(pins: Pins) -> io::Result<reqwest::ClientBuilder> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Verifier { pins, provider: provider.clone() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // A resumed session shows no certificate.
    config.resumption = Resumption::disabled();
    Ok(reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy())
}

#[derive(Debug)]
struct Verifier {
    pins: Pins,
    provider: Arc<CryptoProvider>,
}

/// Names and dates are not looked at: the certificate is known itself. That the far side holds its key is checked.
impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.pins.has(Fingerprint::of(certificate)) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
