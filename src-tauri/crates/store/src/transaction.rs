//! Transactions of the one writer, by SQLite's own words rather than by sqlx's guard.
//!
//! When a disk is full, COMMIT fails and SQLite has rolled back by itself (<https://www.sqlite.org/lang_transaction.html>,
//! section 3). sqlx's guard then asks for a ROLLBACK that is refused, goes on counting the transaction as open, and the
//! writer never begins another one.

use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};

/// Takes the writer, and SQLite's write lock at once: a transaction must not find out half-way that it may not write.
pub(crate) async fn begin(writer: &SqlitePool) -> sqlx::Result<PoolConnection<Sqlite>> {
    let mut writer = writer.acquire().await?;
    // A caller that was dropped half-way left its transaction open.
    roll_back(&mut writer).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *writer).await?;
    Ok(writer)
}

/// Commits what was done, or takes it back and hands on why.
pub(crate) async fn end(mut writer: PoolConnection<Sqlite>, done: sqlx::Result<()>) -> sqlx::Result<()> {
    let ended = match done {
        Ok(()) => sqlx::query("COMMIT").execute(&mut *writer).await.map(drop),
        Err(error) => Err(error),
    };
    if ended.is_err() {
        roll_back(&mut writer).await;
    }
    ended
}

/// Refused when nothing is open, which is as good.
async fn roll_back(writer: &mut SqliteConnection) {
    if let Err(error) = sqlx::query("ROLLBACK").execute(writer).await {
        tracing::trace!(%error, "there was nothing to roll back");
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use lab::{
        Body, Draft, Stamp,
        journal::{Archive, Journal},
    };

    use crate::Store;

    async fn empty() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).await.unwrap();
        (dir, store)
    }

    fn batch() -> Vec<Draft> {
        let draft = Draft {
            stamp: Stamp::default(),
            run: None,
            boot: None,
            actor: "engine".into(),
            reason: None,
            subject: "board".into(),
            body: Body::StorageRecovered { waited: 0 },
        };
        vec![draft; 5]
    }

    async fn commits_succeed(store: &Store, allowed: bool) {
        let mut writer = store.writer.acquire().await.unwrap();
        writer.lock_handle().await.unwrap().set_commit_hook(move || allowed);
    }

    #[tokio::test]
    async fn a_commit_that_fails_leaves_a_writer_that_works() {
        let (_dir, store) = empty().await;
        store.append(batch()).await.unwrap();
        // A hook that says no makes SQLite do what it does on a full disk: COMMIT fails, and it rolls back itself.
        commits_succeed(&store, false).await;
        for _ in 0..3 {
            let refused = store.append(batch()).await.expect_err("this cannot be committed");
            assert!(!refused.why.contains("transaction depth"), "sqlx lost count: {refused}");
        }
        commits_succeed(&store, true).await;
        assert_eq!(store.append(batch()).await.unwrap()[0].seq, 6);
        assert_eq!(store.events(0, 100).await.unwrap().len(), 10);
    }

    #[tokio::test]
    async fn a_caller_that_is_dropped_anywhere_leaves_a_whole_batch_or_none() {
        let (_dir, store) = empty().await;
        for polls in 0..40 {
            let mut append = store.append(batch());
            let mut polled = 0;
            // Each poll comes when SQLite's thread has answered, so that the drop comes at every stage.
            poll_fn(|context| {
                if polled == polls {
                    return Poll::Ready(());
                }
                polled += 1;
                append.as_mut().poll(context).map(drop)
            })
            .await;
            drop(append);
            let next = store.append(batch()).await.expect("the writer is free again");
            assert_eq!(next[0].seq % 5, 1, "after {polls} polls");
        }
        let events = store.events(0, 10_000).await.unwrap();
        assert!(events.iter().zip(1..).all(|(event, n)| event.seq == n), "no gaps");
        assert!(events.len() >= 200 && events.len().is_multiple_of(5));
    }
}
