//! What stands now and is worth a message, by names that stay the same while it does.

use std::collections::BTreeMap;

use lab::{
    Failure, RunState,
    certificate::CertificateState,
    explain::{CLOCK, STORAGE, WEBHOOK},
    live::Snapshot,
};
use serde::{Deserialize, Serialize};

/// A fault in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cause {
    pub(super) title: String,
    pub(super) body: String,
    /// As ntfy has it: 3 is usual, 5 wakes people.
    pub(super) priority: u8,
    /// Whether its end is news as well.
    pub(super) ends: bool,
}

fn cause(title: String, why: &str, remedy: &str, priority: u8) -> Cause {
    let body = if remedy.is_empty() { why.to_owned() } else { format!("{why}\nWhat to do: {remedy}") };
    Cause { title, body, priority, ends: true }
}

fn of(title: String, failure: &Failure, priority: u8) -> Cause {
    cause(title, &failure.why, &failure.remedy, priority)
}

/// All faults that stand, by name.
pub(super) fn standing(snapshot: &Snapshot) -> BTreeMap<String, Cause> {
    let (status, live) = (&snapshot.status, &snapshot.live);
    let mut all = BTreeMap::new();
    let clock = status.watched.clock.as_ref().filter(|clock| !clock.trust.usable());
    if let Some(clock) = clock {
        all.insert("clock".into(), cause("the clock is wrong".into(), &clock.says, &clock.remedy, 4));
    }
    if let Some(trouble) = &live.storage {
        let remedy = "free space in the data folder or make it writable";
        all.insert("storage".into(), cause("events cannot be written".into(), &trouble.why, remedy, 5));
    }
    for (name, silence) in &status.watched.silent {
        all.insert(format!("stream {name}"), of(format!("{name} is silent"), &silence.failure, 3));
    }
    for (name, certificate) in &status.watched.certificates {
        let state = certificate.state;
        if !matches!(state, CertificateState::Good | CertificateState::Unknown) {
            let priority = if state.works() { 3 } else { 4 };
            let remedy = certificate.failure.as_ref().map_or("", |failure| failure.remedy.as_str());
            let title = format!("certificate {name} is {}", state.word());
            // Late and then expired are two causes: the second is worse.
            all.insert(
                format!("certificate {name} {}", state.word()),
                cause(title, &certificate.says, remedy, priority),
            );
        }
    }
    for (name, device) in &status.devices {
        if let Some(failure) = device.failure.as_ref().filter(|_| !device.present) {
            all.insert(format!("device {name}"), of(format!("{name} lost"), failure, 4));
        }
    }
    for (name, failure) in &status.troubles {
        // Told above, or not to be told by the messenger that is in trouble itself.
        let told = [WEBHOOK, STORAGE].contains(&name.as_str()) || (name == CLOCK && clock.is_some());
        if !told {
            all.insert(format!("service {name}"), of(format!("{name} is in trouble"), failure, 3));
        }
    }
    verdicts(snapshot, &mut all);
    if let Some(run) = status.run.as_ref().filter(|run| run.state == RunState::Failed) {
        // One that failed before this engine began is history.
        let ours = run.ended.as_ref().zip(status.engine.started.as_ref());
        if ours.is_some_and(|(ended, started)| ended.seconds_since(started).is_some_and(|s| s >= 0.0)) {
            let why = run.why.as_deref().unwrap_or("nothing is known of why");
            let told = cause(format!("lab {} failed", run.lab), why, "open its run in the program", 3);
            all.insert(format!("run {}", run.id), Cause { ends: false, ..told });
        }
    }
    all
}

/// What is wrong with machines; what several have in common is told once.
fn verdicts(snapshot: &Snapshot, all: &mut BTreeMap<String, Cause>) {
    let status = &snapshot.status;
    let common = status.common.as_ref();
    if let Some(verdict) = common {
        let title = format!("{}: {}", verdict.machines.join(", "), verdict.code.words());
        all.insert(
            format!("common {}", verdict.code.words()),
            cause(title, &verdict.says, &verdict.remedy, 4),
        );
    }
    for (name, machine) in &status.machines {
        let covered = common.is_some_and(|common| common.machines.contains(name));
        if let Some(verdict) = machine.verdict.as_ref().filter(|_| !covered) {
            let title = format!("{name}: {}", verdict.code.words());
            all.insert(format!("machine {name}"), cause(title, &verdict.says, &verdict.remedy, 3));
        }
    }
}
