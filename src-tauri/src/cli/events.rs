//! `events`.

use anyhow::{Context, Result};
use api::wire::EventWire;
use clap::Args;

use super::{Common, Exit, client::Client, print, sse};

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
    sse::each(answer, |kind, data| match kind {
        "event" => show(common, &serde_json::from_str(data).context("read an event")?),
        _ => Ok(()),
    })
    .await?;
    Ok(Exit::Done)
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
