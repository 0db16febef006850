//! The router: OpenWrt as it is met from outside, over LuCI's JSON-RPC and its Prometheus exporter.
//!
//! `uci`, `shell`, `wifi` and `core` are its inside, pure; `rpc` are sessions and methods, `metrics` the exporter's page,
//! `certificate` what its HTTPS shows. Its addresses are for documentation only: it routes nothing.

mod certificate;
mod core;
mod metrics;
mod rpc;
mod shell;
mod uci;
mod wifi;

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use self::core::Core;
use self::rpc::Rpc;
pub use self::wifi::{Security, WifiSim};
pub use certificate::CertificateError;

use crate::config::SimError;
use crate::pace::Pace;
use crate::web::{Answer, Door, PageKnob, Request, Server, Site};

/// From the supply to the first answer, in seconds at speed 1.
const BOOT_S: f64 = 30.0;
/// LuCI's usual setting.
const SESSION_LIFE: Duration = Duration::from_secs(3600);

/// A router to simulate.
#[derive(Debug, Clone)]
pub struct RouterSim {
    /// HTTPS; port 0 is any, and [`RouterView::address`] tells.
    pub listen: SocketAddrV4,
    /// The exporter, over plain HTTP.
    pub metrics: SocketAddrV4,
    pub user: String,
    pub password: String,
    /// What is in the air.
    pub networks: Vec<WifiSim>,
    /// The name of the network that it has joined before.
    pub joined: Option<String>,
}

/// What can be done to the router.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RouterKnob {
    /// Something is wrong with its RPC.
    Pages(PageKnob),
    /// Something is wrong with its exporter.
    Exporter(PageKnob),
    /// Its cable to the switch is out (`true`) or put back.
    Unplugged(bool),
    /// Its supply is cut for a moment: sessions, counters and what was staged are lost.
    Reboot,
    ForgetSessions,
    /// How long a session lasts that nobody uses, in wall time.
    SessionLife(Duration),
    /// It makes itself a new certificate, as after a factory reset.
    NewCertificate,
    /// The far end of its cable to the world is out (`true`) or back.
    WanDown(bool),
    /// Its exporter writes numbers as in 1.5e+06.
    Floats(bool),
}

struct State {
    core: Core,
    rpc: Rpc,
    floats: bool,
    fingerprint: [u8; 32],
}

/// The router, for as long as the board runs.
#[derive(Clone)]
pub struct RouterView {
    state: Arc<Mutex<State>>,
    rpc: Door,
    exporter: Door,
    tls: watch::Sender<Arc<ServerConfig>>,
    pace: Pace,
    began: Instant,
}

impl std::fmt::Debug for RouterView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouterView").field("address", &self.rpc.address).finish_non_exhaustive()
    }
}

/// Its servers, not yet answering.
pub(crate) struct Servers {
    rpc: Server,
    exporter: Server,
}

impl RouterView {
    pub(crate) fn open(config: RouterSim, speed: f64, seed: u64) -> Result<(RouterView, Servers), SimError> {
        let (rpc_server, rpc) = Server::open("router", config.listen)?;
        let (exporter_server, exporter) = Server::open("router's exporter", config.metrics)?;
        let made = certificate::make().map_err(SimError::Certificate)?;
        let pace = Pace::new(speed);
        let core = Core::new(config.networks, config.joined.as_deref(), pace);
        let sessions = Rpc::new(config.user, config.password, SESSION_LIFE, seed);
        let state = State { core, rpc: sessions, floats: false, fingerprint: made.fingerprint };
        let view = RouterView {
            state: Arc::new(Mutex::new(state)),
            rpc,
            exporter,
            tls: watch::Sender::new(made.server),
            pace,
            began: Instant::now(),
        };
        Ok((view, Servers { rpc: rpc_server, exporter: exporter_server }))
    }

    /// Where its HTTPS is.
    pub fn address(&self) -> SocketAddrV4 {
        self.rpc.address
    }

    /// Where its exporter is.
    pub fn metrics_address(&self) -> SocketAddrV4 {
        self.exporter.address
    }

    /// SHA-256 of its certificate in DER.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.with(|state| state.fingerprint)
    }

    /// Logins that were right.
    pub fn logins(&self) -> u64 {
        self.with(|state| state.rpc.logins)
    }

    /// Logins and sessions that it refused.
    pub fn refused(&self) -> u64 {
        self.with(|state| state.rpc.refused)
    }

    /// The network that it has joined now.
    pub fn joined(&self) -> Option<String> {
        let now = self.now();
        self.with(|state| state.core.wifi.associated(now).map(|network| network.ssid.clone()))
    }

    /// What a line of the shell prints on it, as its owner sees it at its console; `(output, exit code)`.
    pub fn console(&self, line: &str) -> (String, i32) {
        let now = self.now();
        let ran = self.with(|state| state.core.exec(line, now).ran);
        (ran.out + &ran.err, ran.code)
    }

    pub(crate) fn turn(&self, knob: RouterKnob) -> Result<(), SimError> {
        match knob {
            RouterKnob::Pages(knob) => self.rpc.turn(knob),
            RouterKnob::Exporter(knob) => self.exporter.turn(knob),
            RouterKnob::Unplugged(out) => {
                self.rpc.turn(PageKnob::Unplugged(out));
                self.exporter.turn(PageKnob::Unplugged(out));
            }
            RouterKnob::Reboot => {
                let boot = self.pace.delay(BOOT_S);
                let up = self.now() + boot;
                self.with(|state| {
                    state.rpc.forget();
                    state.core.reboot(up);
                });
                self.rpc.darken(boot);
                self.exporter.darken(boot);
            }
            RouterKnob::ForgetSessions => self.with(|state| state.rpc.forget()),
            RouterKnob::SessionLife(life) => self.with(|state| state.rpc.lifetime = life),
            RouterKnob::NewCertificate => {
                let made = certificate::make().map_err(SimError::Certificate)?;
                self.with(|state| state.fingerprint = made.fingerprint);
                self.tls.send_replace(made.server);
            }
            RouterKnob::WanDown(down) => self.with(|state| state.core.wan = !down),
            RouterKnob::Floats(floats) => self.with(|state| state.floats = floats),
        }
        Ok(())
    }

    /// Serves until `stop`.
    pub(crate) async fn run(self, servers: Servers, stop: CancellationToken) {
        let exporter = Arc::new(Exporter(self.clone()));
        let tls = self.tls.subscribe();
        tokio::join!(
            servers.rpc.run(Arc::new(self), Some(tls), stop.clone()),
            servers.exporter.run(exporter, None, stop),
        );
    }

    /// Since the board was started.
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Site for RouterView {
    fn answer(&self, request: &Request) -> Answer {
        let now = self.now();
        self.with(|state| state.rpc.answer(&mut state.core, request, now))
    }
}

struct Exporter(RouterView);

impl Site for Exporter {
    fn answer(&self, request: &Request) -> Answer {
        if request.path != "/metrics" || request.method != "GET" {
            return Answer::new(404, "text/plain", "Not Found\n");
        }
        let now = self.0.now();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let page =
            self.0.with(|state| metrics::page(now.saturating_sub(state.core.started), wall, state.floats));
        Answer::new(200, "text/plain; version=0.0.4", page)
    }
}
