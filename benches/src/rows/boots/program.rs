//! Our side: the program as it is delivered, on its virtual board. It makes a network namespace of its own within the
//! bench's, so that nothing of it meets the bench's wire either.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::times::{self, Boot};
use crate::bench::Bench;
use crate::process::Running;

/// For the engine to answer after its start; it makes its probe image meanwhile.
const START: Duration = Duration::from_secs(60);
/// Between two questions, each of which is a process.
const PAUSE: Duration = Duration::from_millis(250);
/// For a question to the engine.
const ANSWER: Duration = Duration::from_secs(20);

/// The lab that switches all machines on at once and waits for their reports.
const LAB: &str = "rehearsal";

/// Boots all machines once.
pub(super) async fn run(bench: &Bench, machines: u8, way: &str, longest: Duration) -> Result<Vec<Boot>> {
    // Anew each time: the program remembers leases and usual values.
    let data = tempfile::tempdir_in(bench.folder()).context("make a folder for the program's data")?;
    let ask = |words: &[&str]| -> Result<Command> {
        let mut command = bench.program()?;
        command.env("STATUSINATOR_LOG", "warn").arg("--data").arg(data.path()).args(words);
        Ok(command)
    };
    let count = machines.to_string();
    let words =
        ["serve", "--board", "virtual", "--machines", &count, "--way", way, "--listen", "127.0.0.1:0"];
    let mut engine = Running::start(&mut ask(&words)?, "statusinator")?;
    let end = Instant::now() + START;
    while let Err(error) = bench.within(&mut ask(&["status"])?, ANSWER).await {
        engine.ensure_running()?;
        if Instant::now() >= end {
            bail!("the engine does not answer after {} s: {error:#}", START.as_secs());
        }
        sleep(PAUSE).await;
    }
    bench.within(&mut ask(&["lab", "start", LAB, "--wait"])?, longest).await?;
    let said = bench.within(&mut ask(&["boots", "--json"])?, ANSWER).await?;
    let boots = said.lines().map(|line| times::of_program(line, way)).collect::<Result<_>>()?;
    engine.stop().await?;
    Ok(boots)
}
