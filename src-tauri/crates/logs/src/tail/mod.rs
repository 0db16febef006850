//! Follows a file that is written by somebody else and rotated by renaming, and loses nothing of it.
//!
//! A file is known by inode and by its first bytes ([`plan`]), so that it is found again under another name, and another
//! file with its inode is not taken for it. Older files are finished before younger ones, also when several rotations
//! happened while nobody looked. What was read is told as [`Offset`]s that always stand behind a whole line ([`cutter`]): whoever
//! stores them together with the lines counts each line once, whenever the program dies.
//!
//! Here is no waiting: [`Tail::read`] reads one piece and returns, whoever calls it decides when to come again.

pub mod cutter;
mod file;
mod plan;

#[cfg(test)]
mod tests;

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lab::{
    failure::{Code, Failure},
    log::Offset,
};

pub use cutter::{Cutter, Piece};
use file::Known;
use plan::Seen;

use crate::otlp::LINE_MAX;

/// How much is read at once: what is handed on in one piece stays small, and catching up leaves time for others.
const CHUNK: usize = 1 << 20;
/// Bytes that tell one file from another with the same inode. The time of the first record lies within them.
const HEAD: u64 = 1024;
/// After so long without a byte a last line without an end is taken, if it is whole: its writer was killed between the line and
/// its end, which are two writes.
const SETTLE: Duration = Duration::from_secs(1);
/// What is looked at once more before going on: as much as a busy name server says between the two copies of a line.
const RECALL: u64 = 256 << 10;
/// Names are looked through at least this often; a folder's own time of change may lag behind by a tick.
const LOOK: Duration = Duration::from_secs(1);
/// Files kept open at once; older ones wait for their turn and may vanish until then.
const OPEN: usize = 64;

/// What one reading brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes that were read.
    pub bytes: usize,
    /// The offsets are others than before.
    pub moved: bool,
}

/// A file and what rotation made of it.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// The path as it was configured, which is how offsets name it.
    name: String,
    /// Oldest first.
    known: Vec<Known>,
    /// From the store, until the first look.
    stored: Vec<Offset>,
    room: Vec<u8>,
    looked: Option<Looked>,
    trouble: Option<Failure>,
}

/// When the folder was looked through, and what its time of change and the live file were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looked {
    at: Instant,
    folder: Option<(i64, i64)>,
    live: Option<(u64, u64)>,
}

impl Tail {
    /// Goes on where `stored` says, and without it at the beginning of the oldest file that is there.
    pub fn new(path: &Path, stored: Vec<Offset>) -> Self {
        let name = path.to_string_lossy().into_owned();
        let stored = stored.into_iter().filter(|offset| offset.path == name).collect();
        let room = Vec::new();
        Self { path: path.to_owned(), name, known: Vec::new(), stored, room, looked: None, trouble: None }
    }

    /// How far each file was read: belongs to the lines that were given out so far, and to no more.
    pub fn offsets(&self) -> Vec<Offset> {
        let waiting = self.stored.iter().cloned();
        self.known.iter().map(|known| known.offset(&self.name)).chain(waiting).collect()
    }

    /// Why nothing can be read, while that is so.
    pub fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
    }

    /// The last lines that were read before the program started: whoever remembers lines is shown them once more, not to
    /// count them. To be called before the first reading.
    pub fn recall(&mut self, now: Instant, take: &mut dyn FnMut(Piece<'_>)) {
        // What cannot be read now is told by the reading.
        let _ = self.look(now);
        let last = self.known.iter().rev().find(|known| known.end() > 0);
        let bytes = last.and_then(|known| known.before(RECALL).ok()).unwrap_or_default();
        Cutter::new(LINE_MAX, 0).push(&bytes, take);
    }

    /// Reads up to a megabyte of the oldest file that has something new. Nothing came: come again a moment later.
    pub fn read(&mut self, now: Instant, take: &mut dyn FnMut(Piece<'_>)) -> Progress {
        let looked = self.look(now);
        self.trouble = looked.err().map(|error| trouble(&self.path, &error));
        for n in 0..self.known.len() {
            let later = self.known[n + 1..].iter().any(Known::has_bytes);
            let known = &mut self.known[n];
            let before = known.end();
            if known.unread() {
                self.room.resize(CHUNK, 0);
                match known.read(&mut self.room, take) {
                    // It was cut in this moment; the next look sees it.
                    Ok(0) => {}
                    Ok(bytes) => return Progress { bytes, moved: known.end() != before },
                    // It has another name by now; younger ones wait until it was found.
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        self.looked = None;
                        return Progress::default();
                    }
                    Err(error) => {
                        let path = known.seen.path.clone();
                        self.trouble.get_or_insert_with(|| trouble(&path, &error));
                        continue;
                    }
                }
            }
            if known.settle(later && !known.seen.live, now, take) {
                return Progress { bytes: 0, moved: true };
            }
            if !known.seen.live && !known.half_line() {
                known.close();
            }
        }
        self.room = Vec::new();
        // A file without a name that was read to its end is never met again.
        self.known.retain(|known| !known.gone || known.is_open());
        Progress::default()
    }

    /// Finds out which files there are, and which of them are those that are known.
    fn look(&mut self, now: Instant) -> io::Result<()> {
        let (live, missing) = match file::look_at(&self.path, true) {
            Ok(live) => (live, None),
            Err(error) => (None, Some(error)),
        };
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let looked = Looked {
            at: now,
            folder: file::changed(&folder),
            live: live.as_ref().map(|seen| (seen.device, seen.inode)),
        };
        // A live file that was cut may have been copied aside before, within the same tick of the folder's clock.
        let grown = match (&live, self.known.last_mut()) {
            (Some(seen), Some(last)) => seen.size >= last.end() && last.begins_as(seen).unwrap_or(false),
            _ => true,
        };
        let fresh = self.looked.is_some_and(|last| {
            let recent = now.saturating_duration_since(last.at) < LOOK;
            recent && grown && (last.folder, last.live) == (looked.folder, looked.live)
        });
        let mut seen: Vec<Seen> = if fresh {
            // Only the live file can have grown; the others are as they were.
            let others = self.known.iter().filter(|known| !known.seen.live && !known.gone);
            others.map(|known| known.seen.clone()).collect()
        } else {
            self.rotated(&folder)?
        };
        // One that is not through again within its time is due again at its old time.
        let looked = if fresh { self.looked } else { Some(looked) };
        self.looked = None;
        seen.extend(live);
        match self.sort_out(&seen, missing.is_some()) {
            Ok(()) => self.looked = looked,
            // Something was renamed while it was looked at: the next look is better.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        missing.map_or(Ok(()), Err)
    }

    fn rotated(&self, folder: &Path) -> io::Result<Vec<Seen>> {
        let mut seen = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| plan::is_rotated(&self.path, name)) {
                // One that is gone again in this moment is not there.
                seen.extend(file::look_at(&entry.path(), false).ok().flatten());
            }
        }
        Ok(seen)
    }

    /// Brings what is known in line with what is seen. Changes nothing when that cannot be found out.
    fn sort_out(&mut self, seen: &[Seen], missing: bool) -> io::Result<()> {
        let open = self.known.len();
        let own = self.known.iter().map(|known| known.offset(&self.name));
        let marks: Vec<Offset> = own.chain(self.stored.iter().cloned()).collect();
        let mut failed = None;
        let mut begins = |k: usize, n: usize| {
            let same = match self.known.get_mut(k) {
                Some(known) => known.begins_as(&seen[n]),
                None => file::begins(&seen[n], &marks[k]),
            };
            same.unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        };
        let places = plan::assign(&marks, seen, &mut begins);
        let free: Vec<usize> = (0..seen.len()).filter(|n| !places.contains(&Some(*n))).collect();
        // While a file is copied aside, to be cut to nothing then, it is there twice. The copy's turn comes after the cut.
        let kept: Vec<usize> = (0..marks.len()).filter(|k| places[*k].is_some()).collect();
        let mut is_copy =
            |n: usize| kept.iter().any(|k| plan::may_be_copy(&marks[*k], &seen[n]) && begins(*k, n));
        let new: Vec<Known> =
            free.into_iter().filter(|n| !is_copy(*n)).map(|n| Known::new(seen[n].clone())).collect();
        if let Some(error) = failed {
            return Err(error);
        }
        let stored = marks[open..].iter().zip(&places[open..]);
        let found =
            stored.filter_map(|(mark, place)| place.map(|n| Known::resume(seen[n].clone(), mark.offset)));
        let found = found.collect::<io::Result<Vec<Known>>>()?;

        for (known, place) in self.known.iter_mut().zip(&places[..open]) {
            match place {
                Some(n) => known.move_to(seen[*n].clone()),
                None => known.vanish(seen),
            }
        }
        let mut unmatched = places[open..].iter().map(Option::is_none);
        // A folder that is not mounted yet, a collector that has not started: what was read of its files is not forgotten.
        self.stored.retain(|_| unmatched.next() == Some(true) && missing);
        self.known.retain(|known| !known.gone || known.is_open());
        self.known.extend(found.into_iter().chain(new));
        self.known.sort_by_cached_key(|known| known.seen.order());
        self.hold();
        Ok(())
    }

    /// Opens what is unread, before somebody deletes it.
    fn hold(&mut self) {
        let mut handles = self.known.iter().filter(|known| known.is_open()).count();
        for known in self.known.iter_mut().filter(|known| known.unread() && !known.is_open()) {
            // One that cannot be opened says so when it is read.
            if handles < OPEN && known.open().is_ok() {
                handles += 1;
            }
        }
    }
}

fn trouble(path: &Path, error: &io::Error) -> Failure {
    let what = format!("read {}", path.display());
    match error.kind() {
        ErrorKind::NotFound => Failure::new(
            Code::DeviceAbsent,
            what,
            "there is no such file",
            "start the collector, or name its file in the board file under [logs]",
        ),
        ErrorKind::PermissionDenied => Failure::new(
            Code::DeviceRefused,
            what,
            "this user may not read it",
            "let its owner make file and folder readable for others, or add this user to its group",
        ),
        _ => Failure::new(Code::DeviceRefused, what, error.to_string(), "look at the disk it lies on"),
    }
}
