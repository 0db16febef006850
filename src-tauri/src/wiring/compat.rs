//! The addresses of the owner's earlier program, where the board file wants them.

use std::{sync::Arc, time::Duration};

use api::{
    LogDesk, Tokens,
    compat::{CompatState, SystemPort, serve},
};
use async_trait::async_trait;
use engine::{Command, EngineHandle, Observation, ObservationSink, Order};
use lab::{Board, Code, Failure, board::Mode, dial::Dial, ports::Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// Name of this listener among the troubles of services.
const SERVICE: &str = "old addresses";
/// The place may be held by the owner's program, which may be stopped.
const AGAIN: Duration = Duration::from_secs(10);

/// What the old addresses need.
pub(super) struct Old {
    pub(super) board: Board,
    pub(super) engine: EngineHandle,
    pub(super) router: Option<Arc<dyn Router>>,
    pub(super) logs: Option<Arc<dyn LogDesk>>,
    pub(super) tokens: Arc<Tokens>,
    pub(super) screens: String,
    pub(super) sink: ObservationSink,
    pub(super) stop: CancellationToken,
}

/// Serves them until told to stop; while their place is taken it is tried again, and told.
pub(super) async fn run(old: Old) {
    let Old { board, engine, router, logs, tokens, screens, sink, stop } = old;
    // Watched only, the owner's program answers there itself.
    let Some(gear) = board.compat.clone().filter(|_| board.board.mode == Mode::Drive) else { return };
    let dial = Dial::new(board.board.kind);
    let listen = match gear.listen {
        std::net::SocketAddr::V4(v4) => dial.socket(*v4.ip(), v4.port()).into(),
        v6 @ std::net::SocketAddr::V6(_) => v6,
    };
    let listener = loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => break listener,
            Err(error) => sink
                .put(Observation::Trouble { service: SERVICE.into(), failure: Some(taken(listen, &error)) }),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    };
    sink.put(Observation::Trouble { service: SERVICE.into(), failure: None });
    tracing::info!(%listen, "the old addresses are served");
    let state = CompatState {
        board: Arc::new(board),
        system: Some(Arc::new(Whole(engine.clone()))),
        engine,
        router,
        logs,
        tokens,
        screens,
        clock: Arc::new(clock::now),
    };
    if let Err(error) = serve(listener, state, stop).await {
        tracing::error!(%error, "the old addresses ended");
    }
}

fn taken(listen: std::net::SocketAddr, error: &std::io::Error) -> Failure {
    Failure::new(
        Code::Busy,
        format!("listen at {listen} for the old addresses"),
        error.to_string(),
        "`statusinator doctor --takeover` names who holds it; or take [compat] out of the board file",
    )
}

/// The lab as a whole.
struct Whole(EngineHandle);

impl Whole {
    async fn end(&self, actor: &str, restart: bool) -> Result<(), Failure> {
        let command = Command::EndLab { restart };
        let reason = Some("asked for at the old addresses".to_owned());
        self.0.order(Order { command, actor: actor.to_owned(), reason }).await.map(|_| ())
    }
}

#[async_trait]
impl SystemPort for Whole {
    async fn shutdown(&self, actor: &str) -> Result<(), Failure> {
        self.end(actor, false).await
    }

    async fn restart(&self, actor: &str) -> Result<(), Failure> {
        self.end(actor, true).await
    }
}
