//! `ways`: how machines boot, and which ways they gave up.

use anyhow::{Result, anyhow};
use api::wire::{AskWayWire, MachineWaysWire};
use clap::Args;
use serde_json::json;

use super::{Common, Exit, client::Client, labs::escape, print};

#[derive(Args)]
pub(super) struct WaysOptions {
    /// Box number or name; all machines when left out.
    machine: Option<String>,
    /// Boot it by this way from now on: http, http-ipxe, ipxe, owner, bios, secure, local; `auto` leaves it to the program.
    #[arg(long, requires = "machine", conflicts_with = "retry")]
    way: Option<String>,
    /// Let it try again the ways that it gave up.
    #[arg(long, requires = "machine")]
    retry: bool,
}

/// The word for the program's own choice.
const AUTO: &str = "auto";

/// Asks for a way, or (none) for the program's own choice.
pub(super) async fn ask(client: &Client, who: &str, way: Option<&str>) -> Result<MachineWaysWire> {
    let path = format!("/api/v1/machines/{}/ways/ask", escape(who));
    client.post(&path, &AskWayWire { way: way.map(str::to_owned) }).await
}

pub(super) async fn run(common: &Common, options: &WaysOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    if let (Some(who), Some(way)) = (&options.machine, &options.way) {
        let _: MachineWaysWire = ask(&client, who, Some(way.as_str()).filter(|way| *way != AUTO)).await?;
    }
    let machines: Vec<MachineWaysWire> = match (&options.machine, options.retry) {
        (Some(who), true) => {
            vec![
                client
                    .post(&format!("/api/v1/machines/{who}/ways/retry"), &json!({ "reason": null }))
                    .await?,
            ]
        }
        (who, _) => {
            let all: Vec<MachineWaysWire> = client.get("/api/v1/ways").await?;
            let wanted = |m: &MachineWaysWire| {
                who.as_ref().is_none_or(|who| m.machine == *who || m.r#box.to_string() == *who)
            };
            all.into_iter().filter(wanted).collect()
        }
    };
    if machines.is_empty() {
        return Err(anyhow!("this board has no such machine; `statusinator status` names those it has"));
    }
    for machine in &machines {
        if common.json {
            print::json(machine)?;
            continue;
        }
        let says = machine.says.as_deref().unwrap_or("not chosen yet");
        print::line(&format!("{:>3} {:<10} {says}", machine.r#box, machine.machine))?;
        if let Some(way) = &machine.armed {
            print::line(&format!("      its firmware was told to boot by {way} once"))?;
        }
        for way in &machine.ways {
            let seconds = way.seconds.map_or_else(|| "never arrived".into(), |s| format!("{s:.1} s"));
            let dropped = way.dropped.as_ref().map(|why| format!(", given up: {why}")).unwrap_or_default();
            let failures =
                if way.failures > 0 { format!(", failed {}", way.failures) } else { String::new() };
            let line = format!("      {:<10} {seconds}, {} good boots{failures}{dropped}", way.way, way.good);
            print::line(&line)?;
        }
    }
    Ok(Exit::Done)
}
