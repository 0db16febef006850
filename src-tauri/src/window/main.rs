//! `statusinator-window`: one window, one gateway, and an engine in its own core, beside it, or in a child.
//!
//! The window loads `http://127.0.0.1:PORT/` of the gateway and knows nothing else; there is no IPC.

mod engine_link;
mod options;

use std::{
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use api::{
    Sessions,
    gateway::{self, GatewayConfig, Heartbeats},
};
use clap::Parser;
use statusinator::{cli, logging};
use tauri::{RunEvent, Url, WebviewUrl, WebviewWindowBuilder};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::{engine_link::EngineLink, options::Options};

/// The size every screen is drawn for.
const SIZE: (f64, f64) = (1024.0, 600.0);

fn main() -> ExitCode {
    // The engine of a virtual board is this very file once more, inside namespaces: the window needs no other beside it.
    if std::env::args_os().nth(1).is_some_and(|word| word == cli::ENGINE_INSIDE) {
        return cli::main();
    }
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
    look_for_display()?;
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

    let shown = show(&url, runtime.handle());
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

/// Before anything is started that would have to be ended again.
fn look_for_display() -> Result<()> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("WAYLAND_DISPLAY") || set("DISPLAY") {
        return Ok(());
    }
    bail!("open a window: neither DISPLAY nor WAYLAND_DISPLAY is set; {SERVE_INSTEAD}")
}

/// What to do where no window can be.
const SERVE_INSTEAD: &str = "use `statusinator serve` and a browser, or start this from a desktop session";

/// Runs the window until it is closed. GTK panics where the display that is named does not answer; that gets words, too.
fn show(url: &str, runtime: &Handle) -> Result<()> {
    let url = url.parse().context("read the gateway's address")?;
    catch_unwind(AssertUnwindSafe(|| run_window(url, runtime)))
        .unwrap_or_else(|_| bail!("open a window: the display does not answer; {SERVE_INSTEAD}"))
}

fn run_window(url: Url, runtime: &Handle) -> Result<()> {
    let runtime = runtime.clone();
    let app = tauri::Builder::default()
        .setup(move |app| {
            // A session that ends says so with a signal; the engine in here then gets its orderly end as well.
            let window = app.handle().clone();
            runtime.spawn(async move {
                match cli::told_to_end().await {
                    Ok(()) => window.exit(0),
                    Err(error) => tracing::warn!(%error, "signals are not heard"),
                }
            });
            WebviewWindowBuilder::new(app, "main", WebviewUrl::External(url))
                .title("statusinator")
                .inner_size(SIZE.0, SIZE.1)
                .min_inner_size(360.0, 320.0)
                .build()?;
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("open the window")?;
    let code = app.run_return(|_, event| {
        if let RunEvent::Exit = event {
            tracing::info!("the window was closed");
        }
    });
    if code == 0 { Ok(()) } else { Err(anyhow::anyhow!("the window ended with code {code}")) }
}
