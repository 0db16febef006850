//! Forgetting by age and size, in steps so small that a commit hardly waits for one.

use sqlx::SqliteConnection;

use super::volume::{self, Volume};

/// Records that one step removes: some 20 ms.
const STEP: i64 = 5_000;
/// Pages that one step gives back to the disk: 2 MB.
const PAGES: i64 = 512;
/// Free pages that are kept for what comes next: giving each one back at once would only move pages about.
const SPARE_PAGES: i64 = 4 * PAGES;
const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// How much is kept. A volume goes as a whole: by age up to a day later, and by size never the one that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    pub bytes: u64,
    pub days: u64,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trimmed {
    pub records: u64,
    /// There is more to do.
    pub more: bool,
}

/// One step. Inside a transaction of the caller's.
pub(super) async fn step(writer: &mut SqliteConnection, keep: Keep, now_us: i64) -> sqlx::Result<Trimmed> {
    let volumes = volume::all(writer).await?;
    let Some(volume) = goes(&volumes, keep, now_us, used(writer).await?) else {
        let (_, free, size) = pages(writer).await?;
        let mut more = false;
        if free > SPARE_PAGES && free > size / 8 {
            // The number is a constant of ours; a pragma takes no bound value. It works while its rows are asked for.
            let sql = sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({PAGES})"));
            sqlx::query(sql).fetch_all(&mut *writer).await?;
            more = pages(writer).await?.2 < size;
        }
        return Ok(Trimmed { records: 0, more });
    };
    let upto = volume.last.min(volume.first + STEP - 1);
    let gone = sqlx::query("DELETE FROM records WHERE id BETWEEN ? AND ?")
        .bind(volume.first)
        .bind(upto)
        .execute(&mut *writer)
        .await?;
    if upto == volume.last {
        volume::drop_volume(writer, volume.number).await?;
        sqlx::query("DELETE FROM sources WHERE last <= ?").bind(volume.last).execute(&mut *writer).await?;
    } else {
        sqlx::query("UPDATE volumes SET first = ? WHERE number = ?")
            .bind(upto + 1)
            .bind(volume.number)
            .execute(&mut *writer)
            .await?;
    }
    Ok(Trimmed { records: gone.rows_affected(), more: true })
}

/// The volume that goes next.
fn goes(volumes: &[Volume], keep: Keep, now_us: i64, used: u64) -> Option<Volume> {
    let days = i64::try_from(keep.days).unwrap_or(i64::MAX);
    let cutoff = now_us.saturating_sub(days.saturating_mul(DAY_US));
    let aged = volumes.iter().rev().find(|volume| volume.newest_us < cutoff);
    let oldest = || volumes.last().filter(|_| volumes.len() > 1 && used > keep.bytes);
    aged.or_else(oldest).copied()
}

async fn used(writer: &mut SqliteConnection) -> sqlx::Result<u64> {
    let (bytes, free, size) = pages(writer).await?;
    Ok((bytes * (size - free)).unsigned_abs())
}

/// Bytes of a page, free pages, all pages.
async fn pages(writer: &mut SqliteConnection) -> sqlx::Result<(i64, i64, i64)> {
    sqlx::query_as("SELECT page_size, freelist_count, page_count FROM pragma_page_size, pragma_freelist_count, pragma_page_count")
        .fetch_one(writer)
        .await
}
