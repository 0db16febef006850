//! Where log records come from, and how long they are kept.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// By which table records are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The owner's table to the letter, its oddities included.
    Labinator,
    /// The same with what it misses: every severity word, the Wi-Fi uplink, step-ca's longer paths.
    #[default]
    Corrected,
}

impl Profile {
    pub fn word(self) -> &'static str {
        match self {
            Self::Labinator => "labinator",
            Self::Corrected => "corrected",
        }
    }
}

/// Inputs for log records; those that are not named are not opened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogsGear {
    pub profile: Profile,
    /// The OpenTelemetry collector's file of OTLP JSON lines.
    pub collector: Option<PathBuf>,
    /// Where OTLP over HTTP is taken, as in `127.0.0.1:4318`.
    pub otlp: Option<SocketAddr>,
    /// Where syslog datagrams are taken.
    pub syslog_udp: Option<SocketAddr>,
    /// Where syslog over TCP is taken: the router's firewall drops.
    pub syslog_tcp: Option<SocketAddr>,
    /// Where Talos machines send their `json_lines`.
    pub talos: Option<SocketAddr>,
    pub keep_mb: KeepMb,
    pub keep_days: KeepDays,
}

/// Size of the log database beyond which the oldest records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeepMb(pub u64);

impl Default for KeepMb {
    fn default() -> Self {
        // Two weeks of a talking lab; the controller's disk has 64 GB or more.
        Self(1024)
    }
}

/// Age beyond which records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeepDays(pub u64);

impl Default for KeepDays {
    fn default() -> Self {
        Self(14)
    }
}

/// Where faults are told to people who are not there (ntfy's shape: a POST with title, priority, tags).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyGear {
    /// As in `https://ntfy.example/board`.
    pub url: String,
    /// Names an access token.
    pub secret: Option<String>,
}

/// Where our own events are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemetryGear {
    /// OTLP over HTTP, as in `http://127.0.0.1:4318`.
    pub otlp: String,
}
