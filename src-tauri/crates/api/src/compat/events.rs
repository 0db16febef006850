//! The engine's events in the shape of the owner's log records.

use std::collections::BTreeMap;

use lab::{Board, BootState, Event, RunState, event::Body};
use serde::Serialize;

/// Service under which ours are told apart from what the board's programs log.
const SERVICE: &str = "statusinator";
/// Where everything happens that no machine is named for.
const BOSS: &str = "boss";

/// One frame of `/events`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LogEvent {
    pub(super) node: String,
    pub(super) service: &'static str,
    pub(super) level: &'static str,
    pub(super) message: String,
    pub(super) attributes: BTreeMap<&'static str, String>,
    pub(super) interesting: bool,
}

impl LogEvent {
    /// `lost`: how many before it this reader did not get.
    pub(super) fn new(board: &Board, event: &Event, lost: u64) -> Self {
        let draft = &event.draft;
        let machine = board.machines.iter().any(|machine| machine.name == draft.subject);
        let level = level(event.body());
        let numbers = [("run", draft.run), ("boot", draft.boot), ("dropped", Some(lost).filter(|n| *n > 0))];
        let mut attributes: BTreeMap<&'static str, String> =
            numbers.into_iter().filter_map(|(name, number)| Some((name, number?.to_string()))).collect();
        attributes.insert("kind", event.body().kind().to_owned());
        attributes.insert("seq", event.seq.to_string());
        attributes.insert("subject", draft.subject.clone());
        attributes.insert("actor", draft.actor.clone());
        attributes.insert("timeUnixNano", draft.stamp.wall_us.saturating_mul(1000).to_string());
        Self {
            node: if machine { draft.subject.clone() } else { BOSS.to_owned() },
            service: SERVICE,
            level,
            message: event.body().says(),
            attributes,
            interesting: level != "info",
        }
    }
}

/// By what an operator would do about it.
pub fn level(body: &Body) -> &'static str {
    match body {
        Body::TaskFailed { .. }
        | Body::PowerFailed { .. }
        | Body::DeviceLost { .. }
        | Body::ServiceTroubled { .. }
        | Body::StorageFailed { .. }
        | Body::StreamSilent { .. }
        | Body::Explained { .. }
        | Body::RunEnded { state: RunState::Failed, .. }
        | Body::BootEnded { state: BootState::Failed, .. } => "error",
        Body::CommandRefused { .. }
        | Body::LoopStopped { .. }
        | Body::RivalHeard { .. }
        | Body::PowerForgotten { .. }
        | Body::WayDropped { .. }
        | Body::CertificateRefused { .. }
        | Body::RunEnded { state: RunState::Cancelled, .. }
        | Body::BootEnded { state: BootState::Abandoned, .. } => "warning",
        _ => "info",
    }
}
