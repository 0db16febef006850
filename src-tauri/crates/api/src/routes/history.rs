//! What was: runs and events.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use charts::Look;
use jiff::tz::TimeZone;
use lab::Code;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Path, Query, bad},
    refusal::Refusal,
    server::Site,
    wire::{EventWire, RunWire},
};

/// More in one answer would hold memory and nobody reads it; the next page is one request away.
const EVENTS_MOST: u32 = 1000;
const LIST_MOST: u32 = 500;
const LIST_USUAL: u32 = 50;

/// A limit that is asked for is kept or refused, never silently another one.
pub(super) fn limit(asked: Option<u32>, usual: u32, most: u32) -> Result<u32, Refusal> {
    match asked {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(bad("the limit", format!("{limit} is not between 1 and {most}"))),
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// How many of the last ones: 50, at most 500.
    limit: Option<u32>,
}

impl ListQuery {
    pub(super) fn of(limit: Option<u32>) -> Result<u32, Refusal> {
        self::limit(limit, LIST_USUAL, LIST_MOST)
    }
}

/// The last runs, oldest first.
#[utoipa::path(
    get, path = "/api/v1/runs", tag = "history", params(ListQuery), responses((status = 200, body = Vec<RunWire>))
)]
pub(super) async fn runs(
    State(site): State<Arc<Site>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<RunWire>>, Refusal> {
    let state = &site.state;
    let runs = state.archive.runs(ListQuery::of(query.limit)?).await?;
    let status = state.engine.snapshot().status.clone();
    Ok(Json(runs.iter().map(|run| RunWire::new(run, &state.board, &status)).collect()))
}

/// One run.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}", tag = "history",
    params(("id" = u64, Path, description = "Number of the run")), responses((status = 200, body = RunWire))
)]
pub(super) async fn run(
    State(site): State<Arc<Site>>,
    Path(id): Path<u64>,
) -> Result<Json<RunWire>, Refusal> {
    let state = &site.state;
    let found = state.archive.run(id).await?;
    let run =
        found.ok_or_else(|| Refusal::not_found(format!("find run {id}"), "this board has no such run"))?;
    Ok(Json(RunWire::new(&run, &state.board, &state.engine.snapshot().status)))
}

/// Boots looked through for those of a run: the last ones, of which a run has a few for each machine.
const BOOTS_SEARCHED: u32 = 500;

/// A run drawn as a waterfall: a row a machine, its boots at their time.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}/waterfall.svg", tag = "history",
    params(("id" = u64, Path, description = "Number of the run")),
    responses((status = 200, body = String, content_type = "image/svg+xml"))
)]
pub(super) async fn run_waterfall(
    State(site): State<Arc<Site>>,
    Path(id): Path<u64>,
) -> Result<Response, Refusal> {
    let state = &site.state;
    let found = state.archive.run(id).await?;
    let run =
        found.ok_or_else(|| Refusal::not_found(format!("find run {id}"), "this board has no such run"))?;
    let boots = state.archive.boots(None, BOOTS_SEARCHED).await?;
    let picture = state.picture();
    let look = Look { badge: picture.board.badge.as_deref(), zone: TimeZone::system(), ..Look::default() };
    let svg = charts::run_waterfall(&run, &boots, &(state.clock)(), &look).map_err(|error| {
        Refusal::new(
            Code::Internal,
            format!("draw run {id}"),
            error.to_string(),
            "report this with the run's events",
        )
    })?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    /// Those after this number; from the first when absent.
    since: Option<u64>,
    /// How many: 200, at most 1000.
    limit: Option<u32>,
}

/// Events after a number, oldest first.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "history", params(EventsQuery), responses((status = 200, body = Vec<EventWire>))
)]
pub(super) async fn events(
    State(site): State<Arc<Site>>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Vec<EventWire>>, Refusal> {
    let limit = limit(query.limit, 200, EVENTS_MOST)?;
    let events = site.state.archive.events(query.since.unwrap_or(0), limit).await?;
    Ok(Json(events.iter().map(EventWire::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept_or_refused() {
        assert_eq!(limit(None, 50, 500).unwrap(), 50);
        assert_eq!(limit(Some(500), 50, 500).unwrap(), 500);
        for wrong in [0, 501] {
            assert_eq!(limit(Some(wrong), 50, 500).unwrap_err().status, 400, "{wrong}");
        }
    }
}
