//! One renewal of a certificate at a time, also between the engine and `certs ensure`, which are different processes and often
//! different users.

use std::{
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use lab::{Code, Failure};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use tokio::time::{Instant, sleep};

use crate::place;

/// A renewal takes milliseconds.
const LOOK: Duration = Duration::from_millis(25);

/// Held until it is dropped; a killed holder's lock is gone with it.
pub(crate) struct Held(#[expect(dead_code, reason = "dropping it unlocks")] Flock<File>);

/// Waits for the lock of this certificate.
pub(crate) async fn lock(folder: &Path, name: &str, deadline: Instant) -> Result<Held, Failure> {
    let what = format!("renew {name}");
    let failed = |error: io::Error| {
        let remedy = "see to it that this user may write there";
        Failure::new(Code::Storage, &what, format!("{}: {error}", folder.display()), remedy)
    };
    let locks = folder.join("locks");
    let whose = place::prepare(folder).and_then(|_| place::prepare(&locks)).map_err(failed)?;
    let path = locks.join(file(name));
    let mut open = File::open(&path);
    if open.is_err() {
        open = File::options().write(true).create(true).truncate(false).mode(0o644).open(&path);
        if let Ok(file) = &open {
            whose.give(file).map_err(failed)?;
        }
    }
    let mut open = open.map_err(failed)?;
    loop {
        match Flock::lock(open, FlockArg::LockExclusiveNonblock) {
            Ok(held) => return Ok(Held(held)),
            Err((file, Errno::EWOULDBLOCK)) if Instant::now() < deadline => {
                open = file;
                sleep(LOOK).await;
            }
            Err((_, Errno::EWOULDBLOCK)) => {
                let why = "another process has been renewing it all the time";
                return Err(Failure::new(
                    Code::Busy,
                    what,
                    why,
                    "try again; if it stays, look for a hanging `certs ensure`",
                ));
            }
            Err((_, error)) => return Err(failed(error.into())),
        }
    }
}

/// Names come from the board file and may hold anything.
fn file(name: &str) -> PathBuf {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .take(100)
        .collect();
    PathBuf::from(format!("{plain}.lock"))
}
