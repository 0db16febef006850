//! One token, one file: made with its mode, so that there is no moment in which others could read it.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::secret::Secret;

/// For the engine's owner alone: rights read, control, admin.
pub const CONTROL_FILE: &str = "control.token";
/// For a group whose windows attach: rights read, control.
pub const WINDOW_FILE: &str = "window.token";
/// For programs that only look, as Prometheus does: right read.
pub const METRICS_FILE: &str = "metrics.token";

/// Longer files are not ours; nothing reads a disk's worth of bytes to find that out.
const LONGEST: u64 = 256;

/// A token file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the token file {path} cannot be {done}")]
    File {
        path: PathBuf,
        done: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{path} holds no token of ours; remove it and start the engine again, which makes a new one")]
    Malformed { path: PathBuf },
}

/// Reads a token: what the command line and an attached window do.
///
/// # Errors
/// When the file is missing, unreadable for this user, or holds something else.
pub fn read(path: &Path) -> Result<Secret, TokenError> {
    let text = text(path).map_err(|source| TokenError::File { path: path.into(), done: "read", source })?;
    Secret::parse(&text).ok_or_else(|| TokenError::Malformed { path: path.into() })
}

/// Keeps a good token and takes away what its mode gives too much; replaces anything else by a new one.
pub(super) fn ensure(path: &Path, mode: u32) -> Result<Secret, TokenError> {
    match read(path) {
        Ok(secret) => {
            tighten(path, mode).map_err(|source| TokenError::File {
                path: path.into(),
                done: "closed to others",
                source,
            })?;
            return Ok(secret);
        }
        Err(TokenError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        Err(error @ TokenError::File { .. }) => return Err(error),
        Err(TokenError::Malformed { path }) => {
            tracing::warn!(path = %path.display(), "the file holds no token; a new one takes its place");
        }
    }
    let secret = Secret::long();
    create(path, mode, &secret).map_err(|source| TokenError::File {
        path: path.into(),
        done: "made",
        source,
    })?;
    Ok(secret)
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut text).or_else(|error| match error.kind() {
        // Bytes that are no text are no token; the caller says so.
        io::ErrorKind::InvalidData => Ok(0),
        _ => Err(error),
    })?;
    Ok(text)
}

fn tighten(path: &Path, mode: u32) -> io::Result<()> {
    let has = fs::metadata(path)?.permissions().mode() & 0o7777;
    if has & !mode != 0 {
        tracing::warn!(path = %path.display(), "mode {has:o} of a token file let others in; it is {:o} now", has & mode);
        fs::set_permissions(path, Permissions::from_mode(has & mode))?;
    }
    Ok(())
}

/// Beside its place and then moved there: a reader sees the old token, no file, or the whole new one.
fn create(path: &Path, mode: u32, secret: &Secret) -> io::Result<()> {
    let new = path.with_extension(format!("new-{}", std::process::id()));
    // A leftover of a killed engine with the same number.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    // The umask may have taken the group's bit; the file is empty still.
    file.set_permissions(Permissions::from_mode(mode))?;
    writeln!(file, "{}", secret.reveal())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_new_file_has_its_mode_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        for (name, wanted) in [(CONTROL_FILE, 0o600), (WINDOW_FILE, 0o640)] {
            let path = dir.path().join(name);
            let secret = ensure(&path, wanted).unwrap();
            assert_eq!(mode(&path), wanted);
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", secret.reveal()));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_is_too_open_keeps_its_token_and_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(WINDOW_FILE);
        let secret = ensure(&path, 0o640).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert_eq!(ensure(&path, 0o640).unwrap(), secret);
        assert_eq!(mode(&path), 0o640);
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        ensure(&path, 0o640).unwrap();
        assert_eq!(mode(&path), 0o400, "what somebody closed further stays closed");
    }

    #[test]
    fn what_is_no_token_is_replaced_by_the_engine_and_refused_by_readers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(CONTROL_FILE);
        for rubbish in [&b"hunter2\n"[..], b"", &[0xff; 64], &[b'a'; 5000]] {
            fs::write(&path, rubbish).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            assert!(matches!(read(&path), Err(TokenError::Malformed { .. })));
            let secret = ensure(&path, 0o600).unwrap();
            assert_eq!((read(&path).unwrap(), mode(&path)), (secret, 0o600));
        }
    }

    #[test]
    fn a_missing_folder_is_told_with_the_file_s_name() {
        let dir = tempfile::tempdir().unwrap();
        let error = ensure(&dir.path().join("nowhere").join(CONTROL_FILE), 0o600).unwrap_err();
        assert!(error.to_string().contains("nowhere/control.token cannot be made"), "{error}");
    }
}
