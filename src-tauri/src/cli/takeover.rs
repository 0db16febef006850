//! `doctor --takeover`: who holds a real board's ports and devices now, what of ours replaces it, and the commands there
//! and back. Reads /proc and the names of systemd's links, and touches nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use lab::{
    Board, BoardKind,
    board::{DhcpMode, Mode, NameService},
};
use nix::unistd::{Uid, User};
use serde::Serialize;
use serde_json::json;

use super::{Common, Exit, exit::WrongUse, print};
use crate::{
    config,
    holders::{Held, Holder, Keeper, Proto, Socket},
};

/// Links in here are what `systemctl enable` makes.
const UNITS: &str = "/etc/systemd/system";
/// Our own process, as /proc names it.
const OURS: &str = "statusinator";

/// What ours does with a port or device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A board cannot be driven without it.
    Must,
    /// Ours serves it where it is free, and says so where it is not.
    May,
    /// Ours has nothing like it.
    Never,
}

/// A port or device of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    place: Place,
    what: &'static str,
    need: Need,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// `everywhere`: ours binds all addresses, as DHCP has to; else the boss's alone.
    Port {
        proto: Proto,
        port: u16,
        everywhere: bool,
    },
    Device(PathBuf),
}

impl Place {
    fn shown(&self) -> String {
        match self {
            Self::Port { proto, port, .. } => format!("{} {port}", proto.word()),
            Self::Device(path) => path.display().to_string(),
        }
    }
}

/// One line of the answer.
#[derive(Debug, Serialize)]
struct Row {
    place: String,
    what: &'static str,
    /// `free`, `missing`, `ours`, `stop`, `may-stay`, `stays`, `unknown`.
    state: &'static str,
    held_by: Vec<HeldBy>,
    says: String,
    #[serde(skip)]
    need: Need,
}

#[derive(Debug, Clone, Serialize)]
struct HeldBy {
    address: Option<String>,
    user: Option<String>,
    #[serde(flatten)]
    holder: Option<Holder>,
    /// It keeps ours from binding; another address of the same port does not.
    in_the_way: bool,
}

/// All of it.
#[derive(Debug, Default)]
struct Plan {
    rows: Vec<Row>,
    there: Vec<String>,
    back: Vec<String>,
    also_ends: Vec<String>,
    /// Nobody's files were hidden from this user, where it matters.
    complete: bool,
}

pub(super) fn run(common: &Common, name: &str) -> Result<Exit> {
    let board = config::load_board(name)?;
    if board.board.kind != BoardKind::Labinator {
        let remedy = "name a real board's file with --board FILE".to_owned();
        let says = format!("{name} is a {} board: it takes nothing over", board.board.kind.word());
        return Err(WrongUse { says, remedy }.into());
    }
    let claims = claims(&board);
    let ports = claims.iter().filter_map(|claim| match claim.place {
        Place::Port { proto, port, .. } => Some((proto, port)),
        Place::Device(_) => None,
    });
    let devices: Vec<PathBuf> = claims
        .iter()
        .filter_map(|claim| match &claim.place {
            Place::Device(path) => path.canonicalize().ok(),
            Place::Port { .. } => None,
        })
        .collect();
    let held = Held::look(Path::new("/proc"), &ports.collect(), &devices);
    let plan = plan(&board, name, &claims, &held, Path::new(UNITS));
    show(common, &board, &plan)?;
    Ok(Exit::Done)
}

/// In the order in which things are stopped: who drives the board first, then who serves it.
fn claims(board: &Board) -> Vec<Claim> {
    let (dhcp, names) = (board.network.dhcp, board.network.names);
    let device = |path: &Path, what| Claim { place: Place::Device(path.to_owned()), what, need: Need::Must };
    let port = |proto, port, what, need| {
        let everywhere = matches!(port, 67 | 4011);
        Claim { place: Place::Port { proto, port, everywhere }, what, need }
    };
    let must_if = |wanted| if wanted { Need::Must } else { Need::Never };
    let compat = board.compat.as_ref().map_or(8080, |compat| compat.listen.port());
    let mut all = Vec::new();
    all.extend(board.relay.as_ref().map(|gear| device(&gear.path, "relay board")));
    all.extend(board.display.as_ref().map(|gear| device(&gear.path, "status display")));
    use Need::{May, Must, Never};
    use Proto::{Tcp, Udp};
    all.extend([
        port(Tcp, compat, "earlier addresses", must_if(board.compat.is_some())),
        port(Udp, 67, "DHCP", must_if(dhcp != DhcpMode::Off)),
        port(Udp, 4011, "PXE boot server", must_if(dhcp != DhcpMode::Off)),
        port(Udp, 69, "TFTP", Must),
        port(Tcp, 80, "boot files", Must),
        port(Udp, 53, "names", must_if(names == NameService::Serve)),
        port(Tcp, 53, "names", must_if(names == NameService::Serve)),
        port(Tcp, 443, "boot files by HTTPS", May),
        port(Udp, 123, "time", May),
        port(Udp, 514, "log lines of loaders", May),
        port(Udp, 6666, "log lines of kernels", May),
        port(Udp, 68, "this computer's own DHCP client", Never),
        port(Tcp, 601, "log lines of the router", Never),
        port(Tcp, 3000, "Grafana", Never),
        port(Tcp, 3100, "Loki", Never),
        port(Tcp, 5000, "container registry", Never),
        port(Tcp, 5044, "log lines of Talos", Never),
        port(Tcp, 5900, "VNC", Never),
        port(Tcp, 9000, "step-ca", Never),
        port(Tcp, 9090, "Prometheus", Never),
        port(Tcp, 9100, "node exporter", Never),
        port(Tcp, 9115, "blackbox exporter", Never),
        port(Tcp, 9124, "metrics of the log collector", Never),
    ]);
    all
}

fn plan(board: &Board, name: &str, claims: &[Claim], held: &Held, units: &Path) -> Plan {
    let mut plan = Plan { complete: true, ..Plan::default() };
    let mut stopped: Vec<Keeper> = Vec::new();
    let mut by_hand: Vec<Holder> = Vec::new();
    for claim in claims {
        let Some(row) = row(board, claim, held) else { continue };
        plan.complete &= row.state != "unknown";
        if row.state == "stop" {
            for holder in row.held_by.iter().filter(|by| by.in_the_way).filter_map(|by| by.holder.clone()) {
                if holder.name != OURS && holder.keeper == Keeper::Hand && !by_hand.contains(&holder) {
                    by_hand.push(holder);
                } else if holder.keeper != Keeper::Hand && !stopped.contains(&holder.keeper) {
                    stopped.push(holder.keeper);
                }
            }
        }
        plan.rows.push(row);
    }
    for row in plan.rows.iter().filter(|row| row.state != "stop") {
        let with = row.held_by.iter().filter_map(|by| by.holder.as_ref()).find(|holder| {
            stopped.contains(&holder.keeper) || by_hand.iter().any(|stopped| stopped.pid == holder.pid)
        });
        plan.also_ends.extend(with.map(|holder| format!("{} ({}), by {}", row.place, row.what, holder.name)));
    }
    for keeper in &stopped {
        plan.there.extend(stop(keeper, units));
    }
    for holder in &by_hand {
        plan.there.push(format!("kill {}   # {}, started by hand", holder.pid, holder.name));
    }
    if board.board.mode == Mode::Watch {
        plan.there.push(format!("# write mode = \"drive\" into {name}"));
    }
    plan.there.push(format!("statusinator serve --board {}", quoted(name)));
    plan.back.push("# end this program: Ctrl-C where it runs, or stop its unit".to_owned());
    if board.board.mode == Mode::Watch {
        plan.back.push(format!("# write mode = \"watch\" into {name}"));
    }
    plan.back
        .extend(by_hand.iter().rev().map(|holder| format!("# start {} by hand, as before", holder.name)));
    plan.back.extend(stopped.iter().rev().flat_map(|keeper| start(keeper, units)));
    plan
}

/// `None` for what ours never has and nobody holds.
fn row(board: &Board, claim: &Claim, held: &Held) -> Option<Row> {
    let mut held_by = Vec::new();
    let mut missing = false;
    match &claim.place {
        Place::Device(path) => match path.canonicalize() {
            Err(_) => missing = true,
            Ok(real) => held_by.extend(held.device(&real).iter().map(|holder| HeldBy {
                address: None,
                user: None,
                holder: Some(holder.clone()),
                in_the_way: true,
            })),
        },
        Place::Port { proto, port, everywhere } => {
            for (socket, holders) in held.on(*proto, *port) {
                let one = |holder: Option<Holder>| HeldBy {
                    address: Some(socket.address.to_string()),
                    user: User::from_uid(Uid::from_raw(socket.uid)).ok().flatten().map(|user| user.name),
                    holder,
                    in_the_way: *everywhere || meets(socket, board),
                };
                if holders.is_empty() {
                    held_by.push(one(None));
                }
                held_by.extend(holders.iter().map(|holder| one(Some(published(holder, *proto, *port)))));
            }
        }
    }
    let in_the_way: Vec<&HeldBy> = held_by.iter().filter(|by| by.in_the_way).collect();
    let ours = |by: &&HeldBy| by.holder.as_ref().is_some_and(|holder| holder.name == OURS);
    let hidden_device = matches!(claim.place, Place::Device(_)) && held.hidden;
    let (state, says) = match claim.need {
        _ if missing => ("missing", "not plugged in".to_owned()),
        Need::Never if held_by.is_empty() => return None,
        Need::Never => ("stays", "ours has none; it stays".to_owned()),
        _ if in_the_way.is_empty() && hidden_device => {
            ("unknown", "nobody that this user may see; run with sudo".to_owned())
        }
        _ if in_the_way.is_empty() && held_by.is_empty() => ("free", "free".to_owned()),
        _ if in_the_way.is_empty() => ("free", "free at the boss's address".to_owned()),
        _ if in_the_way.iter().all(ours) => ("ours", "held by this program already".to_owned()),
        Need::May => ("may-stay", "theirs may stay; ours goes without".to_owned()),
        Need::Must if in_the_way.iter().any(|by| by.holder.is_none()) => {
            ("unknown", "held by a program that this user may not see; run with sudo".to_owned())
        }
        Need::Must => ("stop", "is stopped; ours replaces it".to_owned()),
    };
    Some(Row { place: claim.place.shown(), what: claim.what, state, held_by, says, need: claim.need })
}

/// Docker holds the ports of its containers in programs of its own unit; stopping that would stop them all.
fn published(holder: &Holder, proto: Proto, port: u16) -> Holder {
    let mut holder = holder.clone();
    if holder.name == "docker-proxy" {
        holder.keeper = Keeper::Published { proto, port };
    }
    holder
}

/// Whether a socket keeps ours from binding the boss's address: a name server for this computer alone, at 127.0.0.53, does
/// not.
fn meets(socket: &Socket, board: &Board) -> bool {
    socket.address.is_unspecified() || socket.address == std::net::IpAddr::V4(board.network.boss)
}

fn stop(keeper: &Keeper, units: &Path) -> Vec<String> {
    match keeper {
        Keeper::System { unit } if enabled(unit, units) => {
            vec![format!("systemctl disable --now {}", with_socket(unit, units))]
        }
        Keeper::System { unit } => vec![format!("systemctl stop {}", with_socket(unit, units))],
        Keeper::User { uid, unit } => vec![format!("{} disable --now {}", user_manager(*uid), quoted(unit))],
        Keeper::Container { tool, id } => vec![format!("{} stop {id}", engine(tool))],
        Keeper::Published { proto, port } => {
            vec![format!("docker stop $(docker ps -q --filter publish={port}/{})", proto.word())]
        }
        Keeper::Activation => {
            vec!["systemctl list-sockets   # a socket unit holds it: disable --now that one".to_owned()]
        }
        Keeper::Hand => Vec::new(),
    }
}

fn start(keeper: &Keeper, units: &Path) -> Vec<String> {
    match keeper {
        Keeper::System { unit } if enabled(unit, units) => {
            vec![format!("systemctl enable --now {}", with_socket(unit, units))]
        }
        Keeper::System { unit } => vec![format!("systemctl start {}", with_socket(unit, units))],
        Keeper::User { uid, unit } => vec![format!("{} enable --now {}", user_manager(*uid), quoted(unit))],
        Keeper::Container { tool, id } => vec![format!("{} start {id}", engine(tool))],
        Keeper::Published { proto, port } => {
            vec![format!("# docker start the container that published {} {port}", proto.word())]
        }
        Keeper::Activation => vec!["# enable --now the socket unit again".to_owned()],
        Keeper::Hand => Vec::new(),
    }
}

/// Tools of Kubernetes answer to crictl.
fn engine(tool: &str) -> &str {
    if matches!(tool, "docker" | "podman") { tool } else { "crictl" }
}

fn user_manager(uid: u32) -> String {
    let name = User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or(uid.to_string(), |user| user.name);
    format!("systemctl --user --machine={name}@.host")
}

/// Started at boot: linked from a target, in the administrator's folder.
fn enabled(unit: &str, units: &Path) -> bool {
    let folders = fs::read_dir(units).into_iter().flatten().flatten().map(|entry| entry.path());
    let wants = |folder: &PathBuf| {
        folder.extension().is_some_and(|kind| kind == "wants" || kind == "requires")
            && folder.join(unit).symlink_metadata().is_ok()
    };
    folders.into_iter().any(|folder| wants(&folder))
}

/// A service that a socket unit would start again at the next call goes with that unit.
fn with_socket(unit: &str, units: &Path) -> String {
    let socket = unit.strip_suffix(".service").map(|stem| format!("{stem}.socket"));
    match socket.filter(|socket| enabled(socket, units)) {
        Some(socket) => format!("{} {}", quoted(&socket), quoted(unit)),
        None => quoted(unit),
    }
}

/// For a shell. Names of units may hold backslashes.
fn quoted(word: &str) -> String {
    if !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@:".contains(c)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn show(common: &Common, board: &Board, plan: &Plan) -> Result<()> {
    if common.json {
        for row in &plan.rows {
            print::json(row)?;
        }
        return print::json(&json!({
            "there": plan.there, "back": plan.back, "also_ends": plan.also_ends, "complete": plan.complete,
            "mode": board.board.mode,
        }));
    }
    if board.board.mode == Mode::Watch {
        print::line("mode is \"watch\": nothing has to be stopped. This is what driving would need:")?;
    }
    for row in &plan.rows {
        let by: Vec<String> = row.held_by.iter().map(described).collect();
        let by = if by.is_empty() { "–".to_owned() } else { by.join(", ") };
        let (place, what) = (&row.place, row.what);
        print::line(&format!("{:<9} {what:<32} {place:<9} {by}", row.state))?;
        if row.need != Need::Never && !row.held_by.is_empty() || row.state == "unknown" {
            print::line(&format!("{:<9} {}", "", row.says))?;
        }
    }
    if !plan.complete {
        print::line("\nNot everything could be seen; with sudo this list is whole.")?;
    }
    if !plan.also_ends.is_empty() {
        print::line("\nwhat ends with them, and ours does not replace:")?;
    }
    for also in &plan.also_ends {
        print::line(&format!("  {also}"))?;
    }
    print::line("\nthere, as root:")?;
    for command in &plan.there {
        print::line(&format!("  {command}"))?;
    }
    print::line("\nand back, as root:")?;
    for command in &plan.back {
        print::line(&format!("  {command}"))?;
    }
    Ok(())
}

/// As in `dnsmasq (pid 812, dnsmasq.service) at 0.0.0.0`.
fn described(by: &HeldBy) -> String {
    let at = by.address.as_ref().map(|address| format!(" at {address}")).unwrap_or_default();
    let Some(holder) = &by.holder else {
        let user = by.user.as_deref().unwrap_or("somebody");
        return format!("a program of {user}{at}");
    };
    let keeper = match &holder.keeper {
        Keeper::System { unit } => unit.clone(),
        Keeper::User { unit, .. } => format!("{unit} of a user"),
        Keeper::Container { tool, id } => format!("{tool} {id}"),
        Keeper::Published { .. } => "of a container".to_owned(),
        Keeper::Activation => "a socket unit".to_owned(),
        Keeper::Hand => "by hand".to_owned(),
    };
    format!("{} (pid {}, {keeper}){at}", holder.name, holder.pid)
}

#[cfg(test)]
#[path = "takeover_tests.rs"]
mod tests;
