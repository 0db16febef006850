//! The simulated board: the far side of every wire.
//!
//! Six PCs, a relay board, a status display, a switch and a router that need no hardware and no privileges, so that the
//! program can be run, shown and broken anywhere. Nothing here is called by the code it tests: serial devices are reached
//! through ptys, the switch and the router over HTTP, and the machines send real DHCP, TFTP and HTTP from addresses
//! inside 127.0.0.0/8. Every byte is encoded from the RFCs and from notes on the real gear, never with a codec of the
//! program, so that a mistake cannot hide on both sides of a wire.
//!
//! Reading order: [`config`] says what a board is made of; [`guard`] keeps it on the loopback; `pace` makes its time;
//! [`relay`] is the firmware with the buttons behind it, [`display`] the panel, both on a `pty`; [`switch`] and [`router`]
//! are the web interfaces on a small HTTP server (`web`), [`collector`] writes a log file, [`step_ca`] signs certificates;
//! `machine` is one PC from power button to running system, `link` its cable to the switch; [`knob`] is all that can be turned
//! while it runs, and [`board`] puts everything together.

pub mod board;
pub mod collector;
pub mod config;
pub mod display;
pub mod guard;
pub mod knob;
pub mod relay;
pub mod router;
pub mod step_ca;
pub mod switch;

mod link;
mod machine;
mod pace;
mod pty;
mod web;

pub use board::SimBoard;
pub use collector::{CollectorKnob, CollectorSim};
pub use config::{Fault, SimConfig, SimError, SimMachine, Tamper, Trouble};
pub use display::{DisplayKnob, DisplayView};
pub use knob::{Breaker, Knob};
pub use link::{Link, Links};
pub use machine::MachineState;
pub use relay::{RelayKnob, RelayView};
pub use router::{RouterKnob, RouterSim, RouterView, Security, WifiSim};
pub use step_ca::{StepCaKnob, StepCaSim, StepCaView};
pub use switch::{Layout, SwitchKnob, SwitchPortState, SwitchSim, SwitchView};
pub use web::PageKnob;
