//! The reading side. Boots and runs are no rows of their own: they are folded from their events, as the status is.

use async_trait::async_trait;
use lab::{
    Body, Boot, Event, Run,
    event::Illegal,
    journal::{Archive, JournalError, Packet},
};
use sqlx::{Sqlite, query::QueryAs, sqlite::SqliteArguments};

use crate::{
    Store, bounded, error,
    row::{EventRow, columns, signed},
};

type Rows = QueryAs<'static, Sqlite, EventRow, SqliteArguments>;

#[async_trait]
impl Archive for Store {
    async fn events(&self, since: u64, limit: u32) -> Result<Vec<Event>, JournalError> {
        // Nothing can come after a number that SQLite does not have.
        let Ok(since) = signed("seq", since) else { return Ok(Vec::new()) };
        let sql = concat!("SELECT ", columns!(), " FROM events WHERE seq > ? ORDER BY seq LIMIT ?");
        self.read("read events", sqlx::query_as(sql).bind(since).bind(limit)).await
    }

    async fn boots(&self, machine: Option<&str>, limit: u32) -> Result<Vec<Boot>, JournalError> {
        let rows: Rows = match machine {
            Some(machine) => sqlx::query_as(concat!(
                "SELECT ",
                columns!(),
                " FROM events WHERE boot IN (SELECT boot FROM events
                  WHERE kind = 'boot-started' AND subject = ? ORDER BY seq DESC LIMIT ?) ORDER BY seq"
            ))
            .bind(machine.to_owned())
            .bind(limit),
            None => sqlx::query_as(concat!(
                "SELECT ",
                columns!(),
                " FROM events WHERE boot IN (SELECT boot FROM events
                  WHERE kind = 'boot-started' ORDER BY seq DESC LIMIT ?) ORDER BY seq"
            ))
            .bind(limit),
        };
        fold_boots(&self.read("read the boots", rows).await?)
    }

    async fn boot(&self, id: u64) -> Result<Option<Boot>, JournalError> {
        Ok(fold_boots(&self.boot_events(id).await?)?.pop())
    }

    async fn boot_events(&self, id: u64) -> Result<Vec<Event>, JournalError> {
        let Ok(key) = signed("boot", id) else { return Ok(Vec::new()) };
        let sql = concat!("SELECT ", columns!(), " FROM events WHERE boot = ? ORDER BY seq");
        self.read(&format!("read boot {id}"), sqlx::query_as(sql).bind(key)).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, JournalError> {
        let rows: Rows = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM events WHERE run IN (SELECT run FROM events
              WHERE kind = 'run-started' ORDER BY seq DESC LIMIT ?) ORDER BY seq"
        ))
        .bind(limit);
        fold_runs(&self.read("read the runs", rows).await?)
    }

    async fn run(&self, id: u64) -> Result<Option<Run>, JournalError> {
        let Ok(key) = signed("run", id) else { return Ok(None) };
        let sql = concat!("SELECT ", columns!(), " FROM events WHERE run = ? ORDER BY seq");
        let events = self.read(&format!("read run {id}"), sqlx::query_as(sql).bind(key)).await?;
        Ok(fold_runs(&events)?.pop())
    }

    async fn boot_packets(&self, id: u64) -> Result<Vec<Packet>, JournalError> {
        bounded::boot_packets(self, id).await
    }
}

impl Store {
    async fn read(&self, what: &str, rows: Rows) -> Result<Vec<Event>, JournalError> {
        let rows = rows.fetch_all(&self.readers).await.map_err(|e| error::trouble(what, self.dir(), &e))?;
        let readable = |row: &EventRow| {
            row.to_event().map_err(|why| JournalError {
                what: what.to_owned(),
                why: format!("event {} cannot be read: {why}", row.seq),
                remedy: "use the newest program that wrote here".to_owned(),
            })
        };
        rows.iter().map(readable).collect()
    }
}

/// Boots in the order in which they began. Events that merely happened during a boot (a press, facts) carry its
/// number too and are passed over.
fn fold_boots(events: &[Event]) -> Result<Vec<Boot>, JournalError> {
    let mut boots: Vec<Boot> = Vec::new();
    for event in events {
        match event.body() {
            Body::BootStarted { .. } => boots.push(Boot::begin(event).map_err(contradiction(event))?),
            Body::PhaseEntered { .. }
            | Body::Marked { .. }
            | Body::BootEnded { .. }
            | Body::Explained { .. }
            | Body::ExplanationWithdrawn { .. }
            | Body::ScreenAnswered { .. } => {
                let own = |boot: &&mut Boot| Some(boot.id) == event.draft.boot;
                if let Some(boot) = boots.iter_mut().rev().find(own) {
                    boot.apply(event).map_err(contradiction(event))?;
                }
            }
            _ => {}
        }
    }
    Ok(boots)
}

/// Runs in the order in which they began. A run's boots carry its number too and are passed over.
fn fold_runs(events: &[Event]) -> Result<Vec<Run>, JournalError> {
    let mut runs: Vec<Run> = Vec::new();
    for event in events {
        match event.body() {
            Body::RunStarted { .. } => runs.push(Run::begin(event).map_err(contradiction(event))?),
            Body::TaskStarted { .. }
            | Body::TaskFinished { .. }
            | Body::TaskFailed { .. }
            | Body::TaskUndone { .. }
            | Body::CancelRequested { .. }
            | Body::RunEnded { .. } => {
                let own = |run: &&mut Run| Some(run.id) == event.draft.run;
                if let Some(run) = runs.iter_mut().rev().find(own) {
                    run.apply(event).map_err(contradiction(event))?;
                }
            }
            _ => {}
        }
    }
    Ok(runs)
}

fn contradiction(event: &Event) -> impl FnOnce(Illegal) -> JournalError {
    let seq = event.seq;
    move |illegal| JournalError {
        what: "fold the events".to_owned(),
        why: format!("event {seq} contradicts those before it: {illegal}"),
        remedy: format!("report this with the events around {seq}"),
    }
}
