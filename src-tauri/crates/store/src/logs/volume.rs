//! Volumes: records that came one after the other, and the full-text table of their words.

use lab::log::Record;
use sqlx::{AssertSqlSafe, SqliteConnection};

/// Records of one volume. What is to be found beyond the newest ones is looked up in each: a few milliseconds.
/// Tests want several volumes without writing for minutes.
const RECORDS: i64 = if cfg!(test) { 40 } else { 100_000 };
/// Text of one volume, for records that are long: the steps in which space comes free.
const BYTES: i64 = 16 << 20;
/// Longest span of one volume: the steps in which records go by age.
const SPAN_US: i64 = 24 * 3600 * 1_000_000;

#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(super) struct Volume {
    pub(super) number: i64,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) bytes: i64,
    pub(super) oldest_us: i64,
    pub(super) newest_us: i64,
}

/// All volumes, the newest first.
pub(super) async fn all(connection: &mut SqliteConnection) -> sqlx::Result<Vec<Volume>> {
    sqlx::query_as(
        "SELECT number, first, last, bytes, oldest_us, newest_us FROM volumes ORDER BY number DESC",
    )
    .fetch_all(connection)
    .await
}

/// Enters these records into the newest volume, or into a new one where that has had enough, and says its number.
pub(super) async fn for_records(
    writer: &mut SqliteConnection,
    records: &[Record],
    first: i64,
    last: i64,
) -> sqlx::Result<i64> {
    let seen = || records.iter().map(|record| record.seen_us);
    let (oldest, newest) = (seen().min().unwrap_or(0), seen().max().unwrap_or(0));
    let bytes: i64 = records.iter().map(|record| record.message.len() as i64).sum();
    let open: Option<Volume> = sqlx::query_as(
        "SELECT number, first, last, bytes, oldest_us, newest_us FROM volumes ORDER BY number DESC LIMIT 1",
    )
    .fetch_optional(&mut *writer)
    .await?;
    let fits = |volume: &Volume| {
        volume.last - volume.first < RECORDS
            && volume.bytes < BYTES
            && newest.saturating_sub(volume.oldest_us) < SPAN_US
    };
    if let Some(volume) = open.filter(fits) {
        sqlx::query(
            "UPDATE volumes SET last = ?, bytes = bytes + ?, oldest_us = min(oldest_us, ?),
             newest_us = max(newest_us, ?) WHERE number = ?",
        )
        .bind(last)
        .bind(bytes)
        .bind(oldest)
        .bind(newest)
        .bind(volume.number)
        .execute(writer)
        .await?;
        return Ok(volume.number);
    }
    let number = open.map_or(1, |volume| volume.number + 1);
    // Words only, without their places: nothing asks for phrases, and the index is a third of the size.
    // One letter stands in nearly every record; looked up by itself it costs a tenth of the space and no time.
    let sql = format!(
        "CREATE VIRTUAL TABLE words_{number} USING fts5 (text, content = '', detail = none, columnsize = 0, prefix = '1', tokenize = 'ascii')"
    );
    sqlx::query(AssertSqlSafe(sql)).execute(&mut *writer).await?;
    sqlx::query(
        "INSERT INTO volumes (number, first, last, bytes, oldest_us, newest_us) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(number)
    .bind(first)
    .bind(last)
    .bind(bytes)
    .bind(oldest)
    .bind(newest)
    .execute(writer)
    .await?;
    Ok(number)
}

/// Forgets a volume whose records are gone.
pub(super) async fn drop_volume(writer: &mut SqliteConnection, number: i64) -> sqlx::Result<()> {
    sqlx::query(AssertSqlSafe(format!("DROP TABLE words_{number}"))).execute(&mut *writer).await?;
    sqlx::query("DELETE FROM volumes WHERE number = ?").bind(number).execute(&mut *writer).await?;
    Ok(())
}
