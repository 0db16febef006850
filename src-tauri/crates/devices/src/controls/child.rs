//! Programs that are not ours: a deadline on the whole run, output bounded, an environment without our secrets, and no
//! process left behind, not even one that the program started.

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

/// The end of what a program prints says most; more than this is not for people.
const KEPT: usize = 4096;
/// A program that ended may have left another one holding its output open.
const DRAIN: Duration = Duration::from_millis(500);

/// A program that ran to its end.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// The end of it.
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) took: Duration,
}

impl Ended {
    /// The last line that it printed, where it said why it failed.
    pub(super) fn last_words(&self) -> String {
        let last = |text: &str| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
        let words = last(&self.stderr).or_else(|| last(&self.stdout));
        words.map(|words| words.trim().chars().take(200).collect()).unwrap_or_default()
    }
}

#[derive(Debug)]
pub(super) enum Failed {
    Missing,
    NotStarted(io::Error),
    /// It was killed.
    Late,
}

/// Without a shell; `environment` and PATH are all that it sees.
pub(super) async fn run<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: &[S],
    environment: &[(&str, &str)],
    limit: Duration,
) -> Result<Ended, Failed> {
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment.iter().copied()).current_dir("/");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, which can be ended with all that is in it.
    let spawned = command.process_group(0).kill_on_drop(true).spawn();
    let mut child = spawned.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failed::Missing,
        _ => Failed::NotStarted(error),
    })?;
    let mut group = Group(child.id());
    let (mut stdout, mut stderr) = (Tail::default(), Tail::default());
    let streams = (child.stdout.take(), child.stderr.take());
    let ran = timeout(limit, async {
        let reading = async {
            tokio::join!(stdout.fill(streams.0), stderr.fill(streams.1));
        };
        tokio::pin!(reading);
        tokio::select! {
            () = &mut reading => child.wait().await,
            status = child.wait() => {
                // What is left of the group ends first, so that nobody holds the output open.
                group.end();
                let _ = timeout(DRAIN, &mut reading).await;
                status
            }
        }
    });
    let status = match ran.await {
        Ok(status) => status.map_err(Failed::NotStarted)?,
        Err(_) => return Err(Failed::Late),
    };
    Ok(Ended { status, stdout: stdout.text(), stderr: stderr.text(), took: began.elapsed() })
}

/// Ends the child's group when it goes: the program is over, late, or nobody waits for it any more.
struct Group(Option<u32>);

impl Group {
    fn end(&mut self) {
        // A group outlives its leader while anybody is in it; without anybody the call fails, and that is all.
        if let Some(leader) = self.0.take().and_then(|id| i32::try_from(id).ok()) {
            let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

#[derive(Debug, Default)]
struct Tail(Vec<u8>);

impl Tail {
    async fn fill(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut buffer = [0; KEPT];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            self.0.extend_from_slice(&buffer[..length]);
            let surplus = self.0.len().saturating_sub(KEPT);
            self.0.drain(..surplus);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, limit: Duration) -> Result<Ended, Failed> {
        run("sh", &["-c", script], &[("LC_ALL", "C")], limit).await
    }

    const AMPLE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_program_sees_nothing_of_ours_and_its_end_is_kept() {
        let ended = shell("env; echo why >&2; exit 3", AMPLE).await.unwrap();
        let mut names: Vec<_> = ended.stdout.lines().filter_map(|line| line.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["LC_ALL", "PATH", "PWD"], "PWD is the shell's own");
        assert_eq!((ended.status.code(), ended.last_words().as_str()), (Some(3), "why"));
        let ended = shell("yes | head -c 5000000; echo; echo last", AMPLE).await.unwrap();
        assert_eq!((ended.stdout.len(), ended.last_words().as_str()), (KEPT, "last"));
        let missing = run("/nowhere/program", &["on"], &[], AMPLE).await;
        assert!(matches!(missing, Err(Failed::Missing)), "{missing:?}");
    }

    fn alive(id: i32) -> bool {
        // Who was killed stays as a zombie until its new parent looks.
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }

    async fn gone(file: &std::path::Path) {
        let id: i32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let wait = async {
            while alive(id) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(5), wait).await.expect("the grandchild ends");
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_program_that_is_late_or_leaves_others_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("id");
        let started = format!("sleep 600 & echo $! > {}", file.display());
        let late = shell(&format!("{started}; wait"), Duration::from_millis(500)).await;
        assert!(matches!(late, Err(Failed::Late)), "{late:?}");
        gone(&file).await;
        // The one left behind holds the output open, and would make us wait for it.
        let ended = shell(&format!("{started}; echo on"), AMPLE).await.unwrap();
        assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
        assert_eq!(ended.stdout, "on\n");
        gone(&file).await;
    }
}
