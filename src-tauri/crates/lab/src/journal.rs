//! What the engine and the API ask of whoever keeps the events.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    boot::Boot,
    event::{Draft, Event, Stamp},
    live::UnknownMachine,
    run::Run,
    status::Status,
};

/// The store could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct JournalError {
    pub what: String,
    pub why: String,
    pub remedy: String,
}

/// One packet as it was seen, for a boot's page. Bounded: the last twenty boots of a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Packet {
    pub machine: String,
    pub boot: Option<u64>,
    pub stamp: Stamp,
    /// `in` from the machine, `out` towards it.
    pub direction: String,
    /// `dhcp`, `tftp`, `http`.
    pub proto: String,
    pub bytes: u64,
    pub says: String,
}

/// The engine's side: one writer.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Numbers and commits; returns when the events are on disk. All or none.
    async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<Event>, JournalError>;
    /// Keeps a folded status, so that a start need not replay everything.
    async fn checkpoint(&self, status: &Status) -> Result<(), JournalError>;
    /// Packets may be lost when the disk is full; they are counted by the caller then.
    async fn packets(&self, packets: Vec<Packet>) -> Result<(), JournalError>;
    /// Remembers strangers, the last 256 of them.
    async fn unknown(&self, machines: Vec<UnknownMachine>) -> Result<(), JournalError>;
}

/// The readers' side.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Events after `since`, oldest first, at most `limit`.
    async fn events(&self, since: u64, limit: u32) -> Result<Vec<Event>, JournalError>;
    /// The last `limit` boots, oldest first; of one machine when named.
    async fn boots(&self, machine: Option<&str>, limit: u32) -> Result<Vec<Boot>, JournalError>;
    async fn boot(&self, id: u64) -> Result<Option<Boot>, JournalError>;
    /// Events of one boot, oldest first.
    async fn boot_events(&self, id: u64) -> Result<Vec<Event>, JournalError>;
    /// The last `limit` runs, oldest first.
    async fn runs(&self, limit: u32) -> Result<Vec<Run>, JournalError>;
    async fn run(&self, id: u64) -> Result<Option<Run>, JournalError>;
    async fn boot_packets(&self, id: u64) -> Result<Vec<Packet>, JournalError>;
}
