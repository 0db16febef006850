//! Files put in place so that a reader sees the old ones or the new ones, and a kill leaves one or the other.
//!
//! A certificate whose key is kept is one rename. A new key needs two, and no file system renames two files at once: both are
//! written and synced beside their places first, then the key is renamed and at once the certificate. Who is killed between
//! the two leaves the new certificate beside its place, and [`recover`] finishes that before anything else is done.

mod owner;

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::read;
pub(crate) use owner::{Whose, named};

/// Of a file that was not there before.
const CERT_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;

/// How a file shall be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) mode: u32,
    /// `None`: whoever writes it.
    pub(crate) whose: Option<Whose>,
}

/// Makes a folder of our own and says whose it is: what root writes into it must be readable for the engine's user.
pub(crate) fn prepare(folder: &Path) -> io::Result<Whose> {
    if !folder.is_dir() {
        let above = folder.parent().filter(|above| above.is_dir()).map(fs::metadata).transpose()?;
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        if let Some(above) = above {
            Whose::of(&above).give(&File::open(folder)?)?;
        }
    }
    Ok(Whose::of(&fs::metadata(folder)?))
}

/// Replaces one file.
pub(crate) fn whole(path: &Path, bytes: &[u8], wish: Wish) -> io::Result<()> {
    let path = followed(path)?;
    let new = beside(&path);
    let done =
        write(&new, bytes, wish).and_then(|()| fs::rename(&new, &path)).and_then(|()| sync_folder(&path));
    if done.is_err() {
        // What is left over is overwritten next time.
        let _ = fs::remove_file(&new);
    }
    done
}

/// A certificate with its chain and, where it is new, its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) cert: &'a Path,
    pub(crate) key: &'a Path,
}

/// Replaces a pair; owner, group and mode of what was there are kept, `whose` is for files that are new.
pub(crate) fn pair(pair: Pair<'_>, chain: &str, key: Option<&str>, whose: Option<Whose>) -> io::Result<()> {
    let done = steps(pair, chain, key, whose, &mut |_| Ok(()));
    if done.is_err() {
        let _ = recover(pair);
    }
    done
}

/// What is about to happen; tests are killed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    WriteKey,
    WriteCert,
    RenameKey,
    RenameCert,
    Sync,
}

fn steps(
    pair: Pair<'_>,
    chain: &str,
    key: Option<&str>,
    whose: Option<Whose>,
    before: &mut dyn FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
    let (cert, key_path) = (followed(pair.cert)?, followed(pair.key)?);
    if cert == key_path {
        // Some programs want both in one file: then one rename does it.
        let kept;
        let key = match key {
            Some(key) => key,
            None => {
                kept = keys_of(&fs::read(&cert)?);
                &kept
            }
        };
        before(Step::WriteCert)?;
        write(&beside(&cert), format!("{chain}{key}").as_bytes(), kept_as(&cert, KEY_MODE, whose))?;
        before(Step::RenameCert)?;
        fs::rename(beside(&cert), &cert)?;
        before(Step::Sync)?;
        return sync_folder(&cert);
    }
    if let Some(key) = key {
        before(Step::WriteKey)?;
        write(&beside(&key_path), key.as_bytes(), kept_as(&key_path, KEY_MODE, whose))?;
    }
    before(Step::WriteCert)?;
    write(&beside(&cert), chain.as_bytes(), kept_as(&cert, CERT_MODE, whose))?;
    if key.is_some() {
        sync_folder(&key_path)?;
        sync_folder(&cert)?;
        before(Step::RenameKey)?;
        fs::rename(beside(&key_path), &key_path)?;
    }
    before(Step::RenameCert)?;
    fs::rename(beside(&cert), &cert)?;
    before(Step::Sync)?;
    sync_folder(&key_path)?;
    sync_folder(&cert)
}

/// Finishes or takes back what a kill left half done. Only for who holds the lock of this certificate.
pub(crate) fn recover(pair: Pair<'_>) -> io::Result<()> {
    let (cert, key) = (followed(pair.cert)?, followed(pair.key)?);
    let (new_cert, new_key) = (beside(&cert), beside(&key));
    if cert != key && !new_key.exists() && new_cert.exists() && !fits(&cert, &key) && fits(&new_cert, &key) {
        fs::rename(&new_cert, &cert)?;
        return sync_folder(&cert);
    }
    for left in [new_key, new_cert] {
        match fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the certificate in one file is about the key in the other.
fn fits(cert: &Path, key: &Path) -> bool {
    let read = |path: &Path| read::blocks(&fs::read(path).ok()?).ok();
    let matches = || {
        let leaf = read::certificate(read(cert)?.certificates.first()?).ok()?;
        Some(read::key(&read(key)?).ok()?.belongs_to(&leaf.public))
    };
    matches().unwrap_or(false)
}

/// The key blocks of a file, as they stand in it.
fn keys_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside |= line.starts_with("-----BEGIN") && line.contains("PRIVATE KEY");
        if inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= !line.starts_with("-----END");
    }
    kept
}

fn write(path: &Path, bytes: &[u8], wish: Wish) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // For nobody else until it belongs to whom it should.
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    if let Some(whose) = wish.whose {
        whose.give(&file)?;
    }
    file.set_permissions(fs::Permissions::from_mode(wish.mode))?;
    file.sync_all()
}

/// Owner and mode of what is there, or those for a new file.
fn kept_as(path: &Path, mode: u32, whose: Option<Whose>) -> Wish {
    match fs::metadata(path) {
        Ok(meta) => Wish { mode: meta.mode() & 0o7777, whose: Some(Whose::of(&meta)) },
        Err(_) => Wish { mode, whose },
    }
}

/// Where a link leads: the link itself stays.
fn followed(path: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => match fs::canonicalize(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let to = fs::read_link(path)?;
                Ok(path.parent().map_or_else(|| to.clone(), |folder| folder.join(&to)))
            }
            led => led,
        },
        _ => Ok(path.to_owned()),
    }
}

/// The place where the next one is written: always the same, so that it can be found after a kill.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.statusinator-new"))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "place/place_tests.rs"]
mod tests;
