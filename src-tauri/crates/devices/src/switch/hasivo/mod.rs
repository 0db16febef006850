//! A switch that is asked by its web pages: one page shows all ports, and the form above it sets one.
//!
//! Nobody has seen the page of the owner's model; its siblings differ among each other. So nothing is found by its place:
//! the table by its rows, the columns by their headings, and what reads otherwise than expected is unknown. Read in this order:

/// What the port page says. Pure.
pub mod page;

/// A table as a grid of texts. Pure.
mod grid;

/// Who we are to the switch, and what may be shown of its pages. Pure.
mod credentials;

/// The pages over HTTP, and the port of lab in front of them.
mod driver;

pub use driver::{Hasivo, HasivoConfig, PROTECTED};
