//! Log records of one board, in a database of their own beside the events: `logs.db`. What is damaged or full there never
//! touches an event.
//!
//! Records, what they add to the counters, and how far their files were read are one transaction: after any stop a reader
//! goes on where the stored records end, so that nothing is stored or counted twice. The transaction is on disk when
//! [`LogStore::commit`] returns; at a few hundred records a batch the wait for the disk is no cost that matters.
//!
//! Reading order: [`write`] a batch, [`index`] its words, [`volume`]s of them, [`read`] by a filter, [`trim`] what is old.

mod index;
mod read;
mod trim;
mod volume;
mod write;

use std::{
    collections::BTreeMap,
    fs::DirBuilder,
    ops::Range,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use lab::{
    counts::Counts,
    journal::JournalError,
    log::{Batch, Filter, Offset, Stored},
};
use sqlx::{
    SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::SqliteAutoVacuum,
};
use tokio::sync::{RwLock, watch};

pub use self::{
    index::text as index_text,
    trim::{Keep, Trimmed},
};
use crate::{
    OpenError, error,
    open::{connect, connect_readers, options},
    safety::{
        SetAside, aside,
        check::{self, Checked},
    },
    transaction,
};

/// Name of the database in a board's folder.
pub const LOG_DATABASE: &str = "logs.db";
/// Records of one answer.
pub const RECORDS_AT_ONCE: u32 = 10_000;
/// Name under which addresses that found no room in a map are counted.
const CROWDED: &str = "crowded";
/// A look through the whole file in the background; a gigabyte takes half a minute on a slow disk.
const CHECK_LIMIT: Duration = Duration::from_secs(600);
const BUSY: Duration = Duration::from_secs(5);
/// Bytes of a write-ahead log that stay when it has been folded in: it grows while a long reader is at work.
const LOG_LIMIT: u64 = 16 << 20;

static MIGRATIONS: Migrator = sqlx::migrate!("../../../migrations/logs");

/// The log database, open. Clones share it. Whoever opens it holds the folder's lock through [`crate::Store`].
#[derive(Debug, Clone)]
pub struct LogStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    /// Replaced as a whole when the file turns out to be damaged.
    open: RwLock<Open>,
    /// The last number given to a record: numbers go on in a database that is begun anew.
    last: AtomicI64,
    set_aside: watch::Sender<Option<SetAside>>,
}

#[derive(Debug)]
struct Open {
    writer: SqlitePool,
    readers: SqlitePool,
    /// How often it was begun anew: two who found the same damage put one file aside.
    epoch: u64,
    /// It was put aside and is closed, and no new one could be begun yet: the disk may be full.
    gone: Option<SetAside>,
}

/// What a start goes on from.
#[derive(Debug)]
pub struct LogRecovered {
    pub offsets: BTreeMap<String, Vec<Offset>>,
    pub counts: Counts,
    pub counting_since_us: i64,
    /// A damaged database that made room for this one.
    pub set_aside: Option<SetAside>,
}

impl LogStore {
    /// Opens the database in `dir` and makes it when there is none. A damaged one is put aside. Looks at no more of the file
    /// than it needs: [`Self::check`] does that, later.
    pub async fn open(dir: &Path) -> Result<(Self, LogRecovered), OpenError> {
        let folder = |source| OpenError::Folder { dir: dir.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(folder)?;
        aside::stray_log(dir, LOG_DATABASE).map_err(folder)?;
        let (open, state, set_aside) = match open(dir, 0, None).await {
            Ok((open, state)) => (open, state, None),
            Err(error) => {
                let Some(why) = error.damage() else { return Err(error) };
                let file = aside::put(dir, LOG_DATABASE).map_err(folder)?;
                tracing::error!(file = %file.display(), why, "the log database is damaged; it is kept and a new one begun");
                let (open, state) = open(dir, 0, salvaged(&file).await).await?;
                (open, state, Some(SetAside { file, why }))
            }
        };
        let read::State { last, counting_since_us, counts, offsets } = state;
        let shared = Shared {
            dir: dir.to_owned(),
            open: RwLock::new(open),
            last: AtomicI64::new(last),
            set_aside: watch::Sender::new(set_aside.clone()),
        };
        let recovered = LogRecovered { offsets, counts, counting_since_us, set_aside };
        Ok((Self { shared: Arc::new(shared) }, recovered))
    }

    /// Writes a batch whole or not at all, on disk when this returns, and says which numbers its records got. After an
    /// error the same batch may be given again at any time: a disk that has room again takes it.
    pub async fn commit(&self, batch: &Batch) -> Result<Range<i64>, JournalError> {
        let (epoch, written) = {
            let open = self.shared.open.read().await;
            (open.epoch, write_batch(&open.writer, batch).await)
        };
        let written = match written {
            Err(error) if error::damage(&error).is_some() || matches!(error, sqlx::Error::PoolClosed) => {
                self.begin_anew(epoch, &error::damage(&error).unwrap_or_default()).await?;
                write_batch(&self.shared.open.read().await.writer, batch).await
            }
            written => written,
        };
        let what = || format!("store {} log records", batch.records.len());
        let before = written.map_err(|e| error::trouble(what(), &self.shared.dir, &e))?;
        let after = before + batch.records.len() as i64;
        self.shared.last.fetch_max(after, Ordering::Relaxed);
        Ok(before + 1..after + 1)
    }

    /// Records that pass, newest first; only those with a smaller number than `before` where that is given. At most
    /// [`RECORDS_AT_ONCE`].
    pub async fn records(
        &self,
        filter: &Filter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Stored>, JournalError> {
        let limit = limit.min(RECORDS_AT_ONCE) as usize;
        let open = self.shared.open.read().await;
        let read = async {
            // One view of the database, though a volume may go meanwhile.
            let mut reader = open.readers.begin().await?;
            read::records(&mut reader, filter, before.unwrap_or(i64::MAX), limit).await
        };
        read.await.map_err(|e| error::trouble("read the log records", &self.shared.dir, &e))
    }

    /// The counters as they are stored.
    pub async fn counts(&self) -> Result<Counts, JournalError> {
        let open = self.shared.open.read().await;
        let read = async {
            let mut reader = open.readers.begin().await?;
            read::counts(&mut reader).await
        };
        read.await.map_err(|e| error::trouble("read the counters", &self.shared.dir, &e))
    }

    /// One small step of forgetting; to be called again, between commits, while there is more to do.
    pub async fn trim(&self, keep: Keep, now_us: i64) -> Result<Trimmed, JournalError> {
        let open = self.shared.open.read().await;
        let trimmed = async {
            let mut writer = transaction::begin(&open.writer).await?;
            let mut trimmed = Trimmed::default();
            let done = trim::step(&mut writer, keep, now_us).await.map(|step| trimmed = step);
            transaction::end(writer, done).await.map(|()| trimmed)
        };
        trimmed.await.map_err(|e| error::trouble("forget old log records", &self.shared.dir, &e))
    }

    /// Looks through the whole file beside everything else; takes seconds to minutes. Damage puts the file aside.
    pub async fn check(&self) -> Result<Checked, JournalError> {
        let epoch = self.shared.open.read().await.epoch;
        let file = self.shared.dir.join(LOG_DATABASE);
        let checked = check::quick(&file, BUSY, CHECK_LIMIT)
            .await
            .map_err(|e| error::trouble("check the log database", &self.shared.dir, &e))?;
        if let Checked::Damaged { why } = &checked {
            self.begin_anew(epoch, why).await?;
        }
        Ok(checked)
    }

    /// The last database that was put aside, at the start or later.
    pub fn set_aside(&self) -> watch::Receiver<Option<SetAside>> {
        self.shared.set_aside.subscribe()
    }

    /// Ends all connections and folds the write-ahead log into the database. Dropping loses no record either.
    pub async fn close(self) {
        let open = self.shared.open.read().await;
        open.readers.close().await;
        open.writer.close().await;
    }

    /// Puts the file of this epoch aside, where that is not done yet, and goes on with a new one.
    async fn begin_anew(&self, epoch: u64, why: &str) -> Result<(), JournalError> {
        let dir = &self.shared.dir;
        let mut current = self.shared.open.write().await;
        if current.epoch != epoch {
            return Ok(());
        }
        current.readers.close().await;
        current.writer.close().await;
        let failed = |error: OpenError| JournalError {
            what: "begin a new log database".to_owned(),
            why: error.to_string(),
            remedy: error.remedy(),
        };
        let set_aside = match current.gone.clone() {
            Some(set_aside) => set_aside,
            None => {
                let file = aside::put(dir, LOG_DATABASE)
                    .map_err(|source| failed(OpenError::Folder { dir: dir.clone(), source }))?;
                tracing::error!(file = %file.display(), why, "the log database is damaged; it is kept and a new one begun");
                SetAside { file, why: why.to_owned() }
            }
        };
        current.gone = Some(set_aside.clone());
        let mut state = salvaged(&set_aside.file).await.unwrap_or_default();
        state.last = state.last.max(self.shared.last.load(Ordering::Relaxed));
        let (open, _) = open(dir, epoch + 1, Some(state)).await.map_err(failed)?;
        *current = open;
        self.shared.set_aside.send_replace(Some(set_aside));
        Ok(())
    }
}

async fn write_batch(writer: &SqlitePool, batch: &Batch) -> sqlx::Result<i64> {
    let mut writer = transaction::begin(writer).await?;
    let mut before = 0;
    let done = write::batch(&mut writer, batch).await.map(|number| before = number);
    transaction::end(writer, done).await.map(|()| before)
}

/// Connects, migrates, and reads the state; a new database begins with `first`.
async fn open(dir: &Path, epoch: u64, first: Option<read::State>) -> Result<(Open, read::State), OpenError> {
    let file = dir.join(LOG_DATABASE);
    let failed = |error: &sqlx::Error| match error::damage(error) {
        Some(why) => OpenError::Damaged { file: file.clone(), why },
        None => OpenError::Database(error::trouble("open the log database", dir, error)),
    };
    let options = options(&file)
        // What is forgotten gives its space back in small steps; it must be so from the first page on.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .pragma("journal_size_limit", LOG_LIMIT.to_string());
    let writer = connect(options).await.map_err(|e| failed(&e))?;
    let prepared = async {
        MIGRATIONS.run(&writer).await.map_err(|source| match &source {
            MigrateError::Execute(error) if error::damage(error).is_some() => failed(error),
            MigrateError::VersionMissing(found) => OpenError::Newer {
                file: file.clone(),
                program: "a newer statusinator".to_owned(),
                found: format!("migration {found}"),
                known: format!("migration {}", MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0)),
            },
            _ => OpenError::Migration { file: file.clone(), source },
        })?;
        let prepared = async {
            begin(&writer, first.unwrap_or_default()).await?;
            let readers = connect_readers(&file).await?;
            let state = async { read::state(&mut *readers.begin().await?).await }.await;
            if state.is_err() {
                readers.close().await;
            }
            Ok((readers, state?))
        };
        prepared.await.map_err(|e: sqlx::Error| failed(&e))
    };
    match prepared.await {
        Ok((readers, state)) => Ok((Open { writer, readers, epoch, gone: None }, state)),
        Err(error) => {
            // A connection that ends later would take away the log of the database that is begun in its place.
            writer.close().await;
            Err(error)
        }
    }
}

/// Writes down where a new database begins; one that has begun is left as it is.
async fn begin(writer: &SqlitePool, first: read::State) -> sqlx::Result<()> {
    let mut writer = transaction::begin(writer).await?;
    let done = async {
        let since = if first.counting_since_us == 0 { now_us() } else { first.counting_since_us };
        let begun = sqlx::query(
            "INSERT INTO state (one, last, counting_since_us) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(first.last)
        .bind(since)
        .execute(&mut *writer)
        .await?;
        if begun.rows_affected() == 1 {
            write::counts(&mut writer, &first.counts).await?;
            for (stream, offsets) in &first.offsets {
                write::replace_offsets(&mut writer, stream, offsets).await?;
            }
        }
        Ok(())
    }
    .await;
    transaction::end(writer, done).await
}

/// Counters and offsets of a database that was put aside, where they can still be read. They belong together: with offsets
/// alone nothing would be counted again, with counters alone everything twice.
async fn salvaged(file: &Path) -> Option<read::State> {
    let read = async {
        let readers = connect_readers(file).await?;
        let state = async { read::state(&mut *readers.begin().await?).await }.await;
        readers.close().await;
        state
    };
    let state: sqlx::Result<read::State> = read.await;
    state.inspect_err(|error| tracing::warn!(%error, "its counters cannot be read; they begin at 0")).ok()
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
