//! Whatever DHCP promises is fetched by clients of our own: that a file is missing should not be found out by a machine.
//!
//! What is found says what was tried, why it failed and what to do. Our questions come from the server's own address, so
//! that nobody takes them for a machine's.
//!
//! - [`Promises`]: what is promised, read off the configuration.
//! - [`check`]: all of it tried, each within a limit.

mod fetch;
mod promises;
mod trials;

pub use fetch::FetchError;
pub use promises::{NamesPromised, Promises};
pub use trials::check;

/// One thing tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which service, in the words of the service list.
    pub service: &'static str,
    /// What was tried.
    pub what: String,
    /// How it went: what is worth knowing, or why not and what to do.
    pub result: Result<String, Complaint>,
}

/// A promise that is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Why not, as far as we know.
    pub why: String,
    /// What the person at the bench should do.
    pub remedy: String,
    /// The port nobody answered on, where that is what happened: somebody else may hold it.
    pub port: Option<u16>,
}

#[cfg(test)]
mod tests;
