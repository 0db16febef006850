//! Whether the wall clock can be believed, before any certificate is judged by it.

mod date;
mod judge;

use serde::{Deserialize, Serialize};

pub use date::date_words;
pub use judge::judge;

/// Who tells the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockSource {
    /// chrony, ntpd or systemd-timesyncd, as it says itself.
    Ntp,
    /// The router's own clock.
    Router,
    /// The newest event of the store: time cannot be before it.
    Store,
    /// The youngest certificate: it was made in the past.
    Certificate,
    /// This program was built before it runs.
    Build,
}

/// What one source says of our clock.
#[derive(Debug, Clone, PartialEq)]
pub struct ClockReading {
    pub source: ClockSource,
    /// For people: `chrony`, `timesyncd`, `wally`.
    pub name: String,
    /// By how much our clock is ahead of it, in seconds (negative: ours is behind); `None` when it cannot be compared.
    pub ahead_s: Option<f64>,
    /// Of time services: whether it follows a server now.
    pub synced: Option<bool>,
    /// It only says that time is not before a moment, which `says` names ("the newest event (…)").
    pub floor: bool,
    pub says: String,
}

/// How far the clock is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// A source outside agrees.
    Good,
    /// Nothing contradicts it, and nothing outside confirms it.
    #[default]
    Unconfirmed,
    /// Sources outside say another time.
    Off,
    /// It is before something that has already happened.
    Behind,
}

impl Trust {
    /// Whether dates may be judged by this clock.
    pub fn usable(self) -> bool {
        matches!(self, Self::Good | Self::Unconfirmed)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unconfirmed => "unconfirmed",
            Self::Off => "off",
            Self::Behind => "behind",
        }
    }
}

impl ClockReading {
    /// Time is not before `us`, which `says` names; our clock says `now_us`.
    pub fn floor(source: ClockSource, name: &str, says: &str, us: i64, now_us: i64) -> Self {
        Self {
            source,
            name: name.into(),
            ahead_s: Some((now_us - us) as f64 / 1e6),
            synced: None,
            floor: true,
            says: format!("{says} ({})", date_words(us)),
        }
    }
}

/// The judgement, in words.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClockState {
    pub trust: Trust,
    /// As in "in step (4 ms)", "5 d behind the newest event".
    pub says: String,
    /// What to do about it; empty when nothing.
    pub remedy: String,
    /// By how much it is wrong, where that is known; negative: behind.
    pub ahead_s: Option<f64>,
}
