//! The fold over what is on disk: from a checkpoint at a start, from zero for a rebuild.

use futures::TryStreamExt;
use lab::{Status, event::Illegal, journal::JournalError};

use crate::{
    Store, error,
    row::{EventRow, Unreadable, columns},
};

/// Name of the fold this program was built with; see `build.rs`.
const FOLD: &str = env!("STORE_FOLD");

/// Events that do not fold.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("event {seq} cannot be read: {why}")]
    Unreadable { seq: i64, why: String },
    #[error("event {seq} contradicts those before it")]
    Illegal { seq: u64, source: Illegal },
    #[error("{}: {}", _0.what, _0.why)]
    Journal(JournalError),
}

impl ReplayError {
    /// What the person at the bench should do.
    pub fn remedy(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "use the newest program that wrote here, or another folder with --data".into()
            }
            Self::Illegal { seq, .. } => {
                format!(
                    "keep a copy of the folder, report this with the events around {seq}, and go on in another folder with --data"
                )
            }
            Self::Journal(error) => error.remedy.clone(),
        }
    }
}

/// The status as of the last event, and how many events had to be folded for it.
pub(crate) async fn recover(store: &Store) -> Result<(Status, u64), ReplayError> {
    if let Some(kept) = load(store).await? {
        let from = kept.seq;
        match fold(store, kept).await {
            Ok(status) => {
                let since = status.seq - from;
                return Ok((status, since));
            }
            // The events are the truth. If they fold from zero, it was the checkpoint that was wrong.
            Err(error @ ReplayError::Illegal { .. }) => {
                tracing::warn!(%error, from, "the checkpoint does not go with the events after it; folding all of them");
            }
            Err(error) => return Err(error),
        }
    }
    let status = fold(store, Status::default()).await?;
    let since = status.seq;
    Ok((status, since))
}

impl Store {
    /// Folds all events from zero and replaces the checkpoint. Events stay as they are.
    pub async fn rebuild(&self) -> Result<Status, ReplayError> {
        let status = fold(self, Status::default()).await?;
        save(self, &status).await.map_err(ReplayError::Journal)?;
        Ok(status)
    }
}

/// Folds every event after the status into it.
async fn fold(store: &Store, mut status: Status) -> Result<Status, ReplayError> {
    let failed = |e: sqlx::Error| ReplayError::Journal(error::trouble("read the events", store.dir(), &e));
    let after = i64::try_from(status.seq).unwrap_or(i64::MAX);
    let mut rows = sqlx::query_as::<_, EventRow>(concat!(
        "SELECT ",
        columns!(),
        " FROM events WHERE seq > ? ORDER BY seq"
    ))
    .bind(after)
    .fetch(&store.readers);
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let event =
            row.to_event().map_err(|why| ReplayError::Unreadable { seq: row.seq, why: why.to_string() })?;
        status.apply(&event).map_err(|source| ReplayError::Illegal { seq: event.seq, source })?;
    }
    Ok(status)
}

/// The checkpoint, if there is one that can be trusted. It is never a reason to fail: the events are all there.
async fn load(store: &Store) -> Result<Option<Status>, ReplayError> {
    let row: Option<(i64, String, String, i64)> = sqlx::query_as(
        "SELECT seq, status, version, (SELECT coalesce(max(seq), 0) FROM events) FROM checkpoint",
    )
    .fetch_optional(&store.readers)
    .await
    .map_err(|e| ReplayError::Journal(error::trouble("read the checkpoint", store.dir(), &e)))?;
    let Some((seq, text, version, last)) = row else { return Ok(None) };
    let why = if version == FOLD {
        match serde_json::from_str::<Status>(&text) {
            Ok(status) if i64::try_from(status.seq) == Ok(seq) && seq <= last => return Ok(Some(status)),
            Ok(status) => format!("it stands at {seq} and at {}, the last event is {last}", status.seq),
            Err(e) => format!("it does not parse: {e}"),
        }
    } else {
        "another version of the program made it".to_owned()
    };
    tracing::warn!(seq, why, "the checkpoint is not used; folding all events");
    Ok(None)
}

/// Keeps a status. One that is ahead of the events is refused: it would say what never happened.
pub(crate) async fn save(store: &Store, status: &Status) -> Result<(), JournalError> {
    let what = || format!("keep the status as of event {}", status.seq);
    let refused = |why: String| JournalError {
        what: what(),
        why,
        remedy: "report this with the log around it".to_owned(),
    };
    let text = serde_json::to_string(status).map_err(|e| refused(e.to_string()))?;
    let seq = crate::row::signed("seq", status.seq).map_err(|e: Unreadable| refused(e.to_string()))?;
    let kept = sqlx::query(
        "INSERT INTO checkpoint (one, seq, status, version)
         SELECT 1, ?1, ?2, ?3 WHERE ?1 <= (SELECT coalesce(max(seq), 0) FROM events)
         ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, status = excluded.status, version = excluded.version",
    )
    .bind(seq)
    .bind(text)
    .bind(FOLD)
    .execute(&store.writer)
    .await
    .map_err(|e| error::trouble(what(), store.dir(), &e))?;
    match kept.rows_affected() {
        0 => Err(refused("that event is not recorded".to_owned())),
        _ => Ok(()),
    }
}
