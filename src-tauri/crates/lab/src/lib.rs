//! The vocabulary of a board: types, events, the folds from events to status, and the ports behind which drivers stand.
//! Nothing in here does I/O.

pub mod ports;
pub mod power;
