//! The engine's listener: routes behind their rights, the screens for everything else.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, middleware::from_fn_with_state};
use engine::{Clock, EngineHandle};
use lab::{
    Board, Code,
    journal::Archive,
    live::Snapshot,
    ports::{Captures, Console, Faults, Panel, Power, Switch},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    desks::{BundleDesk, CertificateDesk, LogDesk},
    feed::STREAMS,
    guard::{self, Door, Plate},
    listen,
    origin::Scheme,
    refusal::Refusal,
    rights::Right,
    routes::{self, BoardFile},
    tls::Live,
    tokens::Tokens,
    wire::StatusWire,
};

/// What stands behind the listener.
#[derive(Clone)]
pub struct ApiState {
    pub board: Arc<Board>,
    pub engine: EngineHandle,
    pub archive: Arc<dyn Archive>,
    /// Serial consoles, on boards whose machines have them.
    pub consoles: Option<Arc<dyn Console>>,
    /// Where faults can be put in on purpose.
    pub faults: Option<Arc<dyn Faults>>,
    /// Frames of the machines' wires, where they can be heard.
    pub captures: Option<Arc<dyn Captures>>,
    pub gear: Gear,
    /// Log records, where they are kept.
    pub logs: Option<Arc<dyn LogDesk>>,
    /// Certificates, where any are watched.
    pub certificates: Option<Arc<dyn CertificateDesk>>,
    /// Archives for diagnosis.
    pub bundle: Option<Arc<dyn BundleDesk>>,
    /// Where the board was read from, when that is a file.
    pub board_file: Option<Arc<dyn BoardFile>>,
    pub tokens: Arc<Tokens>,
    /// Where people reach this listener, as in `http://127.0.0.1:8080`; logins lead there.
    pub url: String,
    /// Ages are told against it: a picture that nobody renews grows old on the screen.
    pub clock: Clock,
}

/// The gear around the machines, for orders that are no commands of the engine: looks, tests, Wi-Fi.
#[derive(Clone)]
pub struct Gear {
    pub power: Arc<dyn Power>,
    pub switch: Option<Arc<dyn Switch>>,
    pub router: Option<Arc<dyn lab::ports::Router>>,
    pub panel: Option<Arc<dyn Panel>>,
}

/// One listener with what its requests share.
pub(crate) struct Site {
    pub(crate) state: ApiState,
    pub(crate) door: Arc<Door>,
    pub(crate) streams: Arc<Semaphore>,
    /// Streams have no end of their own.
    pub(crate) shutdown: CancellationToken,
}

impl ApiState {
    /// Whether somebody still makes pictures.
    pub(crate) fn engine_lives(&self) -> bool {
        self.engine.snapshots().has_changed().is_ok()
    }

    /// The newest picture, seen from now.
    pub(crate) fn picture(&self) -> StatusWire {
        let newest = self.engine.snapshot();
        let seen = Snapshot { status: newest.status.clone(), live: newest.live.clone(), now: (self.clock)() };
        StatusWire::new(&self.board, &seen)
    }

    /// An address that lets one browser in.
    pub fn login_url(&self) -> String {
        format!("{}/login?code={}", self.url, self.tokens.one_time_login().reveal())
    }

    pub(crate) fn gone() -> Refusal {
        Refusal::new(
            Code::EngineStopped,
            "look at the board",
            "the engine has stopped",
            "start the program again",
        )
    }
}

/// Serves the API and the screens until told to stop. When it returns, no connection is left.
///
/// # Errors
/// When the listener has no address, which no listener of ours lacks, or is reached from elsewhere and has no TLS.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    tls: Option<Live>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let listen = listener.local_addr()?;
    if tls.is_none() && !listen.ip().is_loopback() {
        let why = format!("{listen} is reached from other computers, to which only TLS is spoken");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let router = router(state, listen, tls.clone(), shutdown.clone());
    listen::run(listener, router, tls, shutdown).await;
    Ok(())
}

pub(crate) fn router(
    state: ApiState,
    listen: SocketAddr,
    tls: Option<Live>,
    shutdown: CancellationToken,
) -> Router {
    let scheme = Scheme::of(tls.is_some());
    let door = Arc::new(Door::new(state.tokens.clone(), listen, scheme));
    let streams = Arc::new(Semaphore::new(STREAMS));
    let site = Arc::new(Site { state, door: door.clone(), streams, shutdown });
    let behind = |routes: OpenApiRouter<Arc<Site>>, right: Right| {
        Router::from(routes.route_layer(from_fn_with_state((door.clone(), right), guard::guard)))
    };
    let routes = Router::from(routes::open())
        .merge(behind(routes::read(), Right::Read))
        .merge(behind(routes::control(), Right::Control))
        .merge(behind(routes::admin(), Right::Admin))
        .route("/login", axum::routing::get(routes::login))
        .fallback(routes::elsewhere)
        .method_not_allowed_fallback(routes::wrong_method)
        .with_state(site);
    guard::walls(routes, Plate { tls, ..listen.into() })
}
