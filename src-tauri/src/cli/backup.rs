//! `backup`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{Common, Exit, print};
use crate::config;

#[derive(Args)]
pub(super) struct BackupOptions {
    /// A folder for the copies, or a file that ends in `.db` for the events alone. Nothing is overwritten.
    to: PathBuf,
    /// Built-in board or board file whose databases are copied.
    #[arg(long, default_value = "simulated")]
    board: String,
    /// Leave the log records out.
    #[arg(long)]
    no_logs: bool,
}

pub(super) async fn run(common: &Common, options: &BackupOptions) -> Result<Exit> {
    let data = common.data()?;
    let board = config::load_board(&options.board)?;
    let from = data.path().join(&board.board.name);
    let made = store::backup(&from, &options.to, !options.no_logs).await.map_err(|error| {
        let remedy = error.remedy();
        anyhow::Error::new(error).context(format!("no backup was made; {remedy}"))
    })?;
    for store::Backup { file, bytes, newest } in made {
        if common.json {
            print::json(&json!({ "file": file, "bytes": bytes, "newest": newest }))?;
        } else {
            print::line(&format!("{}: {bytes} bytes, up to number {newest}", file.display()))?;
        }
    }
    Ok(Exit::Done)
}
