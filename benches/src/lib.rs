//! Measurements side by side: what every program of them shares.
//!
//! [`row`] is what is measured, [`turns`] lets the two sides take turns, [`table`] makes medians and ratios of it, [`machine`]
//! says on what.

pub mod machine;
pub mod row;
pub mod table;
pub mod turns;
