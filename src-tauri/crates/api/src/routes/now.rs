//! How things stand: at once, and from then on.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use lab::Code;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    extract::{Query, bad},
    feed::{Feed, STREAMS},
    openapi::openapi_json,
    refusal::Refusal,
    rights::Caller,
    server::{ApiState, Site},
    wire::StatusWire,
};

/// The whole picture.
#[utoipa::path(get, path = "/api/v1/status", tag = "now", responses((status = 200, body = StatusWire)))]
pub(super) async fn status(State(site): State<Arc<Site>>) -> Result<Json<StatusWire>, Refusal> {
    if site.state.engine_lives() { Ok(Json(site.state.picture())) } else { Err(ApiState::gone()) }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// Continue after this event. `Last-Event-ID` says the same and goes first, since browsers send it when they
    /// reconnect.
    since: Option<u64>,
}

/// Pictures and events as they come.
///
/// Server-sent events. `status` carries a StatusWire: at once, and whenever something changed, at most ten a second, the
/// newest wins. `event` carries an EventWire with its number as `id`; a reader that names the last number it has gets all
/// that follow, without gap or repeat. `tick` (TickWire) comes every two seconds. `reset` (ResetWire) says that the number
/// belongs to another history. `failure` (FailureWire) is the last message before the stream ends.
#[utoipa::path(
    get, path = "/api/v1/stream", tag = "now",
    params(Since, ("Last-Event-ID" = Option<u64>, Header, description = "Continue after this event")),
    responses((status = 200, body = String, content_type = "text/event-stream"))
)]
pub(super) async fn stream(
    State(site): State<Arc<Site>>,
    caller: Caller,
    headers: HeaderMap,
    Query(Since { since }): Query<Since>,
) -> Result<Response, Refusal> {
    if !site.state.engine_lives() {
        return Err(ApiState::gone());
    }
    let since = match headers.get("last-event-id") {
        Some(id) => Some(
            id.to_str()
                .ok()
                .and_then(|id| id.trim().parse().ok())
                .ok_or_else(|| bad("Last-Event-ID", "it is not the number of an event"))?,
        ),
        None => since,
    };
    let place = site.streams.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(
            Code::Busy,
            "open one more stream",
            format!("{STREAMS} pages and programs follow this engine already"),
            "close pages that nobody looks at",
        )
        .retry_after(10)
    })?;
    let feed = Feed::new(&site, caller.session, since, place);
    // A proxy in between must not collect what is meant for now.
    Ok(([("x-accel-buffering", "no")], feed.into_response()).into_response())
}

/// Whether the engine lives: `ok`, or 503.
#[utoipa::path(
    get, path = "/healthz", tag = "program",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 503, body = String))
)]
pub(super) async fn healthz(State(site): State<Arc<Site>>) -> Response {
    if site.state.engine_lives() { "ok".into_response() } else { ApiState::gone().into_response() }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "program", responses((status = 200, body = Object)))]
pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json())
}
