//! One renewal: under the lock, recovered, looked at again, signed, verified, put in place, and told to who uses it.

use std::path::{Path, PathBuf};

use lab::{
    Code, Failure,
    certificate::{CertificateFacts, CertificateReading},
    gear::{CaGear, CertificateGear},
};
use tokio::time::Instant;

use super::{Renewed, Shelf};
use crate::{
    find::{self, key_of, read_bounded},
    lock::lock,
    place::{self, Pair},
    read::{self, Certificate},
    reload::reload,
    step::Held,
};

/// When a renewal is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Where two thirds are over, or it is no good.
    Due,
    /// Now, due or not.
    Now,
}

/// Whether the user's command runs afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Reload,
    /// Who uses it is not started yet; a command that waits for its start would wait for ever.
    Nothing,
}

/// What came from a CA.
pub(crate) struct Signed {
    pub(crate) chain_pem: String,
    /// `None`: the key at hand was kept.
    pub(crate) key_pem: Option<String>,
    pub(crate) by: String,
}

/// When it is time to renew it: `i64::MIN` where it is no good, `None` where it is not ours.
pub(crate) fn due_us(reading: &CertificateReading) -> Option<i64> {
    let sound = |facts: &&CertificateFacts| {
        facts.key_matches == Some(true) && facts.chain.is_none() && facts.missing_names.is_empty()
    };
    reading.ours.then(|| reading.facts.as_ref().filter(sound).map_or(i64::MIN, CertificateFacts::due_us))
}

impl Shelf {
    /// Renews one where it is wanted; `None` where another process was faster or nothing is due.
    pub(crate) async fn renew(
        &self,
        name: &str,
        want: Want,
        after: After,
        deadline: Instant,
    ) -> Result<Option<Renewed>, Failure> {
        let began = Instant::now();
        let gear = self.gear(name)?;
        let what = format!("renew {name}");
        let bad = |why: &str, remedy: &str| Failure::new(Code::BadConfig, &what, why, remedy);
        if !gear.renew {
            let remedy = gear.note.as_deref().unwrap_or("renew it where it was made");
            return Err(bad("it is not ours to renew", remedy));
        }
        let (Some(cert), Some(key)) = (gear.cert.clone(), gear.key.clone()) else {
            return Err(bad(
                "the board file names no file for it or for its key",
                "give it `cert` and `key`",
            ));
        };
        let held = lock(self.folder(), name, deadline).await?;
        let (cert, key) = recovered(&what, cert, key).await?;
        let reading = self.look_at(name).await?;
        if want == Want::Due && due_us(&reading).is_some_and(|due_us| self.now_us() < due_us) {
            return Ok(None);
        }
        // Dates are written into certificates and compared in them: a wrong clock makes every answer misleading.
        let trust = self.trust();
        if !trust.usable() {
            return Err(Failure::new(
                Code::DeviceRefused,
                what,
                format!("the clock is {}: nothing is renewed by it", trust.word()),
                "set the clock first; renewal follows by itself",
            ));
        }
        let signing = self.signed(gear, &reading, &cert, &key);
        let signed = tokio::time::timeout_at(deadline, signing).await.map_err(|_| {
            let remedy = "see whether the CA runs; it is tried again";
            Failure::new(Code::TimedOut, &what, "the CA did not sign it in time", remedy)
        })??;
        let facts = self.verified(&what, gear, &signed, &key).await?;
        put(&what, gear, cert, key, signed.chain_pem, signed.key_pem).await?;
        drop(held);
        let told = match after {
            After::Reload => reload(&gear.reload).await,
            After::Nothing => None,
        };
        let first = reading.facts.is_none();
        let (name, by, took) = (name.to_owned(), signed.by, began.elapsed());
        Ok(Some(Renewed { name, by, facts, first, reload: told, took }))
    }

    async fn signed(
        &self,
        gear: &CertificateGear,
        reading: &CertificateReading,
        cert: &Path,
        key: &Path,
    ) -> Result<Signed, Failure> {
        let names = wanted(gear, reading);
        let held = held(cert, key).await;
        let Some(step) = &self.step else {
            let ca = self.lab(true)?;
            let issued = ca.sign(&names, held.key.as_ref(), self.now_us())?;
            return Ok(Signed {
                chain_pem: issued.chain_pem,
                key_pem: issued.key_pem,
                by: "lab CA".to_owned(),
            });
        };
        let step = step.as_ref().map_err(Clone::clone)?;
        let password = match &self.config.ca {
            CaGear::Step { secret: Some(secret), .. } => (self.config.secrets)(secret),
            _ => None,
        };
        let sound = reading.facts.as_ref().filter(|facts| {
            facts.missing_names.is_empty() && facts.chain.is_none() && facts.key_matches == Some(true)
        });
        // An issuer that has expired breaks the chain too; only who can be renewed is sent to `/renew`.
        let held = Held { chain: if sound.is_some() { held.chain } else { Vec::new() }, key: held.key };
        step.issue(&names, held, sound, password.as_ref(), self.now_us()).await
    }

    /// A CA that answers nonsense must not replace what works.
    async fn verified(
        &self,
        what: &str,
        gear: &CertificateGear,
        signed: &Signed,
        key: &Path,
    ) -> Result<CertificateFacts, Failure> {
        let nonsense = |why: String| {
            crate::refused(
                what,
                format!("the CA's answer is of no use: {why}"),
                "see what answers at the CA's address, and its log",
            )
        };
        let told = |error: read::Unreadable| nonsense(error.to_string());
        let blocks = read::blocks(signed.chain_pem.as_bytes()).map_err(told)?;
        let (first, beside) =
            blocks.certificates.split_first().ok_or(read::Unreadable::NoCertificate).map_err(told)?;
        let leaf: Certificate = read::certificate(first).map_err(told)?;
        let mut facts = find::judged(&leaf, beside, gear, &self.look_now());
        let fits = match &signed.key_pem {
            Some(pem) => read::blocks(pem.as_bytes())
                .and_then(|blocks| read::key(&blocks))
                .map_err(told)?
                .belongs_to(&leaf.public),
            None => {
                let key = key.to_owned();
                let found = tokio::task::spawn_blocking(move || key_of(&key)).await;
                found.is_ok_and(|found| found.is_ok_and(|key| key.belongs_to(&leaf.public)))
            }
        };
        facts.key_matches = Some(fits);
        let now_us = self.now_us();
        if !fits {
            return Err(nonsense("the certificate is about another key".to_owned()));
        }
        if let Some(why) = &facts.chain {
            return Err(nonsense(why.clone()));
        }
        if !facts.missing_names.is_empty() {
            return Err(nonsense(format!("it is not for {}", facts.missing_names.join(", "))));
        }
        if now_us >= facts.not_after_us || now_us < facts.not_before_us {
            let why = "the certificate is not valid now: the CA's clock and ours differ";
            return Err(crate::refused(what, why, "compare the CA's clock with this one"));
        }
        Ok(facts)
    }
}

/// The names it shall have: those of the board file, else those it has, else its own.
fn wanted(gear: &CertificateGear, reading: &CertificateReading) -> Vec<String> {
    let has = || reading.facts.as_ref().map(|facts| facts.names.clone()).filter(|names| !names.is_empty());
    if gear.names.is_empty() { has().unwrap_or_else(|| vec![gear.name.clone()]) } else { gear.names.clone() }
}

/// What is there: a whole chain (DER), and a key that can be used again.
async fn held(cert: &Path, key: &Path) -> Held {
    let (cert, key) = (cert.to_owned(), key.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let chain = read_bounded(&cert).ok().and_then(|bytes| read::blocks(&bytes).ok());
        Held { chain: chain.map(|blocks| blocks.certificates).unwrap_or_default(), key: key_of(&key).ok() }
    });
    read.await.unwrap_or_else(|_| Held { chain: Vec::new(), key: None })
}

async fn recovered(what: &str, cert: PathBuf, key: PathBuf) -> Result<(PathBuf, PathBuf), Failure> {
    blocking(what, move || {
        let done = place::recover(Pair { cert: &cert, key: &key });
        done.map(|()| (cert.clone(), key)).map_err(|error| format!("{}: {error}", cert.display()))
    })
    .await
}

async fn put(
    what: &str,
    gear: &CertificateGear,
    cert: PathBuf,
    key: PathBuf,
    chain: String,
    new_key: Option<String>,
) -> Result<(), Failure> {
    let owner = gear.owner.clone();
    blocking(what, move || {
        let at = |error: std::io::Error| format!("{}: {error}", cert.display());
        let whose = owner.as_deref().map(place::named).transpose().map_err(at)?;
        place::pair(Pair { cert: &cert, key: &key }, &chain, new_key.as_deref(), whose).map_err(at)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Failure> {
    let remedy = "see to it that this user may write certificate and key, and that there is room; files of other users only root \
                  can replace";
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|why| Failure::new(Code::Storage, what, why, remedy)),
        Err(_) => Err(Failure::new(Code::Internal, what, "the work was broken off", "try again")),
    }
}
