//! The simulated board: the far side of every wire.
//!
//! Six PCs and a relay board that need no hardware and no privileges, so that the program can be run, shown and broken
//! anywhere. Nothing here is called by the code it tests: the relay board is reached through a pty, the machines send
//! real DHCP, TFTP and HTTP from addresses inside 127.0.0.0/8. Every byte is encoded from the RFCs and from notes on the
//! real gear, never with a codec of the program, so that a mistake cannot hide on both sides of a wire.
//!
//! Reading order: [`config`] says what a board is made of; [`guard`] keeps it on the loopback; `pace` makes its time;
//! `relay` is the firmware with the buttons behind it; `machine` is one PC from power button to running system;
//! [`board`] puts them together and hands out the handle.

pub mod board;
pub mod config;
pub mod display;
pub mod guard;

mod machine;
mod pace;
mod relay;

pub use board::{Breaker, Links, SimBoard};
pub use config::{Fault, SimConfig, SimError, SimMachine, Tamper, Trouble};
pub use machine::MachineState;
pub use relay::RelayKnob;
