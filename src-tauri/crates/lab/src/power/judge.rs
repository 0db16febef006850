//! What a machine is, from what was heard and seen of it. Pure; called again and again as time passes.
//!
//! Link up alone is not "on": a PC in soft-off keeps it for Wake-on-LAN, slower. Link down alone is not "off": a cable may
//! be out. A long press alone is not "off": the relay may be stuck, or wired to another PC.

use super::PowerState;
use crate::{
    event::Stamp,
    face::patience_ms,
    live::Heard,
    ports::Nature,
    status::{MachineStatus, Press},
};

/// A link that is gone for less may be a network adapter that starts anew.
const LINK_SETTLES_S: f64 = 3.0;
/// Heartbeats that fail to come mean nothing before this, however fast they were.
const SILENT_S: f64 = 3.0;

/// Network adapters have their link some seconds after the press.
const STARTS_S: f64 = 15.0;

/// A new judgement, and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub state: PowerState,
    pub evidence: String,
}

fn is(state: PowerState, evidence: String) -> Verdict {
    Verdict::Is(Judged { state, evidence })
}

/// What has to be said anew; `None` while the judgement stands. That a machine is heard is told at once where it is heard.
pub fn judge(machine: &MachineStatus, heard: Option<&Heard>, nature: Nature, now: &Stamp) -> Option<Judged> {
    if nature == Nature::Managed {
        return None;
    }
    let found = look(machine, heard, now)?;
    let new = found.state != machine.observed || machine.evidence.is_none();
    new.then_some(found)
}

fn look(machine: &MachineStatus, heard: Option<&Heard>, now: &Stamp) -> Option<Judged> {
    let held = machine.press.as_ref().filter(|press| press.to == PowerState::Off && press.failure.is_none());
    if let Some(press) = held {
        match press.ended.as_ref().map(|ended| after_long_press(machine, heard, press, ended, now)) {
            // While the button is held nothing can be said.
            None | Some(Verdict::Wait) => return None,
            Some(Verdict::Is(judged)) => return Some(judged),
            Some(Verdict::Open) => {}
        }
    }
    match (machine.observed, machine.link) {
        (PowerState::On, Some(false)) => link_gone(machine, heard, now),
        (PowerState::On | PowerState::Unknown, Some(true)) => slower(machine, heard, now),
        (PowerState::On, None) => silent(heard, now),
        (PowerState::Unknown, Some(false)) => never_linked(machine).or_else(|| no_start(machine, now)),
        _ => None,
    }
}

/// What follows from a long press.
enum Verdict {
    Is(Judged),
    /// It will show in a moment.
    Wait,
    /// It decides nothing.
    Open,
}

/// The button was held until the press ended. What came after decides.
fn after_long_press(
    machine: &MachineStatus,
    heard: Option<&Heard>,
    press: &Press,
    ended: &Stamp,
    now: &Stamp,
) -> Verdict {
    let after = heard.filter(|heard| heard.stamp.mono_us > ended.mono_us);
    let Some(silent) = now.seconds_since(after.map_or(ended, |heard| &heard.stamp)) else {
        return Verdict::Open;
    };
    let patience = heard.map_or(1.0, |heard| patience_ms(heard) as f64 / 1e3);
    if after.is_none() && machine.link == Some(false) {
        return is(PowerState::Off, "the long press has ended and its link is down".to_owned());
    }
    if after.is_some() {
        // Heard after the press: it was off only if something else says so.
        return Verdict::Open;
    }
    if silent < patience {
        return Verdict::Wait;
    }
    // A machine that spoke until it was held, and then no more, was switched off. One that was silent before tells nothing
    // by being silent; then its link has to have moved.
    let spoke = heard.is_some_and(|heard| {
        press.stamp.seconds_since(&heard.stamp).is_some_and(|before| before <= patience.max(SILENT_S))
    });
    let moved = machine.link_changed.as_ref().is_none_or(|at| at.stamp.mono_us >= press.stamp.mono_us);
    if machine.link == Some(true) && !moved && !spoke {
        let says = "its button was held for a long press and its link did not change: the relay, its wire, or another PC";
        return is(PowerState::Unknown, says.to_owned());
    }
    is(PowerState::Off, format!("the long press has ended and nothing was heard for {silent:.1} s"))
}

/// It was on, and has no link any more.
fn link_gone(machine: &MachineStatus, heard: Option<&Heard>, now: &Stamp) -> Option<Judged> {
    let at = &machine.link_changed.as_ref()?.stamp;
    let gone = now.seconds_since(at)?;
    let heard_since = heard.is_some_and(|heard| heard.stamp.mono_us > at.mono_us);
    (gone >= LINK_SETTLES_S && !heard_since).then(|| Judged {
        state: PowerState::Unknown,
        evidence: format!("no link for {gone:.0} s and nothing heard since: it is off, or its cable is out"),
    })
}

/// Its link came back slower than it runs: what adapters do in soft-off to wait for a magic packet.
fn slower(machine: &MachineStatus, heard: Option<&Heard>, now: &Stamp) -> Option<Judged> {
    let (speed, running) = (machine.link_speed?, machine.running_speed?);
    let at = &machine.link_changed.as_ref()?.stamp;
    let heard_since = heard.is_some_and(|heard| heard.stamp.mono_us > at.mono_us);
    if speed >= running || heard_since || now.seconds_since(at)? < LINK_SETTLES_S {
        return None;
    }
    // A press to switch on takes its time until the firmware raises the speed.
    let pressed_on = machine
        .press
        .as_ref()
        .is_some_and(|press| press.to == PowerState::On && press.stamp.mono_us > at.mono_us);
    (!pressed_on).then(|| Judged {
        state: PowerState::Off,
        evidence: format!("link at {speed} Mbit/s, as in soft-off; it runs with {running}"),
    })
}

/// Without a link to look at, a machine that sent heartbeats and stopped is no longer known to be on.
fn silent(heard: Option<&Heard>, now: &Stamp) -> Option<Judged> {
    let heard = heard.filter(|heard| heard.heartbeat_ms.is_some())?;
    let silent = now.seconds_since(&heard.stamp)?;
    let limit = SILENT_S.max(patience_ms(heard) as f64 / 1e3);
    (silent >= limit).then(|| Judged {
        state: PowerState::Unknown,
        evidence: format!("silent for {silent:.0} s; it was heard regularly before"),
    })
}

/// Its button was pressed, and neither a link nor a word came of it.
fn no_start(machine: &MachineStatus, now: &Stamp) -> Option<Judged> {
    let press =
        machine.press.as_ref().filter(|press| press.to == PowerState::On && press.failure.is_none())?;
    let since = now.seconds_since(press.ended.as_ref()?)?;
    (since >= STARTS_S).then(|| Judged {
        state: PowerState::Unknown,
        evidence: format!(
            "{since:.0} s after its button was pressed it has no link: its supply, the relay, its wire, or its cable"
        ),
    })
}

/// Nothing was ever heard, there is no link, and it was told off or never told anything else.
fn never_linked(machine: &MachineStatus) -> Option<Judged> {
    let told_on = machine.press.as_ref().is_some_and(|press| press.to == PowerState::On);
    let off = machine.commanded == PowerState::Off && machine.memory == PowerState::Off && !told_on;
    (off && machine.forgotten.is_none()).then(|| Judged {
        state: PowerState::Off,
        evidence: "no link, and its outlet was last told off".to_owned(),
    })
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
