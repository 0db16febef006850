//! The window's own small server: the one origin its pages know. It serves the screens, takes the pages' heartbeats, and
//! forwards `/api` to the engine, in this process, beside it or in another one. Token here, cookie there: no page ever
//! holds a token.
//!
//! An engine is reached over plain HTTP on loopback alone, and anywhere over TLS, whose certificate is known beforehand;
//! [`Upstream`] refuses everything else.

mod forward;
mod heartbeats;
mod link;
mod upstream;

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{any, get},
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use heartbeats::{Heartbeat, Heartbeats};
pub use upstream::{Upstream, UpstreamError};

use crate::{
    attempts::Attempts,
    extract::{Query, json},
    guard::{self, BrowserCookie},
    listen,
    origin::{self, Scheme},
    refusal::Refusal,
    routes as pages,
    sessions::Sessions,
    tls::Pins,
    wire::{GatewayWire, HeartbeatWire},
};
use link::Link;

/// What a gateway is made of.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The engine as it is reached now; `None` while there is none. May change at any time.
    pub upstream: watch::Receiver<Option<Upstream>>,
    /// The window opens `/login?code=…` with a code from here.
    pub sessions: Arc<Sessions>,
    /// Where the window reads whether its pages live.
    pub heartbeats: Heartbeats,
}

pub(crate) struct Gate {
    config: GatewayConfig,
    attempts: Attempts,
    cookie: BrowserCookie,
    pins: Pins,
    link: Link,
    client: reqwest::Client,
    /// For what takes longer.
    patient: reqwest::Client,
    shutdown: CancellationToken,
}

/// Serves pages until told to stop. When it returns, no connection is left.
///
/// # Errors
/// When the listener has no address, or no HTTP client can be made.
pub async fn serve(
    listener: TcpListener,
    config: GatewayConfig,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let listen = listener.local_addr()?;
    let gate = Arc::new(Gate::new(config, listen, shutdown.clone())?);
    let router = router(gate.clone(), listen);
    tokio::join!(listen::run(listener, router, None, shutdown), link::watch(&gate));
    Ok(())
}

pub(crate) fn router(gate: Arc<Gate>, listen: SocketAddr) -> Router {
    let own = Router::from(documented())
        .route("/api/{*path}", any(forward::forward))
        .route_layer(from_fn_with_state(gate.clone(), known_page));
    let routes = own
        .route("/login", get(login))
        .fallback(pages::elsewhere)
        .method_not_allowed_fallback(pages::wrong_method)
        .with_state(gate);
    guard::walls(routes, listen.into())
}

/// The gateway's own routes, as the document describes them.
pub(crate) fn documented() -> OpenApiRouter<Arc<Gate>> {
    OpenApiRouter::new().routes(routes!(heartbeat)).routes(routes!(state))
}

impl Gate {
    fn new(config: GatewayConfig, listen: SocketAddr, shutdown: CancellationToken) -> io::Result<Self> {
        let pins = Pins::default();
        Ok(Self {
            config,
            attempts: Attempts::default(),
            cookie: BrowserCookie::new(listen, Scheme::Http),
            link: Link::default(),
            client: upstream::client(pins.clone(), upstream::SILENCE)?,
            patient: upstream::client(pins.clone(), upstream::PATIENCE)?,
            pins,
            shutdown,
        })
    }

    fn upstream(&self) -> Option<Upstream> {
        let upstream = self.config.upstream.borrow().clone();
        if let Some(upstream) = &upstream {
            self.pins.set(upstream.pins());
        }
        upstream
    }
}

/// Only pages that came in by `/login`.
async fn known_page(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let cookie = gate
        .cookie
        .read(request.headers())
        .ok_or_else(|| guard::unauthorized("it came without this window's cookie"))?;
    if gate.config.sessions.touch(&cookie).is_none() {
        return Err(guard::unauthorized("this page's session has ended"));
    }
    origin::page_is_ours(gate.cookie.scheme, request.method(), request.headers())?;
    Ok(next.run(request).await)
}

async fn login(
    State(gate): State<Arc<Gate>>,
    Query(query): Query<pages::LoginQuery>,
    request: Request,
) -> Result<Response, Refusal> {
    pages::enter(&gate.config.sessions, &gate.attempts, &gate.cookie, &query.code, &request)
}

/// A page says that it lives.
#[utoipa::path(
    post, path = "/gateway/heartbeat", tag = "gateway", request_body = HeartbeatWire, responses((status = 204))
)]
async fn heartbeat(
    State(gate): State<Arc<Gate>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let beat: HeartbeatWire = json(&headers, &body)?;
    gate.config.heartbeats.beat(&beat.page, beat.painted_seq)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the engine is reached, and since when it is so.
#[utoipa::path(
    get, path = "/gateway/state", tag = "gateway", responses((status = 200, body = GatewayWire))
)]
async fn state(State(gate): State<Arc<Gate>>) -> Json<GatewayWire> {
    Json(gate.link.wire())
}

#[cfg(test)]
#[path = "gateway/gateway_tests.rs"]
mod tests;
