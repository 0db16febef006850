//! The owner's addresses as pods, live images, pages and strangers meet them.

mod control;
mod doors;
mod endpoints;
mod labs;
mod pictures;
mod sockets;
mod trials;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request},
};
use engine::{Command, Detached, EngineHandle, Order, Outcome};
use lab::{
    Board, Event, Failure, Secret as Password, Status,
    live::Snapshot,
    ports::{PortError, RouterReading, Uplink, WifiNetwork},
};
use tokio::{
    net::TcpListener,
    sync::{broadcast, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{CompatState, SystemPort, site};
use crate::{Rights, Secret, Tokens, testing::stamp};

pub(super) const LISTEN: &str = "127.0.0.1:8080";
/// Longer than anything here takes, shorter than the patience of whoever runs the tests.
pub(super) const SOON: Duration = Duration::from_secs(20);
/// Longer than the listener itself lets anybody wait; mostly of paused time.
const PATIENCE: Duration = Duration::from_secs(160);
pub(super) const HERE: &str = "127.0.0.1";
pub(super) const POD: &str = "192.168.122.31";

pub(super) type Publish = watch::Sender<Arc<Snapshot>>;
pub(super) type Asked = Arc<Mutex<Vec<Command>>>;

pub(super) struct World {
    pub(super) state: CompatState,
    pub(super) control: Secret,
    pub(super) reader: Secret,
    pub(super) publish: Publish,
    pub(super) events: broadcast::Sender<Arc<Event>>,
    engine: Option<Detached>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn kind(&self) -> &str {
        self.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

pub(super) fn simulated() -> &'static str {
    include_str!("../../../../../../boards/simulated.toml")
}

/// The owner's board.
pub(super) fn labinator() -> &'static str {
    include_str!("../../../../../../boards/labinator.toml")
}

impl World {
    pub(super) fn new() -> Self {
        Self::on(labinator())
    }

    pub(super) fn on(text: &str) -> Self {
        let board = Board::parse("test", text).unwrap();
        let (control, reader) = (Secret::long(), Secret::long());
        let mut tokens = Tokens::default();
        tokens.add("control", Rights::OWNER, &control);
        tokens.add("wall", Rights::READ, &reader);
        let (handle, engine) = EngineHandle::detached(Snapshot::default());
        let state = CompatState {
            board: Arc::new(board),
            engine: handle,
            router: Some(Arc::new(Wifi::default())),
            logs: None,
            system: None,
            tokens: Arc::new(tokens),
            screens: "http://127.0.0.1:8400".into(),
            clock: Arc::new(|| stamp(100)),
        };
        let (publish, events) = (engine.publish.clone(), engine.events.clone());
        Self { state, control, reader, publish, events, engine: Some(engine) }
    }

    pub(super) fn router(&self) -> Router {
        let site = site::Site::new(self.state.clone(), LISTEN.parse().unwrap(), CancellationToken::new());
        site::router(&site)
    }

    pub(super) async fn serve(&self) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(super::serve(listener, self.state.clone(), shutdown.clone()));
        Served { address, shutdown, task }
    }

    /// Puts an engine behind the handle that says yes to everything, and keeps what it was asked.
    pub(super) fn obedient(&mut self) -> Asked {
        self.played(|order, _| match &order.command {
            Command::StartLab { .. } => Ok(Outcome::Started { run: 1 }),
            Command::CancelRun { .. } => Ok(Outcome::Cancelling { run: 1 }),
            Command::Power { .. } => Ok(Outcome::Pressing { presses: 1 }),
            _ => Ok(Outcome::Recorded),
        })
    }

    /// The same with an engine that answers, and changes its picture, as the test wants.
    pub(super) fn played(
        &mut self,
        play: impl Fn(&Order, &Publish) -> Result<Outcome, Failure> + Send + Sync + 'static,
    ) -> Asked {
        let asked: Asked = Arc::default();
        let (kept, publish) = (asked.clone(), self.publish.clone());
        let mut engine = self.engine.take().expect("one engine");
        tokio::spawn(async move {
            let answered = |order: &Order| {
                kept.lock().unwrap().push(order.command.clone());
                play(order, &publish)
            };
            while engine.answer(answered).await.is_some() {}
        });
        asked
    }
}

pub(super) fn show(publish: &Publish, change: impl FnOnce(&mut Status)) {
    let mut status = (*publish.borrow().status).clone();
    change(&mut status);
    let before = publish.borrow().clone();
    let live = before.live.clone();
    publish.send_replace(Arc::new(Snapshot { status: Arc::new(status), live, now: stamp(100) }));
}

pub(super) struct Served {
    pub(super) address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    /// Stops and waits until nothing is left.
    pub(super) async fn stop(mut self) {
        self.shutdown.cancel();
        tokio::time::timeout(SOON, &mut self.task).await.expect("serve ends").unwrap().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A request as it arrives from this peer.
pub(super) fn from(peer: &str, method: &str, path: &str) -> axum::http::request::Builder {
    let peer: IpAddr = peer.parse().unwrap();
    let builder = Request::builder().method(method).uri(path).header("host", LISTEN);
    builder.extension(ConnectInfo(SocketAddr::from((peer, 9))))
}

pub(super) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let answer =
        tokio::time::timeout(PATIENCE, router.clone().oneshot(request)).await.expect("in time").unwrap();
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// A program of this computer asks, or some machine of the lab.
pub(super) async fn ask(router: &Router, peer: &str, path: &str) -> Answer {
    send(router, from(peer, "GET", path).body(Body::empty()).unwrap()).await
}

/// A router with two networks in the air, one of them nameless.
#[derive(Default)]
pub(super) struct Wifi {
    pub(super) deaf: bool,
    pub(super) joined: Mutex<Vec<(String, Option<String>)>>,
}

fn refused(what: &str) -> PortError {
    PortError { what: what.into(), why: "it refused".into(), remedy: "look at it".into(), absent: false }
}

#[async_trait]
impl lab::ports::Router for Wifi {
    async fn read(&self) -> Result<RouterReading, PortError> {
        Ok(RouterReading::default())
    }

    fn has_wifi(&self) -> bool {
        true
    }

    async fn scan(&self) -> Result<Vec<WifiNetwork>, PortError> {
        if self.deaf {
            return Err(refused("scan"));
        }
        let network = |ssid: Option<&str>, secured: Option<&str>| WifiNetwork {
            ssid: ssid.map(str::to_owned),
            bssid: "02:00:00:00:00:01".into(),
            signal: -50,
            channel: Some(1),
            secured: secured.map(str::to_owned),
        };
        Ok(vec![network(Some("guests"), Some("psk2")), network(None, None)])
    }

    async fn join(&self, ssid: &str, password: Option<&Password>) -> Result<Uplink, PortError> {
        let given = (ssid.to_owned(), password.map(|password| password.reveal().to_owned()));
        self.joined.lock().unwrap().push(given);
        match ssid {
            "nowhere" => Err(refused("join")),
            _ => Ok(Uplink { up: true, address: Some("10.0.0.7".into()), ..Uplink::default() }),
        }
    }
}

/// A lab that can be ended as a whole.
#[derive(Default)]
pub(super) struct Ends(pub(super) Mutex<Vec<String>>);

#[async_trait]
impl SystemPort for Ends {
    async fn shutdown(&self, actor: &str) -> Result<(), Failure> {
        self.0.lock().unwrap().push(format!("shutdown by {actor}"));
        Ok(())
    }

    async fn restart(&self, actor: &str) -> Result<(), Failure> {
        self.0.lock().unwrap().push(format!("restart by {actor}"));
        Ok(())
    }
}
