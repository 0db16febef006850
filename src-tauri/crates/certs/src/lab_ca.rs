//! The CA in this program: a root and an intermediate that may sign for the lab only, and certificates of a day.
//!
//! Root and intermediate with their sealed keys are one file, so that they are there whole or not at all: whoever is killed
//! while making them leaves nothing, or all of it. The key that opens the seal lies in a file of its own, or comes from
//! systemd (`LoadCredential=`), so that a copy of the data alone signs nothing.

mod issue;
mod scope;
mod seal;

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use lab::{Board, Code, Failure, certificate::CertificateFacts};
use nix::fcntl::{Flock, FlockArg};
use rcgen::{Issuer, KeyPair};
use serde::{Deserialize, Serialize};

pub use scope::LabCaConfig;

use crate::{
    MICROS,
    place::{self, Wish},
    read::{self, Certificate},
};
use issue::{LEAF_BACKDATED, Life};
use seal::Master;

/// All there is of the CA, with the keys sealed.
const FILE: &str = "lab-ca.json";
/// The root alone, for browsers and machines.
const ROOT: &str = "root.pem";
const LOCK: &str = "lab-ca.lock";
const DAYS: i64 = 24 * 3600;
/// A board lives longer than its owner's patience for importing roots.
const ROOT_LIFE: i64 = 10 * 365 * DAYS;
const INTERMEDIATE_LIFE: i64 = 5 * 365 * DAYS;

/// The embedded CA, opened. It has no `Debug`: it holds keys.
pub struct LabCa {
    stored: Stored,
    root: Certificate,
    intermediate: Certificate,
    key: KeyPair,
    config: LabCaConfig,
}

#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    version: u32,
    root: String,
    intermediate: String,
    /// Names and networks that both may sign for.
    scope: scope::Scope,
    sealed: String,
}

/// PKCS#8 in PEM.
#[derive(Serialize, Deserialize)]
struct Keys {
    root: String,
    intermediate: String,
}

/// A certificate that was made.
#[derive(Clone)]
pub struct Issued {
    /// Certificate, then the intermediates.
    pub chain_pem: String,
    /// PKCS#8; `None` where the key at hand was kept.
    pub key_pem: Option<String>,
    pub facts: CertificateFacts,
}

impl LabCa {
    /// Opens the CA of this folder, or makes it. `now_us` must be a time that can be believed: it is written into the root.
    pub fn open_or_create(folder: &Path, config: &LabCaConfig, now_us: i64) -> Result<Self, Failure> {
        let what = format!("open the lab CA in {}", folder.display());
        let failed = |why: String| Failure::new(Code::Storage, &what, why, OWN_FOLDER);
        let whose = place::prepare(folder).map_err(|error| failed(error.to_string()))?;
        // Two that start at once would make two CAs, and the second's root would replace the first's.
        let _alone = alone(folder, whose).map_err(|error| failed(error.to_string()))?;
        let path = folder.join(FILE);
        let stored = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error.to_string())),
        };
        let master = Master::open_or_create(folder, config, stored.is_some(), whose)
            .map_err(|why| Failure::new(Code::Storage, &what, why, seal::REMEDY))?;
        let ca = match stored {
            Some(bytes) => Self::open(&bytes, &master, config)
                .map_err(|why| Failure::new(Code::Storage, &what, why, seal::REMEDY))?,
            None => {
                let ca = Self::create(&master, config, now_us).map_err(&failed)?;
                ca.store(folder, whose).map_err(|error| failed(error.to_string()))?;
                ca
            }
        };
        let ca = ca.kept_young(folder, &master, whose, now_us).map_err(failed)?;
        ca.publish(folder, whose);
        Ok(ca)
    }

    /// Whether this folder has one.
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// A certificate for these names; the first is its common name. With a key, that key is kept.
    pub fn sign(&self, names: &[String], key: Option<&read::Key>, now_us: i64) -> Result<Issued, Failure> {
        let what = format!("sign a certificate for {}", names.first().map_or("nobody", String::as_str));
        if names.is_empty() {
            let remedy = "give it names in the board file: names = [\"…\"]";
            return Err(crate::refused(what, "it has no names", remedy));
        }
        let beyond: Vec<&str> =
            names.iter().map(String::as_str).filter(|name| !self.stored.scope.permits(name)).collect();
        if !beyond.is_empty() {
            return Err(crate::refused(
                what,
                format!("the lab CA signs for the lab only, and {} is not in it", beyond.join(", ")),
                "correct the names; or, to make a new CA for these names too, move lab-ca.json and root.pem away, restart, \
                 and import the new root where the old one was",
            ));
        }
        let internal = |why: String| Failure::new(Code::Internal, &what, why, "tell the developers");
        let made = match key {
            Some(_) => None,
            None => Some(KeyPair::generate().map_err(|error| internal(error.to_string()))?),
        };
        let pair = made.as_ref().or(key.map(|key| &key.pair)).ok_or_else(|| internal("no key".to_owned()))?;
        let last = self.intermediate.facts.not_after_us.min(self.root.facts.not_after_us) / MICROS;
        let now = now_us / MICROS;
        let hours = i64::try_from(self.config.leaf_hours).unwrap_or(24).clamp(1, 24 * 366);
        let life = Life {
            from: (now - LEAF_BACKDATED).max(self.intermediate.facts.not_before_us / MICROS),
            until: (now + hours * 3600).min(last),
        };
        if life.until <= now {
            let why = "the lab CA itself has expired, or the clock is far ahead";
            return Err(crate::refused(
                what,
                why,
                "check the clock; if it is right, see Observe › Certificates",
            ));
        }
        let issuer = Issuer::from_ca_cert_pem(&self.stored.intermediate, &self.key)
            .map_err(|error| internal(error.to_string()))?;
        let leaf = issue::leaf(names, life, pair, &issuer).map_err(|error| internal(error.to_string()))?;
        let read = read::certificate(leaf.der()).map_err(|error| internal(error.to_string()))?;
        Ok(Issued {
            chain_pem: format!("{}{}", leaf.pem(), self.stored.intermediate),
            key_pem: made.map(|key| key.serialize_pem()),
            facts: read.facts,
        })
    }

    /// The root's PEM, for browsers and machines.
    pub fn root_pem(&self) -> &str {
        &self.stored.root
    }

    pub fn root(&self) -> &Certificate {
        &self.root
    }

    pub fn intermediate(&self) -> &Certificate {
        &self.intermediate
    }

    fn open(bytes: &[u8], master: &Master, config: &LabCaConfig) -> Result<Self, String> {
        let stored: Stored = serde_json::from_slice(bytes)
            .map_err(|_| format!("{FILE} is damaged: it is no JSON of this program"))?;
        let root = first(&stored.root).map_err(|why| format!("the root in {FILE}: {why}"))?;
        let intermediate =
            first(&stored.intermediate).map_err(|why| format!("the intermediate in {FILE}: {why}"))?;
        let keys = stored.keys(master, &root)?;
        let key = pair(&keys.intermediate)?;
        Ok(Self { stored, root, intermediate, key, config: config.clone() })
    }

    fn create(master: &Master, config: &LabCaConfig, now_us: i64) -> Result<Self, String> {
        let told = |error: rcgen::Error| error.to_string();
        let scope = config.scope();
        let from = now_us / MICROS - LEAF_BACKDATED;
        let root_key = KeyPair::generate().map_err(told)?;
        let root_name = format!("{} root", config.name);
        let root = issue::root(&root_name, &scope, Life { from, until: from + ROOT_LIFE }, &root_key)
            .map_err(told)?;
        let mut stored = Stored {
            version: 1,
            root: root.pem(),
            intermediate: String::new(),
            scope,
            sealed: String::new(),
        };
        let root = read::certificate(root.der()).map_err(|error| error.to_string())?;
        let (intermediate, key) = stored.intermediate(&root, &root_key, config, now_us)?;
        stored.seal(master, &root, &root_key, &key)?;
        Ok(Self { stored, root, intermediate, key, config: config.clone() })
    }

    /// A new intermediate when two thirds of the old one's life are over. The root's end is shown, not mended: only people
    /// can carry a new root to all who believe the old one.
    fn kept_young(
        self,
        folder: &Path,
        master: &Master,
        whose: place::Whose,
        now_us: i64,
    ) -> Result<Self, String> {
        let valid = (self.root.facts.not_before_us..self.root.facts.not_after_us).contains(&now_us);
        if now_us < self.intermediate.facts.due_us() || !valid {
            return Ok(self);
        }
        let mut stored = self.stored.clone();
        let root_key = pair(&stored.keys(master, &self.root)?.root)?;
        let (intermediate, key) = stored.intermediate(&self.root, &root_key, &self.config, now_us)?;
        stored.seal(master, &self.root, &root_key, &key)?;
        let young = Self { stored, intermediate, key, ..self };
        young.store(folder, whose).map_err(|error| error.to_string())?;
        Ok(young)
    }

    fn store(&self, folder: &Path, whose: place::Whose) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.stored).map_err(io::Error::other)?;
        place::whole(&folder.join(FILE), &bytes, Wish { mode: 0o600, whose: Some(whose) })
    }

    /// A convenience for people; the CA works without it.
    fn publish(&self, folder: &Path, whose: place::Whose) {
        let path = folder.join(ROOT);
        if fs::read(&path).is_ok_and(|bytes| bytes == self.stored.root.as_bytes()) {
            return;
        }
        let wish = Wish { mode: 0o644, whose: Some(whose) };
        if let Err(error) = place::whole(&path, self.stored.root.as_bytes(), wish) {
            tracing::warn!(path = %path.display(), %error, "the root certificate could not be written for others");
        }
    }
}

impl Stored {
    fn keys(&self, master: &Master, root: &Certificate) -> Result<Keys, String> {
        let plain = master.unseal(&self.sealed, root.facts.fingerprint.as_bytes())?;
        serde_json::from_slice(&plain).map_err(|_| "what was sealed is not of this program".to_owned())
    }

    fn seal(&mut self, master: &Master, root: &Certificate, a: &KeyPair, b: &KeyPair) -> Result<(), String> {
        let keys = Keys { root: a.serialize_pem(), intermediate: b.serialize_pem() };
        let plain = serde_json::to_vec(&keys).map_err(|error| error.to_string())?;
        self.sealed = master.seal(&plain, root.facts.fingerprint.as_bytes())?;
        Ok(())
    }

    fn intermediate(
        &mut self,
        root: &Certificate,
        root_key: &KeyPair,
        config: &LabCaConfig,
        now_us: i64,
    ) -> Result<(Certificate, KeyPair), String> {
        let told = |error: rcgen::Error| error.to_string();
        let from = (now_us / MICROS - LEAF_BACKDATED).max(root.facts.not_before_us / MICROS);
        let life = Life { from, until: (from + INTERMEDIATE_LIFE).min(root.facts.not_after_us / MICROS) };
        let issuer = Issuer::from_ca_cert_pem(&self.root, root_key).map_err(told)?;
        let key = KeyPair::generate().map_err(told)?;
        let name = format!("{} intermediate", config.name);
        let made = issue::intermediate(&name, &self.scope, life, &key, &issuer).map_err(told)?;
        self.intermediate = made.pem();
        Ok((read::certificate(made.der()).map_err(|error| error.to_string())?, key))
    }
}

impl LabCaConfig {
    /// What this board's lab consists of: its domain, its machines, its network, and what the board file has certificates for.
    pub fn of_board(board: &Board) -> Self {
        scope::of_board(board)
    }
}

const OWN_FOLDER: &str = "see to it that there is room, and that this user may write there";

/// Held while the CA is opened or made: milliseconds, so that it is waited for.
fn alone(folder: &Path, whose: place::Whose) -> io::Result<Flock<File>> {
    let path = folder.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(_) => {
            let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            whose.give(&file)?;
            file
        }
    };
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
}

fn first(pem: &str) -> Result<Certificate, String> {
    let blocks = read::blocks(pem.as_bytes()).map_err(|error| error.to_string())?;
    let der = blocks.certificates.first().ok_or("it is missing")?;
    read::certificate(der).map_err(|error| error.to_string())
}

fn pair(pem: &str) -> Result<KeyPair, String> {
    KeyPair::from_pem(pem).map_err(|_| "a key that was sealed is damaged".to_owned())
}

#[cfg(test)]
#[path = "lab_ca/lab_ca_tests.rs"]
mod tests;
