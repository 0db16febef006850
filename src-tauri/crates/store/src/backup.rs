//! Copies of a board's databases, taken while its engine runs or not.
//!
//! `VACUUM INTO` reads one state of the database beside its writer (<https://www.sqlite.org/lang_vacuum.html>). The copy
//! is looked through before it gets its name, so that a name always stands for a backup that can be read.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    DATABASE, error,
    logs::LOG_DATABASE,
    safety::check::{self, Checked},
};

/// A strange program that holds SQLite's own lock gets this long.
const BUSY: Duration = Duration::from_secs(5);
/// A copy of 1 GB is looked through in half a minute on a slow disk.
const CHECK_LIMIT: Duration = Duration::from_secs(600);

/// One database that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    pub file: PathBuf,
    pub bytes: u64,
    /// The number of the newest event, or of the newest log record.
    pub newest: i64,
}

/// A backup that was not made. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("there is no database of a board in {}", dir.display())]
    Nothing { dir: PathBuf },
    #[error("{} is there already", file.display())]
    Exists { file: PathBuf },
    #[error("{} cannot be written", file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error("{} could not be copied: {why}", file.display())]
    Copy { file: PathBuf, why: String, remedy: String },
    #[error("the copy of {} cannot be trusted: {why}", file.display())]
    Damaged { file: PathBuf, why: String },
}

impl BackupError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::Nothing { .. } => "name the board with --board and its data folder with --data".into(),
            Self::Exists { .. } => "name another folder; a backup never overwrites anything".into(),
            Self::Write { .. } => "name a folder that this user may write, with room for the copy".into(),
            Self::Copy { remedy, .. } => remedy.clone(),
            Self::Damaged { .. } => {
                "look at the disks (dmesg), and keep older backups: restart the engine, which puts a damaged database aside"
                    .into()
            }
        }
    }
}

/// Copies a board's events, and its log records with `logs`, out of `dir`. A `to` that ends in `.db` is a file for the events alone;
/// anything else is a folder, made where it is missing, in which each database has its own name: it can be used as a board's folder.
/// What was committed before this began is in the copy.
pub async fn backup(dir: &Path, to: &Path, logs: bool) -> Result<Vec<Backup>, BackupError> {
    let events = dir.join(DATABASE);
    if !events.exists() {
        return Err(BackupError::Nothing { dir: dir.to_owned() });
    }
    if to.extension().is_some_and(|extension| extension == "db") && !to.is_dir() {
        return Ok(vec![copy(&events, to, "SELECT coalesce(max(seq), 0) FROM events").await?]);
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to)
        .map_err(|source| BackupError::Write { file: to.to_owned(), source })?;
    let mut made = vec![copy(&events, &to.join(DATABASE), "SELECT coalesce(max(seq), 0) FROM events").await?];
    if logs && dir.join(LOG_DATABASE).exists() {
        made.push(copy(&dir.join(LOG_DATABASE), &to.join(LOG_DATABASE), "SELECT last FROM state").await?);
    }
    Ok(made)
}

/// Copies one database beside its name, looks through the copy, and gives it its name.
async fn copy(from: &Path, to: &Path, newest: &'static str) -> Result<Backup, BackupError> {
    let exists = || BackupError::Exists { file: to.to_owned() };
    let failed = |source| BackupError::Write { file: to.to_owned(), source };
    if to.exists() {
        return Err(exists());
    }
    let partial = PathBuf::from(format!("{}.partial-{}", to.display(), std::process::id()));
    // SQLite fills an empty file; made here, it is for its owner alone from the beginning.
    File::options().write(true).create_new(true).mode(0o600).open(&partial).map_err(failed)?;
    let removed = Removed(&partial);
    vacuum(from, &partial).await.map_err(|e| {
        let folder = from.parent().unwrap_or(from);
        let words = error::trouble("copy", folder, &e);
        BackupError::Copy { file: from.to_owned(), why: words.why, remedy: words.remedy }
    })?;
    let damaged = |why: String| BackupError::Damaged { file: from.to_owned(), why };
    match check::quick(&partial, BUSY, CHECK_LIMIT).await {
        Ok(Checked::Sound { .. }) => {}
        Ok(Checked::Damaged { why }) => return Err(damaged(why)),
        Ok(Checked::Unfinished) => {
            return Err(damaged("it could not be looked through in ten minutes".into()));
        }
        Err(error) => return Err(damaged(error.to_string())),
    }
    let newest = number(&partial, newest).await.map_err(|e| damaged(e.to_string()))?;
    // VACUUM INTO does not wait for the disk.
    let file = File::open(&partial).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    place(&partial, to).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => failed(e),
    })?;
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    drop(removed);
    Ok(Backup { file: to.to_owned(), bytes, newest })
}

/// Gives a file its name without replacing another. Sticks with FAT know no second name of a file, hence the rename.
fn place(partial: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(partial, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !to.exists() => fs::rename(partial, to),
        linked => linked,
    }
}

/// Takes what is unfinished away, whatever happens.
struct Removed<'a>(&'a Path);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            // Mostly there is none any more.
            let _ = fs::remove_file(format!("{}{suffix}", self.0.display()));
        }
    }
}

/// The database is attached read-only: opened otherwise, its last reader would fold the log of a killed engine in and take
/// away the sign that it was killed. A connection that is read-only as a whole cannot write the copy either.
async fn vacuum(from: &Path, to: &Path) -> sqlx::Result<()> {
    // Any connection that may write will do; this one has the empty file itself, which it never touches.
    let options = SqliteConnectOptions::new().filename(to).busy_timeout(BUSY);
    let mut connection: SqliteConnection = options.connect().await?;
    let copied = async {
        sqlx::query("ATTACH ?1 AS board").bind(uri(from)).execute(&mut connection).await?;
        sqlx::query("VACUUM board INTO ?1").bind(to.display().to_string()).execute(&mut connection).await?;
        Ok(())
    }
    .await;
    connection.close().await?;
    copied
}

/// As <https://www.sqlite.org/uri.html> wants it.
fn uri(file: &Path) -> String {
    let path = file.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?mode=ro")
}

async fn number(file: &Path, sql: &'static str) -> sqlx::Result<i64> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
    let mut connection: SqliteConnection = options.connect().await?;
    let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
    connection.close().await?;
    number
}
