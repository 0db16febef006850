//! One program a folder: a lock that the kernel drops with the process, and a line that says who holds it.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::Path,
};

use crate::error::OpenError;

/// Name of the lock file. It stays when the program ends: removing it would race with whoever opens it meanwhile.
const FILE: &str = "lock";

/// Held as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the folder, or says who has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(FILE);
        let failed = |source| OpenError::Folder { dir: dir.to_owned(), source };
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Held { dir: dir.to_owned(), holder: holder(&path) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        sign(&file).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn sign(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    let since = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    writeln!(file, "process {}, since {since}", std::process::id())
}

/// What the holder wrote about itself; it may be about to write it.
fn holder(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "a process that has not signed yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_was_first_and_may_follow() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        let refused = Lock::take(dir.path()).expect_err("one folder, one program").to_string();
        assert!(refused.contains(&format!("process {}, since 2", std::process::id())), "{refused}");
        drop(first);
        Lock::take(dir.path()).expect("the lock falls with its holder");
    }

    #[test]
    fn the_signature_of_a_dead_program_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join(FILE),
            "process 4194303, since long ago and with a longer text than ours\n",
        )
        .unwrap();
        let _lock = Lock::take(dir.path()).unwrap();
        assert!(!holder(&dir.path().join(FILE)).contains("long ago"));
    }
}
