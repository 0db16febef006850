//! PEM files and the keys beside them.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use lab::{Code, Failure, certificate::CertificateFacts, gear::CertificateGear};
use nix::unistd::{Gid, Group, Uid, User};

use super::{Look, judged, unreadable};
use crate::{LONGEST, read};

/// A key that others than its user and its service's group can read is known to all.
const FOR_ALL: u32 = 0o004;
const FOR_GROUP: u32 = 0o040;
const CHANGED_BY_OTHERS: u32 = 0o022;
/// Debian's group of those who may read keys of services.
const KEY_GROUP: &str = "ssl-cert";

/// At most a megabyte of it, and never a pipe or a device that would make us wait.
pub(crate) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than any certificate (1 MB)"));
    }
    Ok(bytes)
}

pub(super) fn absent(name: &str, path: &Path, error: &io::Error) -> Failure {
    let (code, why) = match error.kind() {
        io::ErrorKind::NotFound => (Code::NotFound, format!("{} is not there", path.display())),
        _ => (Code::DeviceRefused, format!("{}: {error}", path.display())),
    };
    unreadable(name, code, why)
}

pub(super) fn pair(cert: &Path, gear: &CertificateGear, look: &Look) -> Result<CertificateFacts, Failure> {
    let bytes = read_bounded(cert).map_err(|error| absent(&gear.name, cert, &error))?;
    let told = |error: read::Unreadable| {
        unreadable(&gear.name, Code::DeviceRefused, format!("{}: {error}", cert.display()))
    };
    let blocks = read::blocks(&bytes).map_err(told)?;
    let (first, rest) =
        blocks.certificates.split_first().ok_or(read::Unreadable::NoCertificate).map_err(told)?;
    let leaf = read::certificate(first).map_err(told)?;
    let mut facts = judged(&leaf, rest, gear, look);
    let Some(key) = &gear.key else { return Ok(facts) };
    match key_of(key) {
        Ok(found) => facts.key_matches = Some(found.belongs_to(&leaf.public)),
        // Keys of others are not for us to read: that is how it should be.
        Err(KeyTrouble::Io(error)) if error.kind() == io::ErrorKind::PermissionDenied && !gear.renew => {}
        Err(trouble) => facts.warning = Some(format!("its key {}: {trouble}", key.display())),
    }
    facts.warning = facts.warning.or_else(|| open_key(key, gear));
    Ok(facts)
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyTrouble {
    #[error("{0}")]
    Io(io::Error),
    #[error("{0}")]
    Key(#[from] read::Unreadable),
}

pub(crate) fn key_of(path: &Path) -> Result<read::Key, KeyTrouble> {
    let bytes = read_bounded(path).map_err(KeyTrouble::Io)?;
    Ok(read::key(&read::blocks(&bytes)?)?)
}

/// Who else may read or change the key, in words.
fn open_key(key: &Path, gear: &CertificateGear) -> Option<String> {
    let meta = std::fs::metadata(key).ok()?;
    let mode = meta.mode();
    let said = |who: &str| Some(format!("{who} its key {} (mode {:03o})", key.display(), mode & 0o777));
    if mode & FOR_ALL != 0 {
        return said("everybody may read");
    }
    if mode & CHANGED_BY_OTHERS != 0 {
        return said("others may change");
    }
    let group = Group::from_gid(Gid::from_raw(meta.gid())).ok().flatten().map(|group| group.name);
    let meant =
        gear.owner.as_ref().and_then(|owner| owner.split_once(':')).map(|(_, group)| group.to_owned());
    let own = User::from_uid(Uid::from_raw(meta.uid())).ok().flatten().map(|user| user.gid.as_raw());
    let right =
        group.as_deref() == Some(KEY_GROUP) || (meant.is_some() && group == meant) || own == Some(meta.gid());
    if mode & FOR_GROUP != 0 && !right {
        return said(&format!("the group {} may read", group.unwrap_or_else(|| meta.gid().to_string())));
    }
    None
}
