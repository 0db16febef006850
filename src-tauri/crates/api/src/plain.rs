//! Clients for plain HTTP on this computer.

use std::io;

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// The beginning of a client that has no use for certificates: it believes none. Without it every client would look for the
/// computer's own certificates, which a fresh machine need not have.
///
/// # Errors
/// When the cryptography of this program knows no version of TLS, which it does.
pub fn plain_http() -> io::Result<reqwest::ClientBuilder> {
    let provider = std::sync::Arc::new(aws_lc_rs::default_provider());
    let nobody = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    // Proxies of the environment are for the world; what is spoken here stays on this computer.
    Ok(reqwest::Client::builder().tls_backend_preconfigured(nobody).no_proxy())
}
