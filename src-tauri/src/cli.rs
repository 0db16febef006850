//! The command line. Lists print as JSON Lines with `--json`; every failure says what, why and what to do.

mod backup;
mod bootmedia;
mod boots;
mod bundle;
mod capture;
mod certs;
mod check;
mod check_gear;
mod check_watched;
mod client;
mod config_edit;
mod config_init;
mod display;
mod doctor;
mod events;
mod exit;
mod explain;
mod fault;
mod finding;
mod gear;
mod images;
mod labs;
mod logs;
mod logs_count;
mod logs_show;
mod measure;
mod power;
mod print;
mod rebuild;
mod screen;
mod secrets;
mod serve;
mod sse;
mod status;
mod takeover;
mod terminal;
mod ways;
mod whole;
mod window;
mod wipe;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::DataDir;

pub(crate) use doctor::local_findings;
pub use exit::{Exit, Refused, report};
pub use serve::{ServeOptions, listen, start_inside, told_to_end};

/// Boots a board of mini PCs over the network, starts labs on it and shows what happens.
#[derive(Parser)]
#[command(name = "statusinator", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  failed: the engine refused, a run did not end well, or something broke
  2  wrong use: bad arguments or a board file with a mistake
  3  no engine answers in the data folder
  4  refused because a run is under way

Try `statusinator serve --board simulated` and, in a second terminal, `statusinator lab start rehearsal --wait`.";

/// Options of every command.
#[derive(Args, Clone)]
pub struct Common {
    /// Folder for events, tokens and logs; commands find the running engine in it.
    #[arg(long, global = true, value_name = "DIR", env = "STATUSINATOR_DATA")]
    data: Option<PathBuf>,
    /// Print JSON: one object, or one object a line for lists.
    #[arg(long, global = true)]
    json: bool,
}

impl Common {
    fn data(&self) -> Result<DataDir> {
        DataDir::new(self.data.clone())
    }
}

#[derive(Subcommand)]
enum Command {
    /// Run the engine and serve its pages; prints an address with a one-time login.
    Serve(serve::ServeOptions),
    /// Open the window, with the same options as `serve`.
    Window(window::WindowOptions),
    /// Labs: list them, start one, cancel the run, see how it goes.
    #[command(subcommand)]
    Lab(labs::LabCommand),
    /// The whole board at a glance. Exits 3 when no engine answers.
    Status,
    /// Boots, oldest first.
    Boots(boots::BootsOptions),
    /// One boot with its phases and marks.
    Boot(boots::BootOptions),
    /// Arm a machine's next boot to erase its disks, once; or take that back.
    Wipe(wipe::WipeOptions),
    /// Outlets: switch, press, and see what was commanded, remembered and observed.
    #[command(subcommand)]
    Power(power::PowerCommand),
    /// The managed switch: its ports, and switching them.
    #[command(subcommand)]
    Switch(gear::SwitchCommand),
    /// The router: packets, uplink, Wi-Fi.
    #[command(subcommand)]
    Router(gear::RouterCommand),
    /// The gear around the machines: what is there, what is missing, and tests.
    #[command(subcommand)]
    Devices(gear::DevicesCommand),
    /// After transport: every place of the board, present or not. Exits 1 when something is missing.
    Rollcall,
    /// Switch the lab off as a whole: PCs, display, controller. Exits 1 when a PC is still on.
    Shutdown(whole::ShutdownOptions),
    /// What the status display shows, as a picture; with or without a display.
    Display(display::DisplayOptions),
    /// A picture of a machine's own screen; virtual machines only.
    Screen(screen::ScreenOptions),
    /// Why a machine does not boot: what was seen, what is likely, what speaks against the rest.
    Explain(explain::ExplainOptions),
    /// Say what a machine's own screen shows, where its explanation asks for that.
    Answer(explain::AnswerOptions),
    /// Let a machine boot again that was held back because it began again and again.
    Rearm(explain::RearmOptions),
    /// Log records and what they count.
    Logs(logs::LogsOptions),
    /// Events, oldest first.
    Events(events::EventsOptions),
    /// Break a machine on purpose, or list what can be broken: `fault NAME MACHINE [--off]`, `fault list`.
    Fault(fault::FaultOptions),
    /// What was on a machine's wire while it booted, as a pcapng file.
    Capture(capture::CaptureOptions),
    /// Measure boots by one way after the other; kept in history.
    #[command(subcommand)]
    Measure(measure::MeasureCommand),
    /// How machines boot, and which ways they gave up.
    Ways(ways::WaysOptions),
    /// Write a small disk that boots a machine by asking the engine, and boots the last good choice when nobody answers.
    Bootmedia(bootmedia::BootmediaOptions),
    /// A fresh address with a one-time login for a browser.
    Url,
    /// Boot files by content: add an image, list, verify and remove them, choose what a role boots.
    #[command(subcommand)]
    Images(images::ImagesCommand),
    /// Certificates: list, check and renew them, make them good before services start, print the CA's root.
    #[command(subcommand)]
    Certs(certs::CertsCommand),
    /// Board files: make one of your own, show one that is built in, put a new machine in an old one's place.
    #[command(subcommand)]
    Config(config_edit::ConfigCommand),
    /// Passwords and tokens for devices, by the names that board files use. They are never printed.
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// Read a board file and say what is wrong with it, and what it names that is not there; or look through a matchbox
    /// folder. Opens no device and sends no packet.
    CheckConfig(check::CheckOptions),
    /// Look for what keeps the program from working on this machine.
    Doctor(doctor::DoctorOptions),
    /// Copy a board's databases into a folder while its engine runs or not; each copy is looked through.
    Backup(backup::BackupOptions),
    /// Write everything that somebody far away needs for a diagnosis into one archive, without secrets.
    Bundle(bundle::BundleOptions),
    /// Fold all events of a board anew and replace its checkpoint; the engine must not run.
    Rebuild(rebuild::RebuildOptions),
    /// The engine of a virtual board inside its namespaces; started by `serve` and by the window.
    #[command(hide = true, name = ENGINE_INSIDE)]
    EngineInside(serve::ServeOptions),
}

/// Firmware of virtual machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FirmwareChoice {
    /// OVMF
    Uefi,
    /// OVMF with Secure Boot
    Secure,
    /// SeaBIOS with iPXE in its ROM
    Bios,
    /// The same, made to load undionly.kpxe first
    BiosPxe,
}

impl FirmwareChoice {
    /// The word on the command line.
    fn word(self) -> &'static str {
        match self {
            Self::Uefi => "uefi",
            Self::Secure => "secure",
            Self::Bios => "bios",
            Self::BiosPxe => "bios-pxe",
        }
    }
}

/// Word with which a program starts itself once more as the engine of a virtual board.
pub const ENGINE_INSIDE: &str = "engine-inside";

/// Entry of the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.common.json;
    let result = run(cli);
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            exit::tell(&error, json);
            exit::report(&error).into()
        }
    }
}

fn run(cli: Cli) -> Result<Exit> {
    let common = cli.common;
    match cli.command {
        // Both decide about namespaces and the listener before any thread exists.
        Command::Serve(options) => serve::serve(&common, &options),
        Command::EngineInside(options) => serve::inside(&common, &options),
        Command::CheckConfig(options) => check::check(&common, &options),
        Command::Config(command) => config_edit::run(&common, command),
        Command::Secrets(command) => secrets::run(&common, command),
        Command::Bootmedia(options) => bootmedia::run(&common, &options),
        Command::Images(command) => images::run(&common, command),
        Command::Window(options) => window::open(&common, &options),
        other => {
            crate::logging::start("warn", None);
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(ask(&common, other))
        }
    }
}

async fn ask(common: &Common, command: Command) -> Result<Exit> {
    match command {
        Command::Lab(command) => labs::run(common, command).await,
        Command::Status => status::run(common).await,
        Command::Boots(options) => boots::list(common, &options).await,
        Command::Boot(options) => boots::show(common, &options).await,
        Command::Wipe(options) => wipe::run(common, options).await,
        Command::Power(command) => power::run(common, command).await,
        Command::Switch(command) => gear::switch(common, command).await,
        Command::Router(command) => gear::router(common, command).await,
        Command::Devices(command) => gear::devices(common, command).await,
        Command::Rollcall => whole::rollcall(common).await,
        Command::Shutdown(options) => whole::shutdown(common, options).await,
        Command::Display(options) => display::run(common, &options).await,
        Command::Screen(options) => screen::run(common, &options).await,
        Command::Explain(options) => explain::explain(common, &options).await,
        Command::Answer(options) => explain::answer(common, &options).await,
        Command::Rearm(options) => explain::rearm(common, &options).await,
        Command::Measure(command) => measure::run(common, command).await,
        Command::Ways(options) => ways::run(common, &options).await,
        Command::Certs(command) => certs::run(common, command).await,
        Command::Events(options) => events::run(common, &options).await,
        Command::Fault(options) => fault::run(common, options).await,
        Command::Capture(options) => capture::run(common, &options).await,
        Command::Logs(options) => logs::run(common, &options).await,
        Command::Url => status::url(common).await,
        Command::Doctor(options) => doctor::run(common, &options).await,
        Command::Backup(options) => backup::run(common, &options).await,
        Command::Bundle(options) => bundle::run(common, &options).await,
        Command::Rebuild(options) => rebuild::run(common, &options).await,
        Command::Serve(_)
        | Command::EngineInside(_)
        | Command::CheckConfig(_)
        | Command::Config(_)
        | Command::Secrets(_)
        | Command::Bootmedia(_)
        | Command::Images(_)
        | Command::Window(_) => Ok(Exit::Usage),
    }
}
