//! What a real board's file names, looked at from outside: nothing is opened, nothing is sent.

use std::{
    collections::BTreeSet,
    env, fs, io,
    net::Ipv4Addr,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use devices::{
    controls::{self, ControlFor},
    http,
    tls::{Fingerprint, Pin, Trust},
};
use lab::{
    Board, BoardKind, Machine, Secret,
    board::{DhcpMode, Mode},
    gear::{PowerGear, RouterGear, SwitchGear},
};
use nix::unistd::{AccessFlags, Gid, Group, Uid, User, eaccess};

use super::{check_watched, finding::Finding};
use crate::{config::DataDir, secrets::Secrets};

/// Everything that the file names, in its order.
pub(super) fn look(board: &Board, data: &DataDir) -> Vec<Finding> {
    if board.board.kind != BoardKind::Labinator {
        return Vec::new();
    }
    let mut findings = vec![mode(board)];
    findings.extend(own_address(board));
    findings.extend(interface(board));
    findings.extend(privileges(board.board.mode));
    if let Some(relay) = &board.relay {
        findings.push(device("relay board", &relay.path, board.board.mode == Mode::Drive));
    }
    findings.extend(board.switch.as_ref().map(switch));
    findings.extend(board.router.iter().flat_map(router));
    if let Some(display) = &board.display {
        findings.push(device("status display", &display.path, board.board.mode == Mode::Drive));
    }
    if let Some(compat) = &board.compat {
        findings.push(Finding::ok("earlier addresses", format!("would be answered at {}", compat.listen)));
    }
    if let (Mode::Watch, Some(status)) =
        (board.board.mode, board.watch.as_ref().and_then(|watch| watch.status.as_ref()))
    {
        findings.push(address("earlier program", status, None, "would be asked"));
    }
    findings.extend(board.machines.iter().filter_map(|machine| power(board, machine)));
    findings.extend(board.machines.iter().flat_map(programs));
    findings.extend(board.machines.iter().filter_map(example));
    findings.extend(check_watched::look(board));
    findings.extend(secrets(board, Secrets::load(data)));
    findings
}

fn mode(board: &Board) -> Finding {
    let says = match board.board.mode {
        Mode::Drive => "\"drive\": it does what it is asked to",
        Mode::Watch => "\"watch\": it looks on, and presses, answers and writes nothing",
    };
    Finding::ok("mode", says)
}

/// Boot services listen at the boss's address; a computer that has it not cannot bind it.
fn own_address(board: &Board) -> Option<Finding> {
    let own = nix::ifaddrs::getifaddrs().ok()?;
    let has = |boss: Ipv4Addr| {
        own.filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip())).any(|ip| ip == boss)
    };
    let boss = board.network.boss;
    Some(if has(boss) {
        Finding::ok("boss", format!("{boss} is this computer's"))
    } else {
        let remedy = "right if this is not the controller; else give its adapter that address for good";
        Finding::note("boss", format!("{boss} is no address of this computer"), remedy)
    })
}

fn interface(board: &Board) -> Option<Finding> {
    let what = "interface";
    if board.network.dhcp == DhcpMode::Off {
        return None;
    }
    let Some(name) = &board.network.interface else {
        let remedy = "name the lab's adapter with interface = \"…\" under [network]";
        return Some(Finding::note(what, "none is named: DHCP stays silent", remedy));
    };
    let folder = Path::new("/sys/class/net");
    if folder.join(name).is_dir() {
        return Some(Finding::ok(what, format!("{name} is there")));
    }
    let mut here: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok())
        .collect();
    here.sort();
    Some(Finding::note(
        what,
        format!("there is no {name} here"),
        format!("plug it in, or name one of {}", here.join(", ")),
    ))
}

/// CAP_NET_BIND_SERVICE and CAP_NET_RAW (capability.h): ports below 1024; DHCP to machines without an address.
const CAPABILITIES: [(u32, &str); 2] = [(10, "CAP_NET_BIND_SERVICE"), (13, "CAP_NET_RAW")];

fn privileges(mode: Mode) -> Option<Finding> {
    if mode == Mode::Watch {
        return None;
    }
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(effective.trim(), 16).ok()?;
    let missing: Vec<&str> =
        CAPABILITIES.iter().filter(|(bit, _)| effective >> bit & 1 == 0).map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return Some(Finding::ok("privileges", "this user may serve DHCP, TFTP and HTTP"));
    }
    let missing = missing.join(" ");
    let remedy = format!("run the engine as root, or as a service with AmbientCapabilities={missing}");
    Some(Finding::note(
        "privileges",
        format!("this user has no {missing}: DHCP, TFTP and HTTP cannot be served"),
        remedy,
    ))
}

/// A serial device: there, of the right kind, and ours to open. It is not opened: some adapters reset what hangs on them.
fn device(what: &str, path: &Path, opened: bool) -> Finding {
    let shown = path.display();
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let near = neighbours(path);
            let remedy = match near.as_slice() {
                [] => "plug it in; it is taken up when it appears".to_owned(),
                near => format!("plug it in, or name one of {}", near.join(", ")),
            };
            return Finding::note(what, format!("{shown} is not there"), remedy);
        }
        Err(error) => {
            return Finding::note(what, format!("{shown}: {error}"), "let this user see that folder");
        }
    };
    if !meta.file_type().is_char_device() {
        return Finding::bad(
            what,
            format!("{shown} is no device"),
            "name a serial device, as under /dev/serial/by-id",
        );
    }
    if !opened {
        return Finding::ok(what, format!("{shown} is there; it is not opened while mode is \"watch\""));
    }
    match eaccess(path, AccessFlags::R_OK | AccessFlags::W_OK) {
        Ok(()) => Finding::ok(what, format!("{shown} would be opened")),
        Err(_) => not_ours(what, path, meta.gid()),
    }
}

fn not_ours(what: &str, path: &Path, gid: u32) -> Finding {
    let group =
        Group::from_gid(Gid::from_raw(gid)).ok().flatten().map_or(gid.to_string(), |group| group.name);
    let user = User::from_uid(Uid::effective()).ok().flatten().map_or("USER".to_owned(), |user| user.name);
    let says = format!("{} belongs to group {group}, and this user may not open it", path.display());
    let remedy = format!(
        "as root: usermod -aG {group} {user}, then log in anew; a service: SupplementaryGroups={group}"
    );
    Finding::note(what, says, remedy)
}

/// What else lies in its folder, where that is a folder of serial devices.
fn neighbours(path: &Path) -> Vec<String> {
    let Some(folder) = path.parent().filter(|folder| folder.starts_with("/dev/serial")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().display().to_string())
        .collect();
    names.sort();
    names
}

/// Nobody's certificate is known while nothing is asked.
struct NoTrust;

impl Trust for NoTrust {
    fn known(&self, _host: &str) -> Option<Fingerprint> {
        None
    }
    fn first_seen(&self, _host: &str, _fingerprint: Fingerprint) {}
}

/// An address that would be asked.
fn address(what: &str, url: &str, fingerprint: Option<&str>, says: &str) -> Finding {
    let pin = match Pin::new(fingerprint, Arc::new(NoTrust)) {
        Ok(pin) => pin,
        Err(error) => {
            return Finding::bad(
                what,
                format!("fingerprint: {error}"),
                "write all of it, or leave it out: then the first certificate seen is trusted",
            );
        }
    };
    match http::Client::new(url, pin) {
        Ok(_) => Finding::ok(what, format!("{url} {says}")),
        Err(error) => Finding::bad(what, error.to_string(), "write it as in http://192.168.122.2"),
    }
}

fn switch(gear: &SwitchGear) -> Finding {
    match gear {
        SwitchGear::Hasivo { url, user, .. } => {
            address("switch", url, None, &format!("would be asked as {user}"))
        }
        SwitchGear::Snmp { address, port, .. } => {
            Finding::ok("switch", format!("{address} would be asked by SNMP on port {port}; it is only read"))
        }
    }
}

fn router(gear: &RouterGear) -> Vec<Finding> {
    let metrics = |url: &str| address("router's metrics", url, None, "would be read");
    match gear {
        RouterGear::Luci { url, user, fingerprint, metrics: exporter, .. } => {
            let luci = address("router", url, fingerprint.as_deref(), &format!("would be asked as {user}"));
            std::iter::once(luci).chain(exporter.as_deref().map(metrics)).collect()
        }
        RouterGear::Exporter { metrics: url, .. } => vec![metrics(url)],
    }
}

/// A machine's own power control, as far as its driver can tell from the file. Secrets are looked at elsewhere.
fn power(board: &Board, machine: &Machine) -> Option<Finding> {
    let gear = machine.power.as_ref()?;
    let what = format!("power of {}", machine.name);
    let network = u32::from(board.network.address) | !u32::from(board.netmask());
    let control =
        ControlFor { name: machine.name.clone(), mac: machine.mac, broadcast: Ipv4Addr::from(network) };
    let trust: Arc<dyn Trust> = Arc::new(NoTrust);
    let any_secret = |_: &str| Some(Secret::new("x"));
    Some(match controls::build(gear, &control, &any_secret, &trust) {
        Ok(control) => Finding::ok(&what, control.name()),
        Err(error) => Finding::bad(&what, error.why, error.remedy),
    })
}

/// Programs that a power control runs.
fn programs(machine: &Machine) -> Vec<Finding> {
    let wanted: BTreeSet<&str> = match &machine.power {
        Some(PowerGear::Ipmi { .. }) => ["ipmitool"].into(),
        Some(PowerGear::Command { on, off, read }) => [Some(on), off.as_ref(), read.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|argv| argv.first())
            .map(String::as_str)
            .collect(),
        _ => return Vec::new(),
    };
    let what = format!("power of {}", machine.name);
    let missing = |program: &str| {
        let remedy = match program {
            "ipmitool" => "apt-get install ipmitool",
            _ => "correct its path in the board file, and let this user execute it",
        };
        Finding::note(&what, format!("the program {program} is not there"), remedy)
    };
    wanted.into_iter().filter(|program| !runs(program)).map(missing).collect()
}

fn runs(program: &str) -> bool {
    let allowed = |path: &PathBuf| path.is_file() && eaccess(path, AccessFlags::X_OK).is_ok();
    if program.contains('/') {
        return allowed(&PathBuf::from(program));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).any(|path| allowed(&path))
}

/// Addresses that are set aside for documents stand in for the reader's own (RFC 5737, RFC 7042 section 2.1.2).
fn example(machine: &Machine) -> Option<Finding> {
    let mac = machine.mac.0[..5] == [0x00, 0x00, 0x5e, 0x00, 0x53];
    let which = match (mac, machine.address.is_documentation()) {
        (false, false) => return None,
        (true, false) => format!("{} is an example", machine.mac),
        (false, true) => format!("{} is an example", machine.address),
        (true, true) => format!("{} and {} are examples", machine.mac, machine.address),
    };
    Some(Finding::note(&machine.name, which, "put its own into the board file"))
}

/// Every secret that the file names, and where it is.
fn secrets(board: &Board, loaded: Result<Secrets, crate::secrets::BadSecrets>) -> Vec<Finding> {
    let named = board.secrets_named();
    let secrets = match loaded {
        Ok(secrets) => secrets,
        Err(error) => {
            let remedy = error.remedy();
            return vec![Finding::bad("secrets", format!("{:#}", anyhow::Error::new(error)), remedy)];
        }
    };
    named
        .into_iter()
        .map(|used| {
            let what = format!("secret {}", used.name);
            match secrets.place(&used.name) {
                Some(place) => Finding::ok(&what, format!("for {}: in the {}", used.who, place.word())),
                None => Finding::note(
                    &what,
                    format!("for {}: nobody gave it yet", used.who),
                    format!("statusinator secrets set {}", used.name),
                ),
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "check_gear_tests.rs"]
mod tests;
