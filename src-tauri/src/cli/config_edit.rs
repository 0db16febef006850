//! `config`: board files of one's own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::{Args, Subcommand};
use lab::{Board, Mac, board::BoardError};
use serde_json::json;

use super::{
    Common, Exit,
    config_init::{self, InitOptions},
    exit::WrongUse,
    print,
};
use crate::config::{BadBoard, built_in, built_in_names, write_whole};

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Write a board file from a template: asks at a terminal, else takes what is said below and the template's own values.
    Init(Box<InitOptions>),
    /// Print a built-in board or template, with every key explained.
    Show(ShowOptions),
    /// A new machine in an old one's place: write its hardware address into the board file, where nothing else changes.
    ReplaceMac(ReplaceOptions),
}

#[derive(Args)]
pub(super) struct ShowOptions {
    /// simulated, virtual, labinator or home.
    board: String,
}

#[derive(Args)]
#[command(after_help = "Exit codes:
  0  written, and the file as it was is beside it as FILE.bak
  1  it could not be written; nothing has changed
  2  a mistake in the file, no such machine, or another machine has that address")]
pub(super) struct ReplaceOptions {
    /// The board file.
    file: PathBuf,
    /// Box number or name of the place.
    #[arg(long, value_name = "MACHINE")]
    machine: String,
    /// The new machine's hardware address.
    #[arg(long, value_name = "MAC")]
    mac: Mac,
}

pub(super) fn run(common: &Common, command: ConfigCommand) -> Result<Exit> {
    match command {
        ConfigCommand::Init(options) => config_init::run(common, &options),
        ConfigCommand::Show(options) => show(common, &options),
        ConfigCommand::ReplaceMac(options) => replace(common, &options),
    }
}

fn show(common: &Common, options: &ShowOptions) -> Result<Exit> {
    let name = &options.board;
    let text = built_in(name).ok_or_else(|| {
        let remedy = format!("name one of {}", built_in_names().join(", "));
        WrongUse { says: format!("no board {name} is built in"), remedy }
    })?;
    if common.json {
        print::json(&json!({ "board": name, "text": text }))?;
    } else {
        print::line(text.trim_end())?;
    }
    Ok(Exit::Done)
}

fn replace(common: &Common, options: &ReplaceOptions) -> Result<Exit> {
    let file = &options.file;
    let text = fs::read_to_string(file).map_err(|error| {
        let remedy = "name a board file of your own; `statusinator config init` makes one".to_owned();
        WrongUse { says: format!("read {}: {error}", file.display()), remedy }
    })?;
    let origin = file.display().to_string();
    let board = Board::parse(&origin, &text).map_err(|error| bad(error, file))?;
    let machine = board.machine(&options.machine).ok_or_else(|| {
        let boxes: Vec<String> =
            board.machines.iter().map(|m| format!("{} ({})", m.box_number, m.name)).collect();
        let remedy = format!("name one of {}", boxes.join(", "));
        WrongUse { says: format!("{origin} has no machine {}", options.machine), remedy }
    })?;
    let new =
        lab::board::replace_mac(&text, machine.box_number, options.mac).map_err(|error| bad(error, file))?;
    let (name, old, mac) = (&machine.name, machine.mac, options.mac);
    let backup = PathBuf::from(format!("{}.bak", file.display()));
    let changed = new != text;
    if changed {
        write_whole(&backup, &text)?;
        write_whole(file, &new)?;
    }
    if common.json {
        let backup = changed.then_some(&backup);
        print::json(&json!({
            "file": file, "machine": name, "box": machine.box_number, "old": old, "mac": mac, "changed": changed, "backup": backup,
        }))?;
        return Ok(Exit::Done);
    }
    if !changed {
        print::line(&format!("{name} has {mac} already; nothing was written"))?;
        return Ok(Exit::Done);
    }
    print::line(&format!("{name}: {old} is now {mac}; the file as it was: {}", backup.display()))?;
    print::line("  next: start the engine again, so that it reads the file")?;
    Ok(Exit::Done)
}

fn bad(mut error: BoardError, file: &Path) -> anyhow::Error {
    error.origin = file.display().to_string();
    let remedy = error.remedy.clone();
    anyhow::Error::new(error).context(BadBoard { remedy })
}
