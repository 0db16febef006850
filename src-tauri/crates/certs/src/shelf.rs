//! All certificates of a board with the CA that signs them: looked at together, renewed one at a time.

mod own;
mod renewing;

pub(crate) use renewing::{After, Signed, Want, due_us};

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{StreamExt, stream};
use lab::{
    Code, Failure, Secret,
    certificate::{CertificateFacts, CertificateReading, CertificatesReading},
    clock::Trust,
    gear::{CaGear, CertificateGear},
};

use crate::{
    LabCa, LabCaConfig,
    find::{self, Look},
    step::StepCa,
};

/// Looks at the same time: most of them wait for files or for the network.
const AT_ONCE: usize = 8;

pub(crate) type SecretNamed = Arc<dyn Fn(&str) -> Option<Secret> + Send + Sync>;

/// What a shelf is made from. Closures ask anew each time: secrets change, and so does the trust in the clock.
#[derive(Clone)]
pub struct ShelfConfig {
    pub gear: Vec<CertificateGear>,
    pub ca: CaGear,
    pub lab: LabCaConfig,
    /// Of the lab CA and of locks, as in `DATA/BOARD/certs`.
    pub folder: PathBuf,
    pub secrets: SecretNamed,
    /// Microseconds since 1970.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    pub trust: Arc<dyn Fn() -> Trust + Send + Sync>,
}

/// The certificates of a board.
pub struct Shelf {
    config: ShelfConfig,
    lab: Mutex<Option<Arc<LabCa>>>,
    step: Option<Result<StepCa, Failure>>,
}

/// A certificate that was renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    pub name: String,
    /// `lab CA`, `step-ca: renew`, `step-ca: renew after expiry`, `step-ca: sign`.
    pub by: String,
    pub facts: CertificateFacts,
    /// Whether there was none before.
    pub first: bool,
    /// What the reload command came to.
    pub reload: Option<String>,
    pub took: std::time::Duration,
}

impl Shelf {
    pub fn new(config: ShelfConfig) -> Self {
        let step = match &config.ca {
            CaGear::Lab { .. } => None,
            CaGear::Step { url, root, fingerprint, provisioner, leaf_hours, .. } => {
                Some(StepCa::new(url, root, fingerprint.as_deref(), provisioner, *leaf_hours))
            }
        };
        Self { config, lab: Mutex::new(None), step }
    }

    /// Names of those that this program renews.
    pub fn ours(&self) -> impl Iterator<Item = &CertificateGear> {
        self.config.gear.iter().filter(|gear| gear.renew)
    }

    /// Looks at all of them. Renewals are not told here: who renews knows how they went.
    pub async fn look(&self) -> CertificatesReading {
        let look = self.look_now();
        let (ca, ca_failure, mut list) = self.look_at_ca(&look).await;
        let look = &look;
        let readings = stream::iter(self.config.gear.clone())
            .map(|gear| async move { find::look(&gear, look).await })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        list.splice(0..0, readings.into_iter().flatten());
        CertificatesReading { list, ca, ca_failure, ca_silent_since_us: None }
    }

    /// Looks at one of them.
    pub async fn look_at(&self, name: &str) -> Result<CertificateReading, Failure> {
        let gear = self.gear(name)?;
        let first = find::look(gear, &self.look_now()).await.into_iter().next();
        first.ok_or_else(|| {
            Failure::new(Code::Internal, format!("look at {name}"), "nothing came back", "try again")
        })
    }

    /// The CA's root in PEM, where it is at hand.
    pub fn root(&self) -> Option<String> {
        match &self.step {
            None => self.lab(false).ok().map(|ca| ca.root_pem().to_owned()),
            Some(step) => step.as_ref().ok()?.root_pem(),
        }
    }

    pub(crate) fn now_us(&self) -> i64 {
        (self.config.clock)()
    }

    pub(crate) fn trust(&self) -> Trust {
        (self.config.trust)()
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.config.folder
    }

    pub(crate) fn gear(&self, name: &str) -> Result<&CertificateGear, Failure> {
        self.config.gear.iter().find(|gear| gear.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.config.gear.iter().map(|gear| gear.name.as_str()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Failure::new(
                Code::NotFound,
                format!("find the certificate {name}"),
                format!("the board file has no such certificate; it has {known}"),
                "use one of these names, or add a [[certificate]] to the board file",
            )
        })
    }

    pub(crate) fn look_now(&self) -> Look {
        let roots = match &self.step {
            None => self.lab(false).map(|ca| vec![ca.root().der.clone()]).unwrap_or_default(),
            Some(step) => step.as_ref().ok().and_then(StepCa::root_der).into_iter().collect(),
        };
        Look { roots, now_us: self.now_us() }
    }

    /// The lab CA, opened once. It is made only where that is asked for: its root says when it was made, so that the clock
    /// must be right.
    pub(crate) fn lab(&self, make: bool) -> Result<Arc<LabCa>, Failure> {
        let mut slot = self.lab.lock().unwrap_or_else(PoisonError::into_inner);
        let now_us = self.now_us();
        let fresh = |ca: &Arc<LabCa>| now_us < ca.intermediate().facts.due_us();
        if let Some(ca) = slot.as_ref().filter(|ca| fresh(ca) || !make) {
            return Ok(Arc::clone(ca));
        }
        if !make && !LabCa::exists(&self.config.folder) {
            return Err(Failure::new(
                Code::NotFound,
                "open the lab CA",
                "it was not made yet",
                "renew a certificate",
            ));
        }
        let ca = Arc::new(LabCa::open_or_create(&self.config.folder, &self.config.lab, now_us)?);
        *slot = Some(Arc::clone(&ca));
        Ok(ca)
    }
}
