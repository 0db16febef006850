//! The display's serial line, and why it cannot be opened, in words.

use std::{io, os::unix::fs::MetadataExt, path::Path};

use lab::ports::PortError;
use nix::unistd::{Gid, Group};
use serial2_tokio::SerialPort;

/// Nominal: behind the line is USB.
const BAUD: u32 = 115_200;

pub(super) fn open(path: &Path) -> Result<SerialPort, PortError> {
    let line = SerialPort::open(path, |mut settings: serial2_tokio::Settings| {
        settings.set_raw();
        settings.set_baud_rate(BAUD)?;
        Ok(settings)
    });
    line.map_err(|error| not_opened(path, &error, group(path)))
}

/// Who may open it.
fn group(path: &Path) -> Option<String> {
    let gid = std::fs::metadata(path).ok()?.gid();
    Some(Group::from_gid(Gid::from_raw(gid)).ok()??.name)
}

fn not_opened(path: &Path, error: &io::Error, group: Option<String>) -> PortError {
    let path = path.display();
    let (why, remedy) = match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::NotFound, _) => (
            format!("there is no {path}"),
            "check the display's USB cable, and its path in the board file against /dev/serial/by-id"
                .to_owned(),
        ),
        (io::ErrorKind::PermissionDenied, _) => {
            let group = group.unwrap_or_else(|| "dialout".to_owned());
            (
                format!("this user may not open {path}, only the group {group} may"),
                format!(
                    "add this user to the group {group} (usermod -aG {group} USER) and start the program again"
                ),
            )
        }
        (_, Some(libc::ENOTTY | libc::EINVAL | libc::EISDIR | libc::ENXIO)) => (
            format!("{path} is no serial device"),
            "correct the display's path in the board file; /dev/serial/by-id has the right ones".to_owned(),
        ),
        (io::ErrorKind::ResourceBusy, _) => (
            format!("another program holds {path}"),
            "end the other program (fuser shows which it is)".to_owned(),
        ),
        _ => (
            format!("{path} cannot be opened: {error}"),
            "pull the display's USB cable and plug it in again".to_owned(),
        ),
    };
    PortError { what: "open the display's line".to_owned(), why, remedy, absent: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_opened_is_said_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let missing = open(&folder.path().join("ttyACM0")).unwrap_err();
        assert!(missing.why.contains("there is no") && missing.remedy.contains("USB cable"), "{missing:?}");
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file.as_path(), folder.path(), Path::new("/dev/null")] {
            let error = open(path).unwrap_err();
            assert!(error.why.contains("no serial device") && error.absent, "{error:?}");
        }
    }

    /// Root may open everything, so the refusal itself is made here.
    #[test]
    fn a_refusal_names_the_group() {
        let refused = io::Error::from_raw_os_error(libc::EACCES);
        let tty = Path::new("/dev/ttyACM0");
        let error = not_opened(tty, &refused, Some("uucp".into()));
        assert!(
            error.why.contains("only the group uucp") && error.remedy.contains("usermod -aG uucp"),
            "{error:?}"
        );
        assert!(not_opened(tty, &refused, None).remedy.contains("dialout"));
        let folder = tempfile::tempdir().unwrap();
        let gid = std::fs::metadata(folder.path()).unwrap().gid();
        let expected = Group::from_gid(Gid::from_raw(gid)).unwrap().map(|group| group.name);
        assert_eq!(group(folder.path()), expected);
        let busy = not_opened(tty, &io::Error::from_raw_os_error(libc::EBUSY), None);
        assert!(busy.why.contains("another program"), "{busy:?}");
    }
}
