//! `screen`: a picture of what a machine's own display shows, where the board can see it.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::{Common, Exit, client::Client, print};

#[derive(Args)]
pub(super) struct ScreenOptions {
    /// Box number or name; `stranger` for the machine of `serve --stranger`.
    machine: String,
    /// Where the picture (PNG) is written.
    file: PathBuf,
}

pub(super) async fn run(common: &Common, options: &ScreenOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let path = format!("/api/v1/machines/{}/screen.png", super::labs::escape(&options.machine));
    let picture = client.stream(&path).await?.bytes().await.context("read the picture")?;
    fs::write(&options.file, &picture).with_context(|| format!("write {}", options.file.display()))?;
    if common.json {
        print::json(&serde_json::json!({ "file": options.file, "bytes": picture.len() }))?;
    } else {
        print::line(&format!("{}: {} bytes", options.file.display(), picture.len()))?;
    }
    Ok(Exit::Done)
}
