//! `check-config`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use netboot::matchbox::Folder;
use serde_json::json;

use super::{Common, Exit, check_gear, exit, finding, print};
use crate::config;

#[derive(Args)]
#[command(after_help = "Exit codes:
  0  the file is good; what it names and is not there now is noted
  2  a mistake in the file, or a secrets file that is refused")]
pub(super) struct CheckOptions {
    /// A board file, or the name of a built-in board.
    #[arg(required_unless_present_any = ["matchbox", "board"], conflicts_with = "board")]
    file: Option<String>,
    /// The same, said as `serve` says it.
    #[arg(long, value_name = "NAME|FILE")]
    board: Option<String>,
    /// A matchbox data folder: which of its files have no effect, and why.
    #[arg(long, value_name = "DIR")]
    matchbox: Option<PathBuf>,
}

pub(super) fn check(common: &Common, options: &CheckOptions) -> Result<Exit> {
    let Some(file) = options.file.as_ref().or(options.board.as_ref()) else {
        return check_matchbox(common, options);
    };
    let exit = check_board(common, file)?;
    match exit {
        Exit::Done => check_matchbox(common, options),
        bad => Ok(bad),
    }
}

/// Reads a board file and says what is wrong with it and with what it names.
pub(super) fn check_board(common: &Common, file: &str) -> Result<Exit> {
    let board = match config::load_board(file) {
        Ok(board) => board,
        Err(error) if common.json => {
            let board_error = error.downcast_ref::<lab::board::BoardError>();
            let line = board_error.and_then(|e| e.line);
            let remedy = board_error.map(|e| e.remedy.clone());
            print::json(
                &json!({ "ok": false, "file": file, "line": line, "why": format!("{error:#}"), "remedy": remedy }),
            )?;
            return Ok(Exit::Usage);
        }
        Err(error) => {
            exit::report(&error);
            return Ok(Exit::Usage);
        }
    };
    let findings = check_gear::look(&board, &common.data()?);
    let ok = !finding::any_bad(&findings);
    let labs: Vec<&str> = board.labs.iter().map(|l| l.name.as_str()).collect();
    if common.json {
        print::json(&json!({
            "ok": ok, "board": board.board.name, "kind": board.board.kind.word(), "mode": board.board.mode,
            "machines": board.machines.len(), "labs": labs, "findings": findings,
        }))?;
    } else {
        let (name, kind) = (&board.board.name, board.board.kind.word());
        print::line(&format!(
            "{file}: board {name} ({kind}), {} machines, labs: {}",
            board.machines.len(),
            labs.join(", ")
        ))?;
        finding::print_all(common, &findings)?;
    }
    Ok(if ok { Exit::Done } else { Exit::Usage })
}

/// Files without effect are no mistake of the program's user alone: they are named, and the rest works.
fn check_matchbox(common: &Common, options: &CheckOptions) -> Result<Exit> {
    let Some(folder) = &options.matchbox else { return Ok(Exit::Done) };
    let survey = Folder::new(folder).look().map_err(|error| {
        let remedy = "name a folder with groups and profiles in it".to_owned();
        anyhow::Error::new(error)
            .context(format!("read {}", folder.display()))
            .context(config::BadBoard { remedy })
    })?;
    let (groups, profiles) = (survey.groups, survey.profiles);
    if common.json {
        let ignored: Vec<_> =
            survey.ignored.iter().map(|i| json!({ "file": i.file, "why": i.why })).collect();
        print::json(&json!({
            "ok": true, "matchbox": folder, "groups": groups, "profiles": profiles, "ignored": ignored,
        }))?;
        return Ok(Exit::Done);
    }
    let count = survey.ignored.len();
    print::line(&format!(
        "{}: {groups} groups, {profiles} profiles, {count} files ignored",
        folder.display()
    ))?;
    for ignored in survey.ignored {
        print::line(&format!("  {}: {}", ignored.file, ignored.why))?;
    }
    Ok(Exit::Done)
}
