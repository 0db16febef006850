//! What Prometheus scrapes. It asks for the right to read: `metrics.token` in the data folder has it and nothing else.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use crate::{metrics, server::Site};

/// Numbers for Prometheus, in its text format or in OpenMetrics, whichever is asked for.
#[utoipa::path(
    get, path = "/metrics", tag = "now", responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = metrics::Format::asked(accept);
    let state = &site.state;
    let counters = state.logs.as_ref().map(|logs| logs.counters());
    let seen = lab::live::Snapshot { now: (state.clock)(), ..(*state.engine.snapshot()).clone() };
    let text = metrics::render(format, &state.board, &seen, counters.as_ref());
    ([(header::CONTENT_TYPE, format.content_type())], text).into_response()
}
