//! All addresses, and what their requests share.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Query, State},
    http::StatusCode,
    middleware::from_fn_with_state,
    routing::{any, get, post},
};
use serde::Deserialize;
use tokio::{
    sync::{Mutex as Turn, Semaphore, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    CompatState,
    calls::Calls,
    door, home, labs,
    labstatus::LabStatus,
    loads::{Loads, TICK},
    picture, ports, power, streams, system, trials, uplink, windows,
};
use crate::guard::{self, Plate};

/// Pages that are told: two screens and a few laptops.
const PAGES: usize = 64;
/// Pods that tell: three clients and three servers, and as many more as anybody scales to on six boxes.
const PODS: usize = 192;
/// A run that is in the way is cancelled first, and a restart waits for "off".
const ANSWER_WITHIN: Duration = Duration::from_secs(150);
/// Sockets and restarts have this long to end in order.
const GRACE: Duration = Duration::from_secs(5);

/// One listener with what its requests share.
pub(super) struct Site {
    pub(super) state: CompatState,
    pub(super) listen: SocketAddr,
    /// Names under which the board's machines know it.
    pub(super) names: Vec<String>,
    calls: Mutex<Calls>,
    /// Grows when something was told that `/status` shows.
    pub(super) called: watch::Sender<u64>,
    loads: Mutex<Loads>,
    /// Grows when counts or rates changed.
    pub(super) loaded: watch::Sender<u64>,
    pub(super) events_dropped: AtomicU64,
    /// Somebody took up the last lab as the active one.
    pub(super) adopted: AtomicBool,
    pub(super) trials: trials::Trials,
    pub(super) pages: Arc<Semaphore>,
    pub(super) pods: Arc<Semaphore>,
    /// One lab is set at a time.
    pub(super) setting: Turn<()>,
    /// One scan or join at a time: the radio is one.
    pub(super) radio: Turn<()>,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

pub(super) fn router(site: &Arc<Site>) -> Router {
    let control = Router::new()
        .route("/setlab", any(labs::setlab))
        .route("/power", any(power::power))
        .route("/switch", any(ports::switch))
        .route("/scale", any(windows::scale))
        .route("/system", any(system::system))
        .route("/navigate", any(windows::navigate))
        .route("/launch", any(windows::launch))
        .route("/resetwatchers", any(reset_watchers))
        .route("/router/connect", post(uplink::connect))
        .route_layer(from_fn_with_state(site.clone(), door::control));
    let open = Router::new()
        .route("/callbacks", get(callbacks).post(callbacks))
        .route("/getlab", get(labs::getlab).post(labs::getlab))
        .route("/lastlab", get(labs::lastlab).post(labs::lastlab))
        .route("/scenarios", get(labs::scenarios).post(labs::scenarios))
        .route("/status", get(streams::status).post(streams::status))
        .route("/events", get(streams::events))
        .route("/loadstats", get(streams::loadstats))
        .route("/loadinfo", get(streams::loadinfo).post(streams::loadinfo))
        // Looking is for anybody; its actions ask at the door themselves.
        .route("/reliabilitytest", get(trials::page).post(trials::page))
        .route("/router/networks", get(uplink::networks))
        .route("/router/status", get(uplink::status))
        .route("/", get(home::page));
    let routes = control
        .merge(open)
        .fallback(home::elsewhere)
        .method_not_allowed_fallback(home::wrong_method)
        .with_state(site.clone());
    let plate = Plate { listen: site.listen, names: site.names.clone(), tls: None, within: ANSWER_WITHIN };
    guard::walls(routes, plate)
}

impl Site {
    pub(super) fn new(state: CompatState, listen: SocketAddr, shutdown: CancellationToken) -> Arc<Self> {
        let network = &state.board.network;
        let mut names = vec!["boss".to_owned(), "boss.local".to_owned(), network.boss.to_string()];
        names.extend(network.domain.as_ref().map(|domain| format!("boss.{domain}")));
        let trials = trials::Trials::new(&state.board);
        Arc::new(Self {
            state,
            listen,
            names,
            calls: Mutex::default(),
            called: watch::Sender::new(0),
            loads: Mutex::default(),
            loaded: watch::Sender::new(0),
            events_dropped: AtomicU64::new(0),
            adopted: AtomicBool::new(false),
            trials,
            pages: Arc::new(Semaphore::new(PAGES)),
            pods: Arc::new(Semaphore::new(PODS)),
            setting: Turn::new(()),
            radio: Turn::new(()),
            tasks: TaskTracker::new(),
            shutdown,
        })
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Calls> {
        // Nothing inside can be left half done, so a panic elsewhere does not spoil it.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn loads(&self) -> MutexGuard<'_, Loads> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lab_status(&self) -> LabStatus {
        let callbacks = self.calls().wire();
        let counters = self.state.logs.as_ref().map(|logs| logs.counters()).unwrap_or_default();
        picture::lab_status(&self.state.board, &self.state.engine.snapshot(), callbacks, &counters)
    }

    /// What was told so far belongs to the lab before.
    pub(super) fn reset(&self) {
        self.calls().clear();
        self.loads().reset();
        self.called.send_modify(|turn| *turn += 1);
        self.loaded.send_modify(|turn| *turn += 1);
    }

    /// Lets rates follow the time until told to stop. While nothing moves, nothing ticks.
    pub(super) async fn keep_rates(&self) {
        let mut loaded = self.loaded.subscribe();
        let rates = async {
            while loaded.changed().await.is_ok() {
                let mut ticks = interval(TICK);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                let mut before = ticks.tick().await;
                loop {
                    let now = ticks.tick().await;
                    let changed = self.loads().tick(now.saturating_duration_since(before));
                    before = now;
                    if !changed {
                        break;
                    }
                    self.loaded.send_modify(|turn| *turn += 1);
                    loaded.mark_unchanged();
                }
            }
        };
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = rates => {}
        }
    }

    /// Waits for sockets and tasks, which end by themselves.
    pub(super) async fn end(&self) {
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "sockets of the old addresses did not end in time");
        }
    }
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    key: String,
    #[serde(default)]
    val: String,
}

/// Live images repeat their call until they read `received`, so this never waits and never refuses.
async fn callbacks(
    State(site): State<Arc<Site>>,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    told: Result<Query<Told>, axum::extract::rejection::QueryRejection>,
) -> &'static str {
    let unknown = IpAddr::from([0, 0, 0, 0]);
    let from = peer.map_or(unknown, |peer| peer.0.0.ip());
    let (key, value) = told.map(|told| (told.0.key, told.0.val)).unwrap_or_default();
    site.calls().heard(from, &key, &value);
    site.called.send_modify(|turn| *turn += 1);
    "callback received"
}

async fn reset_watchers(State(site): State<Arc<Site>>) -> StatusCode {
    site.reset();
    StatusCode::OK
}

impl Site {
    pub(super) fn drops(&self) -> (u64, u64, u64, u64) {
        let loads = self.loads();
        let (refused, malformed) = (loads.refused, loads.malformed);
        drop(loads);
        (self.calls().dropped(), self.events_dropped.load(Ordering::Relaxed), refused, malformed)
    }
}
