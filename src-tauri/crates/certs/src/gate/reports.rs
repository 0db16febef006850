//! What gates before the engine's time came to: a file each, read and removed by the engine.

use std::{fs, path::Path, time::Duration};

use lab::{
    certificate::{CertificatesReading, Gate, judge},
    clock::Trust,
};

use super::{count, good};
use crate::place::{self, Wish};

/// Services of one board; more were left by something that went wrong.
const MOST: usize = 256;
/// Reports of an older start say nothing of this one.
const OLD_US: i64 = 3600 * crate::MICROS;

/// Leaves a report. Without one the gate has worked all the same.
pub(super) async fn leave(folder: &Path, gate: &Gate) {
    let folder = folder.join("gate");
    let Ok(bytes) = serde_json::to_vec(gate) else { return };
    let name = format!("{}-{}.json", gate.at_us, std::process::id());
    let left = tokio::task::spawn_blocking(move || {
        let whose = place::prepare(&folder)?;
        place::whole(&folder.join(name), &bytes, Wish { mode: 0o600, whose: Some(whose) })
    });
    if let Ok(Err(error)) = left.await {
        tracing::warn!(%error, "what the gate came to cannot be left for the engine");
    }
}

/// The engine's own first round, as a gate.
pub(crate) fn of_round(
    reading: &CertificatesReading,
    renewed: &[String],
    took: Duration,
    off_s: Option<f64>,
    trust: Trust,
) -> Gate {
    let at_us = reading.list.iter().map(|one| one.looked_us).max().unwrap_or_default();
    let failed = reading.list.iter().filter(|one| one.ours && !judge(one, at_us, trust).state.works());
    Gate {
        good: count(good(reading, at_us, trust)),
        renewed: count(renewed.len()),
        failed: failed.map(|one| one.name.clone()).collect(),
        seconds: took.as_secs_f64(),
        off_s,
        at_us,
    }
}

/// One gate of the engine's own and all that were left; `None` where there is nothing to tell.
pub(crate) async fn told(folder: &Path, own: Option<Gate>, now_us: i64) -> Option<Gate> {
    let folder = folder.join("gate");
    let left = tokio::task::spawn_blocking(move || take(&folder, now_us)).await.unwrap_or_default();
    let mut all = left.into_iter();
    let first = all.next();
    let merged = all.fold(first, |sum, one| sum.map(|sum| merge(sum, one)));
    match (own, merged) {
        // Those before it made good what it found good.
        (Some(own), Some(left)) => Some(Gate {
            good: own.good,
            renewed: own.renewed + left.renewed,
            seconds: own.seconds + left.seconds,
            ..own
        }),
        (own, left) => own.or(left),
    }
}

/// Two gates of one start: they ran one after the other or side by side; from the first's begin to the last's end.
fn merge(one: Gate, other: Gate) -> Gate {
    let begin = |gate: &Gate| gate.at_us - (gate.seconds * 1e6) as i64;
    let (from, until) = (begin(&one).min(begin(&other)), one.at_us.max(other.at_us));
    Gate {
        good: one.good + other.good,
        renewed: one.renewed + other.renewed,
        failed: one.failed.into_iter().chain(other.failed).collect(),
        seconds: (until - from) as f64 / 1e6,
        off_s: one.off_s.or(other.off_s),
        at_us: until,
    }
}

fn take(folder: &Path, now_us: i64) -> Vec<Gate> {
    let mut gates = Vec::new();
    for file in fs::read_dir(folder).into_iter().flatten().flatten().take(MOST) {
        let path = file.path();
        if path.extension().is_none_or(|kind| kind != "json") {
            continue;
        }
        let gate = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Gate>(&bytes).ok());
        // One that stays would be told again and again.
        if fs::remove_file(&path).is_ok() {
            gates.extend(gate.filter(|gate| now_us - gate.at_us < OLD_US));
        }
    }
    gates
}
