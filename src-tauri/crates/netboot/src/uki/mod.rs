//! One image with kernel, initrd and command line in it, which firmware starts without a loader (UKI).
//!
//! It is the stub that systemd provides, unchanged, with more sections behind its own: the stub looks for them by name when it runs. The small
//! ones come first and the two large ones last, so that six machines' images share the bytes of one kernel and one
//! initrd: an image is a list of pieces, of which only the first is the machine's own.

mod pe;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::files::Body;

pub use pe::PeError;

/// Where Debian puts the stub.
const STUB: &str = "usr/lib/systemd/boot/efi/linuxx64.efi.stub";
/// Images kept. A board has six machines and a handful of command lines; what is dropped is made again in a millisecond.
const KEPT: usize = 32;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum UkiError {
    /// The stub is not there.
    #[error("read the boot stub {}", path.display())]
    Stub {
        /// Where it was looked for.
        path: PathBuf,
        /// What came back.
        source: std::io::Error,
    },
    /// It cannot be extended.
    #[error("join kernel and initrd to the boot stub")]
    Pe(#[from] PeError),
}

impl UkiError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> &'static str {
        "install the package systemd-boot-efi"
    }
}

/// What goes into an image.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The kernel, an EFI program itself.
    pub kernel: &'a Bytes,
    /// What identifies the kernel's content: its SHA-256.
    pub kernel_tag: &'a str,
    /// The initrd.
    pub initrd: &'a Bytes,
    /// What identifies the initrd's content.
    pub initrd_tag: &'a str,
    /// The kernel's version, as `uname -r` says it.
    pub release: &'a str,
    /// The kernel's command line.
    pub cmdline: &'a str,
}

/// Makes images, and keeps those it made.
#[derive(Debug)]
pub struct Ukis {
    stub: Bytes,
    stub_tag: String,
    /// By the hash of all that goes in; the number tells which was asked for last.
    made: Mutex<BTreeMap<String, (u64, Body)>>,
}

impl Ukis {
    /// Reads the stub below `root` (`/` but in tests).
    pub fn find(root: &Path) -> Result<Arc<Self>, UkiError> {
        let path = root.join(STUB);
        let stub = std::fs::read(&path).map_err(|source| UkiError::Stub { path, source })?;
        Ok(Arc::new(Self::with_stub(stub)))
    }

    fn with_stub(stub: Vec<u8>) -> Self {
        let stub_tag = hex::encode(Sha256::digest(&stub));
        Self { stub: stub.into(), stub_tag, made: Mutex::default() }
    }

    /// The image of these parts. Made once; made of the same bytes it is the same image.
    pub fn image(&self, parts: &Parts<'_>) -> Result<Body, UkiError> {
        let tag = self.tag(parts);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let now = made.values().map(|(used, _)| used).max().map_or(0, |last| last + 1);
        if let Some((used, body)) = made.get_mut(&tag) {
            *used = now;
            return Ok(body.clone());
        }
        let pieces = pe::append(
            &self.stub,
            &[
                (".osrel", Bytes::from(os_release(parts.release))),
                (".cmdline", Bytes::from(parts.cmdline.to_owned())),
                (".uname", Bytes::from(parts.release.to_owned())),
                (".initrd", parts.initrd.clone()),
                // Last: the kernel unpacks itself in place, and what lies behind it would be overwritten.
                (".linux", parts.kernel.clone()),
            ],
        )?;
        let body = Body::from_pieces(pieces, tag.as_str());
        if made.len() >= KEPT {
            let oldest = made.iter().min_by_key(|(_, (used, _))| *used).map(|(tag, _)| tag.clone());
            if let Some(oldest) = oldest {
                made.remove(&oldest);
            }
        }
        made.insert(tag, (now, body.clone()));
        Ok(body)
    }

    /// Tells images apart without hashing 40 MB for each: a hash of hashes, with lengths so that nothing runs together.
    fn tag(&self, parts: &Parts<'_>) -> String {
        let mut hasher = Sha256::new();
        for part in [&self.stub_tag, parts.kernel_tag, parts.initrd_tag, parts.release, parts.cmdline] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hex::encode(hasher.finalize())
    }
}

/// Shown by boot menus; a stub of a later version also looks for it.
fn os_release(release: &str) -> String {
    format!("ID=statusinator\nNAME=statusinator\nPRETTY_NAME=\"statusinator, Linux {release}\"\n")
}

#[cfg(test)]
mod tests;
