//! What every row stands on: two ends of a wire, a folder, and where our servers are.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::Running;

/// Address of the end where servers stand, and where clients do. Nothing leaves the namespaces.
pub(crate) const SERVER: &str = "10.77.0.1";
pub(crate) const CLIENT: &str = "10.77.0.2";
/// Both ends' names, each in its own namespace.
pub(crate) const SERVER_END: &str = "srv";
pub(crate) const CLIENT_END: &str = "cli";
const PREFIX: u8 = 16;

/// For commands that set something up.
const QUICK: Duration = Duration::from_secs(20);

/// A client that has not ended by then never will.
const LONGEST: Duration = Duration::from_secs(120);

/// The place of one run of the whole program.
pub(crate) struct Bench {
    /// Where `http_serve` and its like are.
    servers: PathBuf,
    /// The program as a whole.
    program: PathBuf,
    /// For files that are served, and what servers write. Goes with the bench.
    folder: tempfile::TempDir,
    /// Keeps the clients' namespace.
    holder: Running,
}

impl Bench {
    /// Makes the wire: a pair of virtual interfaces, ours here, the other in a namespace of its own. Refuses to do so in a
    /// namespace that has more than its loopback.
    pub(crate) async fn up(servers: PathBuf, program: PathBuf, scratch: &Path) -> Result<Bench> {
        ensure_alone().await?;
        let folder = tempfile::tempdir_in(scratch).context("make a folder for files to serve")?;
        let holder =
            Running::start(Command::new("unshare").args(["--net", "--", "sleep", "86400"]), "sleep")?;
        let bench = Bench { servers, program, folder, holder };
        let peer = bench.holder.pid().to_string();
        // unshare has made the namespace once it has become sleep.
        bench.holder.becomes("sleep").await?;
        let (here, there) = (format!("{SERVER}/{PREFIX}"), format!("{CLIENT}/{PREFIX}"));
        ip(&["link", "set", "lo", "up"]).await?;
        ip(&["link", "add", SERVER_END, "type", "veth", "peer", "name", CLIENT_END, "netns", &peer]).await?;
        ip(&["address", "add", &here, "dev", SERVER_END]).await?;
        ip(&["link", "set", SERVER_END, "up"]).await?;
        for words in [
            &["address", "add", &there, "dev", CLIENT_END][..],
            &["link", "set", CLIENT_END, "up"],
            &["link", "set", "lo", "up"],
        ] {
            let mut command = bench.client("ip");
            quick(command.args(words)).await?;
        }
        Ok(bench)
    }

    /// The folder for files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One of our servers, by name.
    pub(crate) fn ours(&self, name: &str) -> Result<Command> {
        let program = self.servers.join(name);
        ensure!(
            program.exists(),
            "{} is not built: cargo build --release -p netboot --examples",
            program.display()
        );
        Ok(Command::new(program))
    }

    /// The program itself.
    pub(crate) fn program(&self) -> Result<Command> {
        ensure!(
            self.program.exists(),
            "{} is not built: cargo build --release -p statusinator --bin statusinator",
            self.program.display()
        );
        Ok(Command::new(&self.program))
    }

    /// A command on the clients' end of the wire.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.pid())).arg("--").arg(program);
        command
    }

    /// Runs a client to its end and returns what it printed. A client that fails fails the run.
    pub(crate) async fn done(&self, command: &mut Command) -> Result<String> {
        self.said(command, &[0]).await
    }

    /// The same for a client that ends well with several codes.
    pub(crate) async fn said(&self, command: &mut Command, codes: &[i32]) -> Result<String> {
        done(command.stdout(Stdio::piped()), LONGEST, codes).await
    }

    /// The same for one that takes its time.
    pub(crate) async fn within(&self, command: &mut Command, limit: Duration) -> Result<String> {
        done(command.stdout(Stdio::piped()), limit, &[0]).await
    }

    /// A file of random bytes, made once.
    pub(crate) async fn file(&self, name: &str, megabytes: u32) -> Result<PathBuf> {
        let path = self.folder().join(name);
        if !path.exists() {
            let count = format!("{}", u64::from(megabytes) * 1_000_000);
            let file = std::fs::File::create(&path).with_context(|| format!("make {}", path.display()))?;
            quick(Command::new("head").args(["-c", &count, "/dev/urandom"]).stdout(file)).await?;
        }
        Ok(path)
    }

    /// Takes the wire down.
    pub(crate) async fn down(self) -> Result<()> {
        self.holder.stop().await
    }
}

/// What is measured here must not meet a real network.
async fn ensure_alone() -> Result<()> {
    let mut list = Command::new("ip");
    let links = done(list.args(["-brief", "link", "show"]).stdout(Stdio::piped()), QUICK, &[0]).await?;
    let others: Vec<_> = links.lines().filter(|line| !line.starts_with("lo ")).collect();
    ensure!(
        others.is_empty(),
        "this namespace has interfaces of its own ({}): start it by scripts/bench-netboot.sh",
        others.join("; ")
    );
    Ok(())
}

async fn ip(words: &[&str]) -> Result<()> {
    quick(Command::new("ip").args(words)).await
}

async fn quick(command: &mut Command) -> Result<()> {
    done(command, QUICK, &[0]).await.map(|_| ())
}

async fn done(command: &mut Command, limit: Duration, codes: &[i32]) -> Result<String> {
    let words = format!("{:?}", command.as_std());
    let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let child = child.with_context(|| format!("start {words}"))?;
    let Ok(output) = timeout(limit, child.wait_with_output()).await else {
        bail!("not done after {} s: {words}", limit.as_secs());
    };
    let output = output.with_context(|| words.clone())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let ended_well = output.status.code().is_some_and(|code| codes.contains(&code));
    let printed = String::from_utf8_lossy(&output.stdout);
    // Some give their reason as what they print.
    let reason = last_line(&said).or_else(|| last_line(&printed)).unwrap_or("without a word");
    ensure!(ended_well, "{words}: {}, {reason}", output.status);
    Ok(printed.into_owned())
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().find(|line| !line.trim().is_empty())
}
