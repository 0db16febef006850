//! Log records: from the inputs into the database, to whoever follows them, and counted.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use api::{CountersNow, LogDesk, Talker};
use async_trait::async_trait;
use engine::{Observation, ObservationSink};
use lab::{
    Board, BoardKind, Code, Failure,
    board::Mode,
    counts::{Counts, Sources},
    dial::Dial,
    gear::LogsGear,
    journal::JournalError,
    log::{Batch, Filter, Record, Stored},
    ports::PortError,
};
use logs::{Inputs, LogsConfig, Sink, pipeline::rates};
use store::logs::{Keep, LogRecovered, LogStore};
use tokio::{
    sync::broadcast,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{databases, own_counts::OwnCounts};
use crate::clock;

/// Name of the log database among the troubles of services.
pub(super) const SERVICE: &str = "log database";
/// Records that a follower may lag behind: ten seconds of a talkative lab.
const FOLLOWED: usize = 4096;
/// Pace of telling how the streams stand, and of taking what our own services counted.
const PACE: Duration = Duration::from_secs(1);
/// Pace of forgetting, while there is nothing to forget.
const TRIM: Duration = Duration::from_secs(60);
/// Between two steps of forgetting commits have their turn.
const STEP: Duration = Duration::from_millis(250);
/// After an unclean stop the file is looked through when the start is over.
const CHECK_AFTER: Duration = Duration::from_secs(30);
const MEGABYTE: u64 = 1_000_000;

/// Everything about log records that others ask for.
pub(super) struct Logs {
    store: LogStore,
    gear: LogsGear,
    sources: Sources,
    since_us: i64,
    counts: Mutex<Counts>,
    follow: broadcast::Sender<Arc<Stored>>,
    inputs: OnceLock<Inputs>,
}

impl Logs {
    fn new(board: &Board, gear: LogsGear, store: LogStore, recovered: &LogRecovered) -> Arc<Self> {
        let (follow, _) = broadcast::channel(FOLLOWED);
        Arc::new(Self {
            store,
            gear,
            sources: board.counter_sources(),
            since_us: recovered.counting_since_us,
            counts: Mutex::new(recovered.counts.clone()),
            follow,
            inputs: OnceLock::new(),
        })
    }

    /// Takes a record that was made in this process.
    pub(super) fn own(&self, record: Record) {
        if let Some(inputs) = self.inputs.get() {
            inputs.own(record);
        }
    }

    /// When the last record was read, before this start.
    pub(super) async fn newest_us(&self) -> Option<i64> {
        let newest = self.store.records(&Filter::default(), None, 1).await.ok()?;
        newest.first().map(|stored| stored.record.seen_us)
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the log database. Without one the program still runs, and says why.
pub(super) async fn open(
    folder: &Path,
    board: &Board,
    gear: LogsGear,
) -> Result<(Arc<Logs>, LogRecovered), Failure> {
    let opened = LogStore::open(folder).await;
    let (store, recovered) = opened.map_err(|error| {
        let remedy = format!("{}; then start the program again", error.remedy());
        Failure::new(Code::Storage, "open the log database", error.to_string(), remedy)
    })?;
    Ok((Logs::new(board, gear, store, &recovered), recovered))
}

/// Inputs as they are opened: files in the board's folder, addresses as they are dialled on this board; on the simulated one a place that another engine holds moves to a free
/// one. Watched only, nothing listens: those ports are others'.
pub(super) fn placed(board: &Board, folder: &Path) -> LogsGear {
    let dial = Dial::new(board.board.kind);
    let dialled = |at: SocketAddr| match at {
        SocketAddr::V4(v4) => free(board, dial.socket(*v4.ip(), v4.port()).into()),
        SocketAddr::V6(_) => at,
    };
    let listens = board.board.mode == Mode::Drive;
    let socket = |at: Option<SocketAddr>| at.filter(|_| listens).map(dialled);
    let written = &board.logs;
    LogsGear {
        collector: written.collector.as_ref().map(|path| folder.join(path)),
        otlp: socket(written.otlp),
        syslog_udp: socket(written.syslog_udp),
        syslog_tcp: socket(written.syslog_tcp),
        talos: socket(written.talos),
        ..written.clone()
    }
}

fn free(board: &Board, at: SocketAddr) -> SocketAddr {
    let simulated = board.board.kind == BoardKind::Simulated;
    let taken = || std::net::TcpListener::bind(at).is_err() || std::net::UdpSocket::bind(at).is_err();
    if simulated && taken() { SocketAddr::new(at.ip(), 0) } else { at }
}

fn port_error(error: JournalError) -> PortError {
    PortError { what: error.what, why: error.why, remedy: error.remedy, absent: false }
}

#[async_trait]
impl Sink for Logs {
    async fn commit(&self, batch: &Batch) -> Result<(), PortError> {
        let numbers = self.store.commit(batch).await.map_err(port_error)?;
        self.counts().merge(&batch.counts);
        if self.follow.receiver_count() > 0 {
            for (id, record) in numbers.zip(&batch.records) {
                // Nobody listening any more is no error.
                let _ = self.follow.send(Arc::new(Stored { id, record: record.clone() }));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl LogDesk for Logs {
    async fn records(
        &self,
        filter: &Filter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Arc<Stored>>, PortError> {
        let found = self.store.records(filter, before, limit).await.map_err(port_error)?;
        Ok(found.into_iter().map(Arc::new).collect())
    }

    fn follow(&self) -> broadcast::Receiver<Arc<Stored>> {
        self.follow.subscribe()
    }

    fn counters(&self) -> CountersNow {
        let rates = self.inputs.get().map(Inputs::rates).unwrap_or_default();
        CountersNow {
            profile: self.gear.profile,
            sources: self.sources,
            since_us: self.since_us,
            counts: self.counts().clone(),
            rates: rates.counters,
            nodes: rates.nodes.into_iter().map(talker).collect(),
            services: rates.services.into_iter().map(talker).collect(),
        }
    }
}

fn talker(talker: rates::Talker) -> Talker {
    Talker { name: talker.name, records: talker.records, rate: talker.rate }
}

/// What the task of the logs needs.
pub(super) struct LogsTask {
    pub(super) logs: Arc<Logs>,
    pub(super) recovered: LogRecovered,
    /// The program before this one was not stopped in order.
    pub(super) unclean: bool,
    pub(super) board: Arc<Board>,
    pub(super) own: OwnCounts,
    pub(super) sink: ObservationSink,
    pub(super) stop: CancellationToken,
}

/// Starts the inputs, and tells how they stand until told to stop; when it returns, the last batch is stored.
pub(super) async fn run(task: LogsTask) {
    let LogsTask { logs, recovered, unclean, board, own, sink, stop } = task;
    let config = LogsConfig {
        gear: logs.gear.clone(),
        sources: logs.sources,
        offsets: recovered.offsets,
        name_of: names(&board),
    };
    // The inputs end after everything that could still hand them something.
    let inputs_stop = CancellationToken::new();
    let inputs = Inputs::start(config, logs.clone(), Arc::new(clock::now), &inputs_stop);
    let inputs = logs.inputs.get_or_init(|| inputs);
    let mut aside = logs.store.set_aside();
    aside.mark_changed();
    let (mut pace, mut trim) = (interval(PACE), interval(TRIM));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let check = tokio::time::sleep(CHECK_AFTER);
    tokio::pin!(check);
    let mut unchecked = unclean;
    let mut checking = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = checking.join_next(), if !checking.is_empty() => {}
            _ = pace.tick() => tell(&logs, inputs, &own, &sink),
            _ = trim.tick() => {
                if let Some(soon) = forget(&logs).await {
                    trim.reset_after(soon);
                }
            }
            () = &mut check, if unchecked => {
                unchecked = false;
                let store = logs.store.clone();
                // Beside everything else, since it takes minutes on a slow disk; it ends with its limit.
                checking.spawn(async move {
                    if let Err(error) = store.check().await {
                        tracing::warn!(%error, "the log database could not be checked");
                    }
                });
            }
            Ok(()) = aside.changed() => {
                let found = aside.borrow_and_update().clone();
                if let Some(aside) = found {
                    let failure = Some(databases::records(&aside));
                    sink.put(Observation::Trouble { service: databases::RECORDS.into(), failure });
                }
            }
        }
    }
    inputs.add_counts(&logs.sources.only(&own.take(), lab::counts::Source::Engine));
    inputs_stop.cancel();
    inputs.ended().await;
}

/// How the streams stand, and what our own services counted since the last time.
fn tell(logs: &Logs, inputs: &Inputs, own: &OwnCounts, sink: &ObservationSink) {
    inputs.add_counts(&logs.sources.only(&own.take(), lab::counts::Source::Engine));
    sink.put(Observation::Streams { stamp: clock::now(), readings: inputs.readings() });
    let failure =
        inputs.failure().map(|error| Failure::new(Code::Storage, error.what, error.why, error.remedy));
    sink.put(Observation::Trouble { service: SERVICE.into(), failure });
}

/// One step of forgetting; `Some` while there is more to do.
async fn forget(logs: &Logs) -> Option<Duration> {
    let keep = Keep { bytes: logs.gear.keep_mb.0.saturating_mul(MEGABYTE), days: logs.gear.keep_days.0 };
    match logs.store.trim(keep, clock::now().wall_us).await {
        Ok(trimmed) => trimmed.more.then_some(STEP),
        Err(error) => {
            tracing::warn!(%error, "old log records could not be forgotten");
            None
        }
    }
}

/// Machines that do not say their name are known by their address.
fn names(board: &Arc<Board>) -> Arc<dyn Fn(IpAddr) -> Option<String> + Send + Sync> {
    let dial = Dial::new(board.board.kind);
    let known: Vec<(IpAddr, String)> = board
        .machines
        .iter()
        .flat_map(|machine| {
            let dialled = dial.address(machine.address);
            [(IpAddr::V4(dialled), machine.name.clone()), (IpAddr::V4(machine.address), machine.name.clone())]
        })
        .collect();
    Arc::new(move |asked| known.iter().find(|(address, _)| *address == asked).map(|(_, name)| name.clone()))
}
