//! A damaged database goes out of the way under another name. Nothing of it is deleted: somebody may still read it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// A database that was put aside, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it lies now; its log lies beside it.
    pub file: PathBuf,
    pub why: String,
}

/// Renames a database together with its write-ahead log to `NAME.damaged-TIME`. Nobody may have it open.
pub(crate) fn put(dir: &Path, name: &str) -> io::Result<PathBuf> {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut target = dir.join(format!("{name}.damaged-{time}"));
    let mut again = 1;
    while target.exists() {
        again += 1;
        target = dir.join(format!("{name}.damaged-{time}-{again}"));
    }
    // The database first: without it a log is of no effect, while a database without its log would lack what was committed.
    for suffix in ["", "-wal", "-shm"] {
        let from = dir.join(format!("{name}{suffix}"));
        let to = PathBuf::from(format!("{}{suffix}", target.display()));
        match fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    File::open(dir)?.sync_all()?;
    Ok(target)
}

/// A log without its database is what a kill leaves in the middle of [`put`]. SQLite would delete it.
pub(crate) fn stray_log(dir: &Path, name: &str) -> io::Result<()> {
    let size = |path: PathBuf| path.metadata().map_or(0, |meta| meta.len());
    if size(dir.join(name)) == 0 && size(dir.join(format!("{name}-wal"))) > 0 {
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        fs::rename(dir.join(format!("{name}-wal")), dir.join(format!("{name}-wal.damaged-{time}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_goes_with_its_log_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let mut places = Vec::new();
        for n in 0..3 {
            fs::write(dir.path().join("x.db"), format!("data {n}")).unwrap();
            fs::write(dir.path().join("x.db-wal"), format!("log {n}")).unwrap();
            places.push(put(dir.path(), "x.db").unwrap());
        }
        assert!(!dir.path().join("x.db").exists() && !dir.path().join("x.db-wal").exists());
        for (n, place) in places.iter().enumerate() {
            assert_eq!(fs::read_to_string(place).unwrap(), format!("data {n}"));
            assert_eq!(fs::read_to_string(format!("{}-wal", place.display())).unwrap(), format!("log {n}"));
        }
    }

    #[test]
    fn a_log_that_lost_its_database_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x.db-wal"), "log").unwrap();
        stray_log(dir.path(), "x.db").unwrap();
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left[0].to_str().unwrap().starts_with("x.db-wal.damaged-2"), "{left:?}");
        fs::write(dir.path().join("y.db"), "data").unwrap();
        fs::write(dir.path().join("y.db-wal"), "log").unwrap();
        stray_log(dir.path(), "y.db").unwrap();
        assert!(dir.path().join("y.db-wal").exists(), "a log with its database stays where it is");
    }
}
