//! The inner side: take over listener and pipe, and hear when the outer process wants us to end or is gone.

use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::stat::{SFlag, fstat};

use super::namespace::{LISTENER, NamespaceError, PIPE, STOP};
use super::process;

/// What the outer process handed in.
#[derive(Debug)]
pub struct Adopted {
    /// Bound outside, in the network of the host.
    pub listener: TcpListener,
    pub parent: Parent,
}

/// What the outer process says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// End cleanly, soon.
    Stop,
    /// The outer process is gone: nobody waits for a clean end any more.
    Gone,
}

/// Our end of the pipe.
#[derive(Debug)]
pub struct Parent {
    pipe: OwnedFd,
}

/// Take over what [`super::reexec`] handed in. Call once, in the inner process, before any thread exists.
pub fn adopt() -> Result<Adopted, NamespaceError> {
    // Looked at before they are taken: without an outer process these numbers may be anybody's.
    let listens = |fd: BorrowedFd<'_>| getsockopt(&fd, sockopt::AcceptConn).unwrap_or(false);
    if process::peek(LISTENER, listens) != Some(true) {
        return Err(NamespaceError::NotInside { what: "the listener (descriptor 3)" });
    }
    let is_pipe = |fd: BorrowedFd<'_>| {
        fstat(fd).is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO)
    };
    if process::peek(PIPE, is_pipe) != Some(true) {
        return Err(NamespaceError::NotInside { what: "the pipe (descriptor 4)" });
    }
    let listener = process::take(LISTENER);
    let pipe = process::take(PIPE);
    for descriptor in [&listener, &pipe] {
        // QEMU must not inherit them: a machine that outlives us would keep the port taken.
        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
            .map_err(|error| NamespaceError::HandOver { source: error.into() })?;
    }
    // unshare set it for us already, but a program file with capabilities of its own loses it at exec (prctl(2)).
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| NamespaceError::HandOver { source: error.into() })?;
    // Our parent lies outside our PID namespace, so getppid is 0 whether it lives or not; the pipe knows.
    let mut look = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    poll(&mut look, PollTimeout::ZERO).map_err(|error| NamespaceError::HandOver { source: error.into() })?;
    if look[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)) {
        return Err(NamespaceError::ParentGone);
    }
    Ok(Adopted { listener: TcpListener::from(listener), parent: Parent { pipe } })
}

impl Parent {
    /// Start listening. Needs a tokio runtime.
    pub fn listen(self) -> std::io::Result<Listening> {
        Ok(Listening { pipe: tokio::net::unix::pipe::Receiver::from_owned_fd(self.pipe)? })
    }
}

/// The pipe within a runtime.
#[derive(Debug)]
pub struct Listening {
    pipe: tokio::net::unix::pipe::Receiver,
}

impl Listening {
    /// The next thing that the outer process says. After [`Told::Gone`] there is nothing more. Cancel safe.
    pub async fn next(&mut self) -> Told {
        use tokio::io::AsyncReadExt;
        let mut byte = [0];
        loop {
            match self.pipe.read(&mut byte).await {
                Ok(1) if byte[0] == STOP => return Told::Stop,
                Ok(1) => {} // a word of a later version
                Ok(_) => return Told::Gone,
                Err(error) => {
                    tracing::warn!(%error, "lost the pipe to the outer process");
                    return Told::Gone;
                }
            }
        }
    }
}
