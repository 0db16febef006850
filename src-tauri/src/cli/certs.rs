//! `certs list|check|renew|ensure|root`: certificates of the board. `ensure` works without an engine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use ::certs::{Shelf, gate};
use anyhow::{Result, anyhow};
use api::wire::{CertificateWire, FailureWire, StatusWire};
use clap::{Args, Subcommand};
use lab::dial::Dial;
use serde_json::json;

use super::{
    Common, Exit,
    client::Client,
    exit::{Refused, WrongUse},
    labs::escape,
    print,
};
use crate::{certificates, clock, config};

#[derive(Subcommand)]
pub(super) enum CertsCommand {
    /// All certificates with their state, as the engine saw them last. Exits 1 when one does not do its work.
    List,
    /// Let the engine look at all of them now, and renew what is due.
    Check,
    /// Let the engine renew one now, due or not.
    Renew {
        /// Its name, as the board file has it.
        name: String,
    },
    /// Make certificates good before what uses them starts: needs no engine, waits for the CA, reloads nothing. Exits 1
    /// when one is not good at the deadline.
    Ensure(EnsureOptions),
    /// Print the root certificate of the lab's CA, for browsers and machines.
    Root,
}

#[derive(Args)]
pub(super) struct EnsureOptions {
    /// Their names, as the board file has them.
    names: Vec<String>,
    /// All that are ours to renew.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// For how long to wait for the CA, as in 60s or 2m.
    #[arg(long, default_value = "60s", value_parser = duration)]
    deadline: Duration,
    /// Built-in board or board file.
    #[arg(long, env = "STATUSINATOR_BOARD", default_value = "labinator")]
    board: String,
}

pub(super) async fn run(common: &Common, command: CertsCommand) -> Result<Exit> {
    if let CertsCommand::Ensure(options) = command {
        return ensure(common, &options).await;
    }
    let client = Client::find(&common.data()?).await?;
    match command {
        CertsCommand::Check => client.order("/api/v1/certificates/check").await?,
        CertsCommand::Renew { name } => {
            client.order(&format!("/api/v1/certificates/{}/renew", escape(&name))).await?;
            let list = list(&client).await?;
            for one in list.iter().filter(|one| one.name == name) {
                line(common, one)?;
            }
            return Ok(Exit::Done);
        }
        CertsCommand::Root => {
            print::line(client.text("/api/v1/certificates/root.pem").await?.trim_end())?;
            return Ok(Exit::Done);
        }
        CertsCommand::List | CertsCommand::Ensure(_) => {}
    }
    let list = list(&client).await?;
    for one in &list {
        line(common, one)?;
    }
    let working = |one: &CertificateWire| matches!(one.state.as_str(), "good" | "late" | "unknown");
    Ok(if list.iter().all(working) { Exit::Done } else { Exit::Failed })
}

async fn list(client: &Client) -> Result<Vec<CertificateWire>> {
    let status: StatusWire = client.get("/api/v1/status").await?;
    let none = || anyhow!("no certificate is watched; name certificates in the board file ([[certificate]])");
    Ok(status.certificates.ok_or_else(none)?.list)
}

fn line(common: &Common, one: &CertificateWire) -> Result<()> {
    if common.json {
        return print::json(one);
    }
    let until = one.not_after.as_deref().map(|until| format!("until {}", minute(until))).unwrap_or_default();
    print::line(&format!("{:<20} {:<13} {until:<22} {}", one.name, one.word, one.says))
}

/// Date and time of day, in the user's zone.
fn minute(at: &str) -> String {
    let Ok(stamp) = at.parse::<jiff::Timestamp>() else { return at.to_owned() };
    stamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

async fn ensure(common: &Common, options: &EnsureOptions) -> Result<Exit> {
    if options.names.is_empty() && !options.all {
        let says = "certs ensure: no name".to_owned();
        return Err(
            WrongUse { says, remedy: "name certificates of the board file, or --all".to_owned() }.into()
        );
    }
    let data = common.data()?;
    let board = config::load_board(&options.board)?;
    data.create()?;
    let folder = data.board(&board)?;
    let dial = Dial::new(board.board.kind);
    // No engine judges the clock here; what was made before must lie in the past.
    let passed_us = Arc::new(AtomicI64::new(0));
    let passed = Arc::clone(&passed_us);
    let trust = Arc::new(move || gate::clock_by(Some(passed.load(Ordering::Relaxed)), clock::now().wall_us));
    let shelf = Shelf::new(certificates::shelf(&board, &data, &folder, &dial, trust));
    let newest = gate::newest_us(&shelf.look().await).max(clock::built_us());
    passed_us.store(newest.unwrap_or_default(), Ordering::Relaxed);
    let done = gate::ensure(&shelf, &options.names, options.deadline).await;
    let (each, gate) = done.map_err(|failure| Refused(FailureWire::from(&failure)))?;
    for one in &each {
        let (word, says, remedy) = match (&one.outcome, &one.late) {
            (Ok(Some(renewed)), _) => ("renewed", format!("by {}", renewed.by), None),
            (Ok(None), None) => ("good", String::new(), None),
            (Ok(None), Some(late)) => {
                ("good", format!("its renewal did not come: {}", late.why), Some(&late.remedy))
            }
            (Err(failure), _) => ("not good", failure.why.clone(), Some(&failure.remedy)),
        };
        if common.json {
            print::json(&json!({ "name": one.name, "word": word, "says": says, "remedy": remedy }))?;
            continue;
        }
        print::line(format!("{:<20} {word:<9} {says}", one.name).trim_end())?;
        if let Some(remedy) = remedy {
            print::line(&format!("  what to do: {remedy}"))?;
        }
    }
    if !common.json {
        let (good, renewed, seconds) = (gate.good, gate.renewed, gate.seconds);
        print::line(&format!("{good} of {} good, {renewed} renewed in {seconds:.1} s", each.len()))?;
    }
    Ok(if gate.failed.is_empty() { Exit::Done } else { Exit::Failed })
}

/// `90`, `90s` or `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, factor) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let number: u64 =
        number.parse().map_err(|_| format!("`{text}` is no length of time, as in 60s or 2m"))?;
    Ok(Duration::from_secs(number.saturating_mul(factor).min(3600)))
}
