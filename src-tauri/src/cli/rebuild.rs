//! `rebuild`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{Common, Exit, print};
use crate::config;

#[derive(Args)]
pub(super) struct RebuildOptions {
    /// Built-in board or board file whose events are folded.
    #[arg(long, default_value = "simulated")]
    board: String,
}

pub(super) async fn run(common: &Common, options: &RebuildOptions) -> Result<Exit> {
    let data = common.data()?;
    let board = config::load_board(&options.board)?;
    let (store, recovered) = store::Store::open(&data.board(&board)?).await?;
    let same = store.rebuild().await? == recovered.status;
    let seq = recovered.status.seq;
    if common.json {
        print::json(&json!({ "events": seq, "same": same }))?;
    } else {
        let verdict = if same {
            "the checkpoint had been right"
        } else {
            "the checkpoint had been wrong and is replaced"
        };
        print::line(&format!("{seq} events folded; {verdict}"))?;
    }
    Ok(if same { Exit::Done } else { Exit::Failed })
}
