//! `boots` and `boot`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use api::wire::BootWire;
use clap::Args;

use super::{Common, Exit, client::Client, print};

#[derive(Args)]
pub(super) struct BootsOptions {
    /// Box number or name of one machine.
    #[arg(long)]
    machine: Option<String>,
    /// The last N boots.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
}

#[derive(Args)]
pub(super) struct BootOptions {
    /// Number of the boot.
    id: u64,
    /// Write its waterfall as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) async fn list(common: &Common, options: &BootsOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let machine = options.machine.as_deref().map(|m| format!("&machine={m}")).unwrap_or_default();
    let boots: Vec<BootWire> = client.get(&format!("/api/v1/boots?limit={}{machine}", options.limit)).await?;
    for boot in &boots {
        if common.json {
            print::json(boot)?;
        } else {
            let phases: Vec<String> =
                boot.phases.iter().map(|p| format!("{} {}", p.phase, print::seconds(p.seconds))).collect();
            let head = format!(
                "{:>5} {:<8} {} {:<9}",
                boot.id,
                boot.machine,
                print::clock(&boot.started),
                boot.state
            );
            print::line(&format!("{head} {:>8}  {}", print::seconds(boot.seconds), phases.join(" · ")))?;
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn show(common: &Common, options: &BootOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let boot: BootWire = client.get(&format!("/api/v1/boots/{}", options.id)).await?;
    if let Some(path) = &options.svg {
        let answer = client.stream(&format!("/api/v1/boots/{}/waterfall.svg", options.id)).await?;
        let svg = answer.bytes().await.context("read the drawing")?;
        fs::write(path, svg).with_context(|| format!("write {}", path.display()))?;
    }
    if common.json {
        print::json(&boot)?;
        return Ok(Exit::Done);
    }
    let reason = boot.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default();
    let total = print::seconds(boot.seconds);
    print::line(&format!(
        "boot {} of {}, {} at {}, {total}{reason}",
        boot.id,
        boot.machine,
        boot.state,
        print::clock(&boot.started)
    ))?;
    for phase in &boot.phases {
        print::line(&format!("  {:<9} {:>8}", phase.phase, print::seconds(phase.seconds)))?;
        for mark in &phase.marks {
            let detail = if mark.detail.is_null() { String::new() } else { mark.detail.to_string() };
            print::line(&format!("      {:>8}  {:<18} {detail}", print::seconds(mark.at), mark.mark))?;
        }
    }
    Ok(Exit::Done)
}
