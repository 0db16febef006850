//! HTTPS to the CA: its root alone is believed, every question has a deadline, and whatever goes wrong is said in words.

use std::{io, sync::Arc, time::Duration};

use lab::{Code, Failure};
use reqwest::{Method, Url, header};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, RootCertStore, crypto::aws_lc_rs,
    pki_types::CertificateDer,
};
use serde_json::Value;

use super::{REACH, answers::Answer};
use crate::read::Key;

/// It answers within milliseconds; just started, on a board that boots, within a second.
const DEADLINE: Duration = Duration::from_secs(5);
/// A chain has a few kB; twenty provisioners have some more.
const LONGEST: usize = 512 * 1024;

/// A way to one CA.
pub(super) struct Wire {
    http: reqwest::Client,
    url: Url,
    host: String,
    what: String,
}

pub(super) struct Ask {
    method: Method,
    path: String,
    body: Option<Value>,
    bearer: Option<String>,
}

impl Ask {
    pub(super) fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), body: None, bearer: None }
    }

    pub(super) fn post(path: &str, body: Option<Value>) -> Self {
        Self { method: Method::POST, path: path.to_owned(), body, bearer: None }
    }

    pub(super) fn bearer(mut self, token: &str) -> Self {
        self.bearer = Some(token.to_owned());
        self
    }
}

impl Wire {
    /// With an identity, that certificate is shown in the handshake.
    pub(super) fn new(
        what: &str,
        url: &Url,
        host: &str,
        root: &[u8],
        identity: Option<(&[Vec<u8>], &Key)>,
    ) -> Result<Self, Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::new(Code::Internal, what, error.to_string(), REACH);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(root.to_vec())).map_err(|error| failed(&error))?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots);
        let tls = match identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = chain.iter().map(|one| CertificateDer::from(one.clone())).collect();
                config.with_client_auth_cert(chain, key.der.clone_key()).map_err(|error| failed(&error))?
            }
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .pool_max_idle_per_host(1)
            .user_agent("statusinator")
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self { http, url: url.clone(), host: host.to_owned(), what: what.to_owned() })
    }

    pub(super) async fn send(&self, ask: Ask) -> Result<Answer, Failure> {
        match tokio::time::timeout(DEADLINE, self.exchange(ask)).await {
            Ok(answer) => answer,
            Err(_) => {
                let why = format!("{} did not answer within {} s", self.host, DEADLINE.as_secs());
                Err(Failure::new(Code::DeviceAbsent, &self.what, why, REACH))
            }
        }
    }

    async fn exchange(&self, ask: Ask) -> Result<Answer, Failure> {
        let url = format!("{}{}", self.url.as_str().trim_end_matches('/'), ask.path);
        let mut request = self.http.request(ask.method, url);
        if let Some(token) = ask.bearer {
            request = request.bearer_auth(token);
        }
        if let Some(body) = ask.body {
            request = request.json(&body);
        }
        let mut response = request.send().await.map_err(|error| self.failure(&error))?;
        let status = response.status().as_u16();
        let date =
            response.headers().get(header::DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.failure(&error))? {
            if body.len() + piece.len() > LONGEST {
                let why = format!("{} answers with more than {} kB", self.host, LONGEST / 1024);
                return Err(crate::refused(&self.what, why, NOT_IT));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, body, date, host: self.host.clone(), what: self.what.clone() })
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        let host = &self.host;
        let refused = |why: String, remedy: &str| crate::refused(&self.what, why, remedy);
        let (tls, innermost) = causes(error);
        match tls {
            Some(rustls::Error::InvalidCertificate(why)) => match why {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => refused(
                    format!(
                        "{host} is another CA: its certificate does not lead to the root that the board file names"
                    ),
                    "if the CA was made anew, fetch its new root and name it in the board file; else find out who answers there",
                ),
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => refused(
                    format!("the certificate of {host} has expired by this machine's clock"),
                    "compare the clock of this machine with the CA's; if it is right, restart step-ca, which renews its own",
                ),
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => refused(
                    format!("the certificate of {host} is not yet valid by this machine's clock"),
                    "set the clock of this machine: it is behind the CA's",
                ),
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    refused(
                        format!("the certificate of {host} is for other names"),
                        "use one of its names in [ca] url, or add this one to step-ca's dnsNames",
                    )
                }
                other => refused(format!("the certificate of {host} is not to be believed: {other}"), NOT_IT),
            },
            Some(rustls::Error::AlertReceived(
                AlertDescription::CertificateExpired | AlertDescription::BadCertificate,
            )) => refused(
                format!(
                    "{host} does not take our certificate: for its clock it has expired or is not yet valid"
                ),
                "compare the clock of this machine with the CA's",
            ),
            Some(rustls::Error::AlertReceived(alert)) => {
                refused(format!("{host} broke off the handshake: {alert:?}"), "see the CA's log")
            }
            Some(other) => refused(format!("{host} does not speak TLS as it should: {other}"), NOT_IT),
            None if error.is_connect() => Failure::new(
                Code::DeviceAbsent,
                &self.what,
                format!("{host} cannot be reached: {innermost}"),
                REACH,
            ),
            None => refused(format!("{host} does not speak HTTP as it should: {innermost}"), NOT_IT),
        }
    }
}

pub(super) const NOT_IT: &str =
    "find out what answers at the CA's address; correct [ca] url in the board file if it is another";

/// The error of TLS, if one is to blame, and the innermost error's words, which name no address.
fn causes(error: &reqwest::Error) -> (Option<rustls::Error>, String) {
    let mut inner: &dyn std::error::Error = error;
    let mut tls = None;
    while let Some(source) = inner.source() {
        inner = source;
        tls = tls.or_else(|| inner.downcast_ref::<io::Error>().and_then(in_io));
    }
    (tls, inner.to_string())
}

/// I/O errors hold others without counting them among their sources.
fn in_io(error: &io::Error) -> Option<rustls::Error> {
    let held = error.get_ref()?;
    held.downcast_ref::<rustls::Error>().cloned().or_else(|| held.downcast_ref::<io::Error>().and_then(in_io))
}
