//! `wipe`: arms a machine's next boot to erase its disks, or takes that back.

use anyhow::Result;
use api::wire::{ReasonWire, WipeOrderWire, WipeWire};
use clap::Args;

use super::{Common, Exit, client::Client, print};

#[derive(Args)]
pub(super) struct WipeOptions {
    /// Box number or name.
    machine: String,
    /// Yes, erase; without it the command only says what it would arm.
    #[arg(long, conflicts_with = "disarm")]
    yes: bool,
    /// Disks by name or serial; all fixed ones when left out.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    disks: Vec<String>,
    /// Take it back, as long as the wiper has not begun.
    #[arg(long, conflicts_with = "disks")]
    disarm: bool,
    /// Kept with the event.
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn run(common: &Common, options: WipeOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let status: api::wire::StatusWire = client.get("/api/v1/status").await?;
    let asked = &options.machine;
    let known = status.machines.iter().find(|m| m.name == *asked || m.r#box.to_string() == *asked);
    // An unknown one goes on as it is: the engine's refusal names those that exist.
    let name = known.map_or_else(|| asked.clone(), |machine| machine.name.clone());
    let path = format!("/api/v1/machines/{}/wipe", super::labs::escape(&name));
    if options.disarm {
        let now: WipeWire = client.delete(&path, &ReasonWire { reason: options.reason }).await?;
        return said(common, &now);
    }
    if !options.yes {
        let what = if options.disks.is_empty() { "all fixed disks".into() } else { options.disks.join(", ") };
        anyhow::bail!(
            "its next boot would erase {what} of {name}: repeat the command with --yes if that is meant"
        );
    }
    let order = WipeOrderWire { confirm: name, disks: options.disks, reason: options.reason };
    let now: WipeWire = client.post(&path, &order).await?;
    said(common, &now)
}

fn said(common: &Common, now: &WipeWire) -> Result<Exit> {
    if common.json {
        print::json(now)?;
    } else {
        print::line(&now.says)?;
    }
    Ok(Exit::Done)
}
