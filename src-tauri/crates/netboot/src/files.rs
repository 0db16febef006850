//! What is served: bodies, and the questions a server asks to find them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::Mac;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The address the packet came from.
    pub peer: IpAddr,
    /// The machine that DHCP gave this address, if it did.
    pub mac: Option<Mac>,
}

/// Read-only files. Called on a thread where blocking is allowed.
pub trait Files: Send + Sync {
    /// The body behind a cleaned path (see [`crate::path::clean`]), for this asker; `None` when there is none.
    fn open(&self, who: &Asker, path: &str) -> Option<Body>;
}

/// What a GET is answered with.
#[derive(Debug, Clone)]
pub enum Found {
    /// A file.
    Body(Body),
    /// Words instead of a file, with a status of their own.
    Said(Reply),
    /// Nothing lies there.
    Nothing,
}

impl From<Option<Body>> for Found {
    fn from(body: Option<Body>) -> Found {
        body.map_or(Found::Nothing, Found::Body)
    }
}

/// Files, and a place that reports are posted to.
pub trait Site: Files {
    /// What lies at a cleaned path. `query` stands behind the question mark as it came, percent-encoded; a site without
    /// use for it has files only. Called on a thread where blocking is allowed.
    fn get(&self, who: &Asker, path: &str, _query: &str) -> Found {
        self.open(who, path).into()
    }

    /// Takes a report. Must not block: it is called between two packets.
    fn post(&self, who: &Asker, path: &str, body: &[u8]) -> Reply;
}

/// What a POST is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// As in the Content-Type header.
    pub content_type: &'static str,
    /// The answer itself, possibly empty.
    pub body: Bytes,
}

/// One file as it is served: its length and tag never change while it is. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Body {
    source: Source,
    length: u64,
    etag: Arc<str>,
}

#[derive(Debug, Clone)]
enum Source {
    Bytes(Bytes),
    File(Arc<File>, Identity),
    /// One after the other, each perhaps shared with other bodies.
    Pieces(Arc<[Bytes]>),
}

impl Body {
    /// A body made in memory.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Body {
        let bytes = bytes.into();
        let etag = hex::encode(Sha256::digest(&bytes)).into();
        Body { length: bytes.len() as u64, etag, source: Source::Bytes(bytes) }
    }

    /// A body of several pieces that lie apart in memory, some of them shared with other bodies. `tag` must differ
    /// whenever the content does: a hash of what the pieces were made of.
    pub fn from_pieces(pieces: Vec<Bytes>, tag: impl Into<Arc<str>>) -> Body {
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        Body { length, etag: tag.into(), source: Source::Pieces(pieces.into()) }
    }

    /// An opened file, hashed unless `tags` knows it. Fails when it is no regular file or changes while it is read.
    pub fn from_file(file: File, tags: &Tags) -> io::Result<Body> {
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let (identity, etag) = tags.of(&file)?;
        Ok(Body { length: identity.length, etag, source: Source::File(Arc::new(file), identity) })
    }

    /// Size in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of the content in hex, without quotes.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The file behind it, where there is one.
    pub(crate) fn file(&self) -> Option<&Arc<File>> {
        match &self.source {
            Source::Bytes(_) | Source::Pieces(_) => None,
            Source::File(file, _) => Some(file),
        }
    }

    /// Fails when the file is no longer the one that was hashed.
    pub(crate) fn unchanged(&self) -> io::Result<()> {
        match &self.source {
            Source::File(file, identity) if Identity::of(file)? != *identity => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the file changed while it was sent"))
            }
            _ => Ok(()),
        }
    }

    /// All of it. Blocks; for bodies that are to be changed.
    pub fn whole(&self) -> io::Result<Bytes> {
        match &self.source {
            Source::Bytes(bytes) => Ok(bytes.clone()),
            Source::File(file, _) => {
                let mut buffer = vec![0; usize::try_from(self.length).map_err(io::Error::other)?];
                file.read_exact_at(&mut buffer, 0).map(|()| Bytes::from(buffer))
            }
            Source::Pieces(pieces) => Ok(pieces.concat().into()),
        }
    }

    /// The pieces of a body that has some.
    #[cfg(test)]
    pub(crate) fn pieces(&self) -> &[Bytes] {
        match &self.source {
            Source::Pieces(pieces) => pieces,
            Source::Bytes(_) | Source::File(..) => &[],
        }
    }

    /// Exactly `count` bytes from `offset`. A file that became shorter is an error: a body is sent whole or not.
    pub async fn read(&self, offset: u64, count: usize) -> io::Result<Bytes> {
        let end = offset.checked_add(count as u64).filter(|&end| end <= self.length);
        let Some(end) = end else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "read beyond the end"));
        };
        match &self.source {
            // Both fit: `end` is at most the length of a slice.
            Source::Bytes(bytes) => Ok(bytes.slice(offset as usize..end as usize)),
            Source::Pieces(pieces) => Ok(gather(pieces, offset, count)),
            Source::File(file, _) => {
                let file = Arc::clone(file);
                let read = tokio::task::spawn_blocking(move || {
                    let mut buffer = vec![0; count];
                    file.read_exact_at(&mut buffer, offset).map(|()| Bytes::from(buffer))
                });
                read.await.map_err(io::Error::other)?
            }
        }
    }
}

/// Copies what lies across pieces; what lies within one is shared as it is.
fn gather(pieces: &[Bytes], mut offset: u64, mut count: usize) -> Bytes {
    let mut out = Vec::new();
    for piece in pieces {
        let Some(begin) = usize::try_from(offset).ok().filter(|&begin| begin < piece.len()) else {
            offset -= piece.len() as u64;
            continue;
        };
        let end = piece.len().min(begin + count);
        if out.is_empty() && end - begin == count {
            return piece.slice(begin..end);
        }
        out.extend_from_slice(&piece[begin..end]);
        count -= end - begin;
        offset = 0;
        if count == 0 {
            break;
        }
    }
    out.into()
}

/// Tags of files, computed once for each (device, inode, length, time of change).
#[derive(Debug, Default)]
pub struct Tags {
    known: Mutex<HashMap<Identity, Arc<OnceLock<Arc<str>>>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Tags {
    /// A board serves a dozen files; beyond this the table starts afresh rather than grow.
    const MOST: usize = 256;

    fn of(&self, file: &File) -> io::Result<(Identity, Arc<str>)> {
        let identity = Identity::of(file)?;
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= Self::MOST && !known.contains_key(&identity) {
                known.clear();
            }
            Arc::clone(known.entry(identity).or_default())
        };
        // Six machines ask for the same kernel in the same second. One hashes it and the others wait, but nobody who
        // wants another file does.
        let mut failed = None;
        let tag = cell.get_or_init(|| match hash(file, identity.length) {
            Ok(tag) => tag,
            Err(error) => {
                failed = Some(error);
                Arc::from("")
            }
        });
        if failed.is_none() && Identity::of(file)? != identity {
            failed = Some(io::Error::new(io::ErrorKind::InvalidData, "the file changed while it was read"));
        }
        if failed.is_some() || tag.is_empty() {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&identity);
            return Err(failed.unwrap_or_else(|| io::Error::other("the file could not be read a moment ago")));
        }
        Ok((identity, Arc::clone(tag)))
    }
}

impl Identity {
    fn of(file: &File) -> io::Result<Identity> {
        let metadata = file.metadata()?;
        Ok(Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

fn hash(file: &File, length: u64) -> io::Result<Arc<str>> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut offset = 0;
    while offset < length {
        let count = buffer.len().min(usize::try_from(length - offset).unwrap_or(usize::MAX));
        file.read_exact_at(&mut buffer[..count], offset)?;
        hasher.update(&buffer[..count]);
        offset += count as u64;
    }
    Ok(hex::encode(hasher.finalize()).into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn file_with(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn the_tag_is_the_hash_of_the_content_wherever_it_lies() {
        assert_eq!(Body::from_bytes("").etag(), EMPTY);
        let tags = Tags::default();
        let content = vec![7; 600_000];
        let file = file_with(&content);
        let body = Body::from_file(file.reopen().unwrap(), &tags).unwrap();
        assert_eq!(body.etag(), Body::from_bytes(content).etag());
        assert_eq!(body.length(), 600_000);
    }

    #[test]
    fn a_changed_file_has_another_tag() {
        let tags = Tags::default();
        let mut file = file_with(b"one");
        let first = Body::from_file(file.reopen().unwrap(), &tags).unwrap();
        file.write_all(b" and two").unwrap();
        let second = Body::from_file(file.reopen().unwrap(), &tags).unwrap();
        assert_ne!(first.etag(), second.etag());
    }

    #[test]
    fn a_folder_is_no_body() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Body::from_file(File::open(folder.path()).unwrap(), &Tags::default()).is_err());
    }

    #[tokio::test]
    async fn reads_exactly_what_was_asked_or_fails() {
        let file = file_with(b"0123456789");
        let body = Body::from_file(file.reopen().unwrap(), &Tags::default()).unwrap();
        let pieces = ["01", "", "234", "56789"].map(Bytes::from).to_vec();
        for body in [body.clone(), Body::from_bytes("0123456789"), Body::from_pieces(pieces, "tag")] {
            assert_eq!(&body.read(3, 4).await.unwrap()[..], b"3456");
            assert_eq!(&body.read(10, 0).await.unwrap()[..], b"");
            assert!(body.read(8, 3).await.is_err());
            assert!(body.read(u64::MAX, 2).await.is_err());
        }
        file.as_file().set_len(5).unwrap();
        assert!(body.read(3, 4).await.is_err(), "a file that became shorter must not be sent as if whole");
    }
}
