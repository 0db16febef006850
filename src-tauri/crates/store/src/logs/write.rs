//! The writing side: a batch is one transaction, on disk when the call returns.

use std::collections::HashMap;

use lab::{
    counts::{Counter, Counts, SERVED_KEPT, Served},
    log::{Batch, Offset, Record},
};
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};

use super::{CROWDED, index, volume};

/// Rows of one statement. Each statement is a trip to SQLite's thread and back; beyond a hundred rows that is no cost any more.
const ROWS: usize = 128;

/// Writes everything, and says which number came before the first record.
pub(super) async fn batch(writer: &mut SqliteConnection, batch: &Batch) -> sqlx::Result<i64> {
    let before: i64 = sqlx::query_scalar("SELECT last FROM state").fetch_one(&mut *writer).await?;
    if !batch.records.is_empty() {
        records(writer, &batch.records, before + 1).await?;
    }
    counts(writer, &batch.counts).await?;
    for (stream, offsets) in &batch.offsets {
        replace_offsets(writer, stream, offsets).await?;
    }
    Ok(before)
}

async fn records(writer: &mut SqliteConnection, records: &[Record], first: i64) -> sqlx::Result<()> {
    let last = first + records.len() as i64 - 1;
    let volume = volume::for_records(writer, records, first, last).await?;
    let sources = sources(writer, records, last).await?;
    let mut at = 0;
    while at < records.len() {
        let rows = chunk(records.len() - at);
        let these = &records[at..at + rows];
        let ids = first + at as i64..;

        let sql = insert("INSERT INTO records (id, source, time_us, seen_us, level, message)", 6, rows);
        let mut query = prepared(sql);
        for ((record, source), id) in these.iter().zip(&sources[at..]).zip(ids.clone()) {
            query = query
                .bind(id)
                .bind(*source)
                .bind(record.time_us)
                .bind(record.seen_us)
                .bind(i64::from(record.level.number()))
                .bind(record.message.as_str());
        }
        query.execute(&mut *writer).await?;

        let mut query = prepared(insert(&format!("INSERT INTO words_{volume} (rowid, text)"), 2, rows));
        for (record, id) in these.iter().zip(ids) {
            query = query.bind(id).bind(index::text(record));
        }
        query.execute(&mut *writer).await?;
        at += rows;
    }
    sqlx::query("UPDATE state SET last = ?").bind(last).execute(&mut *writer).await?;
    Ok(())
}

/// Rows of the next statement: all that fit, else a power of two, so that there are eight statements to prepare and no more.
fn chunk(left: usize) -> usize {
    if left >= ROWS { ROWS } else { 1 << left.ilog2() }
}

fn insert(into: &str, columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    format!("{into} VALUES {}", vec![row; rows].join(","))
}

fn prepared<'q>(sql: String) -> Query<'q, Sqlite, SqliteArguments> {
    // Made of numbers of ours and question marks alone.
    sqlx::query(AssertSqlSafe(sql))
}

/// The number of each record's source; those that are new are added.
async fn sources(writer: &mut SqliteConnection, records: &[Record], last: i64) -> sqlx::Result<Vec<i64>> {
    let mut known: HashMap<(&str, &str, &str), i64> = HashMap::new();
    let mut numbers = Vec::with_capacity(records.len());
    for record in records {
        let key = (record.stream.as_str(), record.node.as_str(), record.service.as_str());
        let number = match known.get(&key) {
            Some(number) => *number,
            None => {
                let number = sqlx::query_scalar(
                    "INSERT INTO sources (stream, node, service, last) VALUES (?, ?, ?, ?)
                     ON CONFLICT DO UPDATE SET last = excluded.last RETURNING id",
                )
                .bind(key.0)
                .bind(key.1)
                .bind(key.2)
                .bind(last)
                .fetch_one(&mut *writer)
                .await?;
                known.insert(key, number);
                number
            }
        };
        numbers.push(number);
    }
    Ok(numbers)
}

/// Adds to the counters, by the rule of [`Counts::merge`].
pub(super) async fn counts(writer: &mut SqliteConnection, counts: &Counts) -> sqlx::Result<()> {
    for counter in Counter::ALL {
        add(writer, counter.name(), counts.get(counter)).await?;
    }
    let mut crowded = counts.crowded;
    for map in Served::ALL {
        for (address, times) in counts.served(map) {
            let kept = sqlx::query(
                "INSERT INTO served (map, address, times) SELECT ?1, ?2, ?3
                 WHERE EXISTS (SELECT 1 FROM served WHERE map = ?1 AND address = ?2)
                    OR (SELECT count(*) FROM served WHERE map = ?1) < ?4
                 ON CONFLICT DO UPDATE SET times = times + excluded.times",
            )
            .bind(map.name())
            .bind(address.as_str())
            .bind(clamped(*times))
            .bind(SERVED_KEPT as i64)
            .execute(&mut *writer)
            .await?;
            if kept.rows_affected() == 0 {
                crowded += times;
            }
        }
    }
    add(writer, CROWDED, crowded).await
}

async fn add(writer: &mut SqliteConnection, name: &str, more: u64) -> sqlx::Result<()> {
    if more == 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
    )
    .bind(name)
    .bind(clamped(more))
    .execute(writer)
    .await?;
    Ok(())
}

/// Nothing is counted so often; SQLite's integers end there.
fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) async fn replace_offsets(
    writer: &mut SqliteConnection,
    stream: &str,
    offsets: &[Offset],
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM offsets WHERE stream = ?").bind(stream).execute(&mut *writer).await?;
    for (place, offset) in offsets.iter().enumerate() {
        sqlx::query(
            "INSERT INTO offsets (stream, place, path, device, inode, offset, head, head_len)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(stream)
        .bind(place as i64)
        .bind(offset.path.as_str())
        .bind(offset.device.cast_signed())
        .bind(offset.inode.cast_signed())
        .bind(offset.offset.cast_signed())
        .bind(offset.head.as_str())
        .bind(offset.head_len.cast_signed())
        .execute(&mut *writer)
        .await?;
    }
    Ok(())
}
