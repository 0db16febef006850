//! Where the store keeps what, and the only ways in which it writes.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::ImageError;
use super::manifest::Name;
use super::role::Role;

/// Paths of a store.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

/// Whoever holds this is the only one who changes the store; it ends with the process, however that ends.
pub(super) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

impl Folder {
    pub(super) fn new(root: PathBuf) -> Folder {
        Folder(root)
    }

    pub(super) fn contents(&self) -> PathBuf {
        self.0.join("sha256")
    }

    /// `hash` is checked by whoever read it.
    pub(super) fn content(&self, hash: &str) -> PathBuf {
        self.contents().join(hash)
    }

    pub(super) fn manifests(&self) -> PathBuf {
        self.0.join("manifests")
    }

    pub(super) fn manifest(&self, image: &Name) -> PathBuf {
        self.manifests().join(image.stem() + ".json")
    }

    pub(super) fn choices(&self) -> PathBuf {
        self.0.join("chosen")
    }

    pub(super) fn choice(&self, role: Role) -> PathBuf {
        self.choices().join(format!("{role}.json"))
    }

    pub(super) fn incoming(&self) -> PathBuf {
        self.0.join("incoming")
    }

    /// Makes the folders where they are missing and takes the lock, or says that somebody has it.
    pub(super) fn lock(&self) -> Result<Lock, ImageError> {
        for folder in [self.contents(), self.manifests(), self.choices(), self.incoming()] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o750).create(&folder);
            made.map_err(ImageError::io("make the folder", folder))?;
        }
        let path = self.0.join("lock");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(ImageError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(ImageError::Busy { folder: self.0.clone() }),
            Err(TryLockError::Error(error)) => Err(ImageError::io("lock", path)(error)),
        }
    }

    /// A file that is not there until [`Incoming::become_file`], and never half.
    pub(super) fn incoming_file(&self, name: &str) -> Result<Incoming, ImageError> {
        let path = self.incoming().join(name);
        let file = File::options().write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(ImageError::io("write", &path))?;
        Ok(Incoming { file, path, kept: false })
    }

    /// Replaces a small file in one step.
    pub(super) fn replace(&self, path: &Path, text: &str) -> Result<(), ImageError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
        let mut incoming = self.incoming_file(name)?;
        incoming.write(text.as_bytes())?;
        incoming.become_file(path, 0o640)
    }

    /// Removes a file and makes that last; one that is gone already is no failure.
    pub(super) fn remove(path: &Path) -> Result<(), ImageError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ImageError::io("remove", path)(error))
            }
            _ => sync_parent(path),
        }
    }

    /// Names in a folder; none when the folder is missing.
    pub(super) fn names(folder: &Path) -> Result<Vec<String>, ImageError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ImageError::io("read the folder", folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(ImageError::io("read the folder", folder))?;
            // What is not UTF-8 was not written here.
            names.extend(entry.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }
}

/// A file on its way in; dropped before its end, it is gone.
pub(super) struct Incoming {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Incoming {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        self.file.write_all(bytes).map_err(ImageError::io("write", &self.path))
    }

    /// On disk first, then under its name, then the name on disk: a power cut in between leaves nothing or everything.
    pub(super) fn become_file(mut self, path: &Path, mode: u32) -> Result<(), ImageError> {
        let finish = || {
            self.file.set_permissions(fs::Permissions::from_mode(mode))?;
            self.file.sync_all()?;
            fs::rename(&self.path, path)
        };
        finish().map_err(ImageError::io("write", path))?;
        self.kept = true;
        sync_parent(path)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            // The next one who adds sweeps it up.
            tracing::debug!(path = %self.path.display(), %error, "a file left over");
        }
    }
}

fn sync_parent(path: &Path) -> Result<(), ImageError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(ImageError::io("write the folder", parent))
}
