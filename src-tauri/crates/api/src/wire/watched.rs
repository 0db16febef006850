//! Streams, certificates, clock and the controller's health on the wire.

use lab::{
    certificate::{Gate, Judged, worst},
    live::{CertificatesLive, Live},
    status::Status,
    stream::{Silence, StreamLive},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FailureWire, seconds, time, word};

/// A stream that should keep coming.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StreamWire {
    pub name: String,
    pub title: String,
    /// When its newest item came.
    pub newest: Option<String>,
    pub items: u64,
    /// Items a second over the last ten seconds.
    pub rate: Option<f64>,
    pub dropped: u64,
    pub bad: u64,
    /// The longest pause in seconds that is usual for it; `null` while that is being learnt.
    pub pace: Option<f64>,
    /// Why it cannot be read at all.
    pub failure: Option<FailureWire>,
    pub silence: Option<SilenceWire>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SilenceWire {
    pub since: Option<String>,
    /// `clock`, `certificate`, `process`, `port`, `file`, `network`, `unknown`.
    pub cause: String,
    pub failure: FailureWire,
}

/// All certificates, the worst of them, and the gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CertificatesWire {
    pub looked: String,
    pub list: Vec<CertificateWire>,
    /// What the header shows: the worst state, then the soonest end. `null` when there are none.
    pub worst: Option<CertificateWire>,
    /// How many are in that worst state.
    pub worst_count: u32,
    pub good: u32,
    /// Name of the CA, and why it does not answer.
    pub ca: String,
    pub ca_failure: Option<FailureWire>,
    pub ca_silent_since: Option<String>,
    pub gate: Option<GateWire>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CertificateWire {
    pub name: String,
    pub used_by: String,
    pub place: String,
    /// `good`, `unknown`, `late`, `not-yet-valid`, `wrong-name`, `chain-broken`, `unusable`, `expired`.
    pub state: String,
    /// The same for people.
    pub word: String,
    pub says: String,
    pub subject: Option<String>,
    pub names: Vec<String>,
    pub issuer: Option<String>,
    pub fingerprint: Option<String>,
    pub not_before: Option<String>,
    pub not_after: Option<String>,
    /// When its renewal is due; `null` where it is not ours.
    pub due: Option<String>,
    pub ours: bool,
    pub note: Option<String>,
    pub failure: Option<FailureWire>,
    pub renewed: Option<String>,
    pub renewed_by: Option<String>,
    pub renewal_tried: Option<String>,
    pub renewal_failure: Option<FailureWire>,
    pub renewal_next: Option<String>,
    /// What the reload command came to.
    pub reload: Option<String>,
}

/// The last time certificates were made good before their users were started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateWire {
    pub at: String,
    pub good: u32,
    pub renewed: u32,
    pub failed: Vec<String>,
    pub seconds: f64,
    /// For how long the program was off before.
    pub off_seconds: Option<f64>,
}

/// How far the clock is believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClockWire {
    /// `good`, `unconfirmed`, `off`, `behind`.
    pub trust: String,
    pub says: String,
    pub remedy: String,
    /// By how many seconds it is wrong; negative: behind.
    pub ahead: Option<f64>,
    pub sources: Vec<ClockSourceWire>,
    pub looked: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClockSourceWire {
    /// `ntp`, `router`, `store`, `certificate`, `build`.
    pub source: String,
    pub name: String,
    pub ahead: Option<f64>,
    pub synced: Option<bool>,
    pub says: String,
}

/// The controller's health; what cannot be read is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthWire {
    pub at: String,
    /// 0 to 1.
    pub cpu: Option<f64>,
    pub softirq: Option<f64>,
    pub memory_used: Option<u64>,
    pub memory_total: Option<u64>,
    pub disk_free: Option<u64>,
    pub disk_total: Option<u64>,
    pub celsius: Option<f64>,
    pub socket_drops: Option<u64>,
    pub backlog_drops: Option<u64>,
}

impl StreamWire {
    pub(super) fn all(status: &Status, live: &Live) -> Vec<Self> {
        live.streams.values().map(|stream| Self::new(stream, status)).collect()
    }

    fn new(stream: &StreamLive, status: &Status) -> Self {
        let reading = &stream.reading;
        Self {
            name: reading.name.clone(),
            title: reading.title.clone(),
            newest: reading.newest.as_ref().map(|stamp| time(stamp.wall_us)),
            items: reading.items,
            rate: seconds(stream.rate),
            dropped: reading.dropped,
            bad: reading.bad,
            pace: seconds(stream.pace_s),
            failure: reading.failure.as_ref().map(FailureWire::from),
            silence: status.watched.silent.get(&reading.name).map(SilenceWire::from),
        }
    }
}

impl From<&Silence> for SilenceWire {
    fn from(silence: &Silence) -> Self {
        Self {
            since: silence.since_us.map(time),
            cause: word(&silence.cause),
            failure: FailureWire::from(&silence.failure),
        }
    }
}

impl CertificatesWire {
    pub(super) fn of(status: &Status, live: &Live) -> Option<Self> {
        let CertificatesLive { list, reading, stamp } = live.certificates.as_ref()?;
        let worst = worst(list);
        let count = |state| list.iter().filter(|judged| judged.state == state).count() as u32;
        Some(Self {
            looked: time(stamp.wall_us),
            list: list.iter().map(CertificateWire::from).collect(),
            worst: worst.map(CertificateWire::from),
            worst_count: worst.map_or(0, |worst| count(worst.state)),
            good: count(lab::certificate::CertificateState::Good),
            ca: reading.ca.clone(),
            ca_failure: reading.ca_failure.as_ref().map(FailureWire::from),
            ca_silent_since: reading.ca_silent_since_us.map(time),
            gate: status.watched.gate.as_ref().map(GateWire::from),
        })
    }
}

impl From<&Judged> for CertificateWire {
    fn from(judged: &Judged) -> Self {
        let reading = &judged.reading;
        let facts = reading.facts.as_ref();
        let renewal = &reading.renewal;
        Self {
            name: reading.name.clone(),
            used_by: reading.used_by.clone(),
            place: reading.place.clone(),
            state: word(&judged.state),
            word: judged.state.word().to_owned(),
            says: judged.says.clone(),
            subject: facts.map(|facts| facts.subject.clone()),
            names: facts.map(|facts| facts.names.clone()).unwrap_or_default(),
            issuer: facts.map(|facts| facts.issuer.clone()),
            fingerprint: facts.map(|facts| facts.fingerprint.clone()),
            not_before: facts.map(|facts| time(facts.not_before_us)),
            not_after: facts.map(|facts| time(facts.not_after_us)),
            due: judged.due_us.map(time),
            ours: reading.ours,
            note: reading.note.clone(),
            failure: reading.failure.as_ref().map(FailureWire::from),
            renewed: renewal.renewed_us.map(time),
            renewed_by: renewal.by.clone(),
            renewal_tried: renewal.tried_us.map(time),
            renewal_failure: renewal.failure.as_ref().map(FailureWire::from),
            renewal_next: renewal.next_us.map(time),
            reload: renewal.reload.clone(),
        }
    }
}

impl From<&Gate> for GateWire {
    fn from(gate: &Gate) -> Self {
        Self {
            at: time(gate.at_us),
            good: gate.good,
            renewed: gate.renewed,
            failed: gate.failed.clone(),
            seconds: gate.seconds,
            off_seconds: gate.off_s,
        }
    }
}

impl ClockWire {
    pub(super) fn of(status: &Status, live: &Live) -> Option<Self> {
        let known = status.watched.clock.as_ref()?;
        // Events tell when its trust changes; the milliseconds are those of the last look.
        let fresh = live.clock.as_ref().map(|(readings, _)| lab::clock::judge(readings));
        let state = fresh.filter(|fresh| fresh.trust == known.trust).unwrap_or_else(|| known.clone());
        let (sources, stamp) = live.clock.as_ref().map(|(list, stamp)| (list.as_slice(), stamp)).unzip();
        Some(Self {
            trust: state.trust.word().to_owned(),
            says: state.says,
            remedy: state.remedy,
            ahead: seconds(state.ahead_s),
            sources: sources.unwrap_or_default().iter().map(ClockSourceWire::from).collect(),
            looked: stamp.map(|stamp| time(stamp.wall_us)),
        })
    }
}

impl From<&lab::clock::ClockReading> for ClockSourceWire {
    fn from(reading: &lab::clock::ClockReading) -> Self {
        Self {
            source: word(&reading.source),
            name: reading.name.clone(),
            ahead: seconds(reading.ahead_s),
            synced: reading.synced,
            says: reading.says.clone(),
        }
    }
}

impl HealthWire {
    pub(super) fn of(live: &Live) -> Option<Self> {
        let (health, stamp) = live.health.as_ref()?;
        Some(Self {
            at: time(stamp.wall_us),
            cpu: seconds(health.cpu),
            softirq: seconds(health.softirq),
            memory_used: health.memory_used,
            memory_total: health.memory_total,
            disk_free: health.disk_free,
            disk_total: health.disk_total,
            celsius: seconds(health.celsius),
            socket_drops: health.socket_drops,
            backlog_drops: health.backlog_drops,
        })
    }
}
