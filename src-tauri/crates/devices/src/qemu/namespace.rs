//! The outer side: run this program once more inside new user (when not root), network, mount and PID namespaces.
//!
//! `unshare` of util-linux makes them. Three things tie the inner process to the outer one, any of which is enough:
//! the outer process's death signal for `unshare`, `unshare`'s for the inner process (`--kill-child`), and a pipe whose
//! other end the outer process holds. The inner process is the first of its PID namespace, so that the kernel ends all
//! others with it, and with the last of them the network and the mounts.

use std::ffi::OsString;
use std::io::{PipeWriter, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::process;

/// Where the inner process finds the listener and the pipe.
pub(super) const LISTENER: RawFd = 3;
pub(super) const PIPE: RawFd = 4;

/// What the pipe can carry besides its end.
pub(super) const STOP: u8 = b'T';

/// `unshare … true` takes some milliseconds; on a machine that swaps it may take longer.
const TRIAL_LIMIT: Duration = Duration::from_secs(10);

/// How often a wait with a limit looks again.
const LOOK: Duration = Duration::from_millis(10);

/// Why the inner process could not be started, or not be taken for one.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    #[error("find this program's own file")]
    OwnFile { source: std::io::Error },
    #[error("run unshare")]
    Unshare { source: std::io::Error },
    #[error("make {kinds} namespaces: {said}")]
    Refused { kinds: &'static str, said: String, remedy: String },
    #[error("hand the listener to the inner process")]
    HandOver { source: std::io::Error },
    #[error("watch the inner process")]
    Watch { source: std::io::Error },
    #[error("take over {what}: this process was not started by an outer one")]
    NotInside { what: &'static str },
    #[error("start the inner process: the outer one is gone already")]
    ParentGone,
}

impl NamespaceError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::Unshare { .. } => "install the package util-linux".to_owned(),
            Self::Refused { remedy, .. } => remedy.clone(),
            Self::OwnFile { .. } | Self::HandOver { .. } | Self::Watch { .. } => {
                "start the program again".to_owned()
            }
            Self::NotInside { .. } | Self::ParentGone => {
                "start the program without the inner command".to_owned()
            }
        }
    }
}

/// The running inner process. Dropping it kills the inner process and all it made.
#[derive(Debug)]
pub struct Inside {
    child: Child,
    /// Its end is the inner process's sign that we are gone.
    pipe: Option<PipeWriter>,
}

/// Start this program's own file with `args` in new namespaces and hand it `listener`.
///
/// Call from the main thread, before any other thread exists: the death signal belongs to the thread that calls.
/// The listener stays bound outside; connections made there are accepted inside.
pub fn reexec(
    args: impl IntoIterator<Item = OsString>,
    listener: TcpListener,
) -> Result<Inside, NamespaceError> {
    let own = std::env::current_exe().map_err(|source| NamespaceError::OwnFile { source })?;
    try_out()?;

    let (reader, pipe) = std::io::pipe().map_err(|source| NamespaceError::HandOver { source })?;
    let descriptors = vec![
        (out_of_the_way(OwnedFd::from(listener))?, LISTENER),
        (out_of_the_way(OwnedFd::from(reader))?, PIPE),
    ];
    // The standard library's own pipe to the child must not get the numbers that dup2 is about to overwrite.
    let _reserved = reserve(PIPE)?;

    let mut command = unshare();
    command.arg("--").arg(own).args(args);
    process::die_with_parent(&mut command);
    process::pass_descriptors(&mut command, descriptors);
    let child = command.spawn().map_err(|source| NamespaceError::Unshare { source })?;
    Ok(Inside { child, pipe: Some(pipe) })
}

impl Inside {
    /// Process number of `unshare`, the parent of the inner process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ask the inner process to end. Asking twice does no harm.
    pub fn ask_to_stop(&mut self) {
        if let Some(pipe) = &mut self.pipe
            && let Err(error) = pipe.write_all(&[STOP])
        {
            // It ended in the meantime: then there is nothing left to ask.
            tracing::debug!(%error, "the inner process does not listen any more");
        }
    }

    /// The exit status, if it has ended.
    pub fn try_wait(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Ask it to end, and make it end after `grace`.
    pub fn stop(mut self, grace: Duration) -> Result<ExitStatus, NamespaceError> {
        self.ask_to_stop();
        let deadline = Instant::now() + grace;
        loop {
            if let Some(status) = self.try_wait().map_err(|source| NamespaceError::Watch { source })? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return self.kill();
            }
            std::thread::sleep(LOOK); // blocking: outside any runtime, and a child's end can only be polled
        }
    }

    /// Wait for its end, passing on SIGTERM, SIGINT and SIGHUP; after the first of them it has `grace` to end, a
    /// second one ends it at once. For a process that does nothing else: these signals are blocked from here on, in
    /// the calling thread, so call it before any thread exists.
    pub fn wait(mut self, grace: Duration) -> Result<ExitStatus, NamespaceError> {
        let watch = |error: nix::Error| NamespaceError::Watch { source: error.into() };
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGCHLD] {
            signals.add(signal);
        }
        signals.thread_block().map_err(watch)?;
        let descriptor =
            SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(watch)?;
        let mut deadline: Option<Instant> = None;
        loop {
            if let Some(status) = self.try_wait().map_err(|source| NamespaceError::Watch { source })? {
                return Ok(status);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return self.kill();
            }
            wait_readable(&descriptor, deadline).map_err(watch)?;
            while let Some(signal) = descriptor.read_signal().map_err(watch)? {
                if signal.ssi_signo == Signal::SIGCHLD as u32 {
                    continue;
                }
                if deadline.is_some() {
                    return self.kill();
                }
                deadline = Some(Instant::now() + grace);
                self.ask_to_stop();
            }
        }
    }

    fn kill(&mut self) -> Result<ExitStatus, NamespaceError> {
        self.pipe = None;
        // SIGKILL cannot be refused, so the wait is short; killing an ended process is no error here.
        let _ = self.child.kill();
        self.child.wait().map_err(|source| NamespaceError::Watch { source })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(%error, "could not reap the inner process");
        }
    }
}

fn wait_readable(descriptor: &SignalFd, deadline: Option<Instant>) -> nix::Result<()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let limit = match deadline {
        None => PollTimeout::NONE,
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        }
    };
    match poll(&mut [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)], limit) {
        Ok(_) | Err(nix::Error::EINTR) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A copy above the numbers that the child wants to fill.
fn out_of_the_way(descriptor: OwnedFd) -> Result<OwnedFd, NamespaceError> {
    let number = fcntl(&descriptor, FcntlArg::F_DUPFD_CLOEXEC(16))
        .map_err(|error| NamespaceError::HandOver { source: error.into() })?;
    Ok(process::take(number))
}

/// Fill all numbers up to `last`.
fn reserve(last: RawFd) -> Result<Vec<std::fs::File>, NamespaceError> {
    let mut held = Vec::new();
    loop {
        let file = std::fs::File::open("/dev/null").map_err(|source| NamespaceError::HandOver { source })?;
        if file.as_raw_fd() > last {
            return Ok(held);
        }
        held.push(file);
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `unshare` with the namespaces of a virtual board.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command
}

/// Make the namespaces once for nothing, so that a refusal can be told from a failure of the inner process.
fn try_out() -> Result<(), NamespaceError> {
    let mut command = unshare();
    command.arg("--").arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    process::die_with_parent(&mut command);
    let mut child = command.spawn().map_err(|source| NamespaceError::Unshare { source })?;
    let deadline = Instant::now() + TRIAL_LIMIT;
    let status = loop {
        match child.try_wait().map_err(|source| NamespaceError::Unshare { source })? {
            Some(status) => break Some(status),
            None if Instant::now() >= deadline => break None,
            None => std::thread::sleep(LOOK), // blocking: before any thread or runtime exists
        }
    };
    if status.is_some_and(|status| status.success()) {
        return Ok(());
    }
    if status.is_none() {
        let _ = child.kill();
    }
    let output = child.wait_with_output().map_err(|source| NamespaceError::Unshare { source })?;
    let mut said = String::from_utf8_lossy(&output.stderr).trim().chars().take(300).collect::<String>();
    if status.is_none() {
        said = format!("no end within {} s {said}", TRIAL_LIMIT.as_secs());
    }
    let kinds = if is_root() { "network, mount and PID" } else { "user, network, mount and PID" };
    Err(NamespaceError::Refused { kinds, said, remedy: remedy(is_root(), setting) })
}

/// One of the kernel's settings.
fn setting(path: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/sys/{path}")).ok().map(|value| value.trim().to_owned())
}

/// Which of the known locks is shut. Distributions have three for user namespaces; root needs none of them.
fn remedy(root: bool, setting: impl Fn(&str) -> Option<String>) -> String {
    let locks = [
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ];
    if root {
        return "run outside of a container, or give this one CAP_SYS_ADMIN: a virtual board needs namespaces of its own"
            .to_owned();
    }
    for (path, shut, open) in locks {
        if setting(path).as_deref() == Some(shut) {
            return format!(
                "user namespaces are not allowed here: `sysctl -w {open}` as root, or run as root"
            );
        }
    }
    "user namespaces are not allowed here, and none of the known settings says why: run as root".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_setting_that_is_shut() {
        let shut = |name: &'static str, value: &'static str| {
            move |path: &str| (path == name).then(|| value.to_owned())
        };
        for (name, value, expected) in [
            ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
            ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
            (
                "kernel/apparmor_restrict_unprivileged_userns",
                "1",
                "kernel.apparmor_restrict_unprivileged_userns=0",
            ),
        ] {
            let said = remedy(false, shut(name, value));
            assert!(said.contains(expected), "{said}");
        }
        let open = remedy(false, shut("user/max_user_namespaces", "15000"));
        assert!(!open.contains("sysctl"), "an open lock is not blamed: {open}");
        assert!(remedy(true, |_| None).contains("CAP_SYS_ADMIN"));
    }
}
