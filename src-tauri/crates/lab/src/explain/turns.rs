//! Machines that go round in circles: they begin again and again although nobody pressed, or erase again and again.

use super::{
    case::{Case, Lead},
    words::seconds,
};
use crate::{
    board::Limits,
    boot::Cause,
    event::{Moment, Stamp},
    status::{Begun, MachineStatus},
    verdict::VerdictCode,
};

/// Why a machine is to be held back, and what lets it go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoesRound {
    pub why: String,
    pub rearm: String,
}

/// What lets a machine go on that was held back.
const REARM: &str = "somebody presses its button from here, or says so: statusinator rearm";

/// Whether a machine has begun, or erased, again and again since somebody last had a hand in it.
pub fn goes_round(machine: &MachineStatus, limits: &Limits, now: &Stamp) -> Option<GoesRound> {
    if machine.held_back.is_some() {
        return None;
    }
    let window = limits.loop_window_s as f64;
    let recent = |at: &Moment| now.seconds_since(&at.stamp).is_some_and(|ago| ago <= window);
    let unasked = unasked(machine).filter(|begun| recent(&begun.at)).count() as u64;
    if unasked >= limits.loop_boots.max(1) {
        let why = format!("it began {unasked} times within {} although nobody pressed", seconds(window));
        return Some(GoesRound { why, rearm: REARM.into() });
    }
    let wipes = machine.wiped.iter().filter(|at| recent(at)).count() as u64;
    if wipes >= limits.loop_wipes.max(1) {
        let why = format!("its disks were erased {wipes} times within {}", seconds(window));
        return Some(GoesRound { why, rearm: REARM.into() });
    }
    None
}

/// Beginnings since the last press.
fn unasked(machine: &MachineStatus) -> impl Iterator<Item = &Begun> {
    machine.begun.iter().rev().take_while(|begun| begun.cause == Cause::FirstSign)
}

/// It is held back.
pub(super) fn held_back(case: &Case<'_>) -> Option<Lead> {
    let held = case.machine.held_back.as_ref()?;
    let began = unasked(case.machine).map(|begun| begun.at.seq);
    let wiped = case.machine.wiped.iter().map(|at| at.seq);
    let lead = Lead::new(
        VerdictCode::BootLoop,
        &held.since,
        held.since.clone(),
        format!("It is held back and gets nothing to boot: {}.", held.why),
    )
    .by(began.chain(wiped).chain([held.seq]))
    .causes(
        unasked(case.machine).find_map(|begun| begun.after).map(|code| format!("each time {}", code.words())),
    )
    .causes([
        "its system ends or crashes and starts it again",
        "what it installed or erased does not change what it boots next",
        "its firmware goes through all its ways to boot, and none works",
    ])
    .remedy(format!("Find out why it starts again; then let it go on: {}.", held.rearm));
    Some(lead)
}
