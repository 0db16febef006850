//! Which file is which: what was read before against what lies in the folder now. Pure.

use std::path::{Path, PathBuf};

use lab::log::Offset;

/// A file of the folder that belongs to the tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    /// Of its last byte, in seconds and nanoseconds; renaming does not change it.
    pub(super) modified: (i64, i64),
    /// It has the configured name: this is the one that is written.
    pub(super) live: bool,
}

impl Seen {
    /// Older ones first, the one that is written last. Names carry the time of their rotation and decide between files of
    /// one tick of the file system's clock.
    pub(super) fn order(&self) -> (bool, (i64, i64), PathBuf) {
        (self.live, self.modified, self.path.clone())
    }

    pub(super) fn is(&self, known: &Offset) -> bool {
        (self.device, self.inode) == (known.device, known.inode)
    }
}

/// Bytes that a beginning must have to be known again under another inode: less may well be equal by chance.
const TELLING: u64 = 64;

/// For each known file its place in what is seen. `same` compares beginnings, of a known with a seen one by their places.
///
/// An inode alone proves nothing, it comes back with the next file; and without its inode a file may still be the one that
/// was read: copied aside before it was cut to nothing, or on a disk that got another device number.
pub(super) fn assign(
    known: &[Offset],
    seen: &[Seen],
    mut same: impl FnMut(usize, usize) -> bool,
) -> Vec<Option<usize>> {
    let mut taken = vec![false; seen.len()];
    let mut places = vec![None; known.len()];
    // A file of which nothing was read comes last: its inode proves even less, and nothing is lost with it.
    let passes: [fn(&Offset, &Seen) -> bool; 3] = [
        |known, seen| seen.is(known) && known.head_len > 0,
        may_be_copy,
        |known, seen| seen.is(known) && known.head_len == 0,
    ];
    for candidate in passes {
        for (k, known) in known.iter().enumerate() {
            let mut fits = |n: usize, seen: &Seen| {
                let candidate = candidate(known, seen);
                candidate && !taken[n] && seen.size >= known.offset && same(k, n)
            };
            if places[k].is_none() {
                places[k] = seen.iter().enumerate().find(|(n, seen)| fits(*n, seen)).map(|(n, _)| n);
                taken.iter_mut().zip(0..).for_each(|(taken, n)| *taken |= places[k] == Some(n));
            }
        }
    }
    places
}

/// Whether these may be one and the same although their inodes differ: their beginnings decide.
pub(super) fn may_be_copy(known: &Offset, seen: &Seen) -> bool {
    !seen.is(known) && known.head_len >= TELLING
}

/// Whether `name` is what rotation makes of `live`: `NAME-<anything>.EXT`.
pub(super) fn is_rotated(live: &Path, name: &str) -> bool {
    let part =
        |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).unwrap_or_default().to_owned();
    let (stem, extension) = (part(live.file_stem()), part(live.extension()));
    let rest = name.strip_prefix(&stem).and_then(|rest| rest.strip_prefix('-'));
    let rest = if extension.is_empty() {
        rest
    } else {
        rest.and_then(|rest| rest.strip_suffix(&extension)).and_then(|rest| rest.strip_suffix('.'))
    };
    rest.is_some_and(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(inode: u64, offset: u64, head: &str, head_len: u64) -> Offset {
        Offset { path: "x".into(), device: 1, inode, offset, head: head.into(), head_len }
    }

    fn seen(path: &str, inode: u64, size: u64) -> Seen {
        let live = path == "x";
        Seen { path: path.into(), device: 1, inode, size, modified: (0, 0), live }
    }

    /// Files as `(path, inode, size)`, heads by inode.
    fn places(known: &[Offset], files: &[(&str, u64, u64, &str)]) -> Vec<Option<String>> {
        let seen: Vec<Seen> = files.iter().map(|(path, inode, size, _)| seen(path, *inode, *size)).collect();
        let head = |inode: u64| files.iter().find(|file| file.1 == inode).unwrap().3;
        let found = assign(known, &seen, |k, n| known[k].head == head(seen[n].inode));
        found.into_iter().map(|place| place.map(|n| files[n].0.to_owned())).collect()
    }

    #[test]
    fn a_renamed_file_is_known_by_its_inode() {
        let found = places(&[known(7, 300, "a", 256)], &[("x", 8, 10, "b"), ("x-1", 7, 400, "a")]);
        assert_eq!(found, [Some("x-1".to_owned())]);
    }

    #[test]
    fn an_inode_that_came_back_is_another_file() {
        assert_eq!(places(&[known(7, 300, "a", 256)], &[("x", 7, 400, "b")]), [None]);
        assert_eq!(places(&[known(7, 300, "a", 256)], &[("x", 7, 200, "a")]), [None], "cut to less");
    }

    #[test]
    fn a_copy_is_known_by_its_beginning() {
        let files = [("x", 7, 0, ""), ("x-1", 9, 400, "a")];
        assert_eq!(places(&[known(7, 300, "a", 256)], &files), [Some("x-1".to_owned())]);
        assert_eq!(places(&[known(7, 30, "a", 30)], &files), [None], "thirty bytes prove nothing");
    }

    #[test]
    fn the_inode_of_an_empty_file_claims_nobody_elses_copy() {
        let empty_and_read = [known(9, 0, "", 0), known(7, 300, "a", 256)];
        let files = [("x", 7, 0, ""), ("x-1", 9, 400, "a")];
        assert_eq!(places(&empty_and_read, &files), [None, Some("x-1".to_owned())]);
    }

    #[test]
    fn two_known_files_never_share_one() {
        let twice = [known(7, 300, "a", 256), known(8, 300, "a", 256)];
        let found = places(&twice, &[("x-1", 8, 400, "a")]);
        assert_eq!(found, [None, Some("x-1".to_owned())], "the inode decides");
    }

    #[test]
    fn names_of_rotation() {
        let live = Path::new("/tmp/otelcol.jsonl");
        for (name, rotated) in [
            ("otelcol-2026-11-22T13-49-17.476-size.jsonl", true),
            ("otelcol-2026-11-22T13-49-17.476.jsonl", true),
            ("otelcol.jsonl", false),
            ("otelcol-.jsonl", false),
            ("otelcol-1.jsonl.gz", false),
            ("other-1.jsonl", false),
        ] {
            assert_eq!(is_rotated(live, name), rotated, "{name}");
        }
        assert!(is_rotated(Path::new("messages"), "messages-20261122"));
    }
}
