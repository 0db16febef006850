//! SQLite's own look at a whole file (<https://www.sqlite.org/pragma.html#pragma_quick_check>).

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::error;

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// What a look through a database found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    Sound {
        took: Duration,
    },
    Damaged {
        why: String,
    },
    /// The time was up before the end; no damage was seen so far.
    Unfinished,
}

/// Looks through a database beside whoever writes it.
pub(crate) async fn quick(file: &Path, busy: Duration, limit: Duration) -> sqlx::Result<Checked> {
    let begun = Instant::now();
    let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(busy);
    let looked = async {
        let mut connection: SqliteConnection = options.connect().await?;
        connection.lock_handle().await?.set_progress_handler(STEPS, move || begun.elapsed() < limit);
        let found: sqlx::Result<Vec<String>> =
            sqlx::query_scalar("PRAGMA quick_check(3)").fetch_all(&mut connection).await;
        connection.lock_handle().await?.remove_progress_handler();
        connection.close().await?;
        found
    };
    match looked.await {
        Ok(found) if found == ["ok"] => Ok(Checked::Sound { took: begun.elapsed() }),
        Ok(found) => Ok(Checked::Damaged { why: found.join("; ") }),
        Err(error) if error::is_interrupted(&error) => Ok(Checked::Unfinished),
        Err(error) => match error::damage(&error) {
            Some(why) => Ok(Checked::Damaged { why }),
            None => Err(error),
        },
    }
}
