//! A server as a process: started, waited for, its processor time read, ended.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, sleep, timeout};

/// For a server to listen, and to end.
const SOON: Duration = Duration::from_secs(20);

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(10);

/// A process of ours. Killed when dropped, if nobody stopped it.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    pid: u32,
}

/// The protocol of a port that is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Port {
    Tcp(u16),
    Udp(u16),
}

impl Running {
    /// Starts it; what it writes goes nowhere but to our own standard error.
    pub(crate) fn start(command: &mut Command, name: &'static str) -> Result<Running> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn();
        let child = child.with_context(|| format!("start {name}"))?;
        let pid = child.id().context("a process that was just started has a number")?;
        Ok(Running { name, child, pid })
    }

    /// Starts it and lets its standard error be read. Whoever asks for it must read it, or the process stands still.
    pub(crate) fn start_heard(
        command: &mut Command,
        name: &'static str,
    ) -> Result<(Running, Lines<BufReader<ChildStderr>>)> {
        let mut running = Running::start(command.stderr(Stdio::piped()), name)?;
        let stderr = running.child.stderr.take().context("standard error was asked for")?;
        Ok((running, BufReader::new(stderr).lines()))
    }

    /// Whether it has ended by itself.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        match self.child.try_wait().context(self.name)? {
            Some(status) => bail!("{} ended by itself: {status}", self.name),
            None => Ok(()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the process runs this program (`unshare` and `nsenter` become what they start).
    pub(crate) async fn becomes(&self, program: &str) -> Result<()> {
        let comm = format!("/proc/{}/comm", self.pid);
        until(|| fs::read_to_string(&comm).is_ok_and(|name| name.trim() == program), self.name).await
    }

    /// Waits until somebody listens on this port of this namespace.
    pub(crate) async fn listens(&mut self, port: Port) -> Result<()> {
        let end = Instant::now() + SOON;
        loop {
            self.ensure_running()?;
            if is_bound(port)? {
                return Ok(());
            }
            if Instant::now() >= end {
                bail!("{} does not listen on {port:?}", self.name);
            }
            sleep(PAUSE).await;
        }
    }

    /// Seconds of processor time that it and its children have used, in user and kernel.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let ticks =
            sysconf(SysconfVar::CLK_TCK).ok().flatten().context("the kernel says how long a tick is")?;
        let mut total = 0;
        for pid in family(self.pid) {
            let path = format!("/proc/{pid}/stat");
            let text = fs::read_to_string(&path).with_context(|| path.clone())?;
            total += ticks_of(&text).with_context(|| format!("{path} has another form: {text}"))?;
        }
        Ok(total as f64 / ticks as f64)
    }

    /// Asks it to end and waits.
    pub(crate) async fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(self.pid as i32), Signal::SIGTERM)
            .with_context(|| format!("end {}", self.name))?;
        if timeout(SOON, self.child.wait()).await.is_err() {
            self.child.kill().await.with_context(|| format!("kill {}", self.name))?;
            bail!("{} did not end when asked", self.name);
        }
        Ok(())
    }
}

async fn until(mut condition: impl FnMut() -> bool, name: &str) -> Result<()> {
    let end = Instant::now() + SOON;
    while !condition() {
        if Instant::now() >= end {
            bail!("{name} is not up after {} s", SOON.as_secs());
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// A process and all below it.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(&parent) = all.get(at) {
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        at += 1;
    }
    all
}

/// Fields 14 and 15 of proc(5)'s `stat`: utime and stime. The name before them may hold anything.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    // `rest` begins with field 3.
    let mut fields = rest.split_whitespace().skip(11);
    let (user, kernel) = (fields.next()?, fields.next()?);
    Some(user.parse::<u64>().ok()? + kernel.parse::<u64>().ok()?)
}

fn is_bound(port: Port) -> Result<bool> {
    let (table, number, state) = match port {
        Port::Tcp(number) => ("/proc/net/tcp", number, Some("0A")),
        Port::Udp(number) => ("/proc/net/udp", number, None),
    };
    let text = fs::read_to_string(Path::new(table)).context(table)?;
    Ok(text.lines().any(|line| is_socket(line, number, state)))
}

/// A line is `sl local_address rem_address st …`, numbers in hexadecimal.
fn is_socket(line: &str, port: u16, state: Option<&str>) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let (local, _, found) = (words.next(), words.next(), words.next());
    local.is_some_and(|local| local.ends_with(&format!(":{port:04X}"))) && (state.is_none() || found == state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 90 0 0 0 12 30 5 5 20 0 1 0 100 0 0";
        assert_eq!(ticks_of(stat), Some(42));
        assert_eq!(ticks_of("7 (a) S 1"), None);
    }

    #[test]
    fn a_listener_is_found_by_port_and_state() {
        let line =
            "   0: 0100007F:1B39 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1";
        assert!(is_socket(line, 6969, Some("0A")) && is_socket(line, 6969, None));
        assert!(!is_socket(line, 6969, Some("01")) && !is_socket(line, 80, None));
    }
}
