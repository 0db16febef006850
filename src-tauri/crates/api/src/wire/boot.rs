//! Boots, events and packets on the wire.

use lab::{
    Boot, Event, Status,
    journal::Packet,
    status::{at_speed, median},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{VerdictWire, seconds, time, word};

/// One power-on of one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BootWire {
    pub id: u64,
    pub machine: String,
    pub run: Option<u64>,
    /// `press` or `first-sign`.
    pub cause: String,
    /// `running`, `good`, `failed`, `abandoned`.
    pub state: String,
    pub reason: Option<String>,
    pub started: String,
    pub ended: Option<String>,
    pub seconds: Option<f64>,
    pub phases: Vec<PhaseWire>,
    /// Why it does not go on, or did not; `null` when nothing is known to be wrong.
    pub verdict: Option<VerdictWire>,
    /// What a person saw on the machine's own screen: `shows-system`, `waits-for-key`, `is-dark`.
    pub screen: Option<String>,
}

/// One of the six phases, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhaseWire {
    pub phase: String,
    pub started: String,
    /// `null` while it runs, or when the host's clock began anew meanwhile.
    pub seconds: Option<f64>,
    /// Median of this machine's good boots; `null` without history.
    pub usual: Option<f64>,
    /// When it has usually ended.
    pub expected: Option<String>,
    pub marks: Vec<MarkWire>,
}

/// A finer moment inside a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MarkWire {
    pub mark: String,
    /// Seconds since the boot began.
    pub at: Option<f64>,
    /// Number of its event.
    pub seq: u64,
    #[schema(value_type = Object, nullable)]
    pub detail: serde_json::Value,
}

impl BootWire {
    /// `status` lends this machine's history.
    pub fn new(boot: &Boot, status: &Status) -> Self {
        let history = status.boots.get(&at_speed(&boot.machine, status.engine.speed));
        let usual =
            |phase: lab::Phase| median(lab::explain::lengths(history.map_or(&[], Vec::as_slice), phase));
        let phases = boot.phases.iter().map(|span| PhaseWire {
            phase: span.phase.word().to_owned(),
            started: time(span.started.wall_us),
            seconds: seconds(span.seconds()),
            usual: seconds(usual(span.phase)),
            expected: usual(span.phase).map(|usual| time(span.started.after(usual).wall_us)),
            marks: span
                .marks
                .iter()
                .map(|mark| MarkWire {
                    mark: mark.name.clone(),
                    at: seconds(mark.stamp.seconds_since(&boot.started)),
                    seq: mark.seq,
                    detail: mark.detail.clone(),
                })
                .collect(),
        });
        Self {
            id: boot.id,
            machine: boot.machine.clone(),
            run: boot.run,
            cause: word(&boot.cause),
            state: boot.state.word().to_owned(),
            reason: boot.why.clone(),
            started: time(boot.started.wall_us),
            ended: boot.ended.as_ref().map(|stamp| time(stamp.wall_us)),
            seconds: seconds(boot.seconds()),
            phases: phases.collect(),
            verdict: boot.verdict.as_ref().map(|verdict| VerdictWire::new(verdict, &boot.machine)),
            screen: boot.screen.as_ref().map(|looked| looked.answer.word().to_owned()),
        }
    }
}

/// A recorded fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventWire {
    pub seq: u64,
    pub at: String,
    /// Microseconds of the host's monotonic clock, within one `host_boot`.
    pub mono_us: i64,
    pub host_boot: String,
    pub run: Option<u64>,
    pub boot: Option<u64>,
    pub actor: String,
    pub reason: Option<String>,
    pub subject: String,
    pub kind: String,
    /// One line for people.
    pub says: String,
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    pub schema: u32,
}

impl From<&Event> for EventWire {
    fn from(event: &Event) -> Self {
        let draft = &event.draft;
        let data = serde_json::to_value(&draft.body).ok();
        Self {
            seq: event.seq,
            at: time(draft.stamp.wall_us),
            mono_us: draft.stamp.mono_us,
            host_boot: draft.stamp.host_boot.clone(),
            run: draft.run,
            boot: draft.boot,
            actor: draft.actor.clone(),
            reason: draft.reason.clone(),
            subject: draft.subject.clone(),
            kind: draft.body.kind().to_owned(),
            says: draft.body.says(),
            data: data
                .and_then(|mut body| body.get_mut("data").map(serde_json::Value::take))
                .unwrap_or_default(),
            schema: event.schema,
        }
    }
}

/// One packet of a boot, as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PacketWire {
    pub at: String,
    /// `in` from the machine, `out` towards it.
    pub direction: String,
    pub proto: String,
    pub bytes: u64,
    pub says: String,
}

impl From<&Packet> for PacketWire {
    fn from(packet: &Packet) -> Self {
        Self {
            at: time(packet.stamp.wall_us),
            direction: packet.direction.clone(),
            proto: packet.proto.clone(),
            bytes: packet.bytes,
            says: packet.says.clone(),
        }
    }
}
