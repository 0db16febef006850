//! `secrets`: passwords and tokens for devices. A value comes in by keyboard or pipe and never goes out.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Common, Exit, print, terminal};
use crate::{
    config,
    secrets::{self, Secrets},
};

#[derive(Subcommand)]
#[command(after_help = "Exit codes:
  0  done
  1  nobody gave a value; nothing has changed
  2  a secrets file that is refused, a name that is none, or a board file with a mistake")]
pub(super) enum SecretsCommand {
    /// Read a value from the keyboard without showing it, or one line from a pipe, and keep it under this name.
    Set {
        /// As a board file has it in `secret = "NAME"`.
        name: String,
    },
    /// Names alone: which there are, what uses them, which are missing.
    List(ListOptions),
}

#[derive(Args)]
pub(super) struct ListOptions {
    /// Boards whose uses are listed: built in or files; may be repeated.
    #[arg(long, value_name = "NAME|FILE", default_value = "labinator")]
    board: Vec<String>,
}

pub(super) fn run(common: &Common, command: SecretsCommand) -> Result<Exit> {
    match command {
        SecretsCommand::Set { name } => set(common, &name),
        SecretsCommand::List(options) => list(common, &options),
    }
}

fn set(common: &Common, name: &str) -> Result<Exit> {
    let data = common.data()?;
    data.create()?;
    // What is refused is refused before anybody types.
    Secrets::load(&data)?;
    let secret = terminal::secret(&format!("{name} (not shown)"))?;
    secrets::set(&data, name, &secret)?;
    let file = data.secrets();
    if common.json {
        print::json(&json!({ "name": name, "file": file }))?;
    } else {
        print::line(&format!("{name} is kept in {}, which only this user may read", file.display()))?;
    }
    Ok(Exit::Done)
}

fn list(common: &Common, options: &ListOptions) -> Result<Exit> {
    let secrets = Secrets::load(&common.data()?)?;
    let mut uses = Vec::new();
    for name in &options.board {
        let board = config::load_board(name).with_context(|| format!("read what {name} uses"))?;
        let named = board.secrets_named().into_iter();
        uses.extend(named.map(|used| (used.name, format!("{} of {}", used.who, board.board.name))));
    }
    let mut names: Vec<&str> = secrets.names().chain(uses.iter().map(|(name, _)| name.as_str())).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let used: Vec<&str> = uses.iter().filter(|(n, _)| n == name).map(|(_, who)| who.as_str()).collect();
        let place = secrets.place(name).map(secrets::Place::word);
        if common.json {
            print::json(&json!({ "name": name, "place": place, "used_by": used }))?;
            continue;
        }
        let users = if used.is_empty() { "nothing on these boards".to_owned() } else { used.join(", ") };
        print::line(&format!("{name:<16} {:<22} for {users}", place.unwrap_or("missing")))?;
        if place.is_none() {
            print::line(&format!("{:<16} what to do: statusinator secrets set {name}", ""))?;
        }
    }
    Ok(Exit::Done)
}
