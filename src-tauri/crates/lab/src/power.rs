//! Power as it is known: commanded and observed apart, and `unknown` said aloud.

use serde::{Deserialize, Serialize};

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
