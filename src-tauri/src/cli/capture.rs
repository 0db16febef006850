//! `capture MACHINE FILE` and `capture switch FOLDER`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use lab::status::SWITCH;
use serde_json::json;

use super::{Common, Exit, client::Client, labs::escape, print};

#[derive(Args)]
pub(super) struct CaptureOptions {
    /// Box number or name of the machine; `switch` for the pages of the switch, without passwords.
    machine: String,
    /// Where to write it (pcapng; Wireshark and tcpdump read it); a folder for pages.
    file: PathBuf,
    /// Only the time of this boot of the machine.
    #[arg(long, value_name = "ID")]
    boot: Option<u64>,
}

pub(super) async fn run(common: &Common, options: &CaptureOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    if options.machine == SWITCH {
        return super::gear::capture(common, &client, options.file.clone()).await;
    }
    let path = match options.boot {
        Some(boot) => format!("/api/v1/boots/{boot}/capture.pcapng"),
        None => format!("/api/v1/machines/{}/capture.pcapng", escape(&options.machine)),
    };
    let bytes = client.stream(&path).await?.bytes().await.context("read the capture")?;
    fs::write(&options.file, &bytes).with_context(|| format!("write {}", options.file.display()))?;
    if common.json {
        print::json(&json!({ "machine": options.machine, "file": options.file, "bytes": bytes.len() }))?;
    } else {
        print::line(&format!("{} bytes in {}", bytes.len(), options.file.display()))?;
    }
    Ok(Exit::Done)
}
