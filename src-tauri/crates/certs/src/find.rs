//! Where certificates are: files, TLS servers, kubeconfig, talosconfig, Talos's secrets bundle.

mod configs;
mod files;
mod tls;

use std::path::{Path, PathBuf};

use lab::{
    Code, Failure,
    certificate::{CertificateFacts, CertificateReading},
    gear::CertificateGear,
};

pub use configs::{Entry, kubeconfig, secrets, talosconfig};
pub(crate) use files::{key_of, read_bounded};

use crate::read::{self, Anchors, Certificate, chain_broken};

/// What a look at one place needs to know.
#[derive(Debug, Clone)]
pub struct Look {
    /// DER. Certificates that are ours have to lead there.
    pub roots: Vec<Vec<u8>>,
    /// Microseconds since 1970.
    pub now_us: i64,
}

/// All certificates of one entry of the board file; the first has its name, others of the same file have it in front of theirs.
pub async fn look(gear: &CertificateGear, look: &Look) -> Vec<CertificateReading> {
    let blank = |name: String, place: String| CertificateReading {
        name,
        used_by: gear.used_by.clone(),
        place,
        ours: gear.renew,
        note: gear.note.clone(),
        looked_us: look.now_us,
        ..CertificateReading::default()
    };
    if let Some(endpoint) = &gear.endpoint {
        let mut reading = blank(gear.name.clone(), endpoint.clone());
        settle(
            &mut reading,
            tls::shown(endpoint, &gear.names).await.and_then(|chain| of_chain(&chain, gear, look)),
        );
        return vec![reading];
    }
    let (gear, look_now) = (gear.clone(), look.clone());
    let place = place(&gear);
    let failed = blank(gear.name.clone(), place.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut readings = Vec::new();
        match of_files(&gear, &look_now) {
            Ok(found) => {
                for (at, (entry, facts)) in found.into_iter().enumerate() {
                    let name = if at == 0 { gear.name.clone() } else { format!("{}/{entry}", gear.name) };
                    let place = if entry.is_empty() { place.clone() } else { format!("{place}: {entry}") };
                    readings.push((name, place, Ok(facts)));
                }
            }
            Err(failure) => readings.push((gear.name.clone(), place.clone(), Err(failure))),
        }
        readings
    })
    .await;
    let Ok(readings) = read else { return vec![failed] };
    let reading = |(name, place, found)| {
        let mut reading = blank(name, place);
        settle(&mut reading, found);
        reading
    };
    readings.into_iter().map(reading).collect()
}

fn settle(reading: &mut CertificateReading, found: Result<CertificateFacts, Failure>) {
    match found {
        Ok(facts) => reading.facts = Some(facts),
        Err(failure) => reading.failure = Some(failure),
    }
}

fn place(gear: &CertificateGear) -> String {
    let shown = |path: &PathBuf| path.display().to_string();
    let named = |kind: &str, path: &PathBuf| format!("{kind} {}", path.display());
    None.or(gear.cert.as_ref().map(shown))
        .or(gear.kubeconfig.as_ref().map(|path| named("kubeconfig", path)))
        .or(gear.talosconfig.as_ref().map(|path| named("talosconfig", path)))
        .or(gear.secrets.as_ref().map(|path| named("Talos secrets", path)))
        .unwrap_or_else(|| "nowhere".to_owned())
}

/// Certificates in a file of this kind; the folder is where paths in it begin.
type Reader = fn(&[u8], &Path) -> Result<Vec<Entry>, String>;

fn of_files(gear: &CertificateGear, look: &Look) -> Result<Vec<(String, CertificateFacts)>, Failure> {
    if let Some(cert) = &gear.cert {
        return files::pair(cert, gear, look).map(|facts| vec![(String::new(), facts)]);
    }
    let (path, read): (_, Reader) = match (&gear.kubeconfig, &gear.talosconfig, &gear.secrets) {
        (Some(path), ..) => (path, kubeconfig),
        (_, Some(path), _) => (path, talosconfig),
        (.., Some(path)) => (path, secrets),
        _ => {
            let why = "the board file does not say where it is";
            return Err(unreadable(&gear.name, Code::BadConfig, why.to_owned()));
        }
    };
    let bytes = read_bounded(path).map_err(|error| files::absent(&gear.name, path, &error))?;
    let told =
        |why: String| unreadable(&gear.name, Code::DeviceRefused, format!("{}: {why}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("."));
    let entries = read(&bytes, folder).map_err(told)?;
    entries.into_iter().map(|entry| facts_of_entry(entry, gear, look).map_err(told)).collect()
}

fn facts_of_entry(
    entry: Entry,
    gear: &CertificateGear,
    look: &Look,
) -> Result<(String, CertificateFacts), String> {
    let told = |error: read::Unreadable| format!("{}: {error}", entry.name);
    let blocks = read::blocks(&entry.cert).map_err(told)?;
    let (first, rest) =
        blocks.certificates.split_first().ok_or(read::Unreadable::NoCertificate).map_err(told)?;
    let leaf = read::certificate(first).map_err(told)?;
    let mut beside = rest.to_vec();
    if let Some(ca) = entry.ca.as_ref().and_then(|ca| read::blocks(ca).ok()) {
        beside.extend(ca.certificates);
    }
    let mut facts = judged(&leaf, &beside, gear, look);
    if let Some(key) = &entry.key {
        let blocks = read::blocks(key).map_err(told)?;
        facts.key_matches = Some(read::key(&blocks).map_err(told)?.belongs_to(&leaf.public));
    }
    Ok((entry.name, facts))
}

fn of_chain(chain: &[Vec<u8>], gear: &CertificateGear, look: &Look) -> Result<CertificateFacts, Failure> {
    let told = |error: read::Unreadable| unreadable(&gear.name, Code::DeviceRefused, error.to_string());
    let (first, beside) = chain.split_first().ok_or(read::Unreadable::NoCertificate).map_err(told)?;
    Ok(judged(&read::certificate(first).map_err(told)?, beside, gear, look))
}

/// What can be said of a certificate and those beside it, whatever its place.
pub(crate) fn judged(
    leaf: &Certificate,
    beside: &[Vec<u8>],
    gear: &CertificateGear,
    look: &Look,
) -> CertificateFacts {
    let mut facts = leaf.facts.clone();
    let given = if facts.names.is_empty() { vec![facts.subject.clone()] } else { facts.names.clone() };
    facts.missing_names = read::missing(&given, &gear.names);
    facts.chain = if gear.renew {
        chain_broken(leaf, beside, Anchors::These(&look.roots), look.now_us)
    } else {
        let all: Vec<Vec<u8>> = beside.iter().chain(&look.roots).cloned().collect();
        chain_broken(leaf, &all, Anchors::Any, look.now_us)
    };
    facts
}

fn unreadable(name: &str, code: Code, why: String) -> Failure {
    Failure::new(
        code,
        format!("read the certificate {name}"),
        why,
        "put a whole file there, or correct its path in the board file",
    )
}

#[cfg(test)]
#[path = "find/find_tests.rs"]
mod tests;
