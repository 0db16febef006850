//! `statusinator-window`: one window, one gateway, and an engine in its own core, beside it, or in a child.
//!
//! The window loads `http://127.0.0.1:PORT/` of the gateway and knows nothing else; there is no IPC.

mod engine_link;
mod options;

use std::{net::TcpListener, process::ExitCode, sync::Arc};

use anyhow::{Context, Result};
use api::{
    Sessions,
    gateway::{self, GatewayConfig, Heartbeats},
};
use clap::Parser;
use statusinator::{cli, logging};
use tauri::{RunEvent, WebviewUrl, WebviewWindowBuilder};
use tokio_util::sync::CancellationToken;

use self::{engine_link::EngineLink, options::Options};

/// The size every screen is drawn for.
const SIZE: (f64, f64) = (1024.0, 600.0);

fn main() -> ExitCode {
    prepare_webkit();
    match open(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::report(&error).into(),
    }
}

/// Without it WebKitGTK shows a blank window on several drivers (tauri#13899); whoever set it knows better.
#[allow(unsafe_code)]
fn prepare_webkit() {
    if std::env::var_os("WEBKIT_DISABLE_DMABUF_RENDERER").is_none() {
        // SAFETY: first statement of main, no other thread exists yet.
        unsafe { std::env::set_var("WEBKIT_DISABLE_DMABUF_RENDERER", "1") };
    }
}

fn open(options: &Options) -> Result<()> {
    let data = options.data()?;
    data.create()?;
    // A virtual board's engine is a child in namespaces: it must be started before any thread exists.
    let mut link = EngineLink::prepare(options, &data)?;
    let _log = logging::start("info", Some(&data.logs()));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let upstream = runtime.block_on(link.connect(options, &data))?;

    let listener = TcpListener::bind("127.0.0.1:0").context("open the gateway's listener")?;
    listener.set_nonblocking(true).context("prepare the gateway's listener")?;
    let address = listener.local_addr().context("ask the gateway's listener for its address")?;
    let sessions = Arc::new(Sessions::default());
    let url = format!("http://{address}/login?code={}", sessions.one_time_login().reveal());
    let stop = CancellationToken::new();
    let config = GatewayConfig { upstream, sessions, heartbeats: Heartbeats::default() };
    let served = runtime.spawn({
        let stop = stop.clone();
        async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            gateway::serve(listener, config, stop).await
        }
    });

    let shown = show(&url);
    stop.cancel();
    let ended = runtime.block_on(async {
        link.end().await;
        served.await
    });
    if let Ok(Err(error)) = ended {
        tracing::warn!(%error, "the gateway ended badly");
    }
    shown
}

/// Runs the window until it is closed.
fn show(url: &str) -> Result<()> {
    let url = url.parse().context("read the gateway's address")?;
    let app = tauri::Builder::default()
        .setup(move |app| {
            WebviewWindowBuilder::new(app, "main", WebviewUrl::External(url))
                .title("statusinator")
                .inner_size(SIZE.0, SIZE.1)
                .min_inner_size(360.0, 320.0)
                .build()?;
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("open the window; is there a display? `statusinator serve` needs none")?;
    let code = app.run_return(|_, event| {
        if let RunEvent::Exit = event {
            tracing::info!("the window was closed");
        }
    });
    if code == 0 { Ok(()) } else { Err(anyhow::anyhow!("the window ended with code {code}")) }
}
