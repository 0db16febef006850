//! The reading side: records by filter, and the state that a start goes on from.

use std::collections::BTreeMap;

use lab::{
    counts::{Counter, Counts, Served},
    log::{Filter, Level, Offset, Record, Stored},
};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    CROWDED, index,
    volume::{self, Volume},
};

/// Records that pass and have a smaller number than `before`, newest first.
pub(super) async fn records(
    reader: &mut SqliteConnection,
    filter: &Filter,
    before: i64,
    limit: usize,
) -> sqlx::Result<Vec<Stored>> {
    let question = index::question(filter);
    let mut found = Vec::new();
    for volume in volume::all(reader).await? {
        let mut before = before;
        if volume.first >= before || !in_time(filter, &volume) {
            continue;
        }
        while found.len() < limit {
            let asked = limit - found.len();
            let rows = candidates(reader, &volume, question.as_deref(), filter, before, asked).await?;
            let came = rows.len();
            before = rows.last().map_or(before, |row| row.0);
            // The index answers by digests and beginnings; the filter itself has the last word.
            found.extend(rows.into_iter().map(stored).filter(|stored| filter.takes(&stored.record)));
            if came < asked {
                break;
            }
        }
    }
    Ok(found)
}

fn in_time(filter: &Filter, volume: &Volume) -> bool {
    filter.since_us.is_none_or(|since| volume.newest_us >= since)
        && filter.until_us.is_none_or(|until| volume.oldest_us <= until)
}

type Row = (i64, String, String, String, Option<i64>, i64, i64, String);

/// The next rows of a volume that may pass, newest first.
async fn candidates(
    reader: &mut SqliteConnection,
    volume: &Volume,
    question: Option<&str>,
    filter: &Filter,
    before: i64,
    limit: usize,
) -> sqlx::Result<Vec<Row>> {
    // CROSS JOIN keeps the order of the tables, so that rows come in the order of the index and none is sorted.
    let (from, id) = match question {
        Some(_) => {
            let words = format!("words_{}", volume.number);
            (
                format!("{words} CROSS JOIN records AS r ON r.id = {words}.rowid AND {words} MATCH ?1"),
                format!("{words}.rowid"),
            )
        }
        None => ("records AS r".to_owned(), "r.id".to_owned()),
    };
    // SQLite takes the unused ?1 as what it is.
    let sql = format!(
        "SELECT r.id, s.stream, s.node, s.service, r.time_us, r.seen_us, r.level, r.message
         FROM {from} CROSS JOIN sources AS s ON s.id = r.source
         WHERE {id} < ?2 AND {id} >= ?3 AND {id} <= ?4 AND r.seen_us >= ?5 AND r.seen_us <= ?6 AND ?1 IS ?1
         ORDER BY {id} DESC LIMIT ?7"
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(question.map(str::to_owned))
        .bind(before)
        .bind(volume.first)
        .bind(volume.last)
        .bind(filter.since_us.unwrap_or(i64::MIN))
        .bind(filter.until_us.unwrap_or(i64::MAX))
        .bind(limit as i64)
        .fetch_all(reader)
        .await
}

fn stored((id, stream, node, service, time_us, seen_us, level, message): Row) -> Stored {
    let level = u8::try_from(level).map_or(Level::Unknown, Level::from_number);
    Stored { id, record: Record { stream, time_us, seen_us, node, service, level, message } }
}

/// What a batch changes beside the records.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct State {
    pub(super) last: i64,
    pub(super) counting_since_us: i64,
    pub(super) counts: Counts,
    pub(super) offsets: BTreeMap<String, Vec<Offset>>,
}

pub(super) async fn state(reader: &mut SqliteConnection) -> sqlx::Result<State> {
    let (last, counting_since_us) =
        sqlx::query_as("SELECT last, counting_since_us FROM state").fetch_one(&mut *reader).await?;
    let (counts, offsets) = (counts(reader).await?, offsets(reader).await?);
    Ok(State { last, counting_since_us, counts, offsets })
}

pub(super) async fn counts(reader: &mut SqliteConnection) -> sqlx::Result<Counts> {
    let mut counts = Counts::default();
    let numbers: Vec<(String, i64)> =
        sqlx::query_as("SELECT name, value FROM counters").fetch_all(&mut *reader).await?;
    for (name, value) in numbers {
        let value = u64::try_from(value).unwrap_or(0);
        if name == CROWDED {
            counts.crowded += value;
        } else if let Some(counter) = Counter::ALL.into_iter().find(|counter| counter.name() == name) {
            counts.add(counter, value);
        }
    }
    let served: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT map, address, times FROM served").fetch_all(reader).await?;
    for (name, address, times) in served {
        if let Some(map) = Served::ALL.into_iter().find(|map| map.name() == name) {
            counts.serve_times(map, &address, u64::try_from(times).unwrap_or(0));
        }
    }
    Ok(counts)
}

async fn offsets(reader: &mut SqliteConnection) -> sqlx::Result<BTreeMap<String, Vec<Offset>>> {
    let rows: Vec<(String, String, i64, i64, i64, String, i64)> = sqlx::query_as(
        "SELECT stream, path, device, inode, offset, head, head_len FROM offsets ORDER BY stream, place",
    )
    .fetch_all(reader)
    .await?;
    let mut offsets: BTreeMap<String, Vec<Offset>> = BTreeMap::new();
    for (stream, path, device, inode, offset, head, head_len) in rows {
        offsets.entry(stream).or_default().push(Offset {
            path,
            device: device.cast_unsigned(),
            inode: inode.cast_unsigned(),
            offset: offset.cast_unsigned(),
            head,
            head_len: head_len.cast_unsigned(),
        });
    }
    Ok(offsets)
}
