//! The vocabulary of a board: types, events, the folds from events to status, and the ports behind which drivers stand.
//! Nothing in here does I/O.
//!
//! Reading order: [`board`] says what there is, [`event`] what happened, [`boot`] and [`run`] are the two state
//! machines, [`status`] folds everything, [`face`] turns it into the one word a screen shows.

pub mod board;
pub mod boot;
pub mod certificate;
pub mod clock;
pub mod counts;
pub mod dial;
pub mod event;
pub mod explain;
pub mod face;
pub mod facts;
pub mod failure;
pub mod fault;
pub mod gear;
pub mod health;
pub mod journal;
pub mod live;
pub mod log;
pub mod mac;
pub mod ports;
pub mod power;
pub mod repeats;
pub mod replace;
pub mod rollcall;
pub mod run;
pub mod secret;
pub mod sign;
pub mod status;
pub mod stream;
pub mod verdict;
pub mod way;
pub mod ways;
pub mod wipe;

pub use board::{Board, BoardKind, Lab, Machine};
pub use boot::{Boot, BootState, Phase};
pub use event::{Body, Draft, Event, Stamp};
pub use failure::{Code, Failure};
pub use fault::Fault;
pub use mac::Mac;
pub use power::PowerState;
pub use run::{Run, RunState};
pub use secret::Secret;
pub use status::{MachineStatus, Status};
pub use verdict::{Verdict, VerdictCode};
pub use way::Way;
