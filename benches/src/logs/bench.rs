//! What every row stands on: the sample repeated in a file, and the programs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{SysconfVar, sysconf};
use tokio::process::Command;
use tokio::time::timeout;

/// Bytes of the large file.
pub(crate) const BYTES: usize = 200_000_000;

/// A program that has not ended by then never will.
const LONGEST: Duration = Duration::from_secs(300);

pub(crate) struct Bench {
    pub(crate) program: PathBuf,
    pub(crate) reader: PathBuf,
    /// The sample, again and again.
    pub(crate) lines: PathBuf,
    /// Megabytes of it.
    pub(crate) megabytes: f64,
    /// Goes with the bench.
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn up(program: PathBuf, reader: PathBuf, sample: &Path, scratch: &Path) -> Result<Self> {
        for (path, how) in [(&program, "scripts/build.sh"), (&reader, "scripts/bench-logs.sh")] {
            ensure!(path.exists(), "{} is not built: {how} does it", path.display());
        }
        let sample = fs::read(sample).with_context(|| format!("read {}", sample.display()))?;
        ensure!(sample.ends_with(b"\n"), "the sample ends with a whole line");
        let folder = tempfile::tempdir_in(scratch).context("make a folder for a large file")?;
        let lines = folder.path().join("lines.jsonl");
        let mut file = File::create(&lines).with_context(|| format!("make {}", lines.display()))?;
        let times = BYTES.div_ceil(sample.len());
        for _ in 0..times {
            file.write_all(&sample).context("write the large file")?;
        }
        let megabytes = (times * sample.len()) as f64 / 1e6;
        Ok(Self { program, reader, lines, megabytes, _folder: folder })
    }

    /// Runs a program to its end: what it printed, and the processor time it took. One at a time.
    pub(crate) async fn timed(&self, command: &mut Command) -> Result<(Vec<u8>, f64)> {
        let words = format!("{:?}", command.as_std());
        let before = spent()?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let child = child.with_context(|| format!("start {words}"))?;
        let Ok(output) = timeout(LONGEST, child.wait_with_output()).await else {
            bail!("not done after {} s: {words}", LONGEST.as_secs());
        };
        let output = output.with_context(|| words.clone())?;
        ensure!(output.status.success(), "{words}: {}", output.status);
        Ok((output.stdout, spent()? - before))
    }
}

/// Processor time of all children that have ended, in seconds. In ticks of a hundredth, of which a run takes dozens.
fn spent() -> Result<f64> {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().context("the kernel says how long a tick is")?;
    let stat = fs::read_to_string("/proc/self/stat").context("ask for the processor time of children")?;
    let spent =
        ticks_of_children(&stat).with_context(|| format!("/proc/self/stat has another form: {stat}"))?;
    Ok(spent as f64 / ticks as f64)
}

/// Fields 16 and 17 of proc(5)'s `stat`: cutime and cstime. The name before them may hold anything.
fn ticks_of_children(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    // `rest` begins with field 3.
    let mut fields = rest.split_whitespace().skip(13);
    let (user, kernel) = (fields.next()?, fields.next()?);
    Some(user.parse::<u64>().ok()? + kernel.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn childrens_processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 90 0 0 0 12 30 5 6 20 0 1 0 100 0 0";
        assert_eq!(ticks_of_children(stat), Some(11));
        assert_eq!(ticks_of_children("7 (a) S 1"), None);
    }
}
