//! `fault NAME MACHINE` and `fault list`.

use anyhow::{Result, anyhow};
use api::wire::{FaultOrderWire, FaultWire};
use clap::Args;

use super::{Common, Exit, client::Client, print};

#[derive(Args)]
pub(super) struct FaultOptions {
    /// Name of the fault, or `list` for all of them.
    name: String,
    /// Box number or name of the machine; none for faults of the gear.
    machine: Option<String>,
    /// Take it out.
    #[arg(long)]
    off: bool,
    /// Kept with the event.
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn run(common: &Common, options: FaultOptions) -> Result<Exit> {
    let FaultOptions { name, machine, off, reason } = options;
    let client = Client::find(&common.data()?).await?;
    let Some(machine) = machine else {
        if name == "list" {
            return list(common, &client).await;
        }
        let gear = lab::Fault::parse(&name).is_some_and(lab::Fault::is_of_gear);
        if gear {
            return set(common, &client, lab::status::BOARD, name, off, reason).await;
        }
        return Err(anyhow!(
            "put {name} into which machine? Name its box number, or `statusinator fault list` for all faults"
        ));
    };
    set(common, &client, &machine, name, off, reason).await
}

async fn set(
    common: &Common,
    client: &Client,
    machine: &str,
    name: String,
    off: bool,
    reason: Option<String>,
) -> Result<Exit> {
    let order = FaultOrderWire { fault: name, on: !off, reason };
    let path = format!("/api/v1/machines/{}/faults", super::labs::escape(machine));
    let set: FaultWire = client.post(&path, &order).await?;
    if common.json {
        print::json(&set)?;
    } else {
        let word = if off { "taken out" } else { "put in" };
        let whose = if set.gear { "of the board's gear".to_owned() } else { format!("on machine {machine}") };
        print::line(&format!("{word} {whose}: {}", set.words))?;
    }
    Ok(Exit::Done)
}

async fn list(common: &Common, client: &Client) -> Result<Exit> {
    let faults: Vec<FaultWire> = client.get("/api/v1/faults").await?;
    for fault in &faults {
        if common.json {
            print::json(fault)?;
            continue;
        }
        let note = match (fault.possible, fault.machines.as_slice()) {
            (false, _) => "  (not on this board)".to_owned(),
            (true, []) => String::new(),
            (true, machines) => format!("  in {}", machines.join(", ")),
        };
        print::line(&format!("{:<18} {}{note}", fault.fault, fault.words))?;
    }
    Ok(Exit::Done)
}
