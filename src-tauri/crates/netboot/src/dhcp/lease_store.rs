//! Where leases outlive the program. Somebody else's business how; here is only what is asked of it.

use std::net::Ipv4Addr;

use async_trait::async_trait;

use super::message::Identity;
use crate::Mac;

/// One address of the pool, as it is to be remembered. The newest word about an address replaces those before it, so
/// that a store never holds more than the pool has addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its key.
    pub address: Ipv4Addr,
    /// Whose hardware; of an address in use by a stranger, whose word it was.
    pub mac: Mac,
    /// Option 61, where the client sent one.
    pub client_id: Option<Vec<u8>>,
    /// When it ends, since 1970, in microseconds. Wall time, because the monotonic clock does not outlive the host.
    pub until_wall_us: i64,
    /// What became of it.
    pub state: LeaseState,
}

impl Lease {
    /// Who the client is to us.
    pub fn identity(&self) -> Identity {
        Identity::of(self.mac, self.client_id.as_deref())
    }
}

/// What became of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseState {
    /// Acknowledged.
    Bound,
    /// Given back; remembered so that the machine gets it again.
    Released,
    /// In use by somebody who never asked us for it.
    Taken,
}

impl LeaseState {
    /// Every state.
    pub const ALL: [LeaseState; 3] = [LeaseState::Bound, LeaseState::Released, LeaseState::Taken];

    /// The word in a database.
    pub fn word(self) -> &'static str {
        match self {
            LeaseState::Bound => "bound",
            LeaseState::Released => "released",
            LeaseState::Taken => "taken",
        }
    }

    /// The state of a word.
    pub fn of(word: &str) -> Option<LeaseState> {
        LeaseState::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// A store that could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct LeaseStoreError {
    /// The operation.
    pub what: String,
    /// What came back.
    pub why: String,
    /// What the person at the bench should do.
    pub remedy: String,
}

/// Remembers leases.
#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// All that is remembered.
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError>;

    /// Writes all of these or none, in this order, and returns when they would survive a power cut. Clients wait for it.
    async fn commit(&self, leases: &[Lease]) -> Result<(), LeaseStoreError>;
}

/// Remembers nothing: for tests, and where nothing needs to outlive the program.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

#[async_trait]
impl LeaseStore for Forgetful {
    async fn load(&self) -> Result<Vec<Lease>, LeaseStoreError> {
        Ok(Vec::new())
    }

    async fn commit(&self, _: &[Lease]) -> Result<(), LeaseStoreError> {
        Ok(())
    }
}
