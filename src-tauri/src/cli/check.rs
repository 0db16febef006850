//! `check-config`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use netboot::matchbox::Folder;
use serde_json::json;

use super::{Common, Exit, exit, print};
use crate::config;

#[derive(Args)]
pub(super) struct CheckOptions {
    /// A board file, or the name of a built-in board.
    #[arg(required_unless_present = "matchbox")]
    file: Option<String>,
    /// A matchbox data folder: which of its files have no effect, and why.
    #[arg(long, value_name = "DIR")]
    matchbox: Option<PathBuf>,
}

pub(super) fn check(common: &Common, options: &CheckOptions) -> Result<Exit> {
    let Some(file) = &options.file else { return check_matchbox(common, options) };
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
    let labs: Vec<&str> = board.labs.iter().map(|l| l.name.as_str()).collect();
    if common.json {
        print::json(&json!({
            "ok": true, "board": board.board.name, "kind": board.board.kind.word(),
            "machines": board.machines.len(), "labs": labs,
        }))?;
    } else {
        let (name, kind) = (&board.board.name, board.board.kind.word());
        print::line(&format!(
            "{file}: board {name} ({kind}), {} machines, labs: {}",
            board.machines.len(),
            labs.join(", ")
        ))?;
    }
    check_matchbox(common, options)
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
