//! `lab list|start|cancel|status`.

use std::time::Duration;

use anyhow::Result;
use api::wire::{ReasonWire, RunWire, StartOrderWire, StartedWire, StatusWire};
use clap::Subcommand;
use serde_json::json;

use super::{Common, Exit, client::Client, print};

#[derive(Subcommand)]
pub(super) enum LabCommand {
    /// Labs of this board with their usual time.
    List,
    /// Start a lab.
    Start {
        lab: String,
        /// Only on this machine (box number or name); may be given several times.
        #[arg(long = "machine", value_name = "MACHINE")]
        machines: Vec<String>,
        /// Wait until the run has ended; exit 0 only when it is done.
        #[arg(long)]
        wait: bool,
        /// Kept with the event.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Cancel the run under way; what it switched on is switched off.
    Cancel {
        /// Number of the run; the one under way when left out.
        run: Option<u64>,
        /// Wait until it has ended.
        #[arg(long)]
        wait: bool,
        #[arg(long)]
        reason: Option<String>,
    },
    /// The run under way, or the last one.
    Status,
}

/// Pace of asking while waiting; the picture itself changes twice a second.
const PACE: Duration = Duration::from_millis(200);

pub(super) async fn run(common: &Common, command: LabCommand) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    match command {
        LabCommand::List => list(common, &client).await,
        LabCommand::Start { lab, machines, wait, reason } => {
            let started = start(&client, &lab, machines, reason).await?;
            if wait {
                return wait_for(common, &client, started.run).await;
            }
            said(common, &started)
        }
        LabCommand::Cancel { run, wait, reason } => {
            let which = run.map_or_else(|| "current".to_owned(), |run| run.to_string());
            let cancelled: StartedWire =
                client.post(&format!("/api/v1/runs/{which}/cancel"), &ReasonWire { reason }).await?;
            if wait {
                wait_for(common, &client, cancelled.run).await?;
                return Ok(Exit::Done);
            }
            said(common, &cancelled)
        }
        LabCommand::Status => status(common, &client).await,
    }
}

/// Starts a lab, on some of its machines or (none named) on all.
pub(super) async fn start(
    client: &Client,
    lab: &str,
    machines: Vec<String>,
    reason: Option<String>,
) -> Result<StartedWire> {
    client.post(&format!("/api/v1/labs/{}/start", escape(lab)), &StartOrderWire { machines, reason }).await
}

/// A name as part of a path; whatever it holds, it stays one segment.
pub(super) fn escape(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn said(common: &Common, started: &StartedWire) -> Result<Exit> {
    if common.json {
        print::json(started)?;
    } else {
        print::line(&format!("run {} of lab {}: {}", started.run, started.lab, started.state))?;
    }
    Ok(Exit::Done)
}

async fn list(common: &Common, client: &Client) -> Result<Exit> {
    let status: StatusWire = client.get("/api/v1/status").await?;
    for lab in &status.labs {
        if common.json {
            print::json(lab)?;
        } else {
            let usual = lab.usual_seconds.map_or_else(
                || "never run".into(),
                |s| format!("usually {}, {} of {} good", print::seconds(Some(s)), lab.good, lab.total),
            );
            print::line(&format!("{:<12} {} ({} PCs): {}", lab.name, lab.title, lab.machines.len(), usual))?;
        }
    }
    Ok(Exit::Done)
}

async fn status(common: &Common, client: &Client) -> Result<Exit> {
    let status: StatusWire = client.get("/api/v1/status").await?;
    match status.run {
        Some(run) if common.json => print::json(&summary(&run))?,
        Some(run) => tell(&run)?,
        None if common.json => print::json(&serde_json::Value::Null)?,
        None => print::line("nothing was started yet")?,
    }
    Ok(Exit::Done)
}

/// Asks until the run has ended, telling nothing meanwhile.
pub(super) async fn ended(client: &Client, run: u64) -> Result<RunWire> {
    loop {
        let now: RunWire = client.get(&format!("/api/v1/runs/{run}")).await?;
        if matches!(now.state.as_str(), "done" | "failed" | "cancelled") {
            return Ok(now);
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Asks until the run has ended. The run itself has a limit on every step, so this ends too.
async fn wait_for(common: &Common, client: &Client, run: u64) -> Result<Exit> {
    let mut step = None;
    loop {
        let now: RunWire = client.get(&format!("/api/v1/runs/{run}")).await?;
        if matches!(now.state.as_str(), "done" | "failed" | "cancelled") {
            if common.json {
                print::json(&summary(&now))?;
            } else {
                tell(&now)?;
            }
            return Ok(if now.state == "done" { Exit::Done } else { Exit::Failed });
        }
        if now.step != step && !common.json {
            let words = now.steps.iter().find(|s| Some(&s.id) == now.step.as_ref()).map(|s| s.words.clone());
            print::line(&format!("{} …", words.unwrap_or_default()))?;
            step.clone_from(&now.step);
        }
        tokio::time::sleep(PACE).await;
    }
}

/// The run as `--wait --json` promises it.
fn summary(run: &RunWire) -> serde_json::Value {
    let machines: Vec<_> = run
        .machines
        .iter()
        .map(|m| json!({ "machine": m.machine, "state": m.state, "boot": m.boot, "facts": m.facts, "failure": m.failure }))
        .collect();
    json!({
        "run": run.run, "lab": run.lab, "state": run.state, "reason": run.reason,
        "started": run.started, "seconds": run.seconds, "machines": machines,
    })
}

fn tell(run: &RunWire) -> Result<()> {
    let reason = run.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default();
    print::line(&format!(
        "run {} of {} {} after {}{reason}",
        run.run,
        run.lab,
        run.state,
        print::seconds(run.seconds)
    ))?;
    for step in &run.steps {
        let counted = format!("{} of {}", step.done, step.total);
        print::line(&format!(
            "   {:<12} {:<8} {:<8} {}",
            step.words,
            step.state,
            counted,
            print::seconds(step.seconds)
        ))?;
    }
    for machine in &run.machines {
        let why = machine
            .failure
            .as_ref()
            .map(|f| format!("  {}: {}; {}", f.what, f.why, f.remedy))
            .unwrap_or_default();
        print::line(&format!("   {:<8} {}{why}", machine.machine, machine.state))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_name_never_leaves_its_segment() {
        assert_eq!(escape("hybrid-2"), "hybrid-2");
        assert_eq!(escape("../x y"), "..%2Fx%20y");
    }
}
