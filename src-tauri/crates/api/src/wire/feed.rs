//! What the event stream says beside pictures and events, and other small answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every two seconds, so that a page can tell a quiet board from a dead stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TickWire {
    /// The engine's clock.
    pub now: String,
    /// Number of the last event in the engine's picture.
    pub seq: u64,
}

/// The number a reader wanted to continue from belongs to another history: this board has no such event. What the
/// reader has collected is void; the stream goes on after `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResetWire {
    /// What the reader asked for.
    pub since: u64,
    /// Where the stream goes on.
    pub seq: u64,
}

/// The end of what a machine printed on its serial console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConsoleWire {
    pub machine: String,
    pub text: String,
}

/// An address that lets one browser in, once, within ten minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoginWire {
    pub url: String,
}
