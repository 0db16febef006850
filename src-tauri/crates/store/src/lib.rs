//! One board's memory: an SQLite database in a folder of its own, written by one program at a time.
//!
//! Events are append-only and on disk before [`Journal::append`](lab::journal::Journal) returns. A status is what
//! they fold to; a checkpoint only spares the replay and may be lost at any time. Packets and strangers live in
//! bounded tables beside them.
//!
//! Log records lie in a database of their own, [`logs`].
//!
//! Reading order: [`open`] takes the folder and refuses what is newer, [`replay`] folds, [`row`] turns rows into
//! events, [`journal`] writes in one [`transaction`], [`archive`] reads, [`bounded`] keeps what may be forgotten, [`leases`] what DHCP gave, [`safety`] is for files
//! that cannot be trusted, [`error`] has the words.

mod archive;
mod backup;
mod bounded;
mod error;
mod journal;
mod leases;
mod lock;
pub mod logs;
mod open;
mod replay;
mod row;
mod safety;
mod transaction;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sqlx::SqlitePool;

pub use backup::{Backup, BackupError, backup};
pub use bounded::{PACKET_BOOTS, PACKETS_KEPT, PACKETS_PER_BOOT, STRANGERS_KEPT};
pub use error::OpenError;
pub use leases::LeaseRow;
pub use open::Recovered;
pub use replay::ReplayError;
pub use safety::{SetAside, check::Checked};

/// Name of the database in a board's folder.
pub const DATABASE: &str = "events.db";

/// A board's database, open. Clones share it; the folder's lock falls with the last of them.
#[derive(Debug, Clone)]
pub struct Store {
    /// One connection: SQLite has one writer, and here it waits in our queue rather than in its busy loop.
    writer: SqlitePool,
    readers: SqlitePool,
    place: Arc<Place>,
}

/// The folder and its lock.
#[derive(Debug)]
struct Place {
    dir: PathBuf,
    _lock: lock::Lock,
}

impl Store {
    /// Where it lives.
    pub fn dir(&self) -> &Path {
        &self.place.dir
    }

    /// Looks through the whole file beside everything else, seconds for a year of events. At a start this is only done after
    /// an unclean stop; damage that is found here is put aside by the next start.
    pub async fn check(&self) -> Result<Checked, lab::journal::JournalError> {
        safety::check::quick(&self.dir().join(DATABASE), open::BUSY, open::CHECK_LIMIT)
            .await
            .map_err(|e| error::trouble("check the events database", self.dir(), &e))
    }

    /// Ends all connections and folds the write-ahead log into the database. Dropping loses no event either.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
