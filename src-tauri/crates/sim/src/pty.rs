//! A device's USB serial adapter, as a pty.
//!
//! The host opens the slave's path as it would open a serial device, closes it and opens it again. While nobody has it
//! open, what the board says is lost, as on a real adapter; the kernel reports that state as EIO on reading.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::config::SimError;

/// How often a closed port is looked at: the kernel does not say when a pty's slave is opened.
const OPENED_CHECK: Duration = Duration::from_millis(10);

enum Wire {
    Unplugged,
    /// Nobody has the slave open.
    Idle(OwnedFd),
    Open(AsyncFd<OwnedFd>),
}

pub(crate) struct Port {
    /// For people, as in "relay board".
    device: &'static str,
    wire: Wire,
    path: Option<PathBuf>,
    link: Option<PathBuf>,
    /// Bytes the board said that nobody could hear.
    pub(crate) lost: u64,
}

impl Port {
    /// A new pty in raw mode; `link` is made to point at it and follows it when it is replaced.
    pub(crate) fn open(device: &'static str, link: Option<PathBuf>) -> Result<Port, SimError> {
        let mut port = Port { device, wire: Wire::Unplugged, path: None, link, lost: 0 };
        port.plug_in()?;
        Ok(port)
    }

    /// The slave, or nothing while the adapter is unplugged.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(crate) fn plug_in(&mut self) -> Result<(), SimError> {
        if self.path.is_some() {
            return Ok(());
        }
        let (master, path) =
            raw_pty().map_err(|error| SimError::Pty { device: self.device, source: error.into() })?;
        if let Some(link) = &self.link {
            point(link, &path).map_err(|source| SimError::Link {
                device: self.device,
                path: link.clone(),
                source,
            })?;
        }
        self.path = Some(path);
        self.wire = Wire::Idle(master);
        Ok(())
    }

    /// Whoever has the slave open reads an end of file or an error from now on.
    pub(crate) fn unplug(&mut self) {
        self.wire = Wire::Unplugged;
        if let (Some(link), Some(path)) = (&self.link, self.path.take())
            && std::fs::read_link(link).is_ok_and(|target| target == path)
            && let Err(error) = std::fs::remove_file(link)
        {
            tracing::warn!(%error, device = self.device, link = %link.display(), "the link to a pty stays behind");
        }
    }

    /// The next bytes the host sends. Never ends while nobody has the port open; may be dropped at any await.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &self.wire {
                Wire::Unplugged => std::future::pending().await,
                // A host may have opened, written and closed again since the last look, so this reads as well.
                Wire::Idle(master) => match nix::unistd::read(master, buffer) {
                    Ok(count) if count > 0 => return Ok(count),
                    Err(Errno::EAGAIN) => self.set_open(true)?,
                    Ok(_) | Err(Errno::EIO | Errno::EINTR) => tokio::time::sleep(OPENED_CHECK).await,
                    Err(error) => return Err(error.into()),
                },
                Wire::Open(master) => {
                    let mut ready = master.readable().await?;
                    let hung_up = ready.ready().is_read_closed();
                    match ready.try_io(|master| Ok(nix::unistd::read(master, buffer)?)) {
                        Ok(Ok(count)) if count > 0 => return Ok(count),
                        Ok(Err(error)) if error.raw_os_error() != Some(Errno::EIO as i32) => {
                            return Err(error);
                        }
                        Ok(_) => self.set_open(false)?,
                        // The reactor never forgets a hang-up, the pty does: a new registration is the only way back.
                        Err(_) if hung_up => self.set_open(false)?,
                        Err(_) => {}
                    }
                }
            }
        }
    }

    /// Says `bytes` to whoever has the port open; what does not fit at once is lost, as without flow control.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let master = match &self.wire {
            Wire::Unplugged => None,
            Wire::Idle(master) => Some(master),
            Wire::Open(master) => Some(master.get_ref()),
        };
        let written = match master {
            Some(master) if !hung_up(master) => nix::unistd::write(master, bytes).unwrap_or(0),
            _ => 0,
        };
        self.lost += (bytes.len() - written) as u64;
    }

    fn set_open(&mut self, open: bool) -> io::Result<()> {
        let master = match std::mem::replace(&mut self.wire, Wire::Unplugged) {
            Wire::Unplugged => return Ok(()),
            Wire::Idle(master) => master,
            Wire::Open(master) => master.into_inner(),
        };
        self.wire = match open {
            true => Wire::Open(watched(master)?),
            false => Wire::Idle(master),
        };
        Ok(())
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.unplug();
    }
}

/// A pty whose slave passes bytes unchanged, and the slave's path. The slave itself is closed again: its settings stay
/// as long as the master lives.
fn raw_pty() -> nix::Result<(OwnedFd, PathBuf)> {
    let pty = nix::pty::openpty(None, None)?;
    let mut termios = tcgetattr(&pty.slave)?;
    cfmakeraw(&mut termios);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &termios)?;
    let path = nix::unistd::ttyname(&pty.slave)?;
    let flags = OFlag::from_bits_retain(fcntl(&pty.master, FcntlArg::F_GETFL)?);
    fcntl(&pty.master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    // A child process of the program must not keep the line open.
    fcntl(&pty.master, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    Ok((pty.master, path))
}

/// Has the runtime watch the master for something to read.
#[allow(unsafe_code)] // tokio cannot see that an OwnedFd stays what it is, so registering one has to be vouched for.
fn watched(master: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open and refers to the same description until it is dropped or taken out of the AsyncFd.
    Ok(unsafe { AsyncFd::register_with_interest(master, Interest::READABLE) }?)
}

fn hung_up(master: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(master.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut fds, PollTimeout::ZERO) {
        Ok(_) => fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)),
        Err(_) => true,
    }
}

/// Makes `link` point at `path`, over whatever link was there.
fn point(link: &Path, path: &Path) -> io::Result<()> {
    let mut name = link.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(path, &fresh)?;
    std::fs::rename(&fresh, link)
}
