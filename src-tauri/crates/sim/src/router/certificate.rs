//! The certificate that a router makes for itself at its first start.

use std::{sync::Arc, time::SystemTime};

use rcgen::{CertificateParams, DnType, KeyPair};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::{self, ServerConfig, pki_types::PrivatePkcs8KeyDer};

/// Of the Gregorian calendar, on average.
const SECONDS_A_YEAR: u64 = 31_556_952;

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error(transparent)]
    Make(#[from] rcgen::Error),
    #[error(transparent)]
    Use(#[from] rustls::Error),
}

/// A certificate in use, and the SHA-256 of it by which others know it again.
pub(super) struct Certificate {
    pub(super) server: Arc<ServerConfig>,
    pub(super) fingerprint: [u8; 32],
}

/// A fresh one, signed by itself.
pub(super) fn make() -> Result<Certificate, CertificateError> {
    let mut params = CertificateParams::new(vec!["OpenWrt".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "OpenWrt");
    params.not_before = rcgen::date_time_ymd(this_year(), 1, 1);
    params.not_after = rcgen::date_time_ymd(this_year() + 2, 1, 1);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let der = certificate.der().clone();
    let fingerprint = Sha256::digest(&der).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![der], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    Ok(Certificate { server: Arc::new(server), fingerprint })
}

/// To the day, but for the first and the last of a year.
fn this_year() -> i32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    1970 + i32::try_from(since.as_secs() / SECONDS_A_YEAR).unwrap_or_default()
}
