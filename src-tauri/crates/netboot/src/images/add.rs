//! Adding an image: everything is copied, hashed and on disk before the store knows of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::error::ImageError;
use super::folder::Incoming;
use super::manifest::{self, FileEntry, Manifest, Name, Unfit};
use super::role::Role;
use super::shape;
use super::store::ImageStore;

/// Read and written in pieces of this size.
const PIECE: usize = 1 << 20;

/// An image to be added.
#[derive(Debug, Clone)]
pub struct Addition {
    pub image: Name,
    pub role: Role,
    pub cmdline: Option<String>,
    pub files: BTreeMap<String, Input>,
    /// What the hashes must be, for files that came from far away.
    pub expected: BTreeMap<String, String>,
    /// An image of this name and version that differs is replaced. Only the program itself does that, with what it makes
    /// anew at each start; a version that a person named never changes its content.
    pub replace: bool,
}

/// Where a file comes from.
#[derive(Debug, Clone)]
pub enum Input {
    Path(PathBuf),
    /// Made by the program, with its hash.
    Made {
        bytes: Bytes,
        sha256: String,
    },
}

impl ImageStore {
    /// Adds an image, or finds that it is here. After a failure the store is as it was before.
    pub fn add(&self, addition: &Addition, now: Timestamp) -> Result<Manifest, ImageError> {
        check(addition)?;
        if let Some(known) = self.known(addition) {
            return Ok(known);
        }
        let _lock = self.folder.lock()?;
        self.sweep()?;
        let mut files = BTreeMap::new();
        let mut contents = Vec::new();
        for (key, input) in &addition.files {
            let (entry, incoming) = self.take(key, input)?;
            if let Some(expected) = addition.expected.get(key).filter(|hash| **hash != entry.sha256) {
                let path = entry.source.clone().unwrap_or_else(|| key.into());
                let why = format!("its SHA-256 is {} and should be {expected}", entry.sha256);
                return Err(ImageError::Source { path, why });
            }
            contents.push((entry.sha256.clone(), incoming));
            files.insert(key.clone(), entry);
        }
        let manifest = Manifest {
            format: manifest::FORMAT,
            image: addition.image.clone(),
            role: addition.role,
            cmdline: addition.cmdline.clone(),
            files,
            added: now,
        };
        let text = manifest.text()?;
        let before = self.manifest(&addition.image).ok();
        if let Some(before) = before.filter(|before| before.digest() != manifest.digest())
            && !addition.replace
        {
            return Err(ImageError::Exists(before.image));
        }
        // Over a content of the same name too: if that one was damaged, it is whole again.
        for (hash, incoming) in contents {
            incoming.become_file(&self.folder.content(&hash), 0o440)?;
        }
        self.folder.replace(&self.folder.manifest(&addition.image), &text)?;
        Ok(manifest)
    }

    /// What the program made and has kept before needs no second copy.
    fn known(&self, addition: &Addition) -> Option<Manifest> {
        let known = self.manifest(&addition.image).ok()?;
        let same = known.role == addition.role
            && known.cmdline == addition.cmdline
            && known.files.len() == addition.files.len()
            && addition.files.iter().all(|(key, input)| match (input, known.files.get(key)) {
                (Input::Made { sha256, .. }, Some(entry)) => entry.sha256 == *sha256,
                _ => false,
            });
        // Reads it through once; a damaged copy is replaced.
        (same && self.image(&addition.image).is_ok()).then_some(known)
    }

    fn take(&self, key: &str, input: &Input) -> Result<(FileEntry, Incoming), ImageError> {
        let mut incoming = self.folder.incoming_file(key)?;
        match input {
            Input::Made { bytes, sha256 } => {
                incoming.write(bytes)?;
                let size = bytes.len() as u64;
                Ok((FileEntry { sha256: sha256.clone(), size, source: None }, incoming))
            }
            Input::Path(path) => Ok((copy(path, &mut incoming)?, incoming)),
        }
    }
}

fn check(addition: &Addition) -> Result<(), Unfit> {
    for key in addition.files.keys().chain(addition.expected.keys()) {
        manifest::check_key(key)?;
    }
    for (key, hash) in &addition.expected {
        manifest::check_hash(hash)?;
        if !addition.files.contains_key(key) {
            return Err(Unfit(format!("a hash is given for {key}, and no such file")));
        }
    }
    match addition.role.needs().iter().find(|key| !addition.files.contains_key(**key)) {
        Some(missing) => Err(Unfit(format!("an image of role {} needs the file {missing}", addition.role))),
        None => Ok(()),
    }
}

/// Copies a file and hashes what it copies. One that is empty, cut off or changes meanwhile is refused.
fn copy(path: &Path, incoming: &mut Incoming) -> Result<FileEntry, ImageError> {
    let refuse = |why: String| ImageError::Source { path: path.to_owned(), why };
    // A FIFO would hold the command until somebody writes into it.
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let mut file = opened.map_err(ImageError::io("read", path))?;
    let state = |file: &File| {
        let m = file.metadata().map_err(ImageError::io("read", path))?;
        Ok::<_, ImageError>((m.is_file(), m.len(), (m.mtime(), m.mtime_nsec())))
    };
    let before = state(&file)?;
    if !before.0 {
        return Err(refuse("this is no regular file".into()));
    }
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut first = Vec::with_capacity(shape::LOOKS_AT);
    let mut size = 0_u64;
    loop {
        let count = file.read(&mut piece).map_err(ImageError::io("read", path))?;
        if count == 0 {
            break;
        }
        let read = &piece[..count];
        first.extend_from_slice(&read[..count.min(shape::LOOKS_AT - first.len())]);
        hasher.update(read);
        incoming.write(read)?;
        size += count as u64;
    }
    if state(&file)? != before || size != before.1 {
        return Err(refuse("it changed while it was read".into()));
    }
    if size == 0 {
        return Err(refuse("it is empty".into()));
    }
    if let Some(why) = shape::cut_off(&first, size) {
        return Err(refuse(why));
    }
    let sha256 = hex::encode(hasher.finalize());
    let source = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Ok(FileEntry { sha256, size, source: Some(source) })
}
