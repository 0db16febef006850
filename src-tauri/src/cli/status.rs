//! `status` and `url`.

use anyhow::Result;
use api::wire::{MachineWire, StatusWire};
use serde::Deserialize;

use super::{Common, Exit, client::Client, print};

pub(super) async fn run(common: &Common) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    if common.json {
        let status: serde_json::Value = client.get("/api/v1/status").await?;
        print::json(&status)?;
        return Ok(Exit::Done);
    }
    let status: StatusWire = client.get("/api/v1/status").await?;
    let badge = status.board.badge.as_deref().map(|b| format!("  [{b}]")).unwrap_or_default();
    print::line(&format!("{}{badge}  engine {}", status.board.name, status.engine.version))?;
    if let Some(storage) = &status.engine.storage {
        print::line(&format!("!  events cannot be written: {}", storage.why))?;
    }
    for device in status.devices.iter().filter(|d| !d.present) {
        let why = device.failure.as_ref().map(|f| f.why.as_str()).unwrap_or_default();
        print::line(&format!("!  {} is missing: {why}", device.name))?;
    }
    for machine in &status.machines {
        print::line(&machine_line(machine))?;
    }
    match &status.run {
        Some(run) => print::line(&format!("run {} of {}: {}", run.run, run.lab, run.state)),
        None => print::line("nothing was started yet"),
    }?;
    Ok(Exit::Done)
}

fn machine_line(machine: &MachineWire) -> String {
    let says = machine.says.as_deref().map(|s| format!("  {s}")).unwrap_or_default();
    let power = &machine.power;
    let evidence = power.evidence.as_deref().unwrap_or("never heard");
    format!("{:>2} {:<8} {:<9} {evidence}{says}", machine.r#box, machine.name, machine.word)
}

#[derive(Deserialize)]
struct Login {
    url: String,
}

pub(super) async fn url(common: &Common) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let login: Login = client.post("/api/v1/login-codes", &serde_json::json!({})).await?;
    if common.json {
        print::json(&serde_json::json!({ "url": login.url }))?;
    } else {
        print::line(&login.url)?;
    }
    Ok(Exit::Done)
}
