//! What travels from an input to the sink, and the door through which it goes.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use lab::{
    counts::Counts,
    event::Stamp,
    gear::Profile,
    log::{Offset, Record},
};
use tokio::sync::{mpsc, oneshot};

use super::{Clock, meter::Meter};
use crate::{Classifier, View};

/// Text of records that one stream may have waiting; a loud one does not take the room of the others.
const BACKLOG: usize = 8 << 20;
/// What a record costs beside its text.
const RECORD: usize = 512;
/// Parcels of one stream in the queue: none is lighter than [`RECORD`].
pub(crate) const PARCELS: usize = BACKLOG / RECORD;

/// Records that were read together.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    pub(crate) records: Vec<Record>,
    pub(crate) counts: Counts,
    /// How far the stream's files were read with these records.
    pub(crate) offsets: Option<(&'static str, Vec<Offset>)>,
    /// Told when they are stored. Whoever waited and left does not want them to be.
    pub(crate) stored: Option<oneshot::Sender<()>>,
    held: Option<Held>,
}

impl Parcel {
    pub(crate) fn weight(&self) -> usize {
        let text = |record: &Record| record.message.len() + record.node.len() + record.service.len();
        self.records.iter().map(|record| RECORD + text(record)).sum()
    }

    /// Nobody waits for it any more; the sender will come again with the same records.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.stored.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

/// Room in a stream's backlog, given back when the parcel is stored or thrown away.
#[derive(Debug)]
struct Held {
    weight: usize,
    of: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

/// One stream's way to the sink.
pub(crate) struct Door {
    pub(crate) meter: Arc<Meter>,
    pub(crate) clock: Clock,
    queue: mpsc::Sender<Parcel>,
    held: Arc<AtomicUsize>,
    classifier: Mutex<Classifier>,
}

impl Door {
    pub(crate) fn new(
        meter: Arc<Meter>,
        clock: Clock,
        queue: mpsc::Sender<Parcel>,
        profile: Profile,
    ) -> Self {
        let classifier = Mutex::new(Classifier::new(profile));
        Self { meter, clock, queue, held: Arc::default(), classifier }
    }

    /// Collects records for one parcel, all seen now.
    pub(crate) fn fill(&self) -> Filling<'_> {
        Filling { door: self, now: (self.clock)(), parcel: Parcel::default() }
    }

    /// A record on its own: dropped and counted when there is no room.
    pub(crate) fn give(&self, view: &View<'_>) {
        let mut filling = self.fill();
        filling.add(view);
        filling.post();
    }

    /// A record that was made in this process.
    pub(crate) fn give_record(&self, record: Record) {
        let mut filling = self.fill();
        let level = if record.level == lab::log::Level::Unknown { "" } else { record.level.word() };
        let view = View {
            node: &record.node,
            service: &record.service,
            level,
            message: &record.message,
            ..View::default()
        };
        filling.count(&view);
        filling.parcel.records.push(record);
        filling.post();
    }

    /// Puts a parcel into the queue, or says that this stream has too much waiting.
    fn offer(&self, mut parcel: Parcel) -> bool {
        let weight = parcel.weight();
        let before = self.held.fetch_add(weight, Ordering::Relaxed);
        // One that is larger than the whole room goes when nothing else waits.
        parcel.held = Some(Held { weight, of: self.held.clone() });
        if before > 0 && before + weight > BACKLOG {
            return false;
        }
        self.queue.try_send(parcel).is_ok()
    }
}

/// A parcel that is being filled.
pub(crate) struct Filling<'a> {
    door: &'a Door,
    now: Stamp,
    parcel: Parcel,
}

impl Filling<'_> {
    pub(crate) fn add(&mut self, view: &View<'_>) {
        self.count(view);
        self.parcel.records.push(view.to_record(self.door.meter.name(), self.now.wall_us));
    }

    fn count(&mut self, view: &View<'_>) {
        let mut classifier = self.door.classifier.lock().unwrap_or_else(PoisonError::into_inner);
        classifier.count(view, &mut self.parcel.counts);
    }

    /// Sends it, or drops it and counts that.
    fn post(self) {
        let (door, now, records) = (self.door, self.now, self.parcel.records.len() as u64);
        if door.offer(self.parcel) {
            door.meter.came(records, &now);
        } else {
            door.meter.dropped(records);
        }
    }

    /// Sends it and says when it is stored; `None` when there is no room now.
    pub(crate) fn post_and_tell(mut self) -> Option<oneshot::Receiver<()>> {
        let (told, stored) = oneshot::channel();
        self.parcel.stored = Some(told);
        let (door, now, records) = (self.door, self.now, self.parcel.records.len() as u64);
        door.offer(self.parcel).then(|| {
            door.meter.came(records, &now);
            stored
        })
    }
}
