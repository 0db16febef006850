//! What pages and the window's gateway say to each other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page says that it lives, and what it has painted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatWire {
    /// The page's own name: letters, digits and dashes, at most 64.
    pub page: String,
    /// Number of the last event in the picture on the screen.
    pub painted_seq: u64,
}

/// How the gateway stands to its engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GatewayWire {
    /// The gateway's clock.
    pub now: String,
    pub reachable: bool,
    /// Since when it is so.
    pub since: String,
    /// Why the engine was not reached the last time that it was not.
    pub error: Option<String>,
}
