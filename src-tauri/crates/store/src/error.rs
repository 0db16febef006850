//! What went wrong with a database, in words for the person at the bench.

use std::{
    io,
    path::{Path, PathBuf},
};

use lab::journal::JournalError;

use crate::replay::ReplayError;

/// A board's database that could not be opened. `Display` says what; the source says why; [`OpenError::remedy`] helps.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the data folder {} cannot be used", dir.display())]
    Folder { dir: PathBuf, source: io::Error },
    #[error("the data folder {} is in use by {holder}", dir.display())]
    Held { dir: PathBuf, holder: String },
    #[error(
        "{} was written by {program} ({found}); this program, statusinator {}, knows {known} and leaves it as it is",
        file.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        file: PathBuf,
        /// As in "statusinator 0.3.0".
        program: String,
        /// As in "migration 4".
        found: String,
        known: String,
    },
    #[error("{} is no database of statusinator: {why}", file.display())]
    Foreign { file: PathBuf, why: String },
    #[error("{} is damaged: {why}", file.display())]
    Damaged { file: PathBuf, why: String },
    #[error("the tables of {} could not be brought up to date", file.display())]
    Migration { file: PathBuf, source: sqlx::migrate::MigrateError },
    #[error("{}: {}", _0.what, _0.why)]
    Database(JournalError),
    #[error("the events in {} cannot be folded", file.display())]
    Replay { file: PathBuf, source: ReplayError },
}

impl OpenError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::Folder { dir, .. } => {
                format!(
                    "make {} a folder that this user may write, or name another with --data",
                    dir.display()
                )
            }
            Self::Held { .. } => {
                "end that program first, attach to it, or use another folder with --data".to_owned()
            }
            Self::Newer { program, .. } => {
                format!("use {program} or newer, or another folder with --data")
            }
            Self::Foreign { .. } => "move that file away, or use another folder with --data".to_owned(),
            Self::Damaged { file, .. } => {
                format!(
                    "move {} away and keep it, or restore a backup; see `statusinator backup`",
                    file.display()
                )
            }
            Self::Migration { .. } => {
                "keep the folder as it is and report this with the log around it".to_owned()
            }
            Self::Database(error) => error.remedy.clone(),
            Self::Replay { source, .. } => source.remedy(),
        }
    }
}

impl OpenError {
    /// Why the file is damaged, if that is what is wrong.
    pub(crate) fn damage(&self) -> Option<String> {
        match self {
            Self::Damaged { why, .. } => Some(why.clone()),
            _ => None,
        }
    }
}

/// Turns what SQLite said about `what` into words.
pub(crate) fn trouble(what: impl Into<String>, dir: &Path, error: &sqlx::Error) -> JournalError {
    let (why, remedy) = words(dir, error);
    JournalError { what: what.into(), why, remedy }
}

/// Result codes of SQLite (<https://www.sqlite.org/rescode.html>), of which the low byte is the primary one.
mod code {
    pub(super) const BUSY: u32 = 5;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const INTERRUPT: u32 = 9;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const NOTADB: u32 = 26;
    /// The file under the open database is not the one at its path any more.
    pub(super) const READONLY_DBMOVED: u32 = 1032;
}

fn words(dir: &Path, error: &sqlx::Error) -> (String, String) {
    let dir = dir.display();
    let text = match error.as_database_error() {
        Some(database) => database.message().to_owned(),
        None => error.to_string(),
    };
    if matches!(error, sqlx::Error::PoolTimedOut) {
        return (
            "earlier writes to the disk have not come back".to_owned(),
            format!("see whether the disk that holds {dir} still works (dmesg); writing goes on by itself"),
        );
    }
    match result_code(error).map(|extended| (extended, extended & 0xff)) {
        Some((code::READONLY_DBMOVED, _)) => (
            "its file was moved or removed while it was open".to_owned(),
            format!("put it back into {dir}, or restart the program to begin a new one"),
        ),
        Some((_, code::FULL)) => (
            format!("the disk that holds {dir} is full"),
            "free some space there; writing goes on by itself".to_owned(),
        ),
        Some((_, code::READONLY | code::CANTOPEN)) => (
            format!("{dir} cannot be written ({text})"),
            "make the folder writable for this user, or mount its disk read-write; writing goes on by itself"
                .to_owned(),
        ),
        Some((_, code::IOERR)) => (
            format!("the disk that holds {dir} answered with an error ({text})"),
            "check the disk (dmesg) and replace it if it fails; writing goes on by itself".to_owned(),
        ),
        Some((_, code::BUSY)) => (
            format!("another program keeps the database in {dir} locked"),
            format!("end that program; `fuser {dir}/{}` names it", crate::DATABASE),
        ),
        Some((_, code::CORRUPT | code::NOTADB)) => (
            format!("the database in {dir} is damaged ({text})"),
            "stop the program, keep a copy of the folder, and restore it or begin with an empty one"
                .to_owned(),
        ),
        _ => (text, "report this with the log around it".to_owned()),
    }
}

/// SQLite's extended result code, if it was SQLite that failed.
fn result_code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// What SQLite said, where it said that the file itself is damaged; a full or failing disk is none of its faults.
pub(crate) fn damage(error: &sqlx::Error) -> Option<String> {
    matches!(result_code(error)? & 0xff, code::CORRUPT | code::NOTADB)
        .then(|| error.as_database_error().map_or_else(|| error.to_string(), |e| e.message().to_owned()))
}

/// Whether it was our own clock that ended a statement.
pub(crate) fn is_interrupted(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| code & 0xff == code::INTERRUPT)
}

/// Whether the file is something else than an SQLite database.
pub(crate) fn is_no_database(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| code & 0xff == code::NOTADB)
}
