//! Requests of pages on their way to the engine, and answers on their way back, piece by piece as they come.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{OriginalUri, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::Response,
};
use futures::{StreamExt, TryStreamExt};
use lab::Code;

use super::{
    Gate,
    link::{NO_ENGINE, words},
};
use crate::{guard, refusal::Refusal};

/// What a page may tell the engine. A list of what goes rather than of what stays, so that cookies, origins and whatever a
/// browser invents next never leave.
const FORWARDED: [HeaderName; 5] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    HeaderName::from_static("last-event-id"),
];

/// RFC 9110 section 7.6.1: these belong to one connection. A cookie of the engine's is not for our pages.
const NOT_BACK: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::SET_COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

pub(super) async fn forward(
    State(gate): State<Arc<Gate>>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let upstream = gate.upstream().ok_or_else(|| unreachable(&gate, NO_ENGINE))?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let client = if guard::slow(uri.path()).is_some() { &gate.patient } else { &gate.client };
    let mut request = client.request(method, upstream.url(target)).bearer_auth(upstream.token().reveal());
    for name in FORWARDED {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let answer = request.body(body).send().await.map_err(|error| unreachable(&gate, &words(&error)))?;
    gate.link.reached();
    Ok(back(&gate, answer))
}

fn back(gate: &Arc<Gate>, answer: reqwest::Response) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    for (name, value) in answer.headers() {
        if !NOT_BACK.contains(name) && !of_this_connection(answer.headers(), name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    let stop = gate.shutdown.clone().cancelled_owned();
    let gate = gate.clone();
    // Dropping the body, as happens when the page goes away, drops the engine's connection too.
    let pieces = answer.bytes_stream().inspect_err(move |error| gate.link.lost(&words(error)));
    *response.body_mut() = Body::from_stream(pieces.take_until(stop));
    response
}

fn of_this_connection(headers: &HeaderMap, name: &HeaderName) -> bool {
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|list| list.split(',')).any(|one| one.trim().eq_ignore_ascii_case(name.as_str()))
}

fn unreachable(gate: &Gate, why: &str) -> Refusal {
    gate.link.lost(why);
    let since = gate.link.wire().since;
    Refusal::new(
        Code::EngineStopped,
        "reach the engine",
        format!("{why}; not reached since {since}"),
        "start the engine; this page goes on by itself when it is there",
    )
    .with_status(StatusCode::BAD_GATEWAY)
}
