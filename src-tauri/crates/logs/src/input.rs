//! All inputs of a board, started together and asked together.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use lab::{
    counts::{Counts, Sources},
    gear::LogsGear,
    log::{Offset, Record},
    ports::PortError,
    stream::{self, StreamReading},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    collector,
    pipeline::{Batcher, Clock, Door, Meter, PARCELS, Parcel, Shared, Sink, rates::Rates},
    receiver, syslog, talos,
};

/// Parcels of files that wait; each is a megabyte of lines.
const FILES: usize = 2;
/// Streams that come over the network or are made here.
const OTHERS: usize = 6;

/// Whose address this is; machines that do not say their name are known by it.
pub type NameOf = Arc<dyn Fn(IpAddr) -> Option<String> + Send + Sync>;

/// What the inputs are started with.
pub struct LogsConfig {
    /// Addresses are those to listen on, already mapped to this host's.
    pub gear: LogsGear,
    pub sources: Sources,
    /// By stream, as they were committed last.
    pub offsets: BTreeMap<String, Vec<Offset>>,
    pub name_of: NameOf,
}

/// The running inputs. Dropping them ends everything.
pub struct Inputs {
    meters: Vec<Arc<Meter>>,
    /// For records that are made here, by stream.
    own: Vec<Arc<Door>>,
    shared: Arc<Shared>,
    clock: Clock,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Inputs {
    /// Starts what the board file names. Whatever cannot be opened is tried again and again, and says why in its reading.
    /// Needs a tokio runtime.
    pub fn start(config: LogsConfig, sink: Arc<dyn Sink>, clock: Clock, stop: &CancellationToken) -> Self {
        let stop = stop.child_token();
        let tasks = TaskTracker::new();
        let (files_in, files) = mpsc::channel(FILES);
        let (others_in, others) = mpsc::channel(PARCELS * OTHERS);
        let mut opening = Opening { queue: others_in, clock: clock.clone(), config, meters: Vec::new() };

        if let Some(path) = opening.config.gear.collector.clone() {
            let meter =
                opening.meter(stream::COLLECTOR, format!("the collector's file {}", path.display()), false);
            let stored = opening.config.offsets.get(stream::COLLECTOR).cloned().unwrap_or_default();
            let profile = opening.config.gear.profile;
            let reader = collector::Reader::new(&path, stored, profile, meter, clock.clone());
            tasks.spawn(reader.run(files_in, stop.clone()));
        }
        if let Some(at) = opening.config.gear.otlp {
            let door = opening.door(stream::OTLP, format!("OTLP over HTTP on {at}"));
            tasks.spawn(receiver::run(at, door, stop.clone()));
        }
        if let Some(at) = opening.config.gear.syslog_udp {
            let door = opening.door(stream::SYSLOG_UDP, format!("syslog datagrams on {at}"));
            tasks.spawn(syslog::udp(at, door, opening.config.name_of.clone(), stop.clone()));
        }
        if let Some(at) = opening.config.gear.syslog_tcp {
            let door = opening.door(stream::SYSLOG_TCP, format!("syslog over TCP on {at}"));
            tasks.spawn(syslog::tcp(at, door, opening.config.name_of.clone(), stop.clone()));
        }
        if let Some(at) = opening.config.gear.talos {
            let door = opening.door(stream::TALOS, format!("Talos machines' logs on {at}"));
            tasks.spawn(talos::run(at, door, opening.config.name_of.clone(), stop.clone()));
        }
        let own = vec![
            opening.door(stream::BOOT_LOG, "what machines say while they boot".to_owned()),
            opening.door(stream::OWN, "this program's own log".to_owned()),
        ];
        let shared = Arc::new(Shared::new(&clock));
        let sources = opening.config.sources;
        let batcher = Batcher { sink, clock: clock.clone(), sources, shared: shared.clone(), files, others };
        tasks.spawn(batcher.run(stop.clone()));
        tasks.close();
        Self { meters: opening.meters, own, shared, clock, tasks, stop }
    }

    /// Each input as it is now. Streams of this process show up with their first record.
    pub fn readings(&self) -> Vec<StreamReading> {
        let own = |meter: &Meter| self.own.iter().any(|door| door.meter.name() == meter.name());
        let shown = self.meters.iter().filter(|meter| !own(meter) || meter.is_used());
        shown.map(|meter| meter.reading()).collect()
    }

    /// How much came lately.
    pub fn rates(&self) -> Rates {
        self.shared.rates((self.clock)().mono_us)
    }

    /// Why nothing can be stored, while that is so.
    pub fn failure(&self) -> Option<PortError> {
        self.shared.failure()
    }

    /// Where an input listens really; `None` while it does not.
    pub fn address(&self, stream: &str) -> Option<SocketAddr> {
        self.meters.iter().find(|meter| meter.name() == stream).and_then(|meter| meter.address())
    }

    /// Takes a record that was made in this process, of [`stream::BOOT_LOG`] or else of [`stream::OWN`].
    pub fn own(&self, mut record: Record) {
        let door = self.own.iter().find(|door| door.meter.name() == record.stream).or(self.own.last());
        if let Some(door) = door {
            record.stream = door.meter.name().to_owned();
            door.give_record(record);
        }
    }

    /// Adds what our own services saw; it is stored with the next batch.
    pub fn add_counts(&self, counts: &Counts) {
        self.shared.add(counts);
    }

    /// Waits until all has ended, after the token was cancelled: the last batch is stored then, or never.
    pub async fn ended(&self) {
        self.tasks.wait().await;
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the inputs are made of, while they are made.
struct Opening {
    queue: mpsc::Sender<Parcel>,
    clock: Clock,
    config: LogsConfig,
    meters: Vec<Arc<Meter>>,
}

impl Opening {
    fn meter(&mut self, name: &'static str, title: String, waits_for_others: bool) -> Arc<Meter> {
        let meter = Arc::new(Meter::new(name, title, waits_for_others));
        self.meters.push(meter.clone());
        meter
    }

    fn door(&mut self, name: &'static str, title: String) -> Arc<Door> {
        let meter = self.meter(name, title, true);
        Arc::new(Door::new(meter, self.clock.clone(), self.queue.clone(), self.config.gear.profile))
    }
}
