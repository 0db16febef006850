//! What handlers take out of a request, with our own words when it does not fit.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
};
use lab::Code;

use crate::{
    guard::BODY_LIMIT,
    refusal::Refusal,
    wire::{ReasonWire, StartOrderWire, WipeOrderWire},
};

/// A reason is a sentence for the log, not a document.
const REASON_LONGEST: usize = 500;

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refusal))]
pub(crate) struct Query<T>(pub(crate) T);

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refusal))]
pub(crate) struct Path<T>(pub(crate) T);

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        bad("the part after the question mark", rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        bad("the address", rejection.body_text())
    }
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        let status = rejection.status();
        let why = match status {
            StatusCode::PAYLOAD_TOO_LARGE => format!("it is larger than {BODY_LIMIT} bytes"),
            _ => rejection.body_text(),
        };
        bad("the body", why).with_status(status)
    }
}

pub(crate) fn bad(part: &str, why: impl Into<String>) -> Refusal {
    Refusal::new(
        Code::BadRequest,
        format!("read {part} of this request"),
        why,
        "GET /openapi.json describes every request",
    )
}

/// A JSON body of type `T`.
pub(crate) fn json<T: serde::de::DeserializeOwned>(
    headers: &axum::http::HeaderMap,
    body: &[u8],
) -> Result<T, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // Forms of strangers' pages cannot send this type without asking first.
    if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(bad("the body", format!("its type is {kind:?}, not application/json"))
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    serde_json::from_slice(body).map_err(|error| bad("the body", error.to_string()))
}

/// A JSON body that must be there.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await?;
        json(&headers, &body).map(Self)
    }
}

/// Why somebody gives an order: a body of [`ReasonWire`], or none.
pub(crate) struct Reason(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequest<S> for Reason {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await?;
        if body.is_empty() {
            return Ok(Self(None));
        }
        let reason = json::<Option<ReasonWire>>(&headers, &body)?.and_then(|body| body.reason);
        self::reason(reason).map(Self)
    }
}

/// On which machines a lab is to be started, and why: a body of [`StartOrderWire`], or none.
pub(crate) struct StartOrder(pub(crate) StartOrderWire);

impl<S: Send + Sync> FromRequest<S> for StartOrder {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await?;
        if body.is_empty() {
            return Ok(Self(StartOrderWire::default()));
        }
        let order = json::<Option<StartOrderWire>>(&headers, &body)?.unwrap_or_default();
        Ok(Self(StartOrderWire { reason: reason(order.reason)?, ..order }))
    }
}

/// What is to be erased: a body that must be there.
pub(crate) struct WipeBody(pub(crate) WipeOrderWire);

/// As many disks as a wiper reports; and no name or serial is as long as this.
const DISKS_MOST: usize = 32;
const DISK_LONGEST: usize = 64;

impl<S: Send + Sync> FromRequest<S> for WipeBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await?;
        let order = json::<WipeOrderWire>(&headers, &body)?;
        // They go to the machine's kernel as words of its command line, separated by commas.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let odd = |disk: &&String| disk.is_empty() || disk.len() > DISK_LONGEST || !disk.chars().all(plain);
        match order.disks.iter().find(odd) {
            _ if order.disks.len() > DISKS_MOST => {
                Err(bad("the disks", format!("more than {DISKS_MOST} are named")))
            }
            Some(odd) => Err(bad("the disks", format!("{odd:?} is no name or serial of a disk"))),
            None => Ok(Self(WipeOrderWire { reason: reason(order.reason)?, ..order })),
        }
    }
}

/// A reason as it is kept: trimmed, one line, not too long.
pub(crate) fn reason(given: Option<String>) -> Result<Option<String>, Refusal> {
    let reason = given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    match &reason {
        Some(text) if text.chars().count() > REASON_LONGEST => {
            Err(bad("the reason", format!("it is longer than {REASON_LONGEST} characters")))
        }
        // It is printed in terminals.
        Some(text) if text.chars().any(char::is_control) => {
            Err(bad("the reason", "it contains control characters"))
        }
        _ => Ok(reason),
    }
}
