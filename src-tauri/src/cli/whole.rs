//! `rollcall` and `shutdown`: the lab as a whole.

use std::time::Duration;

use anyhow::{Result, anyhow};
use api::wire::{EndOrderWire, EndingWire, PlaceWire, StatusWire};
use clap::Args;

use super::{Common, Exit, client::Client, print};

/// A run that is cancelled, and then every machine.
const LIMIT: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(super) struct ShutdownOptions {
    /// Yes, switch everything off; without it the command only says what it would do.
    #[arg(long)]
    yes: bool,
    /// Start the controller anew instead of switching it off.
    #[arg(long)]
    restart: bool,
    /// Kept with the event.
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn rollcall(common: &Common) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let places: Vec<PlaceWire> = client.get("/api/v1/rollcall").await?;
    for place in &places {
        if common.json {
            print::json(place)?;
            continue;
        }
        let losses = if place.losses > 0 { format!(", lost {} times", place.losses) } else { String::new() };
        print::line(&format!(
            "{:<8} {:<8} {:<12} {}{losses}",
            place.presence, place.kind, place.name, place.says
        ))?;
    }
    let missing = places.iter().filter(|place| place.presence == "missing").count();
    Ok(if missing == 0 { Exit::Done } else { Exit::Failed })
}

pub(super) async fn shutdown(common: &Common, options: ShutdownOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    if !options.yes {
        return Err(anyhow!(
            "every PC would be switched off, then the controller: repeat the command with --yes"
        ));
    }
    let order = EndOrderWire { restart: options.restart, reason: options.reason };
    let _begun: Option<EndingWire> = client.post("/api/v1/lab/end", &order).await?;
    let ended = async {
        loop {
            let status: StatusWire = client.get("/api/v1/status").await?;
            if let Some(ending) = status.ending.filter(|ending| ending.ended) {
                return anyhow::Ok(ending);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let ended = tokio::time::timeout(LIMIT, ended).await.map_err(|_| {
        anyhow!("not everything is off after {} s; `statusinator power status` shows what", LIMIT.as_secs())
    })??;
    if common.json {
        print::json(&ended)?;
    } else if ended.safe {
        print::line("All PCs are off.")?;
        match &ended.host {
            Some(host) => print::line(&format!("This computer stays on: {}.", host.why))?,
            None => print::line("The controller goes too; the power may be cut when it is dark.")?,
        }
    } else {
        print::line(&format!("NOT safe to switch off. Still on: {}", ended.left_on.join(", ")))?;
    }
    Ok(if ended.safe { Exit::Done } else { Exit::Failed })
}
