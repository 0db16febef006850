//! Where this window's engine is: beside it already, in its own core, or in a child with namespaces of its own.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::{Context, Result};
use api::{gateway::Upstream, tls::Fingerprint, tokens};
use devices::qemu::Inside;
use lab::BoardKind;
use statusinator::{
    cli::{ServeOptions, listen, start_inside},
    config::{DataDir, EngineFile},
    wiring::{Firmware, Program, ProgramOptions},
};
use tokio::sync::watch;

use crate::options::Options;

/// Time for a virtual board's machines to end.
const GRACE: Duration = Duration::from_secs(15);
/// Pace of looking whether the engine beside us has moved or a child's token is there.
const LOOK: Duration = Duration::from_millis(500);

/// The engine of this window, and how it ends with it.
pub(crate) enum EngineLink {
    /// One runs already; it outlives the window.
    Beside,
    /// In this process.
    Own(Option<Program>),
    /// In namespaces.
    Child { inside: Option<Inside>, address: SocketAddr },
}

impl EngineLink {
    /// Decides, and starts the child where one is needed. No thread exists yet.
    pub(crate) fn prepare(options: &Options, data: &DataDir) -> Result<Self> {
        if EngineFile::read(data).is_some_and(|file| answers(&file)) {
            return Ok(Self::Beside);
        }
        let kind = options.serve.board()?.board.kind;
        if kind != BoardKind::Virtual {
            return Ok(Self::Own(None));
        }
        let listener = TcpListener::bind("127.0.0.1:0").context("open the engine's listener")?;
        let address = listener.local_addr().context("ask the engine's listener for its address")?;
        // Reached from this process alone.
        let serve = ServeOptions { tls_cert: None, tls_key: None, ..options.serve.clone() };
        let inside = start_inside(data, &serve, false, listener)?;
        Ok(Self::Child { inside: Some(inside), address })
    }

    /// Starts what is ours and says how the engine is reached, now and whenever that changes.
    pub(crate) async fn connect(
        &mut self,
        options: &Options,
        data: &DataDir,
    ) -> Result<watch::Receiver<Option<Upstream>>> {
        let (publish, upstream) = watch::channel(None);
        match self {
            Self::Beside => drop(tokio::spawn(follow(data.clone(), None, publish))),
            Self::Child { address, .. } => drop(tokio::spawn(follow(data.clone(), Some(*address), publish))),
            Self::Own(program) => {
                *program = Some(start(options, data).await?);
                drop(tokio::spawn(follow(data.clone(), None, publish)));
            }
        }
        Ok(upstream)
    }

    /// Ends what is ours.
    pub(crate) async fn end(self) {
        match self {
            Self::Beside => {}
            Self::Own(program) => {
                if let Some(program) = program {
                    program.stop().await;
                }
            }
            Self::Child { inside, .. } => {
                let stopped =
                    tokio::task::spawn_blocking(move || inside.map(|inside| inside.stop(GRACE))).await;
                if let Ok(Some(Err(error))) = stopped {
                    tracing::warn!(%error, "the virtual board's engine did not end cleanly");
                }
            }
        }
    }
}

/// Whether the engine that left this file still listens at its place.
fn answers(file: &EngineFile) -> bool {
    file.address().is_some_and(|address| std::net::TcpStream::connect_timeout(&address, LOOK).is_ok())
}

/// Where the engine is, and by which certificates it is known.
type Place = (SocketAddr, Option<Vec<Fingerprint>>);

fn reach(data: &DataDir, (address, pins): Place) -> Result<Upstream> {
    let path = data.window_token();
    let token = tokens::read(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(match pins {
        Some(pins) => Upstream::over_tls(address, token, pins),
        None => Upstream::new(address, token)?,
    })
}

/// Looks where the engine is, again and again: it may be started anew at another port, or not have written its token
/// yet, or show a renewed certificate. Ends when the gateway is gone.
async fn follow(data: DataDir, fixed: Option<SocketAddr>, publish: watch::Sender<Option<Upstream>>) {
    let mut known = None;
    while !publish.is_closed() {
        let file = EngineFile::read(&data).and_then(|file| Some((file.address()?, file.pins())));
        let place = fixed.map(|address| (address, None)).or(file);
        if place != known
            && let Some(upstream) = place.clone().and_then(|place| reach(&data, place).ok())
        {
            known = place;
            publish.send_replace(Some(upstream));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn start(options: &Options, data: &DataDir) -> Result<Program> {
    let board = options.serve.board()?;
    let listener = listen(options.serve.listen)?;
    let tls = options.serve.tls(&listener, data)?;
    let options = ProgramOptions {
        stranger: false,
        order_by_probe: false,
        data: data.clone(),
        board,
        board_file: statusinator::config::board_file(&options.serve.board),
        speed: options.serve.speed,
        firmware: Firmware::Uefi,
        way: options.serve.way.as_deref().and_then(lab::Way::parse),
        pid: std::process::id(),
        url: None,
        tls,
    };
    Program::start(options, listener).await
}
