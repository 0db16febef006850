//! The certificates that a TLS server shows, whatever they are worth: they are recorded, and the connection ends.

use std::{net::IpAddr, sync::Arc, time::Duration};

use lab::{Code, Failure};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// Of connection and handshake together; an old router's processor takes a second for them.
const DEADLINE: Duration = Duration::from_secs(5);

/// The chain, its own certificate first. `endpoint` as in `192.168.122.1:443`.
pub(super) async fn shown(endpoint: &str, names: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
    let what = format!("look at the certificate of {endpoint}");
    let absent = |why: String| {
        Failure::new(Code::DeviceAbsent, &what, why, "check that it runs, and its address in the board file")
    };
    let told = |why: String| {
        crate::refused(&what, why, "check that it speaks TLS, and its address in the board file")
    };
    let host = endpoint.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
    let host = host.ok_or_else(|| told(format!("`{endpoint}` is no HOST:PORT")))?;
    // A server with several names shows the one that is asked for.
    let asked = if host.parse::<IpAddr>().is_ok() {
        names
            .iter()
            .find(|name| name.parse::<IpAddr>().is_err() && !name.starts_with('*'))
            .map_or(host, String::as_str)
    } else {
        host
    };
    let name = ServerName::try_from(asked.to_owned()).map_err(|_| told(format!("`{asked}` is no name")))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| told(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TakesAll(provider)))
        .with_no_client_auth();
    let handshake = async {
        let stream = TcpStream::connect(endpoint).await.map_err(|error| absent(error.to_string()))?;
        let tls = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| told(format!("there is no TLS: {error}")))?;
        let chain = tls.get_ref().1.peer_certificates().unwrap_or_default();
        Ok(chain.iter().map(|one| one.to_vec()).collect::<Vec<_>>())
    };
    match timeout(DEADLINE, handshake).await {
        Ok(chain) => chain,
        Err(_) => Err(absent(format!("no answer within {} s", DEADLINE.as_secs()))),
    }
}

/// Nothing is sent over such a connection: whether to believe the certificate is decided after it was read.
#[derive(Debug)]
struct TakesAll(Arc<CryptoProvider>);

impl ServerCertVerifier for TakesAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    // That the server holds the key is verified as always.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
