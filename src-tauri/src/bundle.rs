//! Everything that somebody far away needs to understand what happened here, in one archive, and nothing that is secret.
//!
//! `redact` takes secrets out by value (`known`, in all their `forms`) and by their surroundings; `archive` is the only
//! way in for text. The same archive is made by a running engine and, from the files alone, without one.

mod archive;
mod files;
mod forms;
mod frames;
mod host;
mod known;
mod redact;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use api::{LogDesk, wire::EventWire};
use charts::Look;
use lab::{Board, Boot, certificate::Judged, journal::Archive as Events, log::Filter, ports::Captures};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

pub(crate) use files::without_engine;

use self::{archive::Archive, redact::Redactor};
use crate::{cli::local_findings, config::DataDir};

/// The last ones of each.
const EVENTS: u64 = 20_000;
const EVENTS_AT_ONCE: u32 = 1000;
const RECORDS: usize = 20_000;
const RECORDS_AT_ONCE: u32 = 1000;
const RUNS: u32 = 20;
const BOOTS: u32 = 60;
/// Boots whose packets come along: the last ones of each machine of a board.
const PACKET_BOOTS: usize = 18;
/// A part that takes longer is left out; the archive is most needed where something hangs.
const PART: Duration = Duration::from_secs(10);

/// One board's memory, as far as it can be reached.
pub(crate) struct Memory {
    pub(crate) name: String,
    pub(crate) board: Option<Board>,
    /// The board file as it is written.
    pub(crate) board_text: Option<String>,
    pub(crate) events: Option<Arc<dyn Events>>,
    /// Number of the last event.
    pub(crate) last: u64,
    pub(crate) logs: Option<Arc<dyn Records>>,
    pub(crate) captures: Option<Arc<dyn Captures>>,
    pub(crate) status: Option<Value>,
    pub(crate) certificates: Vec<Judged>,
    /// What could not be had, and why.
    pub(crate) missing: Vec<(String, String)>,
}

/// Log records, of a running engine or of a file.
#[async_trait::async_trait]
pub(crate) trait Records: Send + Sync {
    /// Newest first, with a smaller number than `before`; each as a line of JSON, with its number.
    async fn lines(&self, before: Option<i64>, limit: u32) -> Result<Vec<(i64, String)>>;
}

#[async_trait::async_trait]
impl<T: LogDesk + ?Sized> Records for Arc<T> {
    async fn lines(&self, before: Option<i64>, limit: u32) -> Result<Vec<(i64, String)>> {
        let records = self.records(&Filter::default(), before, limit).await?;
        records.iter().map(|stored| Ok((stored.id, serde_json::to_string(&**stored)?))).collect()
    }
}

/// Name of an archive made now, without its ending.
pub(crate) fn name() -> String {
    format!("statusinator-bundle-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ"))
}

/// The archive (tar.gz). What cannot be had is named in it and stops nothing.
pub(crate) async fn make(data: &DataDir, name: &str, memories: &[Memory]) -> Result<Vec<u8>> {
    let board = memories.iter().find_map(|memory| memory.board.as_ref());
    let redactor = Redactor::new(known::known(data, board))?;
    let now_s = jiff::Timestamp::now().as_second();
    let mut archive = Archive::new(&redactor, name, now_s);
    archive.text("versions.json", &pretty(&host::versions()))?;
    archive.lines("doctor.jsonl", local_findings(data))?;
    archive.lines("files.jsonl", host::files(data))?;
    for (name, text) in host::kernel().into_iter().chain(host::own_logs(data)).chain(host::certificates(data))
    {
        archive.text(&name, &text)?;
    }
    for memory in memories {
        tell(memory, &mut archive).await?;
    }
    archive.finish("What statusinator knows of a board and of the computer that it runs on.")
}

async fn tell(memory: &Memory, archive: &mut Archive<'_>) -> Result<()> {
    let place = |name: &str| format!("{}/{name}", memory.name);
    for (what, why) in &memory.missing {
        archive.note(&place(what), why);
    }
    if let Some(text) = &memory.board_text {
        archive.text(&place("board.toml"), text)?;
    }
    if let Some(status) = &memory.status {
        archive.text(&place("status.json"), &pretty(status))?;
    }
    archive.lines(&place("certificates.jsonl"), memory.certificates.iter().map(certificate))?;
    if let Some(events) = &memory.events {
        part(archive, &place("events.jsonl"), last_events(&**events, memory.last)).await?;
        match timeout(PART, events.runs(RUNS)).await {
            Ok(Ok(runs)) => archive.lines(&place("runs.jsonl"), json_lines(&runs))?,
            Ok(Err(error)) => archive.note(&place("runs.jsonl"), error),
            Err(error) => archive.note(&place("runs.jsonl"), error),
        }
        match timeout(PART, events.boots(None, BOOTS)).await {
            Ok(Ok(boots)) => tell_boots(memory, &**events, &boots, archive).await?,
            Ok(Err(error)) => archive.note(&place("boots.jsonl"), error),
            Err(error) => archive.note(&place("boots.jsonl"), error),
        }
    }
    if let Some(logs) = &memory.logs {
        part(archive, &place("logs.jsonl"), last_records(&**logs)).await?;
    }
    Ok(())
}

async fn part(
    archive: &mut Archive<'_>,
    name: &str,
    lines: impl Future<Output = Result<Vec<String>>>,
) -> Result<()> {
    match timeout(PART, lines).await {
        Ok(Ok(lines)) => archive.lines(name, lines)?,
        Ok(Err(error)) => archive.note(name, format!("{error:#}")),
        Err(error) => archive.note(name, error),
    }
    Ok(())
}

async fn last_events(events: &dyn Events, last: u64) -> Result<Vec<String>> {
    let (mut lines, mut since) = (Vec::new(), last.saturating_sub(EVENTS));
    loop {
        let page = events.events(since, EVENTS_AT_ONCE).await?;
        let Some(newest) = page.last().map(|event| event.seq) else { return Ok(lines) };
        for event in &page {
            lines.push(serde_json::to_string(&EventWire::from(event))?);
        }
        since = newest;
        if lines.len() as u64 >= EVENTS {
            return Ok(lines);
        }
    }
}

async fn last_records(logs: &dyn Records) -> Result<Vec<String>> {
    let (mut lines, mut before) = (Vec::new(), None);
    while lines.len() < RECORDS {
        let page = logs.lines(before, RECORDS_AT_ONCE).await?;
        let Some((oldest, _)) = page.last() else { break };
        before = Some(*oldest);
        lines.extend(page.into_iter().map(|(_, line)| line));
    }
    lines.reverse();
    Ok(lines)
}

async fn tell_boots(
    memory: &Memory,
    events: &dyn Events,
    boots: &[Boot],
    archive: &mut Archive<'_>,
) -> Result<()> {
    let place = |name: &str| format!("{}/{name}", memory.name);
    archive.lines(&place("boots.jsonl"), json_lines(boots))?;
    for boot in boots.iter().rev().take(PACKET_BOOTS) {
        let id = boot.id;
        if let Ok(svg) = charts::boot_waterfall(boot, None, &Look::default()) {
            archive.text(&place(&format!("boots/{id}.svg")), &svg)?;
        }
        match timeout(PART, events.boot_packets(id)).await {
            Ok(Ok(packets)) => {
                archive.lines(&place(&format!("boots/{id}-packets.jsonl")), json_lines(&packets))?
            }
            Ok(Err(error)) => archive.note(&place(&format!("boots/{id}-packets.jsonl")), error),
            Err(error) => archive.note(&place(&format!("boots/{id}-packets.jsonl")), error),
        }
        let end = boot.ended.as_ref().map_or(i64::MAX, |ended| ended.wall_us);
        if let Some(captures) = &memory.captures
            && let Ok(Ok(file)) =
                timeout(PART, captures.pcapng(&boot.machine, Some((boot.started.wall_us, end)))).await
        {
            archive.frames(&place(&format!("boots/{id}.pcapng")), frames::without_payloads(&file))?;
        }
    }
    Ok(())
}

fn certificate(judged: &Judged) -> String {
    json!({ "state": judged.state, "says": judged.says, "due_us": judged.due_us, "reading": judged.reading })
        .to_string()
}

fn json_lines<T: Serialize>(list: &[T]) -> Vec<String> {
    list.iter().filter_map(|one| serde_json::to_string(one).ok()).collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
#[path = "bundle/bundle_tests.rs"]
mod tests;
