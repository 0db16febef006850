//! `bundle [FILE]`: an archive for diagnosis, of a running engine or of what one left.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::{Common, Exit, client::Client, exit::NoEngine, print};
use crate::bundle;

#[derive(Args)]
pub(super) struct BundleOptions {
    /// Where to write it (tar.gz); a name with the time, in this folder, when left out.
    file: Option<PathBuf>,
}

pub(super) async fn run(common: &Common, options: &BundleOptions) -> Result<Exit> {
    let data = common.data()?;
    let name = bundle::name();
    let (bytes, engine) = match Client::find(&data).await {
        Ok(client) => {
            let answer = client.post_for_bytes("/api/v1/bundle").await?;
            (answer.bytes().await.context("read the archive")?.to_vec(), true)
        }
        // It has ended, which may be what is to be understood.
        Err(error) if error.is::<NoEngine>() => {
            let (memories, copies) = bundle::without_engine(&data).await?;
            let bytes = bundle::make(&data, &name, &memories).await?;
            drop((memories, copies));
            (bytes, false)
        }
        Err(error) => return Err(error),
    };
    let file = options.file.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    write(&file, &bytes)
        .with_context(|| format!("write {}; name another place: statusinator bundle FILE", file.display()))?;
    if common.json {
        print::json(&json!({ "file": file, "bytes": bytes.len(), "engine": engine }))?;
    } else {
        let from = if engine { "the running engine" } else { "the files alone; no engine runs" };
        print::line(&format!("{} bytes in {}, from {from}", bytes.len(), file.display()))?;
    }
    Ok(Exit::Done)
}

/// Without secrets, and still nobody else's business.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
