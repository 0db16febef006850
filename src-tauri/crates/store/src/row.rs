//! Rows into events and back. The JSON text of a body is made once, when it is written; every reader starts from it.

use lab::{Body, Draft, Event, Stamp, event::SCHEMA};

/// The columns of `events` in the order of [`EventRow`]. A macro, since queries are put together at compile time.
macro_rules! columns {
    () => {
        "seq, wall_us, mono_us, host_boot, run, boot, actor, reason, kind, subject, data, schema"
    };
}
pub(crate) use columns;

/// One row of `events`.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct EventRow {
    pub(crate) seq: i64,
    wall_us: i64,
    mono_us: i64,
    host_boot: String,
    run: Option<i64>,
    boot: Option<i64>,
    actor: String,
    reason: Option<String>,
    kind: String,
    subject: String,
    data: String,
    schema: i64,
}

/// An event that this program cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is of schema {found}, newer than {SCHEMA}, the newest that this program knows")]
    Newer { found: i64 },
    #[error("its {kind} does not parse: {why}")]
    Shape { kind: String, why: String },
    #[error("{what} {value} is out of range")]
    Range { what: &'static str, value: i128 },
}

impl EventRow {
    /// The row that a draft becomes, numbered later.
    pub(crate) fn from_draft(draft: Draft) -> Result<Self, Unreadable> {
        let kind = draft.body.kind();
        let data = data_text(&draft.body).map_err(|why| Unreadable::Shape { kind: kind.to_owned(), why })?;
        Ok(Self {
            seq: 0,
            wall_us: draft.stamp.wall_us,
            mono_us: draft.stamp.mono_us,
            host_boot: draft.stamp.host_boot,
            run: draft.run.map(|id| signed("run", id)).transpose()?,
            boot: draft.boot.map(|id| signed("boot", id)).transpose()?,
            actor: draft.actor,
            reason: draft.reason,
            kind: kind.to_owned(),
            subject: draft.subject,
            data,
            schema: i64::from(SCHEMA),
        })
    }

    /// The event that every reader gets. Its body has today's shape, so it carries today's schema.
    pub(crate) fn to_event(&self) -> Result<Event, Unreadable> {
        let body = lift(self.schema, &self.kind, &self.data)?;
        Ok(Event {
            seq: unsigned("seq", self.seq)?,
            draft: Draft {
                stamp: Stamp {
                    wall_us: self.wall_us,
                    mono_us: self.mono_us,
                    host_boot: self.host_boot.clone(),
                },
                run: self.run.map(|id| unsigned("run", id)).transpose()?,
                boot: self.boot.map(|id| unsigned("boot", id)).transpose()?,
                actor: self.actor.clone(),
                reason: self.reason.clone(),
                subject: self.subject.clone(),
                body,
            },
            schema: SCHEMA,
        })
    }

    /// Writes the row; the caller's transaction decides whether it stays.
    pub(crate) async fn insert(&self, connection: &mut sqlx::SqliteConnection) -> sqlx::Result<()> {
        sqlx::query(concat!(
            "INSERT INTO events (",
            columns!(),
            ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))
        .bind(self.seq)
        .bind(self.wall_us)
        .bind(self.mono_us)
        .bind(self.host_boot.as_str())
        .bind(self.run)
        .bind(self.boot)
        .bind(self.actor.as_str())
        .bind(self.reason.as_deref())
        .bind(self.kind.as_str())
        .bind(self.subject.as_str())
        .bind(self.data.as_str())
        .bind(self.schema)
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// The body without its kind, which has a column of its own.
fn data_text(body: &Body) -> Result<String, String> {
    let mut value = serde_json::to_value(body).map_err(|e| e.to_string())?;
    let data = value.get_mut("data").map(serde_json::Value::take).ok_or("it has no data")?;
    Ok(data.to_string())
}

/// Reads a body of whatever schema it was written in as one of today's. The text on disk stays as it is.
///
/// There has been one schema so far; the next one adds an arm that changes the JSON of the one before it.
fn lift(schema: i64, kind: &str, data: &str) -> Result<Body, Unreadable> {
    match schema {
        1 => {
            let shape =
                |e: serde_json::Error| Unreadable::Shape { kind: kind.to_owned(), why: e.to_string() };
            let tag = serde_json::to_string(kind).map_err(shape)?;
            serde_json::from_str(&format!(r#"{{"kind":{tag},"data":{data}}}"#)).map_err(shape)
        }
        found if found > i64::from(SCHEMA) => Err(Unreadable::Newer { found }),
        value => Err(Unreadable::Range { what: "schema", value: value.into() }),
    }
}

/// SQLite's integers have a sign; ours count from 0.
pub(crate) fn signed(what: &'static str, value: u64) -> Result<i64, Unreadable> {
    i64::try_from(value).map_err(|_| Unreadable::Range { what, value: value.into() })
}

pub(crate) fn unsigned(what: &'static str, value: i64) -> Result<u64, Unreadable> {
    u64::try_from(value).map_err(|_| Unreadable::Range { what, value: value.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn draft(body: Body) -> Draft {
        Draft {
            stamp: Stamp { wall_us: -1, mono_us: 2, host_boot: "h".into() },
            run: Some(3),
            boot: None,
            actor: "engine".into(),
            reason: Some("because".into()),
            subject: "node1".into(),
            body,
        }
    }

    #[test]
    fn a_body_keeps_its_keys_in_order_and_its_figures_to_the_last_digit() {
        // 31.245270191439438 is a figure that a fast parser reads one last digit off.
        let detail = json!({ "z": 1, "a": 0.1 + 0.2, "m": [31.245_270_191_439_438, 1.0e-7, -0.0, u64::MAX] });
        let row = EventRow::from_draft(draft(Body::Marked { mark: "link".into(), detail: detail.clone() }))
            .unwrap();
        assert!(
            row.data.starts_with(r#"{"mark":"link","detail":{"z":1,"a":0.30000000000000004,"m":["#),
            "{}",
            row.data
        );
        let event = row.to_event().unwrap();
        assert_eq!(event.draft, draft(Body::Marked { mark: "link".into(), detail }));
        assert_eq!(EventRow::from_draft(event.draft).unwrap().data, row.data);
    }

    #[test]
    fn a_newer_schema_is_refused_by_number() {
        let mut row = EventRow::from_draft(draft(Body::EngineStopped { reason: "x".into() })).unwrap();
        row.schema = i64::from(SCHEMA) + 1;
        let why = row.to_event().unwrap_err().to_string();
        assert_eq!(why, "it is of schema 2, newer than 1, the newest that this program knows");
        row.schema = 0;
        assert!(row.to_event().is_err(), "there never was a schema 0");
    }

    #[test]
    fn an_unknown_kind_or_a_missing_field_is_an_error_with_its_reason() {
        let mut row = EventRow::from_draft(draft(Body::EngineStopped { reason: "x".into() })).unwrap();
        row.data = "{}".into();
        assert!(row.to_event().unwrap_err().to_string().contains("missing field `reason`"));
        row.kind = "engine-\"dreamt".into();
        assert!(row.to_event().unwrap_err().to_string().contains("unknown variant"));
    }

    #[test]
    fn a_number_that_sqlite_cannot_hold_is_refused() {
        let mut draft = draft(Body::EngineStopped { reason: "x".into() });
        draft.boot = Some(u64::MAX);
        assert_eq!(
            EventRow::from_draft(draft).unwrap_err().to_string(),
            "boot 18446744073709551615 is out of range"
        );
    }
}
