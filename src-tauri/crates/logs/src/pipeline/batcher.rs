//! Puts parcels together and gives them to the sink until it takes them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lab::{
    counts::{Counts, Source, Sources},
    log::Batch,
    ports::PortError,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Clock, Parcel, Sink,
    rates::{RateBook, Rates},
};

/// A record is stored this long after it came, at the latest.
const LINGER: Duration = Duration::from_millis(250);
/// Records that are stored at once.
const FULL: usize = 4096;
/// Their text; long ones are fewer.
const HEAVY: usize = 16 << 20;
/// Between two tries while the sink fails.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// For the last batch when the program stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// Gathers and commits; the one that the sink ever meets.
pub(crate) struct Batcher {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) clock: Clock,
    pub(crate) sources: Sources,
    pub(crate) shared: Arc<Shared>,
    /// From files: short, its senders wait.
    pub(crate) files: mpsc::Receiver<Parcel>,
    /// From everybody else.
    pub(crate) others: mpsc::Receiver<Parcel>,
}

/// What others ask and add.
pub(crate) struct Shared {
    /// What our own services saw since the last batch.
    engine: Mutex<Counts>,
    rates: Mutex<RateBook>,
    failure: Mutex<Option<PortError>>,
}

impl Shared {
    pub(crate) fn new(clock: &Clock) -> Self {
        let rates = Mutex::new(RateBook::new(clock().mono_us));
        Self { engine: Mutex::default(), rates, failure: Mutex::default() }
    }

    pub(crate) fn add(&self, counts: &Counts) {
        lock(&self.engine).merge(counts);
    }

    pub(crate) fn rates(&self, mono_us: i64) -> Rates {
        lock(&self.rates).now(mono_us)
    }

    pub(crate) fn failure(&self) -> Option<PortError> {
        lock(&self.failure).clone()
    }
}

/// A batch and what it is made of.
#[derive(Default)]
struct Gathered {
    batch: Batch,
    parts: Vec<Part>,
    weight: usize,
}

/// A parcel whose records went into the batch, and how many they were.
struct Part {
    parcel: Parcel,
    records: usize,
}

impl Gathered {
    fn add(&mut self, mut parcel: Parcel) {
        if parcel.is_abandoned() {
            return;
        }
        self.weight += parcel.weight();
        let records = parcel.records.len();
        self.batch.records.append(&mut parcel.records);
        if let Some((stream, offsets)) = parcel.offsets.take() {
            self.batch.offsets.insert(stream.to_owned(), offsets);
        }
        // Its place in the backlog is free when it is stored.
        self.parts.push(Part { parcel, records });
    }

    /// Takes out what nobody waits for any more: it comes again.
    fn forget_abandoned(&mut self) {
        let mut records = std::mem::take(&mut self.batch.records).into_iter();
        self.parts.retain(|part| {
            let kept = !part.parcel.is_abandoned();
            let own = records.by_ref().take(part.records);
            if kept {
                self.batch.records.extend(own);
            } else {
                own.for_each(drop);
            }
            kept
        });
    }

    /// What logs say, of all counters.
    fn said(&self) -> Counts {
        let mut said = Counts::default();
        self.parts.iter().for_each(|part| said.merge(&part.parcel.counts));
        said
    }
}

impl Batcher {
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let gathered = self.gather(&stop).await;
            if !self.store(gathered, &stop).await {
                break;
            }
        }
    }

    /// Waits for a first parcel, and then for more until there are enough or the first has waited long.
    async fn gather(&mut self, stop: &CancellationToken) -> Gathered {
        let mut gathered = Gathered::default();
        let mut until = Instant::now() + LINGER;
        while gathered.batch.records.len() < FULL && gathered.weight < HEAVY {
            let next = async {
                tokio::select! {
                    Some(parcel) = self.files.recv() => parcel,
                    Some(parcel) = self.others.recv() => parcel,
                    else => std::future::pending().await,
                }
            };
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = timeout_at(until, next) => next,
            };
            match next {
                Ok(parcel) => {
                    if gathered.parts.is_empty() {
                        until = Instant::now() + LINGER;
                    }
                    gathered.add(parcel);
                }
                Err(_) => break,
            }
        }
        if stop.is_cancelled() {
            while let Ok(parcel) = self.others.try_recv() {
                gathered.add(parcel);
            }
        }
        gathered
    }

    /// Says whether to go on.
    async fn store(&self, mut gathered: Gathered, stop: &CancellationToken) -> bool {
        let engine = std::mem::take(&mut *lock(&self.shared.engine));
        if gathered.parts.is_empty() && engine.is_empty() {
            return true;
        }
        let engine = self.sources.only(&engine, Source::Engine);
        let mut pause = RETRY.0;
        loop {
            let mut counts = self.sources.only(&gathered.said(), Source::Log);
            counts.merge(&engine);
            gathered.batch.counts = counts;
            let commit = self.sink.commit(&gathered.batch);
            let stored = tokio::select! {
                stored = commit => stored,
                // A last batch is given its time; then its files are read again at the next start.
                () = async { stop.cancelled().await; sleep(FAREWELL).await } => return false,
            };
            match stored {
                Ok(()) => break,
                Err(error) => {
                    tracing::warn!("records wait: {error}; {}", error.remedy);
                    *lock(&self.shared.failure) = Some(error);
                }
            }
            if stop.is_cancelled() || timeout(pause, stop.cancelled()).await.is_ok() {
                return false;
            }
            pause = (pause * 2).min(RETRY.1);
            gathered.forget_abandoned();
        }
        if lock(&self.shared.failure).take().is_some() {
            tracing::info!("records are stored again");
        }
        let now = (self.clock)().mono_us;
        lock(&self.shared.rates).add(now, &gathered.batch.records, &gathered.batch.counts);
        for stored in gathered.parts.into_iter().filter_map(|part| part.parcel.stored) {
            // Whoever has left in this moment comes again with the same records; that cannot be known before.
            let _ = stored.send(());
        }
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
