//! The simulated board: the far side of every wire, from its own encoders.
