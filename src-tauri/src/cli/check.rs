//! `check-config`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{Common, Exit, exit, print};
use crate::config;

#[derive(Args)]
pub(super) struct CheckOptions {
    /// A board file, or the name of a built-in board.
    file: String,
}

pub(super) fn check(common: &Common, options: &CheckOptions) -> Result<Exit> {
    let board = match config::load_board(&options.file) {
        Ok(board) => board,
        Err(error) if common.json => {
            let board_error = error.downcast_ref::<lab::board::BoardError>();
            let line = board_error.and_then(|e| e.line);
            let remedy = board_error.map(|e| e.remedy.clone());
            print::json(
                &json!({ "ok": false, "file": options.file, "line": line, "why": format!("{error:#}"), "remedy": remedy }),
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
            "{}: board {name} ({kind}), {} machines, labs: {}",
            options.file,
            board.machines.len(),
            labs.join(", ")
        ))?;
    }
    Ok(Exit::Done)
}
