//! Opening a board's folder: lock it, look before touching, connect, migrate, fold; and a damaged database goes out of the way.

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
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    DATABASE, Place, Store, error,
    error::OpenError,
    lock::Lock,
    replay,
    safety::{
        SetAside, aside,
        check::{self, Checked},
        salvage,
    },
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../../migrations");

/// Only a stranger's tool (`sqlite3`, a backup) can hold SQLite's own lock; it gets this long to finish.
pub(crate) const BUSY: Duration = Duration::from_secs(5);
/// Longest wait for our one writer or for a reader. An fsync that takes longer is a disk that fails.
const WAIT: Duration = Duration::from_secs(15);
/// Pages are read by a few at a time; each connection is a thread.
const READERS: u32 = 4;

/// Longest look through a database that an unclean stop left: the kiosk waits. A million events take a second or two.
pub(crate) const CHECK_LIMIT: Duration = Duration::from_secs(30);
/// Size of a page, SQLite's default and so that of every database of ours.
const PAGE: u64 = 4096;

/// What a start found.
#[derive(Debug)]
pub struct Recovered {
    pub status: Status,
    /// Events folded since the checkpoint that was used; all of them when there was none.
    pub since_checkpoint: u64,
    /// The last engine left no `engine-stopped`: it was killed, or the power went.
    pub unclean: bool,
    /// After an unclean stop the file was looked through before it was used.
    pub checked: Option<Checked>,
    /// A damaged database that made room for this one.
    pub set_aside: Option<SetAside>,
    /// Events that could be carried over from it.
    pub salvaged: u64,
}

impl Store {
    /// Opens the database in `dir`, makes it when there is none, and folds its events. A damaged one is put aside, never deleted,
    /// and its events up to the damage are carried over: the board must start.
    pub async fn open(dir: &Path) -> Result<(Self, Recovered), OpenError> {
        let folder = |source| OpenError::Folder { dir: dir.to_owned(), source };
        // Events name addresses and machines of the lab: nobody else's business.
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(folder)?;
        let place = Arc::new(Place { dir: dir.to_owned(), _lock: Lock::take(dir)? });
        aside::stray_log(dir, DATABASE).map_err(folder)?;
        let why = match begin(&place).await {
            Ok(opened) => return Ok(opened),
            Err(error) => match error.damage() {
                Some(why) => why,
                None => return Err(error),
            },
        };
        let file = aside::put(dir, DATABASE).map_err(folder)?;
        tracing::error!(file = %file.display(), why, "the events database is damaged; it is kept and a new one begun");
        let (store, _) = begin(&place).await?;
        if let Err(error) = salvage::into(&store, &file).await {
            tracing::error!(%error, "not all of its events could be carried over");
        }
        let (status, since_checkpoint) = replay::recover(&store)
            .await
            .map_err(|source| OpenError::Replay { file: dir.join(DATABASE), source })?;
        let (set_aside, salvaged) = (Some(SetAside { file, why }), status.seq);
        Ok((store, Recovered { status, since_checkpoint, unclean: true, checked: None, set_aside, salvaged }))
    }
}

async fn begin(place: &Arc<Place>) -> Result<(Store, Recovered), OpenError> {
    let dir = place.dir.as_path();
    let file = dir.join(DATABASE);
    let killed = size(&sidecar(&file, "wal")) > 0;
    look(dir, &file).await?;
    let checked = if killed { Some(looked_through(dir, &file).await?) } else { None };

    let failed = |what: &str, error: &sqlx::Error| match error::damage(error) {
        Some(why) => OpenError::Damaged { file: file.clone(), why },
        None => database(what, dir, error),
    };
    let writer = connect_writer(&file).await.map_err(|e| failed("open the database", &e))?;
    let prepared = async {
        MIGRATIONS.run(&writer).await.map_err(|source| match &source {
            MigrateError::Execute(error) if error::damage(error).is_some() => failed("migrate", error),
            _ => OpenError::Migration { file: file.clone(), source },
        })?;
        sign(&writer).await.map_err(|e| failed("prepare the database", &e))?;
        connect_readers(&file).await.map_err(|e| failed("open the database for reading", &e))
    };
    let readers = match prepared.await {
        Ok(readers) => readers,
        Err(error) => {
            // A connection that ends later would take away the log of the database that is begun in its place.
            writer.close().await;
            return Err(error);
        }
    };

    let store = Store { writer, readers, place: place.clone() };
    let (status, since_checkpoint) = match replay::recover(&store).await {
        Ok(recovered) => recovered,
        Err(source) => {
            // Was it an event, or the file? Nothing may hold a file that is put aside.
            let checked = looked_through(dir, &file).await;
            store.close().await;
            checked?;
            return Err(OpenError::Replay { file, source });
        }
    };
    let unclean = status.engine.started.is_some() && status.engine.stopped.is_none();
    let recovered = Recovered { status, since_checkpoint, unclean, checked, set_aside: None, salvaged: 0 };
    Ok((store, recovered))
}

/// An error where the file is damaged.
async fn looked_through(dir: &Path, file: &Path) -> Result<Checked, OpenError> {
    match check::quick(file, BUSY, CHECK_LIMIT).await {
        Ok(Checked::Damaged { why }) => Err(OpenError::Damaged { file: file.to_owned(), why }),
        Ok(checked) => Ok(checked),
        Err(error) => Err(database("look through the database", dir, &error)),
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
    if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await {
        // On a full disk the log stays as it is; the program starts all the same and says so when it writes.
        if error::damage(&error).is_some() {
            return Err(error);
        }
        tracing::warn!(%error, "the write-ahead log is not folded in yet");
    }
    Ok(())
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |meta| meta.len())
}

fn sidecar(file: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}-{suffix}", file.display()))
}

/// Refuses what is newer or no database of ours, without changing a byte of it.
async fn look(dir: &Path, file: &Path) -> Result<(), OpenError> {
    if size(file) == 0 {
        return Ok(());
    }
    // An engine that was killed leaves a log, and only with it is the file whole. Reading a log needs its index
    // (`-shm`), which SQLite makes when it is not there; without a log `immutable` keeps it from making anything.
    let log_left = size(&sidecar(file, "wal")) > 0;
    let index_was_there = sidecar(file, "shm").exists();
    let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(BUSY);
    let seen = read_marks(options.immutable(!log_left)).await;
    if log_left && !index_was_there {
        // Nothing depends on it: whoever opens the database next makes it anew.
        let _ = std::fs::remove_file(sidecar(file, "shm"));
    }
    let marks = match seen {
        // Whole pages and no header that can be read: it has been one. Anything else in this place is somebody's letter.
        Err(e) if error::is_no_database(&e) && (log_left || size(file).is_multiple_of(PAGE)) => {
            return Err(OpenError::Damaged {
                file: file.to_owned(),
                why: "its header cannot be read".into(),
            });
        }
        Err(e) if error::is_no_database(&e) => {
            return Err(OpenError::Foreign { file: file.to_owned(), why: "it is no SQLite file".into() });
        }
        seen => seen.map_err(|e| match error::damage(&e) {
            Some(why) => OpenError::Damaged { file: file.to_owned(), why },
            None => database("look at the database", dir, &e),
        })?,
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
    let marks = marks(&mut connection).await;
    connection.close().await?;
    marks
}

async fn marks(connection: &mut SqliteConnection) -> sqlx::Result<Marks> {
    let (tables, migrated, signed): (i64, bool, bool) = sqlx::query_as(
        "SELECT count(*), total(name = '_sqlx_migrations') > 0, total(name = 'writer') > 0
         FROM sqlite_schema WHERE type = 'table'",
    )
    .fetch_one(&mut *connection)
    .await?;
    let mut marks = Marks { tables, migration: None, writer: None };
    if migrated {
        marks.migration = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut *connection)
            .await?;
    }
    if signed {
        // A newer program may have shaped this table anew; then its name stays unknown, and that is no reason to fail.
        marks.writer = sqlx::query_as("SELECT program, schema FROM writer")
            .fetch_optional(&mut *connection)
            .await
            .unwrap_or_default();
    }
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
