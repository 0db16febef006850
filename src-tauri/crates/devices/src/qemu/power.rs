//! Power buttons and consoles of virtual machines. A machine is on while its QEMU runs.
//!
//! One task owns each machine: it alone starts and ends the process, and publishes what it sees.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use lab::ports::{Console, Nature, Outlet, OutletReading, PortError, Power, PowerReading};
use lab::power::PowerState;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

use super::faults::tool;
use super::machine::{DISK_BYTES, MachineSpec, Quirks, arguments};
use super::qmp::{self, Said};
use super::tools::{FirmwareFiles, Tools};
use super::{console, process};

/// From start to QEMU's greeting; half a second on an idle host.
const START_LIMIT: Duration = Duration::from_secs(15);
/// `quit` is obeyed within milliseconds, or not at all.
const QUIT_LIMIT: Duration = Duration::from_secs(3);
/// The kernel needs a moment to take 512 MB back.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// Drawing and packing a display takes some ten milliseconds.
const PICTURE_LIMIT: Duration = Duration::from_secs(8);
/// A request may wait for one before it.
const REQUEST_LIMIT: Duration = Duration::from_secs(40);
/// The engine has one command an outlet in flight; a second may wait, a third is a mistake.
const QUEUE: usize = 2;
/// Of QEMU's own complaints, for an error's text.
const COMPLAINT: usize = 400;

/// The machines of one board.
#[derive(Debug)]
pub struct Machines {
    by_outlet: BTreeMap<Outlet, Machine>,
    files: FirmwareFiles,
}

#[derive(Debug)]
struct Machine {
    spec: MachineSpec,
    requests: mpsc::Sender<Request>,
    pictures: mpsc::Sender<Asked>,
    reading: watch::Receiver<OutletReading>,
    quirks: watch::Sender<Quirks>,
    /// Ends with us; the process does too (`kill_on_drop`).
    _owner: AbortOnDropHandle<()>,
}

/// Somebody who waits for a picture of the display to be taken.
type Asked = oneshot::Sender<Result<(), String>>;

#[derive(Debug)]
struct Request {
    target: PowerState,
    reply: oneshot::Sender<Result<(), PortError>>,
}

impl Machines {
    /// Machines that are off. Needs a tokio runtime; touches no file yet.
    pub fn new(tools: Tools, specs: Vec<MachineSpec>) -> Self {
        let machine = |spec: MachineSpec| {
            let (requests, inbox) = mpsc::channel(QUEUE);
            let (publish, reading) = watch::channel(OFF);
            let (quirks, wrong) = watch::channel(Quirks::default());
            let (pictures, asked) = mpsc::channel(QUEUE);
            let owner = Owner {
                spec: spec.clone(),
                tools: tools.clone(),
                running: None,
                publish,
                pictures: asked,
                quirks: wrong,
                pulled: false,
            };
            let owner = AbortOnDropHandle::new(tokio::spawn(owner.run(inbox)));
            (spec.outlet, Machine { spec, requests, pictures, reading, quirks, _owner: owner })
        };
        let files = tools.files.clone();
        Self { files, by_outlet: specs.into_iter().map(machine).collect() }
    }

    /// Switch all machines off, at the same time. What cannot be switched off is killed when this is dropped.
    pub async fn shut_down(&self) -> Result<(), PortError> {
        let offs = self.by_outlet.keys().map(|outlet| self.ask(*outlet, PowerState::Off));
        futures::future::join_all(offs).await.into_iter().collect()
    }

    /// Breaks a machine or mends it: its cable at once, its firmware from the next start on.
    pub async fn set_quirks(&self, machine: &str, quirks: Quirks) -> Result<(), PortError> {
        let found = self.by_outlet.values().find(|known| known.spec.name == machine);
        let Some(known) = found else {
            return Err(PortError {
                what: format!("break {machine}"),
                why: "this board has no such machine".to_owned(),
                remedy: "ask for the list of machines".to_owned(),
                absent: false,
            });
        };
        known.quirks.send_if_modified(|now| std::mem::replace(now, quirks) != quirks);
        Ok(())
    }

    /// The file of a machine's UEFI variables, made if it is not there yet. Only while the machine is off: the firmware
    /// of a running one writes it too. `None` when its firmware has no such file.
    pub async fn variables(&self, machine: &str) -> Result<Option<PathBuf>, PortError> {
        let error = |why: String| PortError {
            what: format!("reach the UEFI variables of {machine}"),
            why,
            remedy: "switch the machine off, and look at the rights of the data folder".to_owned(),
            absent: false,
        };
        let found = self.by_outlet.values().find(|known| known.spec.name == machine);
        let known = found.ok_or_else(|| error("this board has no such machine".to_owned()))?;
        let FirmwareFiles::Uefi { vars, .. } = &self.files else { return Ok(None) };
        if known.reading.borrow().observed != Some(PowerState::Off) {
            return Err(error("the machine is on".to_owned()));
        }
        let io = |source: std::io::Error| error(source.to_string());
        tokio::fs::create_dir_all(&known.spec.folder).await.map_err(io)?;
        bring_variables(&known.spec, vars).await.map_err(io)?;
        Ok(Some(known.spec.vars()))
    }

    async fn ask(&self, outlet: Outlet, target: PowerState) -> Result<(), PortError> {
        let what = format!("switch outlet {outlet} {}", target.word());
        let machine = self.by_outlet.get(&outlet).ok_or_else(|| PortError {
            what: what.clone(),
            why: format!("this board has outlets {:?}", self.by_outlet.keys().collect::<Vec<_>>()),
            remedy: "correct the machine's outlet in the board file".to_owned(),
            absent: false,
        })?;
        let busy = |why: &str| PortError {
            what: what.clone(),
            why: why.to_owned(),
            remedy: "try again in a moment; if it stays so, restart the program".to_owned(),
            absent: false,
        };
        let (reply, answer) = oneshot::channel();
        machine
            .requests
            .try_send(Request { target, reply })
            .map_err(|_| busy("earlier commands for this machine are still waiting"))?;
        match tokio::time::timeout(REQUEST_LIMIT, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(busy("the machine's owner ended")),
            Err(_) => Err(busy(&format!("no result within {} s", REQUEST_LIMIT.as_secs()))),
        }
    }
}

#[async_trait]
impl Power for Machines {
    async fn read(&self) -> Result<PowerReading, PortError> {
        let outlets =
            self.by_outlet.iter().map(|(outlet, machine)| (*outlet, *machine.reading.borrow())).collect();
        Ok(PowerReading { outlets, ..PowerReading::default() })
    }

    async fn on(&self, outlet: Outlet) -> Result<(), PortError> {
        self.ask(outlet, PowerState::On).await
    }

    async fn off(&self, outlet: Outlet) -> Result<(), PortError> {
        self.ask(outlet, PowerState::Off).await
    }

    /// The process ends with the machine.
    fn nature(&self, _: Outlet) -> Nature {
        Nature::Managed
    }
}

#[async_trait]
impl Console for Machines {
    async fn tail(&self, machine: &str, limit: usize) -> Result<String, PortError> {
        let error = |why: String| PortError {
            what: format!("read the console of {machine}"),
            why,
            remedy: "look at the machine's name, and at the rights of the data folder".to_owned(),
            absent: false,
        };
        let found = self.by_outlet.values().find(|known| known.spec.name == machine);
        let spec = &found.ok_or_else(|| error("this board has no such machine".to_owned()))?.spec;
        console::tail(&spec.console(), limit).await.map_err(|source| error(source.to_string()))
    }

    async fn screen(&self, machine: &str) -> Result<Vec<u8>, PortError> {
        let error = |why: String| PortError {
            what: format!("take a picture of {machine}'s screen"),
            why,
            remedy: "switch the machine on; its display begins with its firmware".to_owned(),
            absent: false,
        };
        let found = self.by_outlet.values().find(|known| known.spec.name == machine);
        let known = found.ok_or_else(|| error("this board has no such machine".to_owned()))?;
        let (reply, taken) = oneshot::channel();
        known.pictures.try_send(reply).map_err(|_| error("others are waiting for one".to_owned()))?;
        match tokio::time::timeout(PICTURE_LIMIT, taken).await {
            Ok(Ok(result)) => result.map_err(error)?,
            Ok(Err(_)) => return Err(error("the machine ended meanwhile".to_owned())),
            Err(_) => return Err(error(format!("no picture within {} s", PICTURE_LIMIT.as_secs()))),
        }
        tokio::fs::read(known.spec.picture()).await.map_err(|source| error(source.to_string()))
    }
}

/// Nothing runs, and nothing was asked for: this much is certain of a board that has just been made.
const OFF: OutletReading = OutletReading { commanded: PowerState::Off, observed: Some(PowerState::Off) };

struct Owner {
    spec: MachineSpec,
    tools: Tools,
    running: Option<Running>,
    publish: watch::Sender<OutletReading>,
    quirks: watch::Receiver<Quirks>,
    /// The far end of its cable is out.
    pulled: bool,
    pictures: mpsc::Receiver<Asked>,
}

struct Running {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// Standard output has ended; only the end of the process is left to wait for.
    silent: bool,
    /// Who waits for a picture, in the order of the questions.
    asked: VecDeque<Asked>,
}

impl Owner {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        loop {
            tokio::select! {
                request = inbox.recv() => {
                    let Some(request) = request else { break };
                    self.publish.send_modify(|reading| reading.commanded = request.target);
                    let result = match request.target {
                        PowerState::On => self.on().await,
                        _ => self.off().await,
                    };
                    self.observe();
                    // Who asked may have given up; what was done shows in the reading.
                    let _ = request.reply.send(result);
                }
                Some(asked) = self.pictures.recv() => self.picture(asked).await,
                () = ended(&mut self.running, &self.spec.name) => {
                    self.running = None;
                    self.observe();
                }
                Ok(()) = self.quirks.changed() => self.plug().await,
            }
        }
    }

    /// The other end of the cable sees it too, as a switch would. Starting QEMU plugs this end in.
    async fn plug_far_end(&mut self, up: bool) {
        if up && !std::mem::take(&mut self.pulled) {
            return;
        }
        self.pulled = !up;
        let (tap, carrier) = (self.spec.tap(), if up { "on" } else { "off" });
        let words = ["link", "set", &tap, "carrier", carrier];
        if let Err(error) = tool::run("pull or plug a cable", "ip", &words, "iproute2", "").await {
            tracing::warn!(machine = self.spec.name, %error, "the far end of its cable stays as it was");
        }
    }

    /// Plugs or pulls the cable of a machine that runs.
    async fn plug(&mut self) {
        let up = !self.quirks.borrow_and_update().no_link;
        if let Some(running) = &mut self.running
            && let Err(error) = running.stdin.write_all(qmp::set_link(up).as_bytes()).await
        {
            // It is ending; its next start is told again.
            tracing::debug!(machine = self.spec.name, %error, "QEMU does not listen");
        }
        self.plug_far_end(up).await;
    }

    /// Asks QEMU for a picture of the display; its answer is among the lines that `ended` reads.
    async fn picture(&mut self, asked: Asked) {
        let file = self.spec.picture();
        let told = match (&mut self.running, file.to_str()) {
            (None, _) => Err("it is off".to_owned()),
            (_, None) => Err("the data folder's name is no text".to_owned()),
            (Some(running), _) if running.asked.len() >= QUEUE => {
                Err("others are waiting for one".to_owned())
            }
            (Some(running), Some(file)) => {
                let written = running.stdin.write_all(qmp::screendump(file).as_bytes()).await;
                written.map(|()| running).map_err(|error| error.to_string())
            }
        };
        match told {
            Ok(running) => running.asked.push_back(asked),
            // Who asked may have given up.
            Err(why) => drop(asked.send(Err(why))),
        }
    }

    fn observe(&self) {
        let state = if self.running.is_some() { PowerState::On } else { PowerState::Off };
        self.publish.send_if_modified(|reading| {
            let changed = reading.observed != Some(state);
            reading.observed = Some(state);
            changed
        });
    }

    fn error(&self, target: PowerState, why: String, remedy: &str) -> PortError {
        PortError {
            what: format!("switch {} {}", self.spec.name, target.word()),
            why,
            remedy: remedy.to_owned(),
            absent: false,
        }
    }

    async fn on(&mut self) -> Result<(), PortError> {
        if let Some(running) = &mut self.running {
            match running.child.try_wait() {
                Ok(None) => return Ok(()),
                _ => self.running = None,
            }
        }
        let wrong =
            |why: String| self.error(PowerState::On, why, "look at free memory and the data folder's rights");
        prepare(&self.spec, &self.tools.files).await.map_err(|error| wrong(error.to_string()))?;
        let quirks = *self.quirks.borrow();
        let mut running = start(&self.spec, &self.tools, quirks).map_err(|error| wrong(error.to_string()))?;
        match tokio::time::timeout(START_LIMIT, running.greeting()).await {
            Ok(Ok(version)) => {
                tracing::info!(machine = self.spec.name, version, "QEMU started");
                self.running = Some(running);
                // Firmware needs seconds before it looks at its card.
                self.plug().await;
                Ok(())
            }
            // Dropping what started kills it.
            Ok(Err(error)) => Err(wrong(format!("{error}{}", complaint(&self.spec.complaints()).await))),
            Err(_) => Err(wrong(format!("QEMU did not answer within {} s", START_LIMIT.as_secs()))),
        }
    }

    async fn off(&mut self) -> Result<(), PortError> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        if running.stdin.write_all(qmp::QUIT.as_bytes()).await.is_ok() {
            let mut slot = Some(running);
            if tokio::time::timeout(QUIT_LIMIT, ended(&mut slot, &self.spec.name)).await.is_ok() {
                return Ok(());
            }
            tracing::warn!(machine = self.spec.name, "QEMU does not obey, killing it");
            let Some(back) = slot else { return Ok(()) };
            running = back;
        }
        match tokio::time::timeout(KILL_LIMIT, running.child.kill()).await {
            Ok(Ok(())) => Ok(()),
            result => {
                let why = match result {
                    Ok(Err(error)) => error.to_string(),
                    _ => format!("killed, and not gone after {} s", KILL_LIMIT.as_secs()),
                };
                // Still there as far as we know.
                self.running = Some(running);
                Err(self.error(PowerState::Off, why, "end the process by hand, or restart the host"))
            }
        }
    }
}

impl Running {
    /// QEMU speaks first; it accepts commands only after `qmp_capabilities`.
    async fn greeting(&mut self) -> std::io::Result<String> {
        while let Some(line) = self.lines.next_line().await? {
            if let Said::Greeting(version) = qmp::read(&line) {
                self.stdin.write_all(qmp::CAPABILITIES.as_bytes()).await?;
                return Ok(version);
            }
        }
        Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "QEMU ended at once"))
    }
}

/// Read what QEMU says until it has ended; for ever when there is none. Cancel safe.
async fn ended(running: &mut Option<Running>, machine: &str) {
    let Some(running) = running else { return std::future::pending().await };
    loop {
        tokio::select! {
            line = running.lines.next_line(), if !running.silent => match line {
                Ok(Some(line)) => match qmp::read(&line) {
                    Said::Shutdown(reason) => tracing::info!(machine, reason, "the machine ends"),
                    Said::Reset(reason) => tracing::info!(machine, reason, "the machine restarts"),
                    Said::Refused(why) => tracing::warn!(machine, why, "QEMU refused a command"),
                    Said::Picture(taken) => {
                        if let Some(asked) = running.asked.pop_front() {
                            // Who asked may have given up.
                            let _ = asked.send(taken);
                        }
                    }
                    Said::Greeting(_) | Said::Other => {}
                },
                Ok(None) | Err(_) => running.silent = true,
            },
            status = running.child.wait() => {
                tracing::info!(machine, ?status, "QEMU ended");
                return;
            }
        }
    }
}

/// Folder, variables, disk; the console of the last start is kept as the previous one.
async fn prepare(spec: &MachineSpec, files: &FirmwareFiles) -> std::io::Result<()> {
    tokio::fs::create_dir_all(&spec.folder).await?;
    if let FirmwareFiles::Uefi { vars, .. } = files {
        bring_variables(spec, vars).await?;
    }
    let disk =
        tokio::fs::OpenOptions::new().write(true).create(true).truncate(false).open(spec.disk()).await?;
    disk.set_len(DISK_BYTES).await?;
    match tokio::fs::rename(spec.console(), spec.console_before()).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Gives the machine variables of its own, once: what its firmware wrote there survives.
async fn bring_variables(spec: &MachineSpec, vars: &Path) -> std::io::Result<()> {
    let wanted = tokio::fs::metadata(vars).await?.len();
    let present = tokio::fs::metadata(spec.vars()).await.map(|found| found.len());
    // A half-written copy would leave the firmware without its variables for good.
    if present.ok() != Some(wanted) {
        tokio::fs::copy(vars, spec.vars()).await?;
    }
    Ok(())
}

fn start(spec: &MachineSpec, tools: &Tools, quirks: Quirks) -> std::io::Result<Running> {
    let mut command = std::process::Command::new(&tools.qemu);
    command
        .args(arguments(spec, tools, quirks))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(spec.complaints())?);
    // As the first process of a PID namespace we need no death signal: the kernel ends all others with us. Elsewhere
    // it is needed, and hangs on the thread of the runtime that runs this; it lives as long as the runtime.
    if std::process::id() != 1 {
        process::die_with_parent(&mut command);
    }
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
    let missing = || std::io::Error::other("QEMU was started without pipes");
    let stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    Ok(Running { child, stdin, lines: BufReader::new(stdout).lines(), silent: false, asked: VecDeque::new() })
}

/// What QEMU wrote to standard error, for the end of a sentence.
async fn complaint(path: &Path) -> String {
    let text = console::tail(path, COMPLAINT).await.unwrap_or_default();
    if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) }
}
