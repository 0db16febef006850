//! Looks at what a silent stream hangs on: the program that sends, our port, the file, its disk.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use lab::{
    Board, BoardKind,
    gear::LogsGear,
    ports::Clues,
    stream::{self, CauseKind, Clue},
};
use nix::sys::statvfs::statvfs;

/// A file that was written so lately is being written.
const WRITTEN_LATELY: Duration = Duration::from_secs(3);
/// The collector in all its distributions: `otelcol`, `otelcol-contrib`, `otelcol-lab`.
const COLLECTOR: &str = "otelcol";

/// Sees what this computer's own tables show; nothing is sent.
pub(super) struct HostClues {
    logs: LogsGear,
    /// On a simulated board the senders are in this program.
    simulated: bool,
}

impl HostClues {
    /// Of inputs as they are opened on this board.
    pub(super) fn new(board: &Board, logs: LogsGear) -> Self {
        Self { logs, simulated: board.board.kind == BoardKind::Simulated }
    }
}

#[async_trait]
impl Clues for HostClues {
    async fn look(&self, stream: &str) -> Vec<Clue> {
        let (logs, simulated, stream) = (self.logs.clone(), self.simulated, stream.to_owned());
        // A disk that hangs is one of the causes.
        let look = tokio::task::spawn_blocking(move || look(&logs, simulated, &stream));
        look.await.unwrap_or_default()
    }
}

fn look(logs: &LogsGear, simulated: bool, stream: &str) -> Vec<Clue> {
    let mut clues = Vec::new();
    let collector = matches!(stream, stream::COLLECTOR | stream::OTLP) && !simulated;
    if collector {
        clues.push(process(COLLECTOR, &running(Path::new("/proc"))));
    }
    match stream {
        stream::COLLECTOR => clues.extend(logs.collector.iter().flat_map(|path| file(path))),
        stream::SYSLOG_UDP => clues.extend(logs.syslog_udp.map(|at| port(at, "udp"))),
        stream::OTLP => clues.extend(logs.otlp.into_iter().flat_map(tcp)),
        stream::SYSLOG_TCP => clues.extend(logs.syslog_tcp.into_iter().flat_map(tcp)),
        stream::TALOS => clues.extend(logs.talos.into_iter().flat_map(tcp)),
        _ => {}
    }
    clues
}

/// Names of all processes, as the kernel has them (15 characters of them: proc_pid_comm(5)).
fn running(proc: &Path) -> Vec<String> {
    let numbered = |entry: &fs::DirEntry| {
        entry.file_name().to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
    };
    let entries = fs::read_dir(proc).into_iter().flatten().flatten().filter(numbered);
    entries
        .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .collect()
}

fn process(name: &str, running: &[String]) -> Clue {
    match running.iter().find(|process| process.starts_with(name)) {
        Some(process) => Clue { kind: CauseKind::Process, bad: false, says: format!("{process} runs") },
        None => Clue { kind: CauseKind::Process, bad: true, says: format!("no process named {name} runs") },
    }
}

fn file(path: &Path) -> Vec<Clue> {
    let clue = |bad, says| Clue { kind: CauseKind::File, bad, says };
    let shown = path.display();
    let mut clues = match fs::metadata(path) {
        Err(error) => vec![clue(true, format!("{shown} cannot be read: {error}"))],
        Ok(metadata) => {
            match metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok()) {
                Some(age) if age > WRITTEN_LATELY => {
                    vec![clue(true, format!("{shown} was last written {} ago", span(age)))]
                }
                // Dated ahead of a clock that was set back: not a word about its age.
                _ => vec![clue(false, format!("{shown} is being written, {} bytes", metadata.len()))],
            }
        }
    };
    let folder = path.parent().map_or(PathBuf::from("."), Path::to_path_buf);
    if let Ok(disk) = statvfs(&folder)
        && disk.blocks_available() == 0
    {
        clues.push(clue(true, format!("the disk of {} is full", folder.display())));
    }
    clues
}

fn span(age: Duration) -> String {
    match age.as_secs() {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

/// Whether it listens, and who is connected.
fn tcp(at: SocketAddr) -> Vec<Clue> {
    let mut clues = vec![port(at, "tcp")];
    if clues.iter().any(|clue| !clue.bad) {
        let connected =
            sockets("tcp").filter(|(port, state)| *port == at.port() && *state == ESTABLISHED).count();
        let says = match connected {
            0 => format!("nobody is connected to port {}", at.port()),
            1 => format!("one sender is connected to port {}", at.port()),
            many => format!("{many} senders are connected to port {}", at.port()),
        };
        clues.push(Clue { kind: CauseKind::Network, bad: connected == 0, says });
    }
    clues
}

/// States of /proc/net/tcp (tcp_states.h); a bound UDP socket without a peer has the number of a closed one.
const ESTABLISHED: u8 = 1;
const CLOSED: u8 = 7;
const LISTENS: u8 = 10;

fn port(at: SocketAddr, protocol: &str) -> Clue {
    let wanted = if protocol == "udp" { CLOSED } else { LISTENS };
    let listens = sockets(protocol).any(|(port, state)| port == at.port() && state == wanted);
    let says = if listens { "listens" } else { "does not listen" };
    Clue { kind: CauseKind::Port, bad: !listens, says: format!("port {} ({protocol}) {says}", at.port()) }
}

/// Local port and state of all sockets of a protocol, of both families.
fn sockets(protocol: &str) -> impl Iterator<Item = (u16, u8)> {
    let tables = [format!("/proc/net/{protocol}"), format!("/proc/net/{protocol}6")];
    tables.into_iter().flat_map(|path| parse(&fs::read_to_string(path).unwrap_or_default()))
}

/// `sl local_address rem_address st …`, addresses as `0100007F:1F90` (proc_net_tcp(5)).
fn parse(table: &str) -> Vec<(u16, u8)> {
    let socket = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (_, port) = fields.next()?.rsplit_once(':')?;
        let state = fields.nth(1)?;
        Some((u16::from_str_radix(port, 16).ok()?, u8::from_str_radix(state, 16).ok()?))
    };
    table.lines().skip(1).filter_map(socket).collect()
}

#[cfg(test)]
#[path = "clues_tests.rs"]
mod tests;
