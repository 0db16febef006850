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
    sync::{mpsc, oneshot},
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

/// A batch, and what happens when it is stored.
#[derive(Default)]
struct Gathered {
    batch: Batch,
    parcels: Vec<Parcel>,
    /// What logs say, of all counters.
    said: Counts,
    waiting: Vec<oneshot::Sender<()>>,
    weight: usize,
}

impl Gathered {
    fn add(&mut self, mut parcel: Parcel) {
        if parcel.is_abandoned() {
            return;
        }
        self.weight += parcel.weight();
        self.batch.records.append(&mut parcel.records);
        self.said.merge(&parcel.counts);
        if let Some((stream, offsets)) = parcel.offsets.take() {
            self.batch.offsets.insert(stream.to_owned(), offsets);
        }
        self.waiting.extend(parcel.stored.take());
        // Its place in the backlog is free when it is stored.
        self.parcels.push(parcel);
    }

    fn is_empty(&self) -> bool {
        self.batch.records.is_empty() && self.batch.offsets.is_empty() && self.said.is_empty()
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
                    if gathered.is_empty() {
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
        if gathered.is_empty() && engine.is_empty() {
            return true;
        }
        let mut counts = self.sources.only(&gathered.said, Source::Log);
        counts.merge(&self.sources.only(&engine, Source::Engine));
        gathered.batch.counts = counts;
        let mut pause = RETRY.0;
        loop {
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
        }
        if lock(&self.shared.failure).take().is_some() {
            tracing::info!("records are stored again");
        }
        let now = (self.clock)().mono_us;
        lock(&self.shared.rates).add(now, &gathered.batch.records, &gathered.batch.counts);
        for waiting in gathered.waiting {
            // Whoever has left meanwhile comes again with the same records; that cannot be known before.
            let _ = waiting.send(());
        }
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
