//! `bootmedia`: a small disk that boots a machine by asking the engine.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use serde_json::json;

use super::{Common, Exit, print};
use crate::{config::load_board, wiring};

#[derive(Args)]
pub(super) struct BootmediaOptions {
    /// The file to write; copy it to a USB stick or disk as it is (everything on that is lost).
    out: PathBuf,
    /// Built-in board (simulated, virtual) or a board file: whose engine is asked.
    #[arg(long, default_value = "virtual", value_name = "NAME|FILE")]
    board: String,
    /// Box number or name of the machine it is for; it then boots the probe even when nobody ever answered.
    #[arg(long, value_name = "MACHINE")]
    machine: Option<String>,
}

pub(super) fn run(common: &Common, options: &BootmediaOptions) -> Result<Exit> {
    let board = load_board(&options.board)?;
    let machine = options.machine.as_ref().map(|who| {
        let found = board.machines.iter().find(|m| m.name == *who || m.box_number.to_string() == *who);
        found.ok_or_else(|| anyhow!("board {} has no machine {who}", board.board.name))
    });
    let machine = machine.transpose()?;
    wiring::write_boot_disk(&board, machine, &options.out)?;
    let asks = board.network.boss.to_string();
    if common.json {
        print::json(&json!({ "file": options.out, "asks": asks, "machine": machine.map(|m| &m.name) }))?;
    } else {
        print::line(&format!("{}: boots by asking {asks}", options.out.display()))?;
    }
    Ok(Exit::Done)
}
