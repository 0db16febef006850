//! `serve`: the engine with its pages. A virtual board's engine is a child in namespaces of its own.

use std::{
    ffi::OsString,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use api::tls::Pair;
use clap::{
    Args,
    builder::{PossibleValuesParser, RangedU64ValueParser},
};
use devices::qemu;
use lab::{Board, BoardKind, Way};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{Common, ENGINE_INSIDE, Exit, FirmwareChoice, print};
use crate::{
    certificates,
    config::{BadBoard, BoardChoice, DataDir, choose_board},
    logging,
    wiring::{ApiTls, Firmware, Program, ProgramOptions},
};

/// Options of `serve`, and of the engine inside a virtual board's namespaces.
#[derive(Args, Clone, Debug)]
pub struct ServeOptions {
    /// Built-in board (simulated, virtual, labinator) or a board file.
    #[arg(long, default_value = "simulated", value_name = "NAME|FILE")]
    pub board: String,
    /// Use only the first N machines of the board.
    #[arg(long, value_name = "N")]
    pub machines: Option<usize>,
    /// Firmware of virtual machines.
    #[arg(long, value_enum, default_value = "uefi")]
    pub firmware: FirmwareChoice,
    /// Let all machines boot this way, whatever is known of them.
    #[arg(long, value_name = "WAY", value_parser = PossibleValuesParser::new(Way::ALL.map(Way::word)))]
    pub way: Option<String>,
    /// Divide a simulation's delays. Limits and recorded durations stay wall time.
    #[arg(long, default_value_t = 1, value_name = "1..100", value_parser = RangedU64ValueParser::<u32>::new().range(1..=100))]
    pub speed: u32,
    /// Where pages and API are served; port 0 takes a free one. Without it 127.0.0.1:7122, or a free port when that is
    /// taken.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Certificate with its chain (PEM) that the API shows; read anew when the file changes. Without it a certificate of
    /// the lab's own CA is shown beyond this computer, and plain HTTP is spoken on it.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A matchbox data folder (groups, profiles, assets), answered on its own paths beside ours.
    #[arg(long, value_name = "DIR")]
    pub matchbox: Option<PathBuf>,
    /// Start one machine more on a virtual board, of which its file knows nothing: to see what a stranger is told.
    #[arg(long)]
    pub stranger: bool,
    /// The boot order of virtual machines is written by their probe, as on real ones, and not into their file.
    #[arg(long)]
    pub order_by_probe: bool,
    /// See the wall clock of a simulated board as so many seconds ahead of this computer's, or behind.
    #[arg(long, hide = true, allow_negative_numbers = true, value_name = "SECONDS")]
    pub clock_offset: Option<i64>,
    /// Process that started this one.
    #[arg(long, hide = true)]
    pub outer_pid: Option<u32>,
}

/// Time for the machines of a virtual board to end when asked to stop.
const GRACE: Duration = Duration::from_secs(15);

pub(super) fn serve(common: &Common, options: &ServeOptions) -> Result<Exit> {
    let kind = check(options)?;
    let listener = listen(options.listen)?;
    certificate_first(options, &listener, &common.data()?)?;
    // Said at once, and not by a child.
    options.tls(&listener, &common.data()?)?;
    if kind == BoardKind::Virtual {
        let inside = start_inside(&common.data()?, options, common.json, listener)?;
        let status = inside.wait(GRACE).context("wait for the engine of the virtual board")?;
        return Ok(if status.success() { Exit::Done } else { Exit::Failed });
    }
    run(common, options, listener, std::process::id(), None)
}

/// Beyond this computer only TLS is spoken; who brings no certificate gets one of the lab's CA, before anything listens.
fn certificate_first(options: &ServeOptions, listener: &TcpListener, data: &DataDir) -> Result<()> {
    let listen = listener.local_addr().context("ask the listener for its address")?;
    if listen.ip().is_loopback() || options.own_pair()?.is_some() {
        return Ok(());
    }
    certificates::ensure_own(&options.board()?, data)
}

/// Starts the engine of a virtual board in namespaces of its own. Call before any thread exists.
pub fn start_inside(
    data: &DataDir,
    options: &ServeOptions,
    json: bool,
    listener: TcpListener,
) -> Result<qemu::Inside> {
    let mut args: Vec<OsString> = vec![ENGINE_INSIDE.into(), "--data".into(), data.path().into()];
    let mut add = |name: &str, value: String| args.extend([OsString::from(name), value.into()]);
    add("--board", absolute_board(&options.board)?);
    if let Some(count) = options.machines {
        add("--machines", count.to_string());
    }
    if let Some(matchbox) = &options.matchbox {
        let folder = std::path::absolute(matchbox).context("find the matchbox folder")?;
        let folder = folder.into_os_string().into_string();
        add("--matchbox", folder.map_err(|_| anyhow!("the matchbox folder's path is not readable as text"))?);
    }
    if let Some(Pair { certificate, key }) = options.own_pair()? {
        for (name, file) in [("--tls-cert", certificate), ("--tls-key", key)] {
            let file = file.into_os_string().into_string();
            add(name, file.map_err(|_| anyhow!("{name}: the path is not readable as text"))?);
        }
    }
    add("--firmware", options.firmware.word().into());
    if let Some(way) = &options.way {
        add("--way", way.clone());
    }
    add("--listen", listener.local_addr().context("ask the listener for its address")?.to_string());
    add("--outer-pid", std::process::id().to_string());
    for (chosen, name) in [(options.stranger, "--stranger"), (options.order_by_probe, "--order-by-probe")] {
        if chosen {
            args.push(name.into());
        }
    }
    if json {
        args.push("--json".into());
    }
    qemu::reexec(args, listener).map_err(|error| {
        let remedy = error.remedy();
        anyhow::Error::new(error).context(format!("start the virtual board; {remedy}"))
    })
}

impl ServeOptions {
    /// The board that these options describe.
    pub fn board(&self) -> Result<Board> {
        let mut board = choose_board(&self.board, BoardChoice { machines: self.machines })?;
        if let Some(folder) = &self.matchbox {
            let folder = std::path::absolute(folder).context("find the matchbox folder")?;
            if !folder.is_dir() {
                let bad = BadBoard { remedy: "name a folder with groups and profiles in it".into() };
                return Err(anyhow!("--matchbox {}: there is no such folder", folder.display()).context(bad));
            }
            board.boot.matchbox = Some(folder);
        }
        Ok(board)
    }
}

impl ServeOptions {
    /// How the API speaks at this listener.
    pub fn tls(&self, listener: &TcpListener, data: &DataDir) -> Result<ApiTls> {
        let listen = listener.local_addr().context("ask the listener for its address")?;
        ApiTls::choose(self.own_pair()?, listen, data)
    }

    fn own_pair(&self) -> Result<Option<Pair>> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let absolute = |path: &PathBuf| std::path::absolute(path).context("find the certificate");
        Ok(Some(Pair { certificate: absolute(certificate)?, key: absolute(key)? }))
    }
}

/// A board file named relative to here is found from anywhere.
fn absolute_board(board: &str) -> Result<String> {
    if !std::path::Path::new(board).is_file() {
        return Ok(board.to_owned());
    }
    let path = std::path::absolute(board).context("find the board file")?;
    path.into_os_string().into_string().map_err(|_| anyhow!("the board file's path is not readable as text"))
}

/// The engine of a virtual board, inside.
pub(super) fn inside(common: &Common, options: &ServeOptions) -> Result<Exit> {
    let adopted = qemu::adopt().map_err(|error| {
        let remedy = error.remedy();
        anyhow::Error::new(error).context(remedy)
    })?;
    let pid = options.outer_pid.unwrap_or_else(std::process::id);
    run(common, options, adopted.listener, pid, Some(adopted.parent))
}

fn check(options: &ServeOptions) -> Result<BoardKind> {
    let kind = options.board()?.board.kind;
    if options.speed != 1 && kind != BoardKind::Simulated {
        let bad = BadBoard { remedy: "leave --speed out".into() };
        return Err(anyhow!("--speed {} is for simulated boards; real time has one speed", options.speed)
            .context(bad));
    }
    if options.clock_offset.is_some() && kind != BoardKind::Simulated {
        let bad = BadBoard { remedy: "leave --clock-offset out".into() };
        return Err(anyhow!("--clock-offset is for simulated boards; others have one time").context(bad));
    }
    if options.stranger && kind != BoardKind::Virtual {
        let bad = BadBoard { remedy: "leave --stranger out, or serve --board virtual".into() };
        return Err(anyhow!("--stranger is for virtual boards; no other has machines to make").context(bad));
    }
    if options.order_by_probe && kind != BoardKind::Virtual {
        let bad =
            BadBoard { remedy: "leave --order-by-probe out; no other board does it in another way".into() };
        return Err(anyhow!("--order-by-probe is for virtual boards").context(bad));
    }
    Ok(kind)
}

/// Where a browser finds the program when nobody asked for another place.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7122);

/// Binds the place asked for, or says who holds it. The usual place is a convenience: when it is taken, a free one does.
pub fn listen(asked: Option<SocketAddr>) -> Result<TcpListener> {
    let address = asked.unwrap_or(USUAL);
    let taken = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    TcpListener::bind(address)
        .or_else(|error| match asked {
            None if taken(&error) => TcpListener::bind((USUAL.ip(), 0)),
            _ => Err(error),
        })
        .map_err(|error| {
            let choose = "choose another place with --listen ADDR:PORT (port 0 takes a free one)";
            let remedy = if taken(&error) {
                let holder = crate::ports::holder(address.port()).unwrap_or_else(|| "another program".into());
                format!("it is held by {holder}; end that or {choose}")
            } else {
                choose.into()
            };
            anyhow::Error::new(error).context(format!("serve at {address}: {remedy}"))
        })
}

fn run(
    common: &Common,
    options: &ServeOptions,
    listener: TcpListener,
    pid: u32,
    parent: Option<qemu::adopt::Parent>,
) -> Result<Exit> {
    let board = options.board()?;
    let data = common.data()?;
    data.create()?;
    let tls = options.tls(&listener, &data)?;
    let _log = logging::start("info", Some(&data.logs()));
    crate::clock::set_offset(options.clock_offset.unwrap_or(0));
    let program_options = ProgramOptions {
        data,
        board,
        board_file: crate::config::board_file(&options.board),
        speed: options.speed,
        firmware: match options.firmware {
            FirmwareChoice::Uefi => Firmware::Uefi,
            FirmwareChoice::Secure => Firmware::Secure,
            FirmwareChoice::Bios => Firmware::Bios,
            FirmwareChoice::BiosPxe => Firmware::BiosPxe,
        },
        stranger: options.stranger,
        order_by_probe: options.order_by_probe,
        way: options.way.as_deref().and_then(Way::parse),
        pid,
        url: None,
        tls,
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        let program = Program::start(program_options, listener).await?;
        if common.json {
            print::json(&json!({ "url": program.url, "login": program.login_url, "pid": pid }))?;
        } else {
            print::line(&format!("statusinator: open {}", program.login_url))?;
        }
        until_told(parent).await?;
        program.stop().await;
        Ok(Exit::Done)
    })
}

/// Waits for SIGTERM or SIGINT.
pub async fn told_to_end() -> Result<()> {
    let mut term = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Waits for a signal, or for the outer process.
async fn until_told(parent: Option<qemu::adopt::Parent>) -> Result<()> {
    let told = async {
        match parent {
            Some(parent) => match parent.listen() {
                Ok(mut listening) => {
                    listening.next().await;
                }
                Err(error) => tracing::error!(%error, "the outer process cannot be heard"),
            },
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        result = told_to_end() => result,
        () = told => Ok(()),
    }
}
