//! One reader's stream: pictures as they change, events without gap or repeat, a tick.
//!
//! The live queue is subscribed before the archive is read, so nothing falls between the two; what comes twice is told by
//! its number. A reader that is slower than the queue is long reads the rest from the archive. Nothing is made ahead of
//! the reader: the next message is looked for when the connection can take it.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::response::{
    IntoResponse, Response,
    sse::{self, Sse},
};
use engine::EngineHandle;
use futures::stream;
use lab::{Code, Event, Failure, live::Snapshot};
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast, watch},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    secret::Digest,
    server::Site,
    wire::{EventWire, FailureWire, ResetWire, StatusWire, TickWire},
};

/// Readers at once. A board has two screens and a few laptops; more is a page that leaks streams.
pub(crate) const STREAMS: usize = 64;
/// At most ten pictures a second: faster than that nobody sees, and a boot's progress comes in hundreds.
const BETWEEN_PICTURES: Duration = Duration::from_millis(100);
const BETWEEN_TICKS: Duration = Duration::from_secs(2);
/// Events read from the archive in one go.
const PAGE: u32 = 500;
/// The archive is a local file; when it does not answer the stream says so instead of standing still.
const PAGE_WITHIN: Duration = Duration::from_secs(10);

pub(crate) struct Feed {
    site: Arc<Site>,
    session: Option<Digest>,
    /// Where the reader wants to continue, until that was checked.
    since: Option<u64>,
    pictures: watch::Receiver<Arc<Snapshot>>,
    live: broadcast::Receiver<Arc<Event>>,
    /// Number of the last event that was sent.
    last: u64,
    /// Set while the archive has events that are not sent: at least up to this number.
    behind: Option<u64>,
    waiting: VecDeque<Message>,
    shown: Option<StatusWire>,
    changed: bool,
    next_picture: Instant,
    next_tick: Instant,
    ended: bool,
    /// Held for as long as the reader stays.
    _place: OwnedSemaphorePermit,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    Status(Box<StatusWire>),
    Event(Box<EventWire>),
    Tick(TickWire),
    Reset(ResetWire),
    Failure(FailureWire),
}

impl Feed {
    pub(crate) fn new(
        site: &Arc<Site>,
        session: Option<Digest>,
        since: Option<u64>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let engine: &EngineHandle = &site.state.engine;
        let live = engine.events();
        let pictures = engine.snapshots();
        let last = pictures.borrow().status.seq;
        Self {
            site: site.clone(),
            session,
            since,
            pictures,
            live,
            last,
            behind: None,
            waiting: VecDeque::new(),
            shown: None,
            changed: true,
            next_picture: Instant::now(),
            next_tick: Instant::now() + BETWEEN_TICKS,
            ended: false,
            _place: place,
        }
    }

    /// The next message; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(message);
            }
            if self.ended || self.site.shutdown.is_cancelled() {
                return None;
            }
            // Between two pages as well: a long history must not look like a dead stream.
            if let Some(message) = self.due() {
                return Some(message);
            }
            if let Some(since) = self.since.take() {
                self.resume(since).await;
                continue;
            }
            if let Some(target) = self.behind {
                self.read_page(target).await;
                continue;
            }
            self.wait().await;
        }
    }

    /// Picture and tick, when their time has come.
    fn due(&mut self) -> Option<Message> {
        let now = Instant::now();
        if self.changed && now >= self.next_picture {
            self.changed = false;
            self.next_picture = now + BETWEEN_PICTURES;
            self.pictures.mark_unchanged();
            return Some(self.show(self.site.state.picture()));
        }
        if now < self.next_tick {
            return None;
        }
        self.next_tick = now + BETWEEN_TICKS;
        if self.session.is_some_and(|session| !self.site.door.tokens.sessions.still(&session)) {
            self.ended = true;
            return Some(Message::Failure(FailureWire::from(&session_ended())));
        }
        let picture = self.site.state.picture();
        // Time alone turns a machine's word (not heard since …): then the picture has changed although nothing happened.
        if self.shown.as_ref().is_some_and(|shown| !same_but_for_time(shown, &picture)) {
            self.changed = true;
        }
        Some(Message::Tick(TickWire { now: picture.now, seq: picture.seq }))
    }

    fn show(&mut self, picture: StatusWire) -> Message {
        self.shown = Some(picture.clone());
        Message::Status(Box::new(picture))
    }

    async fn wait(&mut self) {
        tokio::select! {
            () = self.site.shutdown.cancelled() => {}
            () = sleep_until(self.next_tick) => {}
            () = sleep_until(self.next_picture), if self.changed => {}
            changed = self.pictures.changed(), if !self.changed => match changed {
                Ok(()) => self.changed = true,
                Err(_) => self.end(&engine_ended()),
            },
            event = self.live.recv() => match event {
                Ok(event) if event.seq <= self.last => {}
                Ok(event) if event.seq == self.last + 1 => self.send(&event),
                // A number is missing: the archive has it, since events are committed before they are told.
                Ok(event) => self.behind = Some(event.seq),
                Err(broadcast::error::RecvError::Lagged(_)) => self.behind = Some(0),
                Err(broadcast::error::RecvError::Closed) => self.end(&engine_ended()),
            },
        }
    }

    /// Whether the number a reader brings along is one of this board's.
    async fn resume(&mut self, since: u64) {
        if since > self.last {
            match self.events(since - 1, 1).await {
                Some(page) if page.first().is_some_and(|event| event.seq == since) => {}
                Some(_) => {
                    self.waiting.push_back(Message::Reset(ResetWire { since, seq: self.last }));
                    return;
                }
                None => return,
            }
        }
        self.last = since;
        self.behind = Some(0);
    }

    async fn read_page(&mut self, target: u64) {
        let Some(page) = self.events(self.last, PAGE).await else { return };
        for event in &page {
            self.send(event);
        }
        if page.len() < PAGE as usize {
            self.behind = None;
            if self.last < target {
                self.end(&Failure::new(
                    Code::Internal,
                    format!("read event {target}"),
                    "it was told but is not in the archive",
                    "report this with the log of this minute",
                ));
            }
        }
    }

    /// Events from the archive; `None` when that failed, which ends the stream.
    async fn events(&mut self, since: u64, limit: u32) -> Option<Vec<Event>> {
        let failure = match timeout(PAGE_WITHIN, self.site.state.archive.events(since, limit)).await {
            Ok(Ok(events)) => return Some(events),
            Ok(Err(error)) => Failure::new(Code::Storage, error.what, error.why, error.remedy),
            Err(_) => Failure::new(
                Code::TimedOut,
                "read events",
                format!("the database did not answer within {} s", PAGE_WITHIN.as_secs()),
                "look whether the disk of the data folder is busy or failing",
            ),
        };
        self.end(&failure);
        None
    }

    fn send(&mut self, event: &Event) {
        self.last = event.seq;
        self.waiting.push_back(Message::Event(Box::new(EventWire::from(event))));
    }

    fn end(&mut self, failure: &Failure) {
        self.ended = true;
        self.waiting.push_back(Message::Failure(FailureWire::from(failure)));
    }
}

fn engine_ended() -> Failure {
    Failure::new(Code::EngineStopped, "follow the board", "the engine has stopped", "start the program again")
}

fn session_ended() -> Failure {
    Failure::new(
        Code::Unauthorized,
        "follow the board",
        "this browser's session has ended",
        "open the address with a new one-time login",
    )
}

fn same_but_for_time(one: &StatusWire, other: &StatusWire) -> bool {
    // Cloned rather than compared field by field, so that a new field cannot be forgotten here.
    let mut other = other.clone();
    other.now.clone_from(&one.now);
    *one == other
}

impl Message {
    fn frame(&self) -> sse::Event {
        let framed = match self {
            Self::Status(status) => sse::Event::default().event("status").json_data(status),
            Self::Event(event) => {
                sse::Event::default().event("event").id(event.seq.to_string()).json_data(event)
            }
            Self::Tick(tick) => sse::Event::default().event("tick").json_data(tick),
            Self::Reset(reset) => sse::Event::default().event("reset").json_data(reset),
            Self::Failure(failure) => sse::Event::default().event("failure").json_data(failure),
        };
        // Our own types have string keys and finite numbers; a comment keeps the stream valid all the same.
        framed.unwrap_or_else(|_| sse::Event::default().comment("not serializable"))
    }
}

impl IntoResponse for Feed {
    fn into_response(self) -> Response {
        let messages = stream::unfold(self, async |mut feed| {
            let message = feed.next().await?;
            Some((Ok::<_, Infallible>(message.frame()), feed))
        });
        Sse::new(messages).into_response()
    }
}
