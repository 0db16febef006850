//! Power as it is known: commanded and observed apart, and `unknown` said aloud.

mod judge;
mod mismatch;
mod plan;

use serde::{Deserialize, Serialize};

pub use judge::{Judged, judge};
pub use mismatch::{Mismatch, Offer, mismatch};
pub use plan::{Known, Plan, Unsafe, plan};

/// On, off, or honestly unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PowerState {
    On,
    Off,
    #[default]
    Unknown,
}

impl PowerState {
    /// The word on the wire and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Unknown => "unknown",
        }
    }
}

/// The controller's own power button: a long press there ends the program, and the board with it.
pub const BOSS_OUTLET: crate::ports::Outlet = 7;
