//! Log records: pages of what is stored, a stream of what comes, and the counters.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{self, Sse},
    },
};
use futures::stream;
use lab::{
    Board, Code,
    log::{Filter, Level, Stored},
};
use serde::Deserialize;
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast},
    time::{Interval, interval, timeout},
};
use utoipa::IntoParams;

use super::history::limit;
use crate::{
    desks::LogDesk,
    extract::{Query, bad},
    feed::STREAMS,
    refusal::Refusal,
    server::Site,
    wire::{CountersWire, RecordWire, RecordsWire},
};

const RECORDS_USUAL: u32 = 100;
const RECORDS_MOST: u32 = 1000;
/// A search through a million records takes a tenth of a second; this one has lost its disk.
const SEARCH_WITHIN: Duration = Duration::from_secs(20);
/// Between two records a reader hears that the stream lives.
const BETWEEN_TICKS: Duration = Duration::from_secs(2);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordsQuery {
    /// Names of nodes or machines, separated by commas.
    node: Option<String>,
    service: Option<String>,
    /// Name of the input that brought it.
    stream: Option<String>,
    /// This level or worse: `emergency` to `debug`.
    level: Option<String>,
    /// Words that all occur, whole or as beginnings of words.
    grep: Option<String>,
    /// Not older than this (RFC 3339).
    since: Option<String>,
    /// Not newer than this (RFC 3339).
    until: Option<String>,
    /// Only records with a smaller number: the next page.
    before: Option<i64>,
    /// How many: 100, at most 1000.
    limit: Option<u32>,
}

impl RecordsQuery {
    fn filter(&self, board: &Board) -> Result<Filter, Refusal> {
        let level = match self.level.as_deref() {
            None => None,
            Some(word) => Some(Level::parse(word).ok_or_else(|| {
                let known = Level::ALL.map(Level::word).join(", ");
                bad("the level", format!("{word:?} is none of {known}"))
            })?),
        };
        let moment = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => text
                .parse::<jiff::Timestamp>()
                .map(|at| Some(at.as_microsecond()))
                .map_err(|error| bad(name, error.to_string())),
        };
        let nodes = self.node.iter().flat_map(|names| names.split(',')).filter(|name| !name.is_empty());
        Ok(Filter {
            // Machines also by the number on the box.
            nodes: nodes
                .map(|who| board.machine(who).map_or(who, |machine| &machine.name).to_owned())
                .collect(),
            service: self.service.clone(),
            stream: self.stream.clone(),
            level,
            grep: self.grep.clone().filter(|grep| !grep.trim().is_empty()),
            since_us: moment("since", &self.since)?,
            until_us: moment("until", &self.until)?,
        })
    }
}

fn desk(site: &Site) -> Result<Arc<dyn LogDesk>, Refusal> {
    site.state.logs.clone().ok_or_else(|| {
        let why = "this program keeps no log records";
        Refusal::new(Code::NotFound, "read log records", why, "look at the events instead")
    })
}

/// Log records, newest first.
#[utoipa::path(
    get, path = "/api/v1/logs/records", tag = "logs", params(RecordsQuery),
    responses((status = 200, body = RecordsWire))
)]
pub(super) async fn records(
    State(site): State<Arc<Site>>,
    Query(query): Query<RecordsQuery>,
) -> Result<Json<RecordsWire>, Refusal> {
    let limit = limit(query.limit, RECORDS_USUAL, RECORDS_MOST)?;
    let filter = query.filter(&site.state.board)?;
    let desk = desk(&site)?;
    let found = timeout(SEARCH_WITHIN, desk.records(&filter, query.before, limit)).await;
    let records = match found {
        Ok(Ok(records)) => records,
        Ok(Err(error)) => return Err(Refusal::new(Code::Storage, error.what, error.why, error.remedy)),
        Err(_) => {
            let why = format!("no answer within {} s", SEARCH_WITHIN.as_secs());
            let remedy = "ask for less, with since and until; look whether the disk is busy";
            return Err(Refusal::new(Code::TimedOut, "search the log records", why, remedy));
        }
    };
    let more = (records.len() == limit as usize).then(|| records.last().map(|stored| stored.id)).flatten();
    let records = records.iter().map(|stored| RecordWire::from(&**stored)).collect();
    Ok(Json(RecordsWire { records, more }))
}

/// Log records as they come.
///
/// Server-sent events: `record` carries a RecordWire with its number as `id`; `lagged` says how many were skipped for a
/// slow reader; `tick` comes every two seconds, with nothing in it.
#[utoipa::path(
    get, path = "/api/v1/logs/stream", tag = "logs", params(RecordsQuery),
    responses((status = 200, body = String, content_type = "text/event-stream"))
)]
pub(super) async fn follow(
    State(site): State<Arc<Site>>,
    Query(query): Query<RecordsQuery>,
) -> Result<Response, Refusal> {
    let filter = query.filter(&site.state.board)?;
    let records = desk(&site)?.follow();
    let place = site.streams.clone().try_acquire_owned().map_err(|_| {
        let why = format!("{STREAMS} readers are there already");
        Refusal::new(Code::Busy, "follow the log records", why, "close another page and try again")
    })?;
    let stop = site.shutdown.clone();
    let follower =
        Follower { filter, records, tick: interval(BETWEEN_TICKS), waiting: VecDeque::new(), _place: place };
    let frames = stream::unfold(follower, move |mut follower| {
        let stop = stop.clone();
        async move {
            let frame = tokio::select! {
                () = stop.cancelled() => None,
                frame = follower.next() => frame,
            };
            Some((Ok::<_, Infallible>(frame?), follower))
        }
    });
    Ok(Sse::new(frames).into_response())
}

struct Follower {
    filter: Filter,
    records: broadcast::Receiver<Arc<Stored>>,
    tick: Interval,
    waiting: VecDeque<sse::Event>,
    /// Held for as long as the reader stays.
    _place: OwnedSemaphorePermit,
}

impl Follower {
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            tokio::select! {
                _ = self.tick.tick() => return Some(sse::Event::default().event("tick").data("{}")),
                record = self.records.recv() => match record {
                    Ok(stored) if self.filter.takes(&stored.record) => self.waiting.push_back(frame(&stored)),
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(skipped)) => {
                        let data = format!("{{\"skipped\":{skipped}}}");
                        self.waiting.push_back(sse::Event::default().event("lagged").data(data));
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }
}

fn frame(stored: &Stored) -> sse::Event {
    let event = sse::Event::default().event("record").id(stored.id.to_string());
    event
        .json_data(RecordWire::from(stored))
        .unwrap_or_else(|_| sse::Event::default().comment("not serializable"))
}

/// The owner's 27 counters and four maps, each with who tells it.
#[utoipa::path(
    get, path = "/api/v1/logs/counters", tag = "logs", responses((status = 200, body = CountersWire))
)]
pub(super) async fn counters(State(site): State<Arc<Site>>) -> Result<Json<CountersWire>, Refusal> {
    Ok(Json(CountersWire::from(&desk(&site)?.counters())))
}
