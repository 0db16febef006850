//! What was commanded and what is do not agree: said in words, with what can safely be done about it.

use serde::{Deserialize, Serialize};

use super::PowerState;
use crate::{event::Stamp, ports::Nature, status::MachineStatus};

/// A press takes effect at once, but what it leads to is seen a little later.
const SETTLES_S: f64 = 5.0;

/// Something a person may do about it, by holding a button on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    /// Take what is seen for what was commanded. Presses nothing.
    Resync,
    /// Switch it on.
    ShortPress,
    /// Hold its button until it is off, whatever it does.
    LongPress,
}

/// Commanded and observed differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    pub says: String,
    /// The one that can do no harm.
    pub safe: Offer,
    /// All that make sense now, the safe one first.
    pub offers: Vec<Offer>,
}

/// Whether the two differ for longer than a press needs.
pub fn mismatch(machine: &MachineStatus, nature: Nature, now: &Stamp) -> Option<Mismatch> {
    let press = machine.press.as_ref();
    let unsettled = press.is_some_and(|press| {
        let since = press.ended.as_ref().map_or(Some(0.0), |ended| now.seconds_since(ended));
        since.is_some_and(|s| s < SETTLES_S)
    });
    if unsettled {
        return None;
    }
    let evidence = machine.evidence.as_deref().unwrap_or("no evidence");
    let says = match (machine.commanded, machine.observed) {
        (PowerState::On, PowerState::Off) => format!("It was switched on and is off: {evidence}."),
        (PowerState::Off, PowerState::On) => format!("It was switched off and is on: {evidence}."),
        (PowerState::On, PowerState::Unknown) if machine.evidence.is_some() => {
            format!("It was switched on, and whether it still is cannot be told: {evidence}.")
        }
        (PowerState::Off, PowerState::Unknown) if machine.evidence.is_some() => {
            format!("It was switched off, and whether it is cannot be told: {evidence}.")
        }
        (PowerState::Unknown, PowerState::On) if machine.forgotten.is_some() => {
            "It is on; the power board restarted and remembers it as off.".to_owned()
        }
        _ => return None,
    };
    let offers = offers(nature, machine.observed);
    let safe = *offers.first()?;
    Some(Mismatch { says, safe, offers })
}

/// The safe one first. Holding the button leaves no doubt: whatever the machine was, it is off then.
fn offers(nature: Nature, observed: PowerState) -> Vec<Offer> {
    match (nature, observed) {
        (Nature::Wake, PowerState::Unknown) => vec![Offer::ShortPress],
        (_, PowerState::Unknown) => vec![Offer::LongPress],
        (_, PowerState::Off) => vec![Offer::Resync, Offer::ShortPress],
        (Nature::Wake, PowerState::On) => vec![Offer::Resync],
        (_, PowerState::On) => vec![Offer::Resync, Offer::LongPress],
    }
}
