//! A world for tests: a board, an engine that is a puppet, an archive in memory, tokens of each kind.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use engine::{Detached, EngineHandle};
use lab::{
    Board, Body as Fact, Boot, Draft, Event, Run, Stamp, Status,
    event::SCHEMA,
    fault::Fault,
    journal::{Archive, JournalError, Packet},
    live::Snapshot,
    ports::{Captures, Console, Faults, PortError},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{ApiState, Gear, Rights, Secret, Tokens, server, tls::Live};

pub(crate) const LISTEN: &str = "127.0.0.1:8080";
/// Longer than anything here takes, shorter than the patience of whoever runs the tests.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) state: ApiState,
    pub(crate) engine: Detached,
    pub(crate) archive: Arc<Memory>,
    pub(crate) control: Secret,
    pub(crate) reader: Secret,
}

#[derive(Default)]
pub(crate) struct Memory {
    events: Mutex<Vec<Event>>,
    pub(crate) broken: Mutex<Option<JournalError>>,
}

struct Serial;
struct Breaker;
struct Ring;

pub(crate) fn stamp(seconds: i64) -> Stamp {
    Stamp {
        wall_us: 1_700_000_000_000_000 + seconds * 1_000_000,
        mono_us: seconds * 1_000_000,
        host_boot: "one".into(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let board = Board::parse("simulated", include_str!("../../../../boards/simulated.toml")).unwrap();
        let archive = Arc::new(Memory::default());
        let (control, reader) = (Secret::long(), Secret::long());
        let mut tokens = Tokens::default();
        tokens.add("control", Rights::OWNER, &control);
        tokens.add("wall", Rights::READ, &reader);
        let (handle, engine) = EngineHandle::detached(Snapshot::default());
        let state = ApiState {
            board: Arc::new(board),
            engine: handle,
            archive: archive.clone(),
            consoles: Some(Arc::new(Serial)),
            faults: Some(Arc::new(Breaker)),
            captures: Some(Arc::new(Ring)),
            board_file: None,
            logs: None,
            certificates: None,
            bundle: None,
            gear: Gear {
                power: Arc::new(Devices),
                switch: Some(Arc::new(Devices)),
                router: Some(Arc::new(Devices)),
                panel: Some(Arc::new(Devices)),
            },
            tokens: Arc::new(tokens),
            url: format!("http://{LISTEN}"),
            clock: Arc::new(|| stamp(100)),
        };
        Self { state, engine, archive, control, reader }
    }

    pub(crate) fn router(&self) -> Router {
        server::router(self.state.clone(), LISTEN.parse().unwrap(), None, CancellationToken::new())
    }

    /// Commits, tells, and shows, in this order, as an engine does.
    pub(crate) fn happen(&self, about: &str, boot: Option<u64>, body: Fact) -> u64 {
        let event = self.archive.commit(about, boot, body);
        let seq = event.seq;
        let _ = self.engine.events.send(Arc::new(event));
        self.show(seq);
        seq
    }

    pub(crate) fn found(&self, device: &str) -> u64 {
        self.happen("board", None, Fact::DeviceFound { device: device.into() })
    }

    pub(crate) fn show(&self, seq: u64) {
        let status = Status { seq, ..Status::default() };
        self.engine
            .publish
            .send_replace(Arc::new(Snapshot { status: Arc::new(status), ..Snapshot::default() }));
    }

    /// Serves on a real socket until the guard is told to stop.
    pub(crate) async fn serve(&self) -> Served {
        self.serve_by(None).await
    }

    /// The same, over TLS.
    pub(crate) async fn serve_by(&self, tls: Option<Live>) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(server::serve(listener, self.state.clone(), tls, shutdown.clone()));
        Served { address, shutdown, task }
    }
}

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops and waits until no connection is left.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        tokio::time::timeout(SOON, &mut self.task).await.expect("serve ends").unwrap().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A request as a program of this computer sends it.
pub(crate) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", LISTEN)
}

pub(crate) fn bearer(builder: axum::http::request::Builder, token: &Secret) -> axum::http::request::Builder {
    builder.header("authorization", format!("Bearer {}", token.reveal()))
}

/// Status, headers and body; an answer that is no success must be a failure with all its words.
pub(crate) async fn ask(
    router: &Router,
    request: Request<Body>,
) -> (StatusCode, axum::http::HeaderMap, Value) {
    let what = format!("{} {}", request.method(), request.uri());
    let answer = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    // An answer to HEAD has no body (RFC 9110 section 9.3.2).
    if !what.starts_with("HEAD") && (parts.status.is_client_error() || parts.status.is_server_error()) {
        for word in ["code", "what", "why", "remedy"] {
            let said = value["error"][word].as_str().unwrap_or_default();
            assert!(!said.is_empty(), "{what}: {} without {word}: {value}", parts.status);
        }
    }
    (parts.status, parts.headers, value)
}

impl Memory {
    pub(crate) fn commit(&self, about: &str, boot: Option<u64>, body: Fact) -> Event {
        let mut events = self.events.lock().unwrap();
        let seq = events.len() as u64 + 1;
        let draft = Draft {
            stamp: stamp(seq as i64),
            run: None,
            boot,
            actor: "engine".into(),
            reason: None,
            subject: about.into(),
            body,
        };
        events.push(Event { seq, draft, schema: SCHEMA });
        events[seq as usize - 1].clone()
    }

    fn read(&self) -> Result<Vec<Event>, JournalError> {
        match &*self.broken.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(self.events.lock().unwrap().clone()),
        }
    }
}

#[async_trait]
impl Archive for Memory {
    async fn events(&self, since: u64, limit: u32) -> Result<Vec<Event>, JournalError> {
        Ok(self.read()?.into_iter().filter(|event| event.seq > since).take(limit as usize).collect())
    }

    async fn boots(&self, machine: Option<&str>, limit: u32) -> Result<Vec<Boot>, JournalError> {
        let mut boots: Vec<Boot> = Vec::new();
        for event in self.read()?.iter().filter(|event| event.draft.boot.is_some()) {
            match boots.iter_mut().find(|boot| Some(boot.id) == event.draft.boot) {
                Some(boot) => boot.apply(event).unwrap(),
                None => boots.push(Boot::begin(event).unwrap()),
            }
        }
        boots.retain(|boot| machine.is_none_or(|machine| boot.machine == machine));
        let more = boots.len().saturating_sub(limit as usize);
        Ok(boots.split_off(more))
    }

    async fn boot(&self, id: u64) -> Result<Option<Boot>, JournalError> {
        Ok(self.boots(None, u32::MAX).await?.into_iter().find(|boot| boot.id == id))
    }

    async fn boot_events(&self, id: u64) -> Result<Vec<Event>, JournalError> {
        Ok(self.read()?.into_iter().filter(|event| event.draft.boot == Some(id)).collect())
    }

    async fn runs(&self, _: u32) -> Result<Vec<Run>, JournalError> {
        self.read().map(|_| Vec::new())
    }

    async fn run(&self, _: u64) -> Result<Option<Run>, JournalError> {
        self.read().map(|_| None)
    }

    async fn boot_packets(&self, id: u64) -> Result<Vec<Packet>, JournalError> {
        let packet = |machine: &str| Packet {
            machine: machine.into(),
            boot: Some(id),
            stamp: stamp(1),
            direction: "in".into(),
            proto: "dhcp".into(),
            bytes: 300,
            says: "DISCOVER".into(),
        };
        self.read().map(|_| vec![packet("pc1")])
    }
}

#[async_trait]
impl Faults for Breaker {
    fn possible(&self) -> Vec<Fault> {
        vec![Fault::LinkDown]
    }

    async fn set(&self, _: &str, _: Fault, _: bool) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl Captures for Ring {
    async fn pcapng(&self, machine: &str, span: Option<(i64, i64)>) -> Result<Vec<u8>, PortError> {
        Ok(format!("{machine} {span:?}").into_bytes())
    }
}

#[async_trait]
impl Console for Serial {
    async fn tail(&self, machine: &str, limit: usize) -> Result<String, PortError> {
        let said = format!("{machine} login: ");
        Ok(said[said.len().saturating_sub(limit)..].to_owned())
    }
}

/// A board's gear that answers the same always.
struct Devices;

#[async_trait]
impl lab::ports::Power for Devices {
    async fn read(&self) -> Result<lab::ports::PowerReading, PortError> {
        Ok(lab::ports::PowerReading::default())
    }
    async fn on(&self, _: u8) -> Result<(), PortError> {
        Ok(())
    }
    async fn off(&self, _: u8) -> Result<(), PortError> {
        Ok(())
    }
    fn nature(&self, _: u8) -> lab::ports::Nature {
        lab::ports::Nature::Button
    }
}

#[async_trait]
impl lab::ports::Switch for Devices {
    async fn read(&self) -> Result<lab::ports::SwitchReading, PortError> {
        Ok(lab::ports::SwitchReading::default())
    }
    async fn set(&self, _: u32, _: bool) -> Result<(), PortError> {
        Ok(())
    }
    fn writable(&self) -> bool {
        true
    }
    async fn capture(&self) -> Result<Vec<(String, String)>, PortError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl lab::ports::Router for Devices {
    async fn read(&self) -> Result<lab::ports::RouterReading, PortError> {
        Ok(lab::ports::RouterReading::default())
    }
    fn has_wifi(&self) -> bool {
        true
    }
    async fn scan(&self) -> Result<Vec<lab::ports::WifiNetwork>, PortError> {
        Ok(Vec::new())
    }
    async fn join(&self, _: &str, _: Option<&lab::Secret>) -> Result<lab::ports::Uplink, PortError> {
        Ok(lab::ports::Uplink::default())
    }
}

#[async_trait]
impl lab::ports::Panel for Devices {
    async fn picture(&self) -> Result<Vec<u8>, PortError> {
        Ok(vec![0x89])
    }
    async fn test(&self) -> Result<String, PortError> {
        Ok("it answers".to_owned())
    }
}
