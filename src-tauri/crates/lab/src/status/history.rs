//! How things went so far: what "usual" is told from.

use serde::{Deserialize, Serialize};

use crate::boot::{Boot, Cause, Phase, PhaseSpan};

/// Good results kept for "usual"; older ones no longer tell how things are.
const USUAL_KEPT: usize = 20;

/// How a lab went so far at one speed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LabHistory {
    /// The most machines it was started on; smaller runs are not counted.
    #[serde(default)]
    pub machines: usize,
    pub good: u32,
    pub total: u32,
    /// Seconds of the last good runs, newest last.
    pub seconds: Vec<f64>,
}

/// How long the phases of one good boot took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BootTimes {
    pub boot: u64,
    /// Whether it began with our press. Otherwise its firmware phase has no length that could be known.
    #[serde(default = "yes")]
    pub pressed: bool,
    pub phases: Vec<f64>,
    pub seconds: f64,
}

fn yes() -> bool {
    true
}

/// Key under which history of a thing at a speed is kept; simulated and wall time never mix.
pub fn at_speed(name: &str, speed: u32) -> String {
    if speed > 1 { format!("{name}@{speed}") } else { name.to_owned() }
}

/// The lengths of all six phases; `None` when one is not known.
pub(super) fn times(boot: &Boot) -> Option<BootTimes> {
    let phases: Vec<f64> = boot.phases.iter().map_while(PhaseSpan::seconds).collect();
    let seconds = boot.seconds()?;
    (phases.len() == Phase::ALL.len()).then_some(BootTimes {
        boot: boot.id,
        pressed: boot.cause == Cause::Press,
        phases,
        seconds,
    })
}

pub(super) fn push_bounded<T>(kept: &mut Vec<T>, new: T) {
    push(kept, new, USUAL_KEPT);
}

/// Adds one and lets the oldest go where there are too many.
pub(super) fn push<T>(kept: &mut Vec<T>, new: T, most: usize) {
    if kept.len() >= most {
        kept.remove(0);
    }
    kept.push(new);
}

/// The middle of some figures; `None` without history, since then there is no claim.
pub fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[n / 2]),
        n => Some(f64::midpoint(sorted[n / 2 - 1], sorted[n / 2])),
    }
}
