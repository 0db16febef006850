//! One loop: commands and observations in, events and status out.
//!
//! [`Engine::start`] folds what the journal holds, closes or resumes what an earlier engine left, and returns a handle.
//! The loop is the only writer of status. Everything that waits (tasks of a run, watchers) runs beside it, under a
//! token that ends it, and speaks to it over bounded queues.

mod ahead;
mod certificates;
mod clock;
mod config;
mod core;
mod ending;
mod explaining;
mod faults;
mod gear;
mod handle;
mod health;
mod measure;
mod notes;
mod observation;
mod ports;
mod power;
mod procedures;
mod reading;
mod recovery;
mod runner;
mod streams;
mod turn;
mod watchers;
mod ways;
mod wipe;

pub use config::{Clock, EngineConfig, Ports};
pub use gear::{DISPLAY_DEVICE, ROUTER_DEVICE, SWITCH_DEVICE};
pub use handle::{Command, Detached, EngineHandle, Order, Outcome};
pub use observation::{Observation, ObservationSink};
pub use power::PowerAct;
pub use turn::Engine;
