//! What an engine is made of.

use std::sync::Arc;

use lab::{
    Board, Stamp,
    live::UnknownMachine,
    ports::{Agents, Clues, Console, Faults, Host, Power, Router, Switch, Ways, Wire},
};

/// Tells the time on both clocks; the engine itself does no I/O.
pub type Clock = Arc<dyn Fn() -> Stamp + Send + Sync>;

/// The drivers that wiring chose. Any may be missing; the engine says so and goes on.
#[derive(Clone)]
pub struct Ports {
    pub power: Arc<dyn Power>,
    pub wire: Option<Arc<dyn Wire>>,
    pub agents: Arc<dyn Agents>,
    /// What a machine printed is evidence when it falls silent.
    pub console: Option<Arc<dyn Console>>,
    /// Where faults can be put in on purpose.
    pub faults: Option<Arc<dyn Faults>>,
    pub switch: Option<Arc<dyn Switch>>,
    pub router: Option<Arc<dyn Router>>,
    /// The computer itself, where it belongs to the board.
    pub host: Option<Arc<dyn Host>>,
    /// Missing where machines are offered one way and no other.
    pub ways: Option<Arc<dyn Ways>>,
    /// Where a silent stream's cause can be looked for.
    pub clues: Option<Arc<dyn Clues>>,
}

/// Everything that is fixed for the life of an engine.
#[derive(Clone)]
pub struct EngineConfig {
    pub board: Arc<Board>,
    pub version: String,
    /// By how much a simulation's own delays are divided; 1 elsewhere.
    pub speed: u32,
    /// Whether machines outlive the engine. Simulated and virtual ones do not: a run cannot be resumed without them.
    pub world_survives: bool,
    /// Strangers remembered from before, so that their counts go on.
    pub strangers: Vec<UnknownMachine>,
    /// Services that must be ready before a lab may begin.
    pub services: Vec<String>,
    pub clock: Clock,
    /// When this program was built, in microseconds since 1970: no clock is right before that.
    pub built_us: Option<i64>,
    pub ports: Ports,
}
