//! `events`.

use anyhow::{Context, Result};
use api::wire::EventWire;
use clap::Args;
use futures::StreamExt;

use super::{Common, Exit, client::Client, print};

#[derive(Args)]
pub(super) struct EventsOptions {
    /// Only events after this number.
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    since: u64,
    /// Go on as events happen, until interrupted.
    #[arg(long)]
    follow: bool,
}

/// Events asked for at once.
const PAGE: u64 = 500;

pub(super) async fn run(common: &Common, options: &EventsOptions) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    if options.follow {
        return follow(common, &client, options.since).await;
    }
    let mut since = options.since;
    loop {
        let page: Vec<EventWire> = client.get(&format!("/api/v1/events?since={since}&limit={PAGE}")).await?;
        for event in &page {
            show(common, event)?;
            since = event.seq;
        }
        if (page.len() as u64) < PAGE {
            return Ok(Exit::Done);
        }
    }
}

/// Reads the event stream; its `event` messages carry the events, everything else is for pages.
async fn follow(common: &Common, client: &Client, since: u64) -> Result<Exit> {
    let answer = client.stream(&format!("/api/v1/stream?since={since}")).await?;
    let mut bytes = answer.bytes_stream();
    let (mut text, mut kind) = (Vec::new(), String::new());
    while let Some(chunk) = bytes.next().await {
        text.extend_from_slice(&chunk.context("the engine ended the stream")?);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix("event:") {
                name.trim().clone_into(&mut kind);
            } else if let Some(data) = line.strip_prefix("data:").filter(|_| kind == "event") {
                show(common, &serde_json::from_str(data.trim()).context("read an event")?)?;
            }
        }
    }
    anyhow::bail!("the engine has ended")
}

fn show(common: &Common, event: &EventWire) -> Result<()> {
    if common.json {
        return print::json(event);
    }
    let who = if event.actor == "engine" { String::new() } else { format!("  by {}", event.actor) };
    print::line(&format!(
        "{:>6} {} {:<10} {}{who}",
        event.seq,
        print::clock(&event.at),
        event.subject,
        event.says
    ))
}
