//! Opening a board's folder: lock it, look before touching, connect, migrate, fold.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lab::{Status, event::SCHEMA};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{DATABASE, Place, Store, error, error::OpenError, lock::Lock, replay};

static MIGRATIONS: Migrator = sqlx::migrate!("../../../migrations");

/// Only a stranger's tool (`sqlite3`, a backup) can hold SQLite's own lock; it gets this long to finish.
const BUSY: Duration = Duration::from_secs(5);
/// Longest wait for our one writer or for a reader. An fsync that takes longer is a disk that fails.
const WAIT: Duration = Duration::from_secs(15);
/// Pages are read by a few at a time; each connection is a thread.
const READERS: u32 = 4;

/// What a start found.
#[derive(Debug)]
pub struct Recovered {
    pub status: Status,
    /// Events folded since the checkpoint that was used; all of them when there was none.
    pub since_checkpoint: u64,
    /// The last engine left no `engine-stopped`: it was killed, or the power went.
    pub unclean: bool,
}

impl Store {
    /// Opens the database in `dir`, makes it when there is none, and folds its events.
    pub async fn open(dir: &Path) -> Result<(Self, Recovered), OpenError> {
        // Events name addresses and machines of the lab: nobody else's business.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|source| OpenError::Folder { dir: dir.to_owned(), source })?;
        let lock = Lock::take(dir)?;
        let file = dir.join(DATABASE);
        look(dir, &file).await?;

        let writer = connect_writer(&file).await.map_err(|e| database("open the database", dir, &e))?;
        MIGRATIONS
            .run(&writer)
            .await
            .map_err(|source| OpenError::Migration { file: file.clone(), source })?;
        sign(&writer).await.map_err(|e| database("prepare the database", dir, &e))?;
        let readers =
            connect_readers(&file).await.map_err(|e| database("open the database for reading", dir, &e))?;

        let store = Self { writer, readers, place: Arc::new(Place { dir: dir.to_owned(), _lock: lock }) };
        let (status, since_checkpoint) =
            replay::recover(&store).await.map_err(|source| OpenError::Replay { file, source })?;
        let unclean = status.engine.started.is_some() && status.engine.stopped.is_none();
        Ok((store, Recovered { status, since_checkpoint, unclean }))
    }
}

fn database(what: &str, dir: &Path, error: &sqlx::Error) -> OpenError {
    OpenError::Database(error::trouble(what, dir, error))
}

async fn connect_writer(file: &Path) -> sqlx::Result<SqlitePool> {
    connect(options(file)).await
}

pub(crate) fn options(file: &Path) -> SqliteConnectOptions {
    // sqlx sets the busy timeout before it runs any pragma, so that even the change to WAL waits.
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .busy_timeout(BUSY)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode NORMAL syncs only at checkpoints: a power cut would take back what was shown.
        .synchronous(SqliteSynchronous::Full)
}

pub(crate) async fn connect(options: SqliteConnectOptions) -> sqlx::Result<SqlitePool> {
    let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(WAIT);
    // The pragmas take the write lock, so this connection is opened once and never recycled.
    pool.idle_timeout(None).max_lifetime(None).test_before_acquire(false).connect_with(options).await
}

pub(crate) async fn connect_readers(file: &Path) -> sqlx::Result<SqlitePool> {
    // No pragmas here: a read-only connection may not set them (SQLITE_READONLY).
    let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(BUSY);
    SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(WAIT).connect_with(options).await
}

/// Writes down who writes here, and brings it into the main file, where a later [`look`] finds it.
async fn sign(writer: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO writer (one, program, schema) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET program = excluded.program, schema = excluded.schema
         WHERE program IS NOT excluded.program OR schema IS NOT excluded.schema",
    )
    .bind(concat!("statusinator ", env!("CARGO_PKG_VERSION")))
    .bind(SCHEMA)
    .execute(writer)
    .await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await?;
    Ok(())
}

/// Refuses what is newer or no database of ours, without changing a byte of it.
async fn look(dir: &Path, file: &Path) -> Result<(), OpenError> {
    let size = |path: &Path| path.metadata().map_or(0, |m| m.len());
    if size(file) == 0 {
        return Ok(());
    }
    let sidecar = |suffix: &str| PathBuf::from(format!("{}-{suffix}", file.display()));
    // An engine that was killed leaves a log, and only with it is the file whole. Reading a log needs its index
    // (`-shm`), which SQLite makes when it is not there; without a log `immutable` keeps it from making anything.
    let log_left = size(&sidecar("wal")) > 0;
    let index_was_there = sidecar("shm").exists();
    let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(BUSY);
    let seen = read_marks(options.immutable(!log_left)).await;
    if log_left && !index_was_there {
        // Nothing depends on it: whoever opens the database next makes it anew.
        let _ = std::fs::remove_file(sidecar("shm"));
    }
    let marks = match seen {
        Err(e) if error::is_no_database(&e) => {
            return Err(OpenError::Foreign { file: file.to_owned(), why: "it is no SQLite file".into() });
        }
        seen => seen.map_err(|e| database("look at the database", dir, &e))?,
    };
    marks.check(file)
}

/// What a database says about whoever made it.
struct Marks {
    tables: i64,
    migration: Option<i64>,
    writer: Option<(String, i64)>,
}

async fn read_marks(options: SqliteConnectOptions) -> sqlx::Result<Marks> {
    let mut connection: SqliteConnection = options.connect().await?;
    let (tables, migrated, signed): (i64, bool, bool) = sqlx::query_as(
        "SELECT count(*), total(name = '_sqlx_migrations') > 0, total(name = 'writer') > 0
         FROM sqlite_schema WHERE type = 'table'",
    )
    .fetch_one(&mut connection)
    .await?;
    let mut marks = Marks { tables, migration: None, writer: None };
    if migrated {
        marks.migration = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut connection)
            .await?;
    }
    if signed {
        // A newer program may have shaped this table anew; then its name stays unknown, and that is no reason to fail.
        marks.writer = sqlx::query_as("SELECT program, schema FROM writer")
            .fetch_optional(&mut connection)
            .await
            .unwrap_or_default();
    }
    connection.close().await?;
    Ok(marks)
}

impl Marks {
    fn check(self, file: &Path) -> Result<(), OpenError> {
        let known = MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0);
        let Some(found) = self.migration else {
            // A first start that was killed may have left an empty file with a header.
            if self.tables == 0 {
                return Ok(());
            }
            let why = "it holds tables of another program".to_owned();
            return Err(OpenError::Foreign { file: file.to_owned(), why });
        };
        let (program, schema) = match self.writer {
            Some((program, schema)) => (program, schema),
            None => ("a newer statusinator".to_owned(), 0),
        };
        let (found, known) = if found > known {
            (format!("migration {found}"), format!("migration {known}"))
        } else if schema > i64::from(SCHEMA) {
            (format!("event schema {schema}"), format!("event schema {SCHEMA}"))
        } else {
            return Ok(());
        };
        Err(OpenError::Newer { file: file.to_owned(), program, found, known })
    }
}
