//! What it answers to a request.

use std::collections::BTreeSet;

use rcgen::{CertificateSigningRequestParams, KeyPair, PublicKeyData, SanType, SubjectPublicKeyInfo};
use serde_json::{Value, json};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use super::{Core, held};
use crate::web::{Answer, Request};

/// Every certificate begins a minute in the past.
const BACKDATED: i64 = 60;
const DAY: i64 = 86_400;
const SHORTEST: i64 = 300;

impl Core {
    /// `client` is the certificate of the handshake.
    pub(super) fn answer(&self, request: &Request, client: Option<&[u8]>) -> Answer {
        let answer = if held(&self.manners).nonsense {
            Answer::html("<html><title>It works!</title></html>".to_owned())
        } else {
            self.route(request, client)
        };
        let seen = format!("{} {}", request.path, answer.status);
        *held(&self.view).answered.entry(seen).or_default() += 1;
        answer
    }

    fn route(&self, request: &Request, client: Option<&[u8]>) -> Answer {
        let pem = |pem: String| Answer::new(200, "application/x-pem-file", pem);
        let fingerprint = format!("/root/{}", self.authority.fingerprint());
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health") => answered(200, &json!({ "status": "ok" })),
            ("GET", "/roots.pem") => pem(self.authority.root_pem()),
            ("GET", "/intermediates.pem") => pem(self.authority.intermediate().pem()),
            ("GET", "/provisioners") => {
                answered(200, &self.authority.provisioners(held(&self.manners).after_expiry))
            }
            ("GET", path) if path == fingerprint => {
                answered(200, &json!({ "ca": self.authority.root_pem() }))
            }
            ("POST", "/sign") => self.sign(request).unwrap_or_else(refused),
            ("POST", "/renew") => self.renew(request, client).unwrap_or_else(refused),
            _ => refused(404),
        }
    }

    fn sign(&self, request: &Request) -> Result<Answer, u16> {
        let body: Value = serde_json::from_slice(&request.body).map_err(|_| 400_u16)?;
        let csr = CertificateSigningRequestParams::from_pem(body["csr"].as_str().ok_or(400_u16)?)
            .map_err(|_| 400_u16)?;
        let token = self.one_time(body["ott"].as_str().ok_or(400_u16)?)?;
        let asked: BTreeSet<String> = csr.params.subject_alt_names.iter().filter_map(name).collect();
        let allowed = token.claims["sans"].as_array().ok_or(401_u16)?;
        let allowed: BTreeSet<String> =
            allowed.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect();
        if asked != allowed {
            return Err(403);
        }
        let life = match body["notAfter"].as_str() {
            None => DAY,
            Some(text) => {
                text.strip_suffix('h').and_then(|hours| hours.parse::<i64>().ok()).ok_or(400_u16)? * 3600
            }
        };
        if !(SHORTEST - BACKDATED..=held(&self.manners).longest_s).contains(&life) {
            return Err(403);
        }
        let names: Vec<String> = token.claims["sub"]
            .as_str()
            .into_iter()
            .map(str::to_owned)
            .chain(asked.into_iter().filter(|name| token.claims["sub"] != name.as_str()))
            .collect();
        self.made(&names, life, &csr.public_key)
    }

    fn renew(&self, request: &Request, client: Option<&[u8]>) -> Result<Answer, u16> {
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let der = match (client, bearer) {
            (Some(_), _) if held(&self.manners).no_renewal => return Err(401),
            (Some(der), _) => der.to_vec(),
            (None, Some(token)) => self.after_expiry(token)?,
            (None, None) => return Err(400),
        };
        let (_, old) = X509Certificate::from_der(&der).map_err(|_| 400_u16)?;
        let names = old.subject_alternative_name().ok().flatten().ok_or(400_u16)?;
        let names: Vec<String> = names.value.general_names.iter().filter_map(general).collect();
        let public = SubjectPublicKeyInfo::from_der(old.public_key().raw).map_err(|_| 400_u16)?;
        let life = old.validity().not_after.timestamp() - old.validity().not_before.timestamp();
        self.made(&names, life - BACKDATED, &public)
    }

    fn made(&self, names: &[String], life: i64, public: &impl PublicKeyData) -> Result<Answer, u16> {
        let (from, until) = (self.now() - BACKDATED, self.now() + life);
        let leaf = if held(&self.manners).other_key {
            KeyPair::generate()
                .map_err(|_| 500_u16)
                .and_then(|other| self.authority.leaf(names, from, until, &other).map_err(|_| 500_u16))
        } else {
            self.authority.leaf(names, from, until, public).map_err(|_| 500_u16)
        }?;
        let (crt, ca) = (leaf.pem(), self.authority.intermediate().pem());
        Ok(answered(201, &json!({ "crt": crt, "ca": ca, "certChain": [crt, ca], "tlsOptions": {} })))
    }
}

fn answered(status: u16, body: &Value) -> Answer {
    Answer::new(status, "application/json", body.to_string())
}

/// As the real one says it: the reason stands in its log alone.
fn refused(status: u16) -> Answer {
    let message = match status {
        400 => "The request could not be completed; malformed or missing data.",
        401 => {
            "The request lacked necessary authorization to be completed. Please see the certificate authority logs for more info."
        }
        403 => "The request was forbidden by the certificate authority.",
        404 => "The requested resource could not be found.",
        _ => "The certificate authority encountered an Internal Server Error.",
    };
    answered(status, &json!({ "status": status, "message": message }))
}

fn name(san: &SanType) -> Option<String> {
    match san {
        SanType::DnsName(name) => Some(name.to_string()),
        SanType::IpAddress(address) => Some(address.to_string()),
        _ => None,
    }
}

fn general(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            let either = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(std::net::IpAddr::from));
            either.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}
