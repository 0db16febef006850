//! The layers that every request passes, from the outside in: headers, host, panics, deadline, and then who calls.

use std::{any::Any, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use lab::Code;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

use crate::{
    attempts::{Attempts, Verdict},
    origin::{self, Scheme},
    refusal::Refusal,
    rights::{Caller, Right},
    tls::Live,
    tokens::Tokens,
};

/// The largest body anybody has to send is a reason.
pub(crate) const BODY_LIMIT: usize = 16 * 1024;
/// An order is answered when its event is on the disk; whatever takes longer than this has gone wrong. Streams answer at
/// once and are not meant.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// What takes longer: a radio that joins a network, asks for an address, and goes back when it gets none; the archive of
/// everything; the same on a slow stick.
const SLOW: [(&str, Duration); 3] = [
    ("/api/v1/router/join", Duration::from_secs(90)),
    ("/api/v1/bundle", Duration::from_secs(120)),
    ("/api/v1/bundle/stick", Duration::from_secs(300)),
];

const EVERYWHERE: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// What a listener answers to, and how long it may take.
pub(crate) struct Plate {
    pub(crate) listen: SocketAddr,
    /// Names beside its address, of which the board's own DNS knows whom they mean.
    pub(crate) names: Vec<String>,
    /// Over TLS also the names of its certificate: no browser goes on from a stranger's name to ours.
    pub(crate) tls: Option<Live>,
    pub(crate) within: Duration,
}

impl From<SocketAddr> for Plate {
    fn from(listen: SocketAddr) -> Self {
        Self { listen, names: Vec::new(), tls: None, within: ANSWER_WITHIN }
    }
}

/// What stands before every route of a listener.
pub(crate) fn walls(router: Router, plate: Plate) -> Router {
    let plate = Arc::new(plate);
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(plate.clone(), deadline))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(plate, host))
        .layer(from_fn(headers))
        // Leaves event streams alone, which have to arrive as they are written.
        .layer(CompressionLayer::new())
}

async fn headers(request: Request, next: Next) -> Response {
    // The path alone: a query may hold a login code.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    for (name, value) in EVERYWHERE {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn host(State(plate): State<Arc<Plate>>, request: Request, next: Next) -> Result<Response, Refusal> {
    let certified = plate.tls.as_ref().map(Live::names);
    let names = certified.as_deref().unwrap_or(&plate.names);
    let scheme = Scheme::of(plate.tls.is_some());
    origin::host_is_ours(scheme, request.uri(), request.headers(), plate.listen, names)?;
    Ok(next.run(request).await)
}

/// How long an answer may take, where that is longer than usual.
pub(crate) fn slow(path: &str) -> Option<Duration> {
    SLOW.iter().find(|(slow, _)| *slow == path).map(|(_, within)| *within)
}

async fn deadline(
    State(plate): State<Arc<Plate>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let within = slow(request.uri().path()).unwrap_or(plate.within);
    tokio::time::timeout(within, next.run(request)).await.map_err(|_| {
        Refusal::new(
            Code::TimedOut,
            "answer this request",
            format!("there is no answer after {} s", within.as_secs()),
            "look at the events: an order that was given may still be carried out",
        )
    })
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
    tracing::error!(words, "a request ended in a panic");
    Refusal::new(
        Code::Internal,
        "answer this request",
        "the program made a mistake",
        "report this with the log of this minute",
    )
    .into_response()
}

/// Who may pass, and how a browser is known.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) cookie: BrowserCookie,
}

/// By which a browser is known at one listener.
#[derive(Debug, Clone)]
pub(crate) struct BrowserCookie {
    pub(crate) name: String,
    pub(crate) scheme: Scheme,
}

impl BrowserCookie {
    /// Browsers share cookies between all ports of a host; two programs side by side must not overwrite each other's.
    pub(crate) fn new(listen: SocketAddr, scheme: Scheme) -> Self {
        Self { name: format!("statusinator-{}", listen.port()), scheme }
    }

    /// No Max-Age: it ends with the browser, or after twelve silent hours on our side. One that was given over TLS never
    /// goes back in clear.
    pub(crate) fn given(&self, value: &str) -> String {
        let secure = if self.scheme == Scheme::Https { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}", self.name)
    }

    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<String> {
        CookieJar::from_headers(headers).get(&self.name).map(|cookie| cookie.value().to_owned())
    }
}

impl Door {
    pub(crate) fn new(tokens: Arc<Tokens>, listen: SocketAddr, scheme: Scheme) -> Self {
        Self { tokens, cookie: BrowserCookie::new(listen, scheme) }
    }

    fn recognize(&self, request: &Request) -> Result<Caller, Refusal> {
        let headers = request.headers();
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
            let found = token.and_then(|token| self.tokens.bearer(token.trim()));
            return found.ok_or_else(|| {
                wrong(&self.tokens.attempts, request.extensions(), "the token is not known here")
            });
        }
        let Some(cookie) = self.cookie.read(headers) else {
            return Err(unauthorized("it came without a token"));
        };
        let found = self.tokens.cookie(&cookie);
        // Not counted: every page that stays open over a restart of the engine sends such a cookie for a while.
        let caller = found.ok_or_else(|| unauthorized("this browser's session has ended"))?;
        origin::page_is_ours(self.cookie.scheme, request.method(), headers)?;
        Ok(caller)
    }
}

/// Lets those through who have the right. Stands on the routes themselves, so that none can be reached around it.
pub(crate) async fn guard(
    State((door, right)): State<(Arc<Door>, Right)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let caller = door.recognize(&request)?;
    caller.must(right)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

pub(crate) fn unauthorized(why: &str) -> Refusal {
    Refusal::new(
        Code::Unauthorized,
        "answer this request",
        why,
        "open the address with the one-time login that the program printed, or send Authorization: Bearer with a token \
         from the data folder",
    )
}

/// Counts a secret that nobody knows.
pub(crate) fn wrong(attempts: &Attempts, extensions: &Extensions, why: &str) -> Refusal {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    match attempts.wrong(peer) {
        Verdict::First => {
            tracing::warn!(?peer, why, "refused");
            unauthorized(why)
        }
        Verdict::Again => unauthorized(why),
        Verdict::TooMany { retry_after_s } => {
            unauthorized(why).with_status(StatusCode::TOO_MANY_REQUESTS).retry_after(retry_after_s)
        }
    }
}
