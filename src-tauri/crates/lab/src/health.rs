//! The controller's own health, as its kernel tells it.

mod judge;
pub mod parse;

pub use judge::{DISK, HealthJudge, MEMORY, SOCKETS, TEMPERATURE};

/// One look at it. What cannot be read is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Health {
    /// Share of all processors in use since the look before, 0 to 1.
    pub cpu: Option<f64>,
    /// Of that, the share spent on network interrupts.
    pub softirq: Option<f64>,
    pub memory_used: Option<u64>,
    pub memory_total: Option<u64>,
    /// Of the disk that holds the data folder.
    pub disk_free: Option<u64>,
    pub disk_total: Option<u64>,
    /// The hottest sensor, in °C.
    pub celsius: Option<f64>,
    /// Datagrams that the kernel dropped since the look before, because a socket's buffer was full.
    pub socket_drops: Option<u64>,
    /// Frames that found no room on the way from the network card to the stack.
    pub backlog_drops: Option<u64>,
}
