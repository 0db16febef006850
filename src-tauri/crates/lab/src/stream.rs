//! What should keep coming: log inputs, watchers, the controller's own health. Each has a pace that is learnt from itself,
//! and one that falls silent is named with the likely cause.

mod cause;
mod pace;

use serde::{Deserialize, Serialize};

pub use cause::{cause, named_by_itself, on_the_way};
pub use pace::Pace;

use crate::{event::Stamp, failure::Failure};

// Names of the inputs, in records, events and on screens.
/// The collector's file.
pub const COLLECTOR: &str = "collector";
/// OTLP over HTTP.
pub const OTLP: &str = "otlp";
/// Syslog datagrams.
pub const SYSLOG_UDP: &str = "syslog-udp";
/// Syslog over TCP.
pub const SYSLOG_TCP: &str = "syslog-tcp";
/// Talos machines' `json_lines`.
pub const TALOS: &str = "talos";
/// What our own boot services heard: iPXE's syslog, the kernel's netconsole.
pub const BOOT_LOG: &str = "boot-log";
/// This program's own log.
pub const OWN: &str = "statusinator";
/// The controller's health.
pub const HEALTH: &str = "health";

// Names of what watches, each a stream of looks: one that hangs is named like an input that falls silent.
/// Looks at the power board; failed ones are looks too.
pub const POWER: &str = "power";
pub const SWITCH: &str = "switch";
pub const ROUTER: &str = "router";
/// Looks at the machines' links.
pub const LINKS: &str = "links";
/// Looks whether this program gets its time.
pub const PACE: &str = "pace";
pub const CERTIFICATES: &str = "certificates";
pub const CLOCK: &str = "clock";

/// An input or watcher as it reports itself, about once a second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamReading {
    pub name: String,
    /// For people: "log records of the collector's file".
    pub title: String,
    /// When the newest item came, on both clocks; `None` before the first.
    pub newest: Option<Stamp>,
    /// Items since the program started; absolute.
    pub items: u64,
    /// Items that found no room in a queue.
    pub dropped: u64,
    /// Lines or datagrams that could not be read.
    pub bad: u64,
    /// Why it cannot be read at all, while that is so (no such file, port taken).
    pub failure: Option<Failure>,
    /// Whether it may rightly stay silent (nobody has connected yet).
    pub optional: bool,
}

/// What is known of a stream now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamLive {
    pub reading: StreamReading,
    /// When its reading came.
    pub at: Stamp,
    /// Items a second over the last ten seconds.
    pub rate: Option<f64>,
    /// The longest pause that is usual for it, in seconds, learnt from its own pauses; `None` while too little was seen.
    pub pace_s: Option<f64>,
}

/// A stream that fell silent: since when, and why probably.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// When its last item came, in microseconds since 1970.
    pub since_us: Option<i64>,
    /// The pause that was usual for it.
    pub pace_s: Option<f64>,
    pub cause: CauseKind,
    /// What is likely, why (the evidence), and what to do.
    pub failure: Failure,
    /// When that was found out.
    pub told: Stamp,
}

/// What stands behind a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// The clock is wrong, and with it every certificate.
    Clock,
    /// A certificate on the way is not good.
    Certificate,
    /// The program that should send does not run.
    Process,
    /// Nothing listens, or somebody else does.
    Port,
    /// The file is gone, or is not written any more.
    File,
    /// The far side cannot be reached.
    Network,
    /// Nothing was found; the evidence says what is fine.
    Unknown,
}

/// One thing that was looked at when a stream fell silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clue {
    pub kind: CauseKind,
    /// Whether it speaks for this cause or rules it out.
    pub bad: bool,
    /// As in "no process named otelcol runs".
    pub says: String,
}
