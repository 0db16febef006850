//! `power status|on|off|press|resync`: outlets and what hangs on them.

use std::time::Duration;

use anyhow::{Result, anyhow};
use api::wire::{HoldWire, OutletWire, PowerActWire, PowerOrderWire, PressedWire};
use clap::{Args, Subcommand};

use super::{Common, Exit, client::Client, print};

/// Two long presses with rests, and a plug that discharges.
const PRESSES_LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);

#[derive(Subcommand)]
pub(super) enum PowerCommand {
    /// What each outlet was told, what its device remembers, what is seen, and what does not agree.
    Status {
        /// Box number or name of a machine, or `outlet:3`; all when left out.
        target: Option<String>,
    },
    /// Switch on. Refused where the press would do the opposite.
    On(Order),
    /// Switch off: holds the button until the machine is off, whatever it does.
    Off(Order),
    /// Press the button as such.
    Press {
        #[command(flatten)]
        order: Order,
        /// Hold it instead of a short press.
        #[arg(long)]
        long: bool,
    },
    /// Take what is seen for what was commanded. Presses nothing.
    Resync(Order),
}

#[derive(Args)]
pub(super) struct Order {
    /// Box number or name of a machine, or `outlet:3`; a number that is no machine is an outlet.
    target: String,
    /// Kept with the event.
    #[arg(long)]
    reason: Option<String>,
    /// Answer when the press has begun, not when it has ended.
    #[arg(long)]
    no_wait: bool,
}

pub(super) async fn run(common: &Common, command: PowerCommand) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let (order, act, hold) = match command {
        PowerCommand::Status { target } => return status(common, &client, target.as_deref()).await,
        PowerCommand::On(order) => (order, PowerActWire::On, None),
        PowerCommand::Off(order) => (order, PowerActWire::Off, None),
        PowerCommand::Press { order, long } => {
            (order, PowerActWire::Press, Some(if long { HoldWire::Long } else { HoldWire::Short }))
        }
        PowerCommand::Resync(order) => (order, PowerActWire::Resync, None),
    };
    let path = format!("/api/v1/power/{}", super::labs::escape(&order.target));
    let before = client.get::<Vec<OutletWire>>("/api/v1/power").await?;
    let pressed: PressedWire =
        client.post(&path, &PowerOrderWire { act, hold, reason: order.reason }).await?;
    if !common.json {
        print::line(&pressed.says)?;
    }
    if pressed.presses > 0 && !order.no_wait {
        wait(&client, &pressed, &before, act).await?;
    }
    let outlets: Vec<OutletWire> = client.get("/api/v1/power").await?;
    let now = outlets.into_iter().find(|outlet| outlet.outlet == pressed.outlet);
    if common.json {
        print::json(&serde_json::json!({ "pressed": pressed, "outlet": now }))?;
    } else if let Some(now) = now {
        line(&now)?;
    }
    Ok(Exit::Done)
}

/// Until the last press of this order has ended, as its outlet tells.
async fn wait(
    client: &Client,
    pressed: &PressedWire,
    before: &[OutletWire],
    act: PowerActWire,
) -> Result<()> {
    let started = |outlets: &[OutletWire]| {
        let outlet = outlets.iter().find(|outlet| outlet.outlet == pressed.outlet)?;
        outlet.power.as_ref()?.press.clone()
    };
    let last = started(before).map(|press| press.started);
    let target = match act {
        PowerActWire::On => Some("on"),
        PowerActWire::Off => Some("off"),
        PowerActWire::Press | PowerActWire::Resync => None,
    };
    let ended = async {
        loop {
            let outlets: Vec<OutletWire> = client.get("/api/v1/power").await?;
            // Outlets without a machine tell nothing of their presses.
            let Some(press) = started(&outlets) else {
                if pressed.machine.is_none() {
                    return Ok(());
                }
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let new = Some(&press.started) != last.as_ref();
            if new && let Some(failure) = press.failure {
                return Err(super::exit::Refused(failure).into());
            }
            let meant = target.is_none_or(|target| press.to == target);
            if new && meant && press.ended.is_some() {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PRESSES_LIMIT, ended).await.unwrap_or_else(|_| {
        Err(anyhow!(
            "the press has not ended after {} s; Board shows what became of it",
            PRESSES_LIMIT.as_secs()
        ))
    })
}

async fn status(common: &Common, client: &Client, target: Option<&str>) -> Result<Exit> {
    let outlets: Vec<OutletWire> = client.get("/api/v1/power").await?;
    let meant = |outlet: &&OutletWire| match target {
        None => true,
        Some(target) => {
            let number = target.strip_prefix("outlet:").unwrap_or(target);
            let by_machine = !target.starts_with("outlet:")
                && (outlet.machine.as_deref() == Some(target)
                    || outlet.r#box.is_some_and(|number| number.to_string() == target));
            let is_machine =
                outlets.iter().any(|o| o.r#box.is_some_and(|number| number.to_string() == target));
            by_machine
                || (!is_machine && outlet.outlet.to_string() == number)
                || (target.starts_with("outlet:") && outlet.outlet.to_string() == number)
        }
    };
    let chosen: Vec<&OutletWire> = outlets.iter().filter(meant).collect();
    if chosen.is_empty() {
        return Err(anyhow!(
            "this board has no machine and no outlet {:?}; `statusinator power status` lists them",
            target.unwrap_or_default()
        ));
    }
    for outlet in chosen {
        if common.json {
            print::json(outlet)?;
        } else {
            line(outlet)?;
        }
    }
    Ok(Exit::Done)
}

fn line(outlet: &OutletWire) -> Result<()> {
    let name = outlet.machine.clone().unwrap_or_else(|| outlet.words.clone());
    let Some(power) = &outlet.power else {
        let why = outlet.refused.as_deref().unwrap_or("no machine hangs on it");
        return print::line(&format!("{name:<10} {why}"));
    };
    let evidence = power.evidence.as_deref().unwrap_or("nothing seen yet");
    print::line(&format!(
        "{name:<10} {}, commanded {}, observed {} ({evidence})",
        outlet.words, power.commanded, power.observed
    ))?;
    match &power.mismatch {
        Some(mismatch) => print::line(&format!(
            "{:<10} ! {} What can be done: {}",
            "",
            mismatch.says,
            mismatch.offers.iter().map(|offer| words(offer)).collect::<Vec<_>>().join(", or ")
        )),
        None => Ok(()),
    }
}

fn words(offer: &str) -> &'static str {
    match offer {
        "resync" => "`power resync` (presses nothing)",
        "short-press" => "`power on`",
        _ => "`power press --long`",
    }
}
