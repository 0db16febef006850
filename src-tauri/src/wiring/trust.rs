//! Certificates of devices as they were first seen, in a file of the data folder: what an operator would keep in
//! `known_hosts`.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use devices::tls::{Fingerprint, Trust};

/// Name of the file.
const FILE: &str = "known-devices.json";

/// Host and port with the fingerprint of the certificate.
pub(super) struct KnownDevices {
    path: PathBuf,
    known: Mutex<BTreeMap<String, String>>,
}

impl KnownDevices {
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let known = serde_json::from_str(&text).unwrap_or_else(|error| {
            if !text.is_empty() {
                tracing::warn!(path = %path.display(), %error, "certificates known so far cannot be read; each device is met anew");
            }
            BTreeMap::new()
        });
        Self { path, known: Mutex::new(known) }
    }

    fn write(&self, known: &BTreeMap<String, String>) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(serde_json::to_string_pretty(known)?.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

impl Trust for KnownDevices {
    fn known(&self, host: &str) -> Option<Fingerprint> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(host)?.parse().ok()
    }

    fn first_seen(&self, host: &str, fingerprint: Fingerprint) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(host) {
            return;
        }
        known.insert(host.to_owned(), fingerprint.to_string());
        tracing::info!(host, %fingerprint, "a device's certificate is trusted from now on");
        if let Err(error) = self.write(&known) {
            tracing::warn!(path = %self.path.display(), %error, "its certificate is trusted only until the program ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_certificate_is_kept_and_no_other_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Fingerprint::of(b"one"), Fingerprint::of(b"two"));
        let known = KnownDevices::open(folder.path());
        assert_eq!(known.known("h:1"), None);
        known.first_seen("h:1", one);
        known.first_seen("h:1", two);
        assert_eq!(KnownDevices::open(folder.path()).known("h:1"), Some(one));
        fs::write(folder.path().join(FILE), "{ broken").unwrap();
        assert_eq!(KnownDevices::open(folder.path()).known("h:1"), None);
    }
}
