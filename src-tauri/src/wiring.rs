//! Which driver stands behind which port: the only place that sees engine, store, boot services and devices at once.
//!
//! ```text
//! netboot ─ translate ─▶ engine ─▶ store
//! power, wire, console ─▶ engine      (late: the board is built while the program already answers)
//! engine, store ─▶ api ─▶ listener
//! ```

mod agents;
mod api_tls;
mod board_file;
mod boot_files;
mod boot_services;
mod bootmedia;
mod bundle;
mod capture;
mod certificates;
mod clock_sources;
mod clues;
mod compat;
mod databases;
mod display;
mod facts;
mod faults;
mod gear;
mod health;
mod host;
mod images;
mod late;
mod leases;
mod loaders;
mod logs;
mod names;
mod notify;
mod otlp_export;
mod own_counts;
mod picture;
mod real;
mod screens;
mod selfcheck;
mod simulated;
mod site;
mod spoil;
mod touch;
mod translate;
mod trees;
mod trust;
mod usb;
mod virtual_board;
mod watching;
mod ways;
mod wiper;

use std::{net::TcpListener, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use engine::{Engine, EngineConfig, EngineHandle, Observation, ObservationSink, Ports};
use lab::{Board, BoardKind, Way, board::Mode, live::ServiceState};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::{
    agents::AgentDesk,
    api_tls::Certificate,
    images::Images,
    late::{LateCaptures, LateConsole, LateFaults, LatePower, LateRouter, LateSwitch, LateWire},
    picture::Picture,
    ways::BoardWays,
};
use crate::{
    VERSION, clock,
    config::{DataDir, DataLock, EngineFile},
    secrets::Secrets,
};

pub use api_tls::ApiTls;
pub use bootmedia::write as write_boot_disk;
pub use devices::qemu::Firmware;

/// What a program is started with.
#[derive(Debug, Clone)]
pub struct ProgramOptions {
    pub data: DataDir,
    pub board: Board,
    /// The file that it was read from; built-in boards have none.
    pub board_file: Option<PathBuf>,
    /// Divides a simulation's delays.
    pub speed: u32,
    /// Of virtual machines.
    pub firmware: Firmware,
    /// A virtual board gets one machine more, of which its file knows nothing.
    pub stranger: bool,
    /// Virtual machines' boot order is written by their probe.
    pub order_by_probe: bool,
    /// The way that all machines boot, whatever is known of them.
    pub way: Option<Way>,
    /// Process that a person would end; differs from our own inside namespaces.
    pub pid: u32,
    /// How the listener is reached from outside, where that is not its own address.
    pub url: Option<String>,
    /// How the API speaks.
    pub tls: ApiTls,
}

/// A running program: engine, board and API. Ends when its token is cancelled.
pub struct Program {
    pub engine: EngineHandle,
    pub url: String,
    /// Address with a one-time login, for a browser.
    pub login_url: String,
    stop: CancellationToken,
    parts: Vec<(&'static str, JoinHandle<()>)>,
    store: store::Store,
    data: DataDir,
    engine_stop: CancellationToken,
    engine_task: JoinHandle<()>,
    /// Dropped last: until then nobody else may use the folder.
    _lock: DataLock,
}

/// Services every board must have before a lab may begin.
const SERVICES: [&str; 4] = [BOARD_SERVICE, "dhcp", "tftp", "http"];
/// Name of the board itself among the services.
const BOARD_SERVICE: &str = "board";
/// Time for each part to end by itself.
const PART_LIMIT: Duration = Duration::from_secs(10);

/// Everything the board's builder needs; it works while the program already answers.
struct Site {
    options: ProgramOptions,
    board: Arc<Board>,
    folder: PathBuf,
    sink: ObservationSink,
    desk: Arc<AgentDesk>,
    picture: Arc<Picture>,
    ways: Arc<BoardWays>,
    power: Arc<LatePower>,
    wire: Arc<LateWire>,
    switch: Option<Arc<LateSwitch>>,
    router: Option<Arc<LateRouter>>,
    console: Arc<LateConsole>,
    images: Arc<Images>,
    leases: Arc<leases::StoredLeases>,
    dhcp: Arc<leases::LiveDhcp>,
    faults: Arc<LateFaults>,
    captures: Arc<LateCaptures>,
    own: own_counts::OwnCounts,
    keeper: Arc<certificates::LateKeeper>,
    /// For how long the program was off before, where that is known.
    off_s: Option<f64>,
    stop: CancellationToken,
}

impl Program {
    /// Opens the store, starts engine and API on `listener`, and builds the board behind them.
    pub async fn start(options: ProgramOptions, listener: TcpListener) -> Result<Self> {
        options.data.create()?;
        let lock = DataLock::take(&options.data, options.pid, &options.board.board.name)?;
        // Of an engine that was killed.
        EngineFile::remove(&options.data);
        let folder = options.data.board(&options.board)?;
        let (store, recovered) = store::Store::open(&folder).await.map_err(|error| {
            let remedy = error.remedy();
            anyhow::Error::new(error).context(format!("open the events of this board; {remedy}"))
        })?;
        let unclean = recovered.unclean;
        let damaged = databases::damaged(&recovered);
        let log_gear = logs::placed(&options.board, &folder);
        let logs = logs::open(&folder, &options.board, log_gear.clone()).await;
        let off_s = off(&store, recovered.status.seq, logs.as_ref().ok()).await;
        let tokens = Arc::new(api::tokens::ensure(options.data.path()).context("prepare the access tokens")?);
        let board = Arc::new(options.board.clone());
        let stop = CancellationToken::new();
        let engine_stop = CancellationToken::new();
        let (sink, observations) = ObservationSink::channel();
        if let Some(failure) = damaged {
            sink.put(Observation::Trouble { service: databases::EVENTS.into(), failure: Some(failure) });
        }
        for name in SERVICES {
            sink.put(Observation::Service(ServiceState {
                name: name.into(),
                ready: false,
                says: "is being built".into(),
            }));
        }
        let kind = board.board.kind;
        let virtual_board = kind == BoardKind::Virtual;
        let dhcp = Arc::new(leases::LiveDhcp::default());
        let site = Site {
            board: board.clone(),
            folder,
            sink: sink.clone(),
            desk: Arc::new(AgentDesk::default()),
            picture: Arc::new(Picture::default()),
            ways: Arc::new(BoardWays::new(
                board.clone(),
                options.firmware,
                options.way,
                options.order_by_probe,
                dhcp.clone(),
            )),
            power: Arc::new(LatePower::new(&board)),
            wire: Arc::new(LateWire::default()),
            switch: board.switch.as_ref().map(|gear| Arc::new(LateSwitch::new(gear))),
            router: board.router.as_ref().map(|gear| Arc::new(LateRouter::new(gear))),
            console: Arc::new(LateConsole::default()),
            images: Arc::new(Images::open(&options.data)),
            leases: Arc::new(leases::StoredLeases(store.clone())),
            faults: Arc::default(),
            captures: Arc::default(),
            own: own_counts::OwnCounts::default(),
            keeper: Arc::default(),
            off_s,
            dhcp,
            stop: stop.clone(),
            options: options.clone(),
        };
        let images = site.images.clone();
        let config = EngineConfig {
            board: board.clone(),
            version: VERSION.to_owned(),
            speed: options.speed,
            world_survives: board.board.kind == BoardKind::Labinator,
            strangers: store.strangers().await.context("read the strangers remembered")?,
            services: SERVICES.map(str::to_owned).to_vec(),
            clock: Arc::new(clock::now),
            built_us: clock::built_us(),
            ports: Ports {
                power: site.power.clone(),
                wire: Some(site.wire.clone()),
                agents: site.desk.clone(),
                console: virtual_board.then(|| site.console.clone() as Arc<dyn lab::ports::Console>),
                // Nothing real is broken on purpose.
                faults: (kind != BoardKind::Labinator).then(|| site.faults.clone() as _),
                switch: site.switch.clone().map(|switch| switch as _),
                router: site.router.clone().map(|router| router as _),
                host: host::of(&board),
                ways: Some(site.ways.clone()),
                clues: Some(Arc::new(clues::HostClues::new(&board, log_gear))),
            },
        };
        let journal = Arc::new(store.clone());
        let (engine, engine_task) =
            Engine::start(config, recovered.status, journal.clone(), sink, observations, engine_stop.clone())
                .await;
        site.picture.fill(engine.clone());
        site.keeper.fill(engine.clone());
        if let Ok((logs, _)) = &logs {
            site.own.hand_to(logs.clone());
        }
        let desk = logs.as_ref().ok().map(|(logs, _)| logs.clone() as Arc<dyn api::LogDesk>);
        let (drawn, tests) = display::Drawn::new();
        let task = display::DisplayTask {
            path: site.display(),
            board: board.clone(),
            engine: engine.clone(),
            logs: desk.clone(),
            sink: site.sink.clone(),
            stop: stop.clone(),
        };
        let panel = tokio::spawn(display::run(task, drawn.clone(), tests));

        listener.set_nonblocking(true).context("prepare the listener")?;
        let local = listener.local_addr().context("ask the listener for its address")?;
        let url = options.url.clone().unwrap_or_else(|| options.tls.url(local));
        let login_url = format!("{url}/login?code={}", tokens.one_time_login().reveal());
        let gear = api::Gear {
            power: site.power.clone(),
            switch: site.switch.clone().map(|switch| switch as _),
            router: site.router.clone().map(|router| router as _),
            panel: Some(drawn.clone()),
        };
        let (old_tokens, board_kind) = (tokens.clone(), kind);
        let state = api::ApiState {
            board,
            board_file: options.board_file.clone().map(|path| Arc::new(board_file::OwnFile(path)) as _),
            gear,
            logs: desk.clone(),
            certificates: Some(site.keeper.clone()),
            bundle: Some(Arc::new(bundle::Bundles::new(options.data.clone(), options.board_file.clone()))),
            engine: engine.clone(),
            archive: journal,
            faults: (kind != BoardKind::Labinator).then(|| site.faults.clone() as _),
            captures: (kind != BoardKind::Simulated).then(|| site.captures.clone() as _),
            consoles: virtual_board.then(|| site.console.clone() as Arc<dyn lab::ports::Console>),
            url: url.clone(),
            tokens,
            clock: Arc::new(clock::now),
        };
        let listener = tokio::net::TcpListener::from_std(listener).context("take over the listener")?;
        let certificate = Certificate {
            tls: options.tls.clone(),
            data: options.data.clone(),
            file: EngineFile {
                pid: options.pid,
                url: url.clone(),
                board: options.board.board.name.clone(),
                version: VERSION.to_owned(),
                certificates: Vec::new(),
            },
            sink: site.sink.clone(),
            stop: stop.clone(),
        };
        // Only the lab's CA needs a while; whatever else is wrong is wrong now.
        let shown = if options.tls == ApiTls::Lab { None } else { Some(certificate.first().await?) };
        let api = tokio::spawn(certificate.serve(shown, listener, state));
        let images = tokio::spawn(images::follow(images, engine.events(), site.sink.clone(), stop.clone()));
        let old = compat::Old {
            board: options.board.clone(),
            engine: engine.clone(),
            router: site.router.clone().map(|router| router as _),
            logs: desk,
            tokens: old_tokens,
            screens: url.clone(),
            sink: site.sink.clone(),
            stop: stop.clone(),
        };
        let old = tokio::spawn(compat::run(old));
        let health = tokio::spawn(health::watch(site.folder.clone(), site.sink.clone(), stop.clone()));
        let clock_sources = tokio::spawn(clock_sources::watch(site.sink.clone(), stop.clone()));
        let touch = tokio::spawn(touch::watch(board_kind, site.sink.clone(), stop.clone()));
        let records = match logs {
            Ok((logs, recovered)) => Some(tokio::spawn(logs::run(logs::LogsTask {
                logs,
                recovered,
                unclean,
                board: site.board.clone(),
                own: site.own.clone(),
                sink: site.sink.clone(),
                stop: stop.clone(),
            }))),
            Err(failure) => {
                site.sink.put(Observation::Trouble { service: logs::SERVICE.into(), failure: Some(failure) });
                None
            }
        };
        let telemetry = options.board.telemetry.clone().map(|gear| otlp_export::Export {
            url: gear.otlp,
            archive: Arc::new(store.clone()),
            engine: engine.clone(),
            sink: site.sink.clone(),
            folder: site.folder.clone(),
            pace: otlp_export::Pace::default(),
            stop: stop.clone(),
        });
        let telemetry = telemetry.map(|export| ("telemetry", tokio::spawn(otlp_export::run(export))));
        let notices = site.notices(&engine).map(|notices| ("notices", tokio::spawn(notices.run())));
        let built = tokio::spawn(build(site));
        let mut parts = vec![
            ("board", built),
            ("old addresses", old),
            ("health", health),
            ("clock", clock_sources),
            ("touch screens", touch),
            ("display", panel),
            ("images", images),
            ("api", api),
        ];
        parts.extend(records.map(|task| ("logs", task)));
        parts.extend(telemetry);
        parts.extend(notices);
        Ok(Self {
            engine,
            url,
            login_url,
            stop,
            parts,
            store,
            data: options.data,
            engine_stop,
            engine_task,
            _lock: lock,
        })
    }

    /// Ends the engine first, so that its last words are recorded, then everything else.
    pub async fn stop(self) {
        EngineFile::remove(&self.data);
        self.engine_stop.cancel();
        end("engine", self.engine_task).await;
        self.stop.cancel();
        for (name, part) in self.parts {
            end(name, part).await;
        }
        self.store.close().await;
    }
}

/// For how long the program was off: since the last event or the last log record, whichever came later.
async fn off(
    store: &store::Store,
    last: u64,
    logs: Option<&(Arc<logs::Logs>, store::logs::LogRecovered)>,
) -> Option<f64> {
    let event =
        lab::journal::Archive::events(store, last.checked_sub(1)?, 1).await.ok()?.pop()?.draft.stamp.wall_us;
    let record = match logs {
        Some((logs, _)) => logs.newest_us().await,
        None => None,
    };
    let since = event.max(record.unwrap_or(event));
    Some((clock::now().wall_us - since) as f64 / 1e6).filter(|seconds| *seconds > 0.0)
}

async fn end(name: &str, part: JoinHandle<()>) {
    let abort = part.abort_handle();
    if tokio::time::timeout(PART_LIMIT, part).await.is_err() {
        tracing::warn!(part = name, "did not end by itself");
        abort.abort();
    }
}

/// Builds the board and keeps it until told to stop. A failure is shown where the board would be.
async fn build(site: Site) {
    let sink = site.sink.clone();
    let kind = site.board.board.kind;
    let keeper = site.keeper.clone();
    let result = match kind {
        BoardKind::Simulated => simulated::run(site).await,
        BoardKind::Virtual => virtual_board::run(site).await,
        BoardKind::Labinator => real::run(site).await,
    };
    if let Err(error) = result {
        let says = format!("{error:#}");
        tracing::error!(board = kind.word(), says, "the board could not be built");
        sink.put(Observation::Service(ServiceState { name: BOARD_SERVICE.into(), ready: false, says }));
    }
    keeper.ended().await;
}

impl Site {
    /// The status display's serial device. Watched only, it is another program's.
    fn display(&self) -> Option<PathBuf> {
        let drives = self.board.board.mode == Mode::Drive;
        self.board.display.as_ref().filter(|_| drives).map(|gear| self.folder.join(&gear.path))
    }

    /// Messages to people who are not there, where the board file says how.
    fn notices(&self, engine: &EngineHandle) -> Option<notify::Notices> {
        let gear = self.board.notify.clone()?;
        let secrets = Secrets::load(&self.options.data).ok();
        let token = gear.secret.as_ref().and_then(|name| secrets.as_ref()?.get(name));
        Some(notify::Notices {
            gear,
            board: self.board.board.name.clone(),
            token,
            folder: self.folder.clone(),
            engine: engine.clone(),
            sink: self.sink.clone(),
            stop: self.stop.clone(),
        })
    }

    /// Puts drivers of the board's gear behind their ports.
    fn fill(&self, drivers: &gear::GearSite<'_>) -> Result<()> {
        self.power.fill(drivers.power()?);
        if let (Some(late), Some(switch)) = (&self.switch, drivers.switch()?) {
            late.fill(switch);
        }
        if let (Some(late), Some(router)) = (&self.router, drivers.router()?) {
            late.fill(router);
        }
        Ok(())
    }

    fn ready(&self, name: &str, says: impl Into<String>) {
        self.sink.put(Observation::Service(ServiceState {
            name: name.into(),
            ready: true,
            says: says.into(),
        }));
    }
}
