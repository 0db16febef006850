//! One file of a tail: how far it was read, and by what it is known again.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    time::Instant,
};

use lab::log::Offset;
use sha2::{Digest, Sha256};

use super::{
    HEAD, LINE_MAX, SETTLE,
    cutter::{Cutter, Piece},
    plan::Seen,
};

/// A file that is or was read.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) seen: Seen,
    /// Open until it was finished, so that it can be read to its end also when its name is gone.
    handle: Option<File>,
    cutter: Cutter,
    /// The first bytes that were read.
    head: Vec<u8>,
    /// Size and time of change when its beginning was compared last.
    compared: Option<(u64, (i64, i64))>,
    /// Since when nothing was added to a last line without an end.
    idle_since: Option<Instant>,
    /// Its name is gone.
    pub(super) gone: bool,
}

impl Known {
    /// A file that is met for the first time.
    pub(super) fn new(seen: Seen) -> Self {
        Self::at(seen, 0, Vec::new())
    }

    fn at(seen: Seen, start: u64, head: Vec<u8>) -> Self {
        Self {
            seen,
            handle: None,
            cutter: Cutter::new(LINE_MAX, start),
            head,
            compared: None,
            idle_since: None,
            gone: false,
        }
    }

    /// A file that was read before up to an offset.
    pub(super) fn resume(seen: Seen, offset: u64) -> io::Result<Self> {
        let mut known = Self::at(seen, offset, Vec::new());
        known.head = beginning(known.open()?, offset.min(HEAD))?;
        Ok(known)
    }

    /// As it is stored: up to the last line that was given out.
    pub(super) fn offset(&self, path: &str) -> Offset {
        let head = self.proven();
        Offset {
            path: path.to_owned(),
            device: self.seen.device,
            inode: self.seen.inode,
            offset: self.cutter.end(),
            head: hash(head),
            head_len: head.len() as u64,
        }
    }

    /// Behind the last line that was given out.
    pub(super) fn end(&self) -> u64 {
        self.cutter.end()
    }

    fn proven(&self) -> &[u8] {
        let end = usize::try_from(self.cutter.end()).unwrap_or(usize::MAX);
        &self.head[..self.head.len().min(end)]
    }

    /// It goes on under what is seen now: another name, a new size.
    pub(super) fn move_to(&mut self, seen: Seen) {
        if (seen.device, seen.inode) != (self.seen.device, self.seen.inode) {
            self.handle = None;
        }
        if seen.size < self.cutter.position() {
            // Cut within the half line: what is left of it is read once more.
            self.cutter.rewind();
            self.head.truncate(usize::try_from(self.cutter.end()).unwrap_or(usize::MAX));
        }
        self.seen = seen;
        self.gone = false;
    }

    /// Whether a file begins as this one did. Looked up only when it has changed.
    pub(super) fn begins_as(&mut self, seen: &Seen) -> io::Result<bool> {
        let state = (seen.size, seen.modified);
        let itself = (seen.device, seen.inode) == (self.seen.device, self.seen.inode);
        if itself && self.compared == Some(state) {
            return Ok(true);
        }
        let length = self.proven().len() as u64;
        // The file at hand keeps its inode while it is open; a path may have become another file's in this moment.
        let found = match &self.handle {
            Some(own) if itself => beginning(own, length)?,
            _ => beginning(&open(seen)?, length)?,
        };
        let same = found == self.proven();
        if same && itself {
            self.compared = Some(state);
        }
        Ok(same)
    }

    /// No name leads to it as it was. What is open is read to its end, unless its content was thrown away.
    pub(super) fn vanish(&mut self, seen: &[Seen]) {
        if seen.iter().any(|seen| (seen.device, seen.inode) == (self.seen.device, self.seen.inode)) {
            self.handle = None;
        }
        self.seen.live = false;
        self.gone = true;
    }

    /// Opens it, so that its bytes stay even when its name goes.
    pub(super) fn open(&mut self) -> io::Result<&File> {
        let file = match self.handle.take() {
            Some(file) => file,
            None => open(&self.seen)?,
        };
        Ok(self.handle.insert(file))
    }

    pub(super) fn is_open(&self) -> bool {
        self.handle.is_some()
    }

    pub(super) fn close(&mut self) {
        self.handle = None;
    }

    /// How far it can be read: an open file may have grown since it was seen.
    fn size(&self) -> u64 {
        self.handle.as_ref().and_then(|file| file.metadata().ok()).map_or(self.seen.size, |facts| facts.len())
    }

    pub(super) fn unread(&self) -> bool {
        self.size() > self.cutter.position()
    }

    pub(super) fn half_line(&self) -> bool {
        self.cutter.position() > self.cutter.end()
    }

    pub(super) fn has_bytes(&self) -> bool {
        self.seen.size > 0
    }

    /// Reads what fits into `room` and cuts it. Returns how many bytes came.
    pub(super) fn read(&mut self, room: &mut [u8], take: &mut dyn FnMut(Piece<'_>)) -> io::Result<usize> {
        let position = self.cutter.position();
        let count = read_at(self.open()?, room, position)?;
        let bytes = &room[..count];
        let wanted = usize::try_from(HEAD).unwrap_or(0).saturating_sub(self.head.len());
        if self.head.len() as u64 == position {
            self.head.extend_from_slice(&bytes[..wanted.min(count)]);
        }
        self.cutter.push(bytes, take);
        self.idle_since = None;
        Ok(count)
    }

    /// The last bytes in front of what is read next, from the beginning of a line.
    pub(super) fn before(&self, most: u64) -> io::Result<Vec<u8>> {
        let from = self.end().saturating_sub(most);
        let file = open(&self.seen)?;
        let mut bytes = vec![0; usize::try_from(self.end() - from).unwrap_or(0)];
        file.read_exact_at(&mut bytes, from)?;
        // The line that begins before them is not whole.
        let whole =
            if from == 0 { Some(0) } else { bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1) };
        Ok(whole.map_or_else(Vec::new, |at| bytes.split_off(at)))
    }

    /// Gives out the last line although its end never came, when that is certain: a later file was begun, or it is whole in
    /// itself and nothing was added for a while.
    pub(super) fn settle(&mut self, later: bool, now: Instant, take: &mut dyn FnMut(Piece<'_>)) -> bool {
        if !self.half_line() {
            return false;
        }
        let since = *self.idle_since.get_or_insert(now);
        let long = now.saturating_duration_since(since) >= SETTLE;
        // A whole object ends itself; what is glued behind it later is read as a line of its own.
        let certain = later || (long && is_whole(self.cutter.remainder()));
        if certain {
            self.cutter.flush(take);
        }
        certain
    }
}

/// Whether what is seen begins as what is stored.
pub(super) fn begins(seen: &Seen, known: &Offset) -> io::Result<bool> {
    let head = beginning(&open(seen)?, known.head_len)?;
    Ok(head.len() as u64 == known.head_len && hash(&head) == known.head)
}

/// Refuses another file under the same name.
fn open(seen: &Seen) -> io::Result<File> {
    let file = File::open(&seen.path)?;
    let facts = file.metadata()?;
    if (facts.dev(), facts.ino()) == (seen.device, seen.inode) {
        return Ok(file);
    }
    Err(io::Error::new(ErrorKind::NotFound, "it was renamed in this moment"))
}

fn is_whole(line: &[u8]) -> bool {
    line.trim_ascii_end().ends_with(b"}") && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

fn beginning(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut head = vec![0; usize::try_from(length.min(HEAD)).unwrap_or(0)];
    let mut have = 0;
    while have < head.len() {
        match read_at(file, &mut head[have..], have as u64)? {
            0 => break,
            count => have += count,
        }
    }
    head.truncate(have);
    Ok(head)
}

fn read_at(file: &File, room: &mut [u8], position: u64) -> io::Result<usize> {
    loop {
        match file.read_at(room, position) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What lies under a name.
pub(super) fn look_at(path: &Path, live: bool) -> io::Result<Option<Seen>> {
    let facts = std::fs::metadata(path)?;
    let seen = |path: PathBuf| Seen {
        path,
        device: facts.dev(),
        inode: facts.ino(),
        size: facts.len(),
        modified: (facts.mtime(), facts.mtime_nsec()),
        live,
    };
    Ok(facts.is_file().then(|| seen(path.to_owned())))
}

/// When names in a folder changed last.
pub(super) fn changed(folder: &Path) -> Option<(i64, i64)> {
    std::fs::metadata(folder).ok().map(|facts| (facts.mtime(), facts.mtime_nsec()))
}
