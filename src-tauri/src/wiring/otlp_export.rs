//! Our events as OTLP log records, to the collector that the board file names (`[telemetry] otlp`).
//!
//! The archive is the queue: what was not acknowledged is read again, however long the collector was away, so that within
//! one run of the program nothing is missing and nothing comes twice. The number of the last acknowledged event lies in a
//! file, for the next run; a program that is killed between an answer and that file repeats one batch.

mod records;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use engine::{EngineHandle, Observation, ObservationSink};
use lab::{Code, Event, Failure, journal::Archive};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message;
use reqwest::{Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::{sync::broadcast::error::RecvError, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::config::write_whole;

/// Name of this task among the troubles of services.
const SERVICE: &str = "telemetry";
/// Events of one request: some 200 kB.
const BATCH: u32 = 512;
/// An answer is a few bytes; a longer one is none.
const ANSWER_MOST: usize = 64 * 1024;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Events that come together go together.
    gather: Duration,
    answer: Duration,
    /// After a failure, doubled each time up to the last.
    first: Duration,
    last: Duration,
    /// Failing for so long is told.
    told: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gather: Duration::from_secs(1),
            answer: Duration::from_secs(10),
            first: Duration::from_secs(1),
            last: Duration::from_secs(60),
            told: Duration::from_secs(30),
        }
    }
}

/// What the export needs.
pub(super) struct Export {
    /// As in `http://127.0.0.1:4318`.
    pub(super) url: String,
    pub(super) archive: Arc<dyn Archive>,
    pub(super) engine: EngineHandle,
    pub(super) sink: ObservationSink,
    /// A board's folder.
    pub(super) folder: PathBuf,
    pub(super) pace: Pace,
    pub(super) stop: CancellationToken,
}

/// Up to which event the collector has everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    url: String,
    seq: u64,
}

/// What came of one request.
#[derive(Debug, PartialEq)]
enum Answer {
    /// All of it, but for so many that it did not want.
    Taken { rejected: u64, why: String },
    /// It will never take this.
    Refused(String),
    /// Not now; when it says for how long.
    Later { why: String, after: Option<Duration> },
}

/// How it goes.
#[derive(Default)]
struct Tally {
    sent: u64,
    dropped: u64,
    failing_since: Option<tokio::time::Instant>,
    troubled: bool,
}

/// Sends events until told to stop.
pub(super) async fn run(export: Export) {
    let client = match api::named_http().timeout(export.pace.answer).build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "no events are exported"),
    };
    let file = export.folder.join("otlp.json");
    let mut events = export.engine.events();
    let newest = export.engine.snapshot().status.seq;
    let mut seq = begin(&file, &export.url, newest);
    let mut tally = Tally::default();
    let mut pause = export.pace.first;
    loop {
        let wait = match send(&export, &client, seq, &mut tally).await {
            // Until something happens, and a little longer for what happens with it.
            Ok(None) => {
                tokio::select! {
                    () = export.stop.cancelled() => return,
                    heard = events.recv() => if matches!(heard, Err(RecvError::Closed)) { return },
                }
                export.pace.gather
            }
            Ok(Some(acknowledged)) => {
                seq = acknowledged;
                pause = export.pace.first;
                keep(&file, &Sent { url: export.url.clone(), seq });
                Duration::ZERO
            }
            Err(after) => {
                let wait = after.unwrap_or(pause);
                pause = (pause * 2).min(export.pace.last);
                wait
            }
        };
        tokio::select! {
            () = export.stop.cancelled() => return,
            () = sleep(wait) => {}
        }
    }
}

/// Where to go on. Another collector, or another history, begins with what happens from now on.
fn begin(file: &Path, url: &str, newest: u64) -> u64 {
    let sent = fs::read_to_string(file).ok().and_then(|text| serde_json::from_str::<Sent>(&text).ok());
    sent.filter(|sent| sent.url == url && sent.seq <= newest).map_or(newest, |sent| sent.seq)
}

fn keep(file: &Path, sent: &Sent) {
    let text = serde_json::to_string(sent).unwrap_or_default();
    if let Err(error) = write_whole(file, &text) {
        tracing::warn!("what was exported is sent again after a restart: {error:#}");
    }
}

/// Sends what comes after `seq`: the number up to which it is done; `None` when there is nothing; or when to try again.
async fn send(
    export: &Export,
    client: &reqwest::Client,
    seq: u64,
    tally: &mut Tally,
) -> Result<Option<u64>, Option<Duration>> {
    let batch = match export.archive.events(seq, BATCH).await {
        Ok(batch) => batch,
        Err(error) => {
            tally.failed(export, &error.to_string());
            return Err(None);
        }
    };
    let Some(last) = batch.last().map(|event| event.seq) else { return Ok(None) };
    let count = batch.len() as u64;
    let answer = tokio::select! {
        () = export.stop.cancelled() => return Err(None),
        answer = ask(client, &export.url, &batch) => answer,
    };
    match answer {
        Answer::Taken { rejected, why } => {
            if rejected > 0 {
                tracing::warn!(rejected, why, "the collector took a part of our events");
            }
            tally.took(export, count.saturating_sub(rejected), rejected);
            Ok(Some(last))
        }
        Answer::Refused(why) => {
            tracing::warn!(events = count, why, "the collector refuses events for good; they are left out");
            tally.took(export, 0, count);
            Ok(Some(last))
        }
        Answer::Later { why, after } => {
            tally.failed(export, &why);
            Err(after.map(|after| after.min(export.pace.last)))
        }
    }
}

async fn ask(client: &reqwest::Client, url: &str, batch: &[Event]) -> Answer {
    let url = format!("{}/v1/logs", url.trim_end_matches('/'));
    let body = records::request(batch).encode_to_vec();
    let request = client.post(url).header(header::CONTENT_TYPE, "application/x-protobuf").body(body);
    match request.send().await {
        Ok(answer) => judge(answer).await,
        Err(error) => {
            let mut inner: &dyn std::error::Error = &error;
            while let Some(source) = inner.source() {
                inner = source;
            }
            Answer::Later { why: format!("it cannot be reached: {inner}"), after: None }
        }
    }
}

/// OTLP 1.x, "OTLP/HTTP Response". A refusal of this very request is final; a wrong address or a missing right is a mistake
/// that somebody corrects, and meanwhile the archive keeps everything.
async fn judge(mut answer: Response) -> Answer {
    let status = answer.status();
    let after = answer.headers().get(header::RETRY_AFTER).and_then(|text| retry_after(text.to_str().ok()?));
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        if body.len() + piece.len() > ANSWER_MOST {
            break;
        }
        body.extend(&piece);
    }
    if status.is_success() {
        let partial = ExportLogsServiceResponse::decode(&body[..]).ok().and_then(|said| said.partial_success);
        let rejected = partial.as_ref().map_or(0, |partial| partial.rejected_log_records.max(0) as u64);
        return Answer::Taken {
            rejected,
            why: partial.map(|partial| partial.error_message).unwrap_or_default(),
        };
    }
    let why = format!("it answers {status}");
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Answer::Refused(why)
        }
        _ => Answer::Later { why, after },
    }
}

/// RFC 9110 section 10.2.3: seconds, or a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    let wait = at.as_second() - jiff::Timestamp::now().as_second();
    Some(Duration::from_secs(wait.max(0) as u64))
}

impl Tally {
    fn took(&mut self, export: &Export, sent: u64, dropped: u64) {
        self.sent += sent;
        self.dropped += dropped;
        for (name, value) in [("telemetry-sent", self.sent), ("telemetry-dropped", self.dropped)] {
            export.sink.put(Observation::Counter { name: name.into(), value });
        }
        self.failing_since = None;
        if std::mem::take(&mut self.troubled) {
            tracing::info!("the collector takes our events again");
            export.sink.put(Observation::Trouble { service: SERVICE.into(), failure: None });
        }
    }

    fn failed(&mut self, export: &Export, why: &str) {
        let since = *self.failing_since.get_or_insert_with(tokio::time::Instant::now);
        // A collector that is started anew is back by then.
        if !self.troubled && since.elapsed() >= export.pace.told {
            self.troubled = true;
            let what = format!("send our events to {}", export.url);
            let remedy = "start the collector, or correct [telemetry] otlp in the board file; nothing is lost meanwhile";
            let failure = Failure::new(Code::DeviceAbsent, what, why, remedy);
            export.sink.put(Observation::Trouble { service: SERVICE.into(), failure: Some(failure) });
        }
    }
}

#[cfg(test)]
#[path = "otlp_export/otlp_tests.rs"]
mod tests;
