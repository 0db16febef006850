//! `display --png FILE`: what the status display shows, whether or not there is one.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::{Common, Exit, client::Client, print};

#[derive(Args)]
pub(super) struct DisplayOptions {
    /// Where to write the picture.
    #[arg(long, value_name = "FILE")]
    png: PathBuf,
}

pub(super) async fn run(common: &Common, options: &DisplayOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let png = client.stream("/api/v1/display.png").await?.bytes().await.context("read the picture")?;
    std::fs::write(&options.png, &png).with_context(|| format!("write {}", options.png.display()))?;
    if common.json {
        print::json(&serde_json::json!({ "png": options.png, "bytes": png.len() }))?;
    } else {
        print::line(&format!("{} written, {} bytes", options.png.display(), png.len()))?;
    }
    Ok(Exit::Done)
}
