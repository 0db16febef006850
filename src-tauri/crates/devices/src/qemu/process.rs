//! What safe Rust has no words for: what a child does between fork and exec, and descriptors inherited by number.
//! The only unsafe code of this crate.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The child gets SIGKILL when the thread that starts it ends, which is why it must be started from a thread that
/// lives as long as the process: PR_SET_PDEATHSIG watches the thread, not the process (prctl(2)).
pub(super) fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: between fork and exec only async-signal-safe calls are made (prctl, getppid), nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the prctl; then nobody would ever tell us.
            if libc::getppid().cast_unsigned() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

/// Let the child have these descriptors under these numbers. They are kept open until the command is dropped.
///
/// The sources must not lie among the targets: a dup2 would overwrite what the next one wants to copy.
pub(super) fn pass_descriptors(command: &mut Command, pairs: Vec<(OwnedFd, RawFd)>) {
    debug_assert!(
        pairs.iter().all(|(source, _)| pairs.iter().all(|(_, target)| source.as_raw_fd() != *target))
    );
    // SAFETY: only dup2, which is async-signal-safe, on descriptors that the closure owns.
    unsafe {
        command.pre_exec(move || {
            for (source, target) in &pairs {
                // dup2's copy has no close-on-exec flag, which is the point.
                if libc::dup2(source.as_raw_fd(), *target) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
}

/// Is there an open descriptor of this number?
pub(super) fn is_open(number: RawFd) -> bool {
    // SAFETY: F_GETFD reads a flag and is harmless on any number.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

/// Look at a descriptor by number without taking it.
pub(super) fn peek<T>(number: RawFd, look: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
    // SAFETY: the descriptor was just seen open, and nothing else runs in this process that could close it: this is
    // called before any thread exists.
    is_open(number).then(|| look(unsafe { BorrowedFd::borrow_raw(number) }))
}

/// Take over an inherited descriptor. Call once a number, before any thread exists.
pub(super) fn take(number: RawFd) -> OwnedFd {
    // SAFETY: inherited by number from the process that started us, and owned by nobody else yet.
    unsafe { OwnedFd::from_raw_fd(number) }
}
