//! smallstep's step-ca, as a client: sign with a one-time token, renew by the certificate itself, renew after expiry.
//!
//! Which way works when was tried against the real one: `/renew` with the certificate in the TLS handshake as long as it is
//! valid; once it has lapsed the handshake always fails, and only a token signed by its key is taken, where the provisioner
//! allows that; else only a new one-time token helps, for which the provisioner's password is needed. Paths have no `/1.0` in
//! front: the owner's counters look for `path=/sign` and `path=/renew` in the CA's log.

mod answers;
mod jwe;
mod tokens;
mod wire;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use lab::{Code, Failure, Secret, certificate::CertificateFacts};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use reqwest::Url;
use serde_json::{Value, json};

use crate::{
    find::read_bounded,
    read::{self, Key},
    shelf::Signed,
};
use answers::{Refusal, chain};
use tokens::Provisioner;
use wire::{Ask, Wire};

/// What a certificate's place holds before it is renewed.
pub struct Held {
    /// DER, the certificate first; empty where there is none that a CA would renew.
    pub chain: Vec<Vec<u8>>,
    pub key: Option<Key>,
}

/// A step-ca and what is known of it.
pub struct StepCa {
    url: Url,
    root_path: PathBuf,
    fingerprint: Option<String>,
    provisioner: String,
    leaf_hours: u64,
    root: Mutex<Option<Arc<Root>>>,
    /// The provisioner's key costs 600,000 rounds to open: kept as long as the CA shows the same one.
    opened: Mutex<Option<(String, Arc<Provisioner>)>>,
    intermediate: Mutex<Option<Vec<u8>>>,
}

struct Root {
    pem: String,
    der: Vec<u8>,
    fingerprint: String,
}

const REACH: &str =
    "see whether step-ca runs (systemctl status step-ca), and its address in the board file ([ca] url)";

impl StepCa {
    /// Nothing is read or asked yet: a CA that is missing at start may come later.
    pub fn new(
        url: &str,
        root: &Path,
        fingerprint: Option<&str>,
        provisioner: &str,
        leaf_hours: u64,
    ) -> Result<Self, Failure> {
        let bad = |why: String| {
            Failure::new(
                Code::BadConfig,
                "prepare step-ca",
                why,
                "correct [ca] url, as in https://boss.local:9000",
            )
        };
        let parsed = Url::parse(url).map_err(|error| bad(format!("`{url}` is no address: {error}")))?;
        if parsed.scheme() != "https" || parsed.host_str().is_none() {
            return Err(bad(format!("`{url}` does not begin with https:// and a host")));
        }
        Ok(Self {
            url: parsed,
            root_path: root.to_owned(),
            fingerprint: fingerprint.map(|text| text.replace(':', "").to_ascii_lowercase()),
            provisioner: provisioner.to_owned(),
            leaf_hours,
            root: Mutex::default(),
            opened: Mutex::default(),
            intermediate: Mutex::default(),
        })
    }

    /// As in "step-ca at boss.local:9000".
    pub fn name(&self) -> String {
        format!("step-ca at {}", self.host())
    }

    pub(crate) fn place(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    pub(crate) fn root_pem(&self) -> Option<String> {
        self.root().ok().map(|root| root.pem.clone())
    }

    pub(crate) fn root_der(&self) -> Option<Vec<u8>> {
        self.root().ok().map(|root| root.der.clone())
    }

    /// The one with which it signed, as far as it was asked for.
    pub(crate) fn intermediate(&self) -> Option<Vec<u8>> {
        self.intermediate.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it answers, and as itself.
    pub async fn health(&self) -> Result<(), Failure> {
        let what = format!("ask {} how it is", self.name());
        let wire = self.wire(&what, None)?;
        let answer = wire.send(Ask::get("/health")).await?;
        if answer.status != 200 || answer.json()?["status"] != "ok" {
            return Err(answer.nonsense("its health is not \"ok\""));
        }
        if self.intermediate().is_none()
            && let Ok(answer) = wire.send(Ask::get("/intermediates.pem")).await
            && let Some(der) =
                read::blocks(&answer.body).ok().and_then(|blocks| blocks.certificates.into_iter().next())
        {
            *self.intermediate.lock().unwrap_or_else(PoisonError::into_inner) = Some(der);
        }
        Ok(())
    }

    /// A certificate for these names by the first way that works. `sound` are the facts of the held one where only its dates
    /// may be wrong.
    pub(crate) async fn issue(
        &self,
        names: &[String],
        held: Held,
        sound: Option<&CertificateFacts>,
        password: Option<&Secret>,
        now_us: i64,
    ) -> Result<Signed, Failure> {
        let mut refusal = None;
        if let (Some(facts), Some(key)) = (sound, &held.key) {
            let lapsed = now_us >= facts.not_after_us;
            let (by, renewed) = if lapsed {
                ("step-ca: renew after expiry", self.renew_lapsed(&held.chain, key, facts, now_us).await)
            } else {
                ("step-ca: renew", self.renew(&held.chain, key).await)
            };
            match renewed {
                Ok(chain_pem) => return Ok(Signed { chain_pem, key_pem: None, by: by.to_owned() }),
                Err(refused) if refused.last => return Err(refused.failure),
                Err(refused) => refusal = Some(refused.failure),
            }
        }
        let Some(password) = password else {
            return Err(refusal.unwrap_or_else(|| self.no_password()));
        };
        let made = match &held.key {
            Some(_) => None,
            None => Some(KeyPair::generate().map_err(internal)?),
        };
        let pair =
            made.as_ref().or(held.key.as_ref().map(|key| &key.pair)).ok_or_else(|| self.no_password())?;
        let chain_pem = self.sign(names, pair, password, now_us).await?;
        let key_pem = made.as_ref().map(KeyPair::serialize_pem);
        Ok(Signed { chain_pem, key_pem, by: "step-ca: sign".to_owned() })
    }

    /// By the certificate in the handshake.
    async fn renew(&self, held: &[Vec<u8>], key: &Key) -> Result<String, Refusal> {
        let what = format!("renew at {}", self.name());
        let wire = self.wire(&what, Some((held, key)))?;
        let answer = wire.send(Ask::post("/renew", None)).await.map_err(|failure| Refusal {
            // Who cannot be reached will not answer the next question either; a broken handshake may be about our dates.
            last: matches!(failure.code, Code::DeviceAbsent | Code::TimedOut),
            failure,
        })?;
        let answer = answer.signed("it does not renew this certificate").map_err(Refusal::from_answer)?;
        Ok(chain(&answer)?)
    }

    /// By a token that the lapsed certificate's key signed.
    async fn renew_lapsed(
        &self,
        held: &[Vec<u8>],
        key: &Key,
        facts: &CertificateFacts,
        now_us: i64,
    ) -> Result<String, Refusal> {
        let what = format!("renew the expired certificate at {}", self.name());
        let wire = self.wire(&what, None)?;
        let token = tokens::after_expiry(held, key, &facts.subject, &self.endpoint("/renew"), now_us)
            .map_err(internal)?;
        let answer = wire
            .send(Ask::post("/renew", None).bearer(&token))
            .await
            .map_err(|failure| Refusal { last: true, failure })?;
        let why = "it does not renew a certificate that has expired (its provisioner has no allowRenewalAfterExpiry)";
        let answer = answer.signed(why).map_err(Refusal::from_answer)?;
        Ok(chain(&answer)?)
    }

    /// By a one-time token of the provisioner.
    async fn sign(
        &self,
        names: &[String],
        pair: &KeyPair,
        password: &Secret,
        now_us: i64,
    ) -> Result<String, Failure> {
        let what = format!("sign at {}", self.name());
        let wire = self.wire(&what, None)?;
        let provisioner = self.provisioner(&wire, password).await?;
        let root = self.root()?;
        let token =
            provisioner.token(names, &root.fingerprint, &self.endpoint("/sign"), now_us).map_err(internal)?;
        let mut params = CertificateParams::new(names.to_vec()).map_err(internal)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("", String::as_str));
        let csr = params.serialize_request(pair).and_then(|csr| csr.pem()).map_err(internal)?;
        let mut body = json!({ "csr": csr, "ott": token });
        if self.leaf_hours != 24 {
            // A length, so that it is added to the CA's own time.
            body["notAfter"] = Value::String(format!("{}h", self.leaf_hours));
        }
        let answer = wire.send(Ask::post("/sign", Some(body))).await?;
        let why = format!(
            "it refuses the provisioner {}, the names or the life of {} h",
            self.provisioner, self.leaf_hours
        );
        chain(&answer.signed(&why)?)
    }

    async fn provisioner(&self, wire: &Wire, password: &Secret) -> Result<Arc<Provisioner>, Failure> {
        let (kid, sealed) = answers::provisioner(wire, &self.provisioner).await?;
        {
            let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, provisioner)) = opened.as_ref().filter(|(same, _)| *same == sealed) {
                return Ok(Arc::clone(provisioner));
            }
        }
        let (name, password, jwe) = (self.provisioner.clone(), password.clone(), sealed.clone());
        // Half a second of a processor.
        let opened =
            tokio::task::spawn_blocking(move || Provisioner::open(&name, &kid, &jwe, &password)).await;
        let opened =
            opened.map_err(internal)?.map_err(|error| error.failure(&self.name(), &self.provisioner))?;
        let opened = Arc::new(opened);
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some((sealed, Arc::clone(&opened)));
        Ok(opened)
    }

    fn wire(&self, what: &str, identity: Option<(&[Vec<u8>], &Key)>) -> Result<Wire, Failure> {
        let root = self.root()?;
        Wire::new(what, &self.url, &self.host(), &root.der, identity)
    }

    /// The root that the board file names, believed only with the fingerprint that it names.
    fn root(&self) -> Result<Arc<Root>, Failure> {
        let mut slot = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(root) = slot.as_ref() {
            return Ok(Arc::clone(root));
        }
        let path = self.root_path.display();
        let bad = |why: String| {
            let remedy =
                "copy the CA's root there (step ca root FILE), and correct [ca] root in the board file";
            Failure::new(
                Code::BadConfig,
                format!("read the root of {}", self.name()),
                format!("{path}: {why}"),
                remedy,
            )
        };
        let bytes = read_bounded(&self.root_path).map_err(|error| bad(error.to_string()))?;
        let blocks = read::blocks(&bytes).map_err(|error| bad(error.to_string()))?;
        let der = blocks.certificates.first().ok_or_else(|| bad("it holds no certificate".to_owned()))?;
        let one = read::certificate(der).map_err(|error| bad(error.to_string()))?;
        let fingerprint = one.facts.fingerprint;
        if let Some(wanted) = self.fingerprint.as_ref().filter(|wanted| **wanted != fingerprint) {
            return Err(bad(format!("its fingerprint is {fingerprint}, the board file says {wanted}")));
        }
        let root = Arc::new(Root { pem: answers::armour(der), der: der.clone(), fingerprint });
        *slot = Some(Arc::clone(&root));
        Ok(root)
    }

    fn host(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or(443);
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }

    fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }

    fn no_password(&self) -> Failure {
        crate::refused(
            format!("sign at {}", self.name()),
            format!("the password of its provisioner {} is not known here", self.provisioner),
            "name it in the board file ([ca] secret = \"step-ca\") and say it: statusinator secrets set step-ca",
        )
    }
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Internal, "prepare a question to step-ca", error.to_string(), "tell the developers")
}

#[cfg(test)]
#[path = "step/step_tests.rs"]
mod tests;
