//! Power on the wire: commanded, remembered and observed apart, and orders for it.

use lab::{
    Board, PowerState,
    event::Stamp,
    power,
    status::{MachineStatus, Press},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FailureWire, time, word};

/// Power, commanded and observed apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PowerWire {
    /// `on`, `off`, `unknown`: what it was last told to be.
    pub commanded: String,
    /// `on`, `off`, `unknown`: what was seen.
    pub observed: String,
    pub evidence: Option<String>,
    pub observed_at: Option<String>,
    pub press: Option<PressWire>,
    /// `button`, `supply`, `managed`, `wake`: what stands behind its outlet.
    pub nature: String,
    /// `on`, `off`, `unknown`: what its power device remembers, which decides what that would do next.
    pub memory: String,
    /// Since when its power device has forgotten what it was told.
    pub forgotten: Option<String>,
    /// Commanded and observed differ.
    pub mismatch: Option<MismatchWire>,
}

/// What does not agree, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MismatchWire {
    pub says: String,
    /// `resync`, `short-press`, `long-press`: the one that can do no harm.
    pub safe: String,
    /// All that make sense now, the safe one first.
    pub offers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PressWire {
    pub to: String,
    pub started: String,
    pub ended: Option<String>,
    pub failure: Option<FailureWire>,
}

/// An outlet with what hangs on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutletWire {
    pub outlet: u8,
    /// As in `outlet 3` or `its power control`.
    pub words: String,
    pub machine: Option<String>,
    pub r#box: Option<u32>,
    /// It may not be pressed, and why.
    pub refused: Option<String>,
    pub power: Option<PowerWire>,
}

/// An order for an outlet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerOrderWire {
    pub act: PowerActWire,
    /// Of a press.
    #[serde(default)]
    pub hold: Option<HoldWire>,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PowerActWire {
    On,
    Off,
    /// The button as such.
    Press,
    /// Take what is seen for what was commanded; nothing is pressed.
    Resync,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HoldWire {
    Short,
    Long,
}

/// What an order for an outlet led to at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PressedWire {
    pub outlet: u8,
    pub machine: Option<String>,
    /// How many presses were begun; 0 when nothing had to be pressed.
    pub presses: u8,
    pub says: String,
}

impl PowerWire {
    pub(super) fn new(machine: &lab::Machine, known: &MachineStatus, board: &Board, now: &Stamp) -> Self {
        let nature = board.nature(machine);
        Self {
            commanded: known.commanded.word().to_owned(),
            observed: known.observed.word().to_owned(),
            evidence: known.evidence.clone(),
            observed_at: known.observed_at.as_ref().map(|s| time(s.wall_us)),
            press: known.press.as_ref().map(PressWire::from),
            nature: word(&nature),
            memory: known.memory.word().to_owned(),
            forgotten: known.forgotten.as_ref().map(|at| time(at.stamp.wall_us)),
            mismatch: power::mismatch(known, nature, now).as_ref().map(MismatchWire::from),
        }
    }
}

impl From<&power::Mismatch> for MismatchWire {
    fn from(mismatch: &power::Mismatch) -> Self {
        Self {
            says: mismatch.says.clone(),
            safe: word(&mismatch.safe),
            offers: mismatch.offers.iter().map(word).collect(),
        }
    }
}

impl From<&Press> for PressWire {
    fn from(press: &Press) -> Self {
        Self {
            to: press.to.word().to_owned(),
            started: time(press.stamp.wall_us),
            ended: press.ended.as_ref().map(|s| time(s.wall_us)),
            failure: press.failure.as_ref().map(FailureWire::from),
        }
    }
}

impl OutletWire {
    /// All outlets of a board: those of its machines, and the two of a relay board that have none.
    pub(crate) fn all(board: &Board, snapshot: &lab::live::Snapshot) -> Vec<Self> {
        let nothing = MachineStatus::default();
        let machines = board.machines.iter().map(|machine| {
            let known = snapshot.status.machines.get(&machine.name).unwrap_or(&nothing);
            Self {
                outlet: machine.outlet,
                words: lab::event::outlet_words(machine.outlet),
                machine: Some(machine.name.clone()),
                r#box: Some(machine.box_number),
                refused: None,
                power: Some(PowerWire::new(machine, known, board, &snapshot.now)),
            }
        });
        let mut all: Vec<Self> = machines.collect();
        if board.machines.iter().any(|machine| machine.outlet < lab::ports::OWN_CONTROL) {
            let spare = board.relay.as_ref().is_some_and(|relay| relay.allow_8);
            let other = |outlet: u8, refused: Option<&str>| Self {
                outlet,
                words: lab::event::outlet_words(outlet),
                machine: None,
                r#box: None,
                refused: refused.map(str::to_owned),
                power: None,
            };
            all.push(other(power::BOSS_OUTLET, Some("the controller's own power button")));
            if board.machine_by_outlet(8).is_none() {
                all.push(other(8, (!spare).then_some("the spare one; the board file does not allow it")));
            }
        }
        all.sort_by_key(|outlet| outlet.outlet);
        all
    }
}

/// What was begun, for people.
pub(crate) fn pressed_says(subject: &str, act: PowerActWire, presses: u8, observed: PowerState) -> String {
    match (act, presses) {
        (PowerActWire::Resync, _) => format!("{subject} is taken for {} from now on", observed.word()),
        (PowerActWire::On, 0) => format!("{subject} is on"),
        (PowerActWire::Off, 0) => format!("{subject} is off"),
        (_, 1) => format!("the press of {subject} has begun"),
        (_, presses) => format!("{presses} presses of {subject} have begun, one after the other"),
    }
}
