//! What can still be read of a damaged events database goes into the new one: its events up to the damage, and the
//! addresses that DHCP gave.

use std::path::Path;

use futures::TryStreamExt;
use lab::Status;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    Store,
    row::{EventRow, columns},
    transaction,
};

/// Events of one transaction.
const BATCH: usize = 1_000;

/// Copies what can be read. A new journal is a whole one: events are taken as long as they follow each other and
/// fold, and not one beyond.
pub(crate) async fn into(store: &Store, damaged: &Path) -> sqlx::Result<()> {
    let options = SqliteConnectOptions::new().filename(damaged).read_only(true);
    let mut old: SqliteConnection = options.connect().await?;
    if let Err(error) = leases(&mut old, store).await {
        tracing::warn!(%error, "the leases of the damaged database cannot be read");
    }
    let mut status = Status::default();
    // Along the table itself: the damage may lie in an index.
    let mut rows = sqlx::query_as::<_, EventRow>(concat!(
        "SELECT ",
        columns!(),
        " FROM events NOT INDEXED ORDER BY seq"
    ))
    .fetch(&mut old);
    let mut batch: Vec<EventRow> = Vec::new();
    loop {
        let row = match rows.try_next().await {
            Ok(row) => row.filter(|row| follows(row, &mut status)),
            Err(error) => {
                tracing::warn!(%error, after = status.seq, "events from here on cannot be read");
                None
            }
        };
        let ends = row.is_none();
        batch.extend(row);
        if ends || batch.len() == BATCH {
            write(store, &batch).await?;
            batch.clear();
        }
        if ends {
            break;
        }
    }
    drop(rows);
    // It may be too damaged to be closed in good order.
    let _ = old.close().await;
    Ok(())
}

fn follows(row: &EventRow, status: &mut Status) -> bool {
    row.to_event().is_ok_and(|event| event.seq == status.seq + 1 && status.apply(&event).is_ok())
}

async fn write(store: &Store, rows: &[EventRow]) -> sqlx::Result<()> {
    let mut writer = transaction::begin(&store.writer).await?;
    let mut done = Ok(());
    for row in rows {
        done = row.insert(&mut writer).await;
        if done.is_err() {
            break;
        }
    }
    transaction::end(writer, done).await
}

async fn leases(old: &mut SqliteConnection, store: &Store) -> sqlx::Result<()> {
    let rows: Vec<(String, String, Option<String>, i64, String)> =
        sqlx::query_as("SELECT address, mac, client_id, until_wall_us, state FROM leases")
            .fetch_all(old)
            .await?;
    for (address, mac, client_id, until_wall_us, state) in rows {
        sqlx::query(
            "INSERT OR IGNORE INTO leases (address, mac, client_id, until_wall_us, state) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(address)
        .bind(mac)
        .bind(client_id)
        .bind(until_wall_us)
        .bind(state)
        .execute(&store.writer)
        .await?;
    }
    Ok(())
}
