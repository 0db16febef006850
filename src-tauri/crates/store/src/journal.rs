//! The writing side. Whatever is appended is on disk when the call returns, all of it or nothing.

use async_trait::async_trait;
use lab::{
    Draft, Event, Status,
    journal::{Journal, JournalError, Packet},
    live::UnknownMachine,
};
use sqlx::SqliteConnection;

use crate::{
    Store, bounded, error, replay,
    row::{EventRow, Unreadable},
    transaction,
};

#[async_trait]
impl Journal for Store {
    /// A caller that drops this future does not learn whether the events were committed; the next start does.
    async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<Event>, JournalError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let what = match drafts.as_slice() {
            [one] => format!("record {}", one.body.kind()),
            several => format!("record {} events", several.len()),
        };
        let (mut rows, mut events) = read_back(drafts).map_err(|why| JournalError {
            what: what.clone(),
            why: why.to_string(),
            remedy: "report this with the log around it".to_owned(),
        })?;
        write(self, &mut rows).await.map_err(|e| error::trouble(what, self.dir(), &e))?;
        for (event, row) in events.iter_mut().zip(&rows) {
            event.seq = row.seq.unsigned_abs();
        }
        Ok(events)
    }

    async fn checkpoint(&self, status: &Status) -> Result<(), JournalError> {
        replay::save(self, status).await
    }

    async fn packets(&self, packets: Vec<Packet>) -> Result<(), JournalError> {
        bounded::keep_packets(self, packets).await
    }

    async fn unknown(&self, machines: Vec<UnknownMachine>) -> Result<(), JournalError> {
        bounded::keep_strangers(self, machines).await
    }
}

/// The rows, and the events as every later reader will see them. What could not be read again is refused unwritten:
/// one such event would keep the next start from folding.
fn read_back(drafts: Vec<Draft>) -> Result<(Vec<EventRow>, Vec<Event>), Unreadable> {
    let rows = drafts.into_iter().map(EventRow::from_draft).collect::<Result<Vec<_>, _>>()?;
    let events = rows.iter().map(EventRow::to_event).collect::<Result<Vec<_>, _>>()?;
    Ok((rows, events))
}

async fn write(store: &Store, rows: &mut [EventRow]) -> sqlx::Result<()> {
    let mut writer = transaction::begin(&store.writer).await?;
    let done = insert(&mut writer, rows).await;
    transaction::end(writer, done).await
}

async fn insert(writer: &mut SqliteConnection, rows: &mut [EventRow]) -> sqlx::Result<()> {
    let mut last: i64 =
        sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM events").fetch_one(&mut *writer).await?;
    for row in rows {
        last += 1;
        row.seq = last;
        row.insert(writer).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::{Body, Stamp, journal::Archive};

    fn stopped(reason: &str) -> Draft {
        Draft {
            stamp: Stamp::default(),
            run: None,
            boot: None,
            actor: "engine".into(),
            reason: None,
            subject: "board".into(),
            body: Body::EngineStopped { reason: reason.into() },
        }
    }

    async fn empty() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let (store, recovered) = Store::open(dir.path()).await.unwrap();
        assert_eq!(recovered.status, Status::default());
        (dir, store)
    }

    /// Lets the database grow to so many pages: SQLite then says what it says on a full disk.
    async fn limit_pages(store: &Store, pages: i64) {
        // The pragma takes no bound value; the statement is made of a number alone.
        let sql = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(sql).execute(&store.writer).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_refuses_whole_batches_and_recovers_by_itself() {
        let (_dir, store) = empty().await;
        store.append(vec![stopped("before")]).await.unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&store.writer).await.unwrap();
        limit_pages(&store, pages + 2).await;

        // The first events of the batch still find room; none of them may stay.
        let batch: Vec<Draft> = std::iter::once(stopped("small"))
            .chain((0..16).map(|n| stopped(&format!("{n}").repeat(4000))))
            .collect();
        for _ in 0..2 {
            let refused = store.append(batch.clone()).await.expect_err("there is no room for this");
            assert!(refused.why.contains("is full"), "{refused}");
            assert!(refused.remedy.contains("free some space"), "{}", refused.remedy);
            assert_eq!(refused.what, "record 17 events");
        }
        assert_eq!(store.events(0, 100).await.unwrap().len(), 1, "a batch is written whole or not at all");
        let small = store.append(vec![stopped("small enough")]).await.unwrap();
        assert_eq!(small[0].seq, 2, "a refused batch uses no numbers");

        limit_pages(&store, 1_000_000).await;
        let written = store.append(batch).await.expect("there is room again");
        assert_eq!(written.iter().map(|e| e.seq).collect::<Vec<_>>(), (3..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_database_that_turns_read_only_says_so_and_recovers() {
        let (_dir, store) = empty().await;
        sqlx::query("PRAGMA query_only = ON").execute(&store.writer).await.unwrap();
        let refused = store.append(vec![stopped("x")]).await.expect_err("nothing may be written now");
        assert!(refused.remedy.contains("writable"), "{refused} {}", refused.remedy);
        sqlx::query("PRAGMA query_only = OFF").execute(&store.writer).await.unwrap();
        assert_eq!(store.append(vec![stopped("x")]).await.unwrap()[0].seq, 1);
    }

    #[tokio::test]
    async fn the_database_itself_refuses_to_rewrite_history() {
        let (_dir, store) = empty().await;
        store.append(vec![stopped("first"), stopped("second")]).await.unwrap();
        let row = "(seq, wall_us, mono_us, host_boot, actor, kind, subject, data, schema) VALUES";
        for (statement, why) in [
            ("UPDATE events SET actor = 'x'".to_owned(), "events are never changed"),
            ("DELETE FROM events WHERE seq = 2".to_owned(), "events are never removed"),
            (
                format!("INSERT OR REPLACE INTO events {row} (2, 0, 0, '', '', '', '', '{{}}', 1)"),
                "without gaps",
            ),
            (format!("INSERT INTO events {row} (4, 0, 0, '', '', '', '', '{{}}', 1)"), "without gaps"),
            (format!("INSERT INTO events {row} (3, 0, 0, '', '', '', '', '{{', 1)"), "json_valid"),
        ] {
            let refused = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&store.writer).await;
            let said = refused.expect_err(&statement).to_string();
            assert!(said.contains(why), "{statement}: {said}");
        }
        assert_eq!(store.events(0, 10).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn the_writer_syncs_every_commit_and_readers_cannot_write() {
        let (_dir, store) = empty().await;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.writer).await.unwrap();
        let sync: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.writer).await.unwrap();
        let busy: i64 = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&store.writer).await.unwrap();
        assert_eq!((mode.as_str(), sync, busy), ("wal", 2, 5000));
        assert!(sqlx::query("DELETE FROM packets").execute(&store.readers).await.is_err());
    }
}
