//! What watchers and servers saw, in the vocabulary's words. Wiring translates; the loop interprets.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use lab::{
    Body, Failure, Mac, Stamp,
    certificate::{CertificatesReading, Gate},
    clock::ClockReading,
    facts::Facts,
    health::Health,
    journal::Packet,
    live::{ServiceState, Transfer},
    ports::{Link, PortError, PowerReading, RouterReading, SwitchReading},
    sign::Sign,
    stream::StreamReading,
    wipe::{WipeAsk, WipeReport},
};
use tokio::sync::mpsc;

/// One look at the world.
#[derive(Debug)]
pub enum Observation {
    /// A machine of the board showed this on its wire; `says` is for people.
    Sign { machine: String, stamp: Stamp, sign: Sign, says: String },
    /// Its agent wrote a variable of its firmware, or was refused.
    EfiWritten { machine: String, stamp: Stamp, name: String, refused: Option<String> },
    /// Its agent reported what it is.
    Report { machine: String, stamp: Stamp, facts: Box<Facts>, heartbeat_ms: Option<u64> },
    /// Its agent is alive.
    Heartbeat { machine: String, stamp: Stamp },
    /// Its agent is about to switch it off.
    Goodbye { machine: String, stamp: Stamp },
    /// Its wiper found disks and asks whether to erase them.
    WipeAsked { machine: String, stamp: Stamp, ask: Box<WipeAsk> },
    /// Its wiper says what it erased.
    Wiped { machine: String, stamp: Stamp, report: Box<WipeReport> },
    /// Somebody whom the board file does not know.
    Stranger { mac: Mac, code: String, stamp: Stamp },
    /// For a boot's packet list.
    Packet(Packet),
    /// A boot file on its way, or no longer.
    Transfer { machine: String, transfer: Option<Transfer> },
    /// The power port was read, or could not be.
    Power { stamp: Stamp, reading: Result<PowerReading, PortError> },
    /// The touch screens that are connected now.
    TouchPanels(Vec<String>),
    /// A count, absolute.
    Counter { name: String, value: u64 },
    /// The files that a role boots from now on, all of them at once.
    Image { role: String, name: String, version: String, digest: String },
    /// What a service promises was tried: why it is not kept, or that it is.
    Trouble { service: String, failure: Option<Failure> },
    /// A service came up, or went.
    Service(ServiceState),
    /// A machine's network port gained or lost its link, or changed its speed; told once for each change.
    Link { machine: String, stamp: Stamp, link: Link },
    /// The switch was read, or could not be.
    Switch { stamp: Stamp, reading: Result<SwitchReading, PortError> },
    /// The router was read, or could not be.
    Router { stamp: Stamp, reading: Result<RouterReading, PortError> },
    /// A device that nobody reads from answers, or is lost and why.
    Device { device: String, stamp: Stamp, failure: Option<Failure> },
    /// Streams as they stand, about once a second.
    Streams { stamp: Stamp, readings: Vec<StreamReading> },
    /// Certificates were looked at.
    Certificates { stamp: Stamp, reading: Box<CertificatesReading> },
    /// One was renewed.
    CertificateRenewed { stamp: Stamp, certificate: String, by: String, not_after_us: i64, seconds: f64 },
    /// Certificates were made good before their users were started.
    Gate { stamp: Stamp, gate: Gate },
    /// The clock was compared.
    Clock { stamp: Stamp, readings: Vec<ClockReading> },
    /// The controller's health was read.
    Health { stamp: Stamp, health: Health },
    /// The boot script as a machine was served it.
    Script { machine: String, text: String },
    /// A fact that only its observer could see: a rival, a service in trouble, a fault put in, a way chosen. Recorded
    /// unless the status says so already; facts that the engine itself makes are refused.
    Fact { subject: String, stamp: Stamp, body: Box<Body> },
}

/// Observations that may wait. At 20 packets a boot and 30 machines this is minutes of backlog; beyond it they drop,
/// counted, because a boot server must never wait for its own bookkeeping.
const OBSERVATIONS_WAITING: usize = 4096;

/// Where observers put what they see. Never blocks.
#[derive(Clone)]
pub struct ObservationSink {
    queue: mpsc::Sender<Observation>,
    dropped: Arc<AtomicU64>,
}

impl ObservationSink {
    pub fn channel() -> (Self, mpsc::Receiver<Observation>) {
        let (queue, receiver) = mpsc::channel(OBSERVATIONS_WAITING);
        (Self { queue, dropped: Arc::new(AtomicU64::new(0)) }, receiver)
    }

    pub fn put(&self, observation: Observation) {
        if self.queue.try_send(observation).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
