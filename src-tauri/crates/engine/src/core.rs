//! The status ahead of the journal and the one that is shown.
//!
//! Every draft is folded at once into `ahead`, so that the next decision sees it; it is shown only after the journal
//! committed it. While the journal cannot write, drafts wait in memory, bounded and counted, and commands are refused.

use std::sync::Arc;

use lab::{
    Body, Code, Draft, Event, Failure, Stamp, Status,
    event::SCHEMA,
    explain::STORAGE,
    journal::{Journal, JournalError, Packet},
    live::{Live, Snapshot, StorageTrouble},
};
use tokio::sync::{broadcast, watch};

use crate::config::Clock;

/// Drafts kept while the disk is full; a board makes a few thousand events a day.
const WAITING_LIMIT: usize = 20_000;
/// Events between two checkpoints.
const CHECKPOINT_EVERY: u64 = 1_000;
/// Packets collected before they are written together.
const PACKETS_BATCH: usize = 64;

pub(crate) struct Core {
    pub(crate) ahead: Status,
    pub(crate) live: Live,
    shown: Arc<Status>,
    waiting: Vec<Draft>,
    packets: Vec<Packet>,
    checkpointed: u64,
    journal: Arc<dyn Journal>,
    clock: Clock,
    publish: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<Arc<Event>>,
}

impl Core {
    pub(crate) fn new(
        status: Status,
        journal: Arc<dyn Journal>,
        clock: Clock,
        publish: watch::Sender<Arc<Snapshot>>,
        events: broadcast::Sender<Arc<Event>>,
    ) -> Self {
        Self {
            shown: Arc::new(status.clone()),
            checkpointed: status.seq,
            ahead: status,
            live: Live::default(),
            waiting: Vec::new(),
            packets: Vec::new(),
            journal,
            clock,
            publish,
            events,
        }
    }

    pub(crate) fn now(&self) -> Stamp {
        (self.clock)()
    }

    /// Folds a draft ahead and queues it for the journal. One that the state does not allow is refused and counted.
    pub(crate) fn record(&mut self, draft: Draft) -> bool {
        if self.waiting.len() >= WAITING_LIMIT {
            self.count("events-dropped", 1);
            return false;
        }
        let event = Event { seq: self.ahead.seq + 1, draft, schema: SCHEMA };
        if let Err(illegal) = self.ahead.apply(&event) {
            tracing::warn!(subject = event.draft.subject, %illegal, "event refused");
            self.count("events-illegal", 1);
            return false;
        }
        self.waiting.push(event.draft);
        true
    }

    /// A draft about `subject`, now, by the engine.
    pub(crate) fn draft(&self, subject: &str, body: Body) -> Draft {
        let stamp = self.now();
        Draft {
            stamp,
            run: None,
            boot: None,
            actor: "engine".into(),
            reason: None,
            subject: subject.into(),
            body,
        }
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Commits what waits, then shows it.
    pub(crate) async fn commit(&mut self) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        match self.journal.append(self.waiting.clone()).await {
            Ok(events) => {
                self.waiting.clear();
                self.shown = Arc::new(self.ahead.clone());
                for event in events {
                    // Nobody listening is no error.
                    let _ = self.events.send(Arc::new(event));
                }
                self.recovered();
                self.publish();
                self.maybe_checkpoint().await;
                Ok(())
            }
            Err(error) => Err(self.storage_trouble(&error)),
        }
    }

    fn storage_trouble(&mut self, error: &JournalError) -> Failure {
        let failure =
            Failure::new(Code::Storage, error.what.clone(), error.why.clone(), error.remedy.clone());
        let since = self.live.storage.as_ref().map_or_else(|| self.now(), |trouble| trouble.since.clone());
        if self.live.storage.is_none() {
            tracing::error!(%error, remedy = error.remedy, "events cannot be written; they wait in memory");
            let trouble = Body::ServiceTroubled { service: STORAGE.into(), failure: failure.clone() };
            let draft = self.draft("storage", trouble);
            self.record(draft);
        }
        let waiting = self.waiting.len();
        self.live.storage = Some(StorageTrouble { why: error.to_string(), since, waiting });
        self.publish();
        failure
    }

    fn recovered(&mut self) {
        if let Some(trouble) = self.live.storage.take() {
            tracing::info!(waited = trouble.waiting, "events are written again");
            let failed = self.draft("storage", Body::StorageFailed { why: trouble.why });
            let back = self.draft("storage", Body::StorageRecovered { waited: trouble.waiting as u64 });
            self.record(Draft { stamp: trouble.since, ..failed });
            self.record(back);
            let well = self.draft("storage", Body::ServiceRecovered { service: STORAGE.into() });
            self.record(well);
        }
    }

    /// Refuses commands while nothing can be recorded: an action without its event would be lost to history.
    pub(crate) fn writable(&self) -> Result<(), Failure> {
        match &self.live.storage {
            None => Ok(()),
            Some(trouble) => Err(Failure::new(
                Code::Storage,
                "give a command",
                format!("events cannot be written: {}", trouble.why),
                "free space in the data folder or make it writable; the program tries again every second",
            )),
        }
    }

    pub(crate) fn packet(&mut self, packet: Packet) {
        self.packets.push(packet);
    }

    /// Writes collected packets when there are enough of them, or when asked to. Losing them is counted, no more.
    pub(crate) async fn flush_packets(&mut self, all: bool) {
        if self.packets.is_empty() || (!all && self.packets.len() < PACKETS_BATCH) {
            return;
        }
        let packets = std::mem::take(&mut self.packets);
        let count = packets.len() as u64;
        if self.journal.packets(packets).await.is_err() {
            self.count("packets-dropped", count);
        }
    }

    /// Remembers strangers on disk.
    pub(crate) async fn flush_strangers(&mut self) {
        if let Err(error) = self.journal.unknown(self.live.unknown.clone()).await {
            tracing::debug!(%error, "strangers not written");
        }
    }

    async fn maybe_checkpoint(&mut self) {
        if self.shown.seq >= self.checkpointed + CHECKPOINT_EVERY {
            self.checkpoint().await;
        }
    }

    /// Keeps the shown status; a failure only costs time at the next start.
    pub(crate) async fn checkpoint(&mut self) {
        let status = self.shown.clone();
        match self.journal.checkpoint(&status).await {
            Ok(()) => self.checkpointed = status.seq,
            Err(error) => tracing::warn!(%error, "no checkpoint"),
        }
    }

    pub(crate) fn count(&mut self, name: &str, more: u64) {
        *self.live.counters.entry(name.to_owned()).or_default() += more;
    }

    /// Shows what is committed together with what is known now.
    pub(crate) fn publish(&self) {
        let snapshot = Snapshot { status: self.shown.clone(), live: self.live.clone(), now: self.now() };
        self.publish.send_replace(Arc::new(snapshot));
    }
}
