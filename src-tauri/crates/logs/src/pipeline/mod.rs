//! From all inputs into one sink: a bounded queue, batches, patience while nothing can be stored.
//!
//! Files wait when the sink is slow, so nothing of them is ever dropped. What comes over the network is dropped when its
//! stream's backlog is full, and counted. Whatever belongs together is committed together: [`Batch`].

mod batcher;
pub(crate) mod meter;
pub(crate) mod parcel;
pub mod rates;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use lab::{event::Stamp, log::Batch, ports::PortError};

pub(crate) use batcher::{Batcher, Shared};
pub(crate) use meter::Meter;
pub(crate) use parcel::{Door, PARCELS, Parcel};

/// What time it is, on both clocks.
pub type Clock = Arc<dyn Fn() -> Stamp + Send + Sync>;

/// Where batches go.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Stores all of a batch or nothing, within a time of its own. After an error the same batch comes again; whoever says
    /// there was one must be sure that nothing of it was stored.
    async fn commit(&self, batch: &Batch) -> Result<(), PortError>;
}
