//! What a board file must hold beyond its grammar: nothing twice, everything inside the network, no outlet of the boss.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{Board, BoardKind, Mode};
use crate::{ports::OWN_CONTROL, power::BOSS_OUTLET};

/// The relay board has eight channels.
const LAST_OUTLET: u8 = 8;

pub(super) struct Problem {
    pub(super) why: String,
    pub(super) remedy: String,
    /// Text whose last occurrence shows the line.
    pub(super) find: Option<String>,
}

fn problem(why: String, remedy: &str, find: Option<String>) -> Problem {
    Problem { why, remedy: remedy.to_owned(), find }
}

pub(super) fn check(board: &Board) -> Result<(), Problem> {
    machines_exist(board)?;
    nothing_twice(board)?;
    inside_the_network(board)?;
    outlets(board)?;
    switch_ports(board)?;
    watched(board)?;
    shelf(board)?;
    certificates(board)?;
    labs(board)
}

fn machines_exist(board: &Board) -> Result<(), Problem> {
    if board.machines.is_empty() {
        return Err(problem("the board has no machine".into(), "add at least one [[machine]] table", None));
    }
    if board.network.prefix == 0 || board.network.prefix > 30 {
        let why = format!("a prefix of {} leaves no room for machines", board.network.prefix);
        return Err(problem(why, "use a prefix between 1 and 30, usually 24", Some("prefix".into())));
    }
    Ok(())
}

/// A key and how to read it off a machine.
type Column = (&'static str, fn(&super::Machine) -> String);

fn nothing_twice(board: &Board) -> Result<(), Problem> {
    let columns: [Column; 5] = [
        ("box", |m| m.box_number.to_string()),
        ("name", |m| m.name.clone()),
        ("mac", |m| m.mac.to_string()),
        ("address", |m| m.address.to_string()),
        ("outlet", |m| m.outlet.to_string()),
    ];
    for (key, value) in columns {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for machine in &board.machines {
            if let Some(first) = seen.insert(value(machine), &machine.name) {
                let twice = value(machine);
                let why = format!("{key} {twice} is given to {first} and to {}", machine.name);
                let find = if key == "box" || key == "outlet" { format!("{key} = {twice}") } else { twice };
                return Err(problem(why, "give each machine its own", Some(find)));
            }
        }
    }
    let mut labs: Vec<&str> = board.labs.iter().map(|l| l.name.as_str()).collect();
    labs.sort_unstable();
    match labs.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(problem(
            format!("lab {} is defined twice", pair[0]),
            "rename one of them",
            Some(pair[0].to_owned()),
        )),
        None => Ok(()),
    }
}

fn inside_the_network(board: &Board) -> Result<(), Problem> {
    let mask = u32::from(board.netmask());
    let network = u32::from(board.network.address) & mask;
    let inside = |address: Ipv4Addr| u32::from(address) & mask == network;
    let named = board.machines.iter().map(|m| (m.name.clone(), m.address));
    let own = [("boss".to_owned(), board.network.boss)];
    let (first, last) = board.network.pool;
    let pool = [("pool".to_owned(), first), ("pool".to_owned(), last)];
    for (who, address) in named.chain(own).chain(pool) {
        if !inside(address) {
            let why =
                format!("{who} has {address}, outside {}/{}", board.network.address, board.network.prefix);
            return Err(problem(why, "choose an address of the lab network", Some(address.to_string())));
        }
    }
    if first > last {
        return Err(problem(
            format!("the pool ends ({last}) before it begins ({first})"),
            "swap the two",
            Some("pool".into()),
        ));
    }
    let taken = board.machines.iter().find(|m| (first..=last).contains(&m.address));
    match taken {
        Some(machine) => Err(problem(
            format!("{} has {}, which lies in the pool", machine.name, machine.address),
            "move the machine or the pool, or an unknown machine may be given the same address",
            Some(machine.address.to_string()),
        )),
        None => Ok(()),
    }
}

fn outlets(board: &Board) -> Result<(), Problem> {
    let real = board.board.kind == BoardKind::Labinator;
    for machine in &board.machines {
        let find = Some(format!("outlet = {}", machine.outlet));
        let name = &machine.name;
        if machine.outlet >= OWN_CONTROL && machine.power.is_some() {
            if !real {
                let why =
                    format!("{name} has a power control, but this board is {}", board.board.kind.word());
                return Err(problem(why, "give it an outlet instead", Some("[machine.power]".into())));
            }
            continue;
        }
        if machine.outlet == BOSS_OUTLET {
            let why = format!("{name} is on outlet {BOSS_OUTLET}, the controller's own power button");
            return Err(problem(why, "use an outlet from 1 to 6", find));
        }
        if machine.outlet == 0 {
            let why = format!("nothing switches {name}: it has no outlet and no [machine.power]");
            let remedy = "write the number of its outlet on the relay board, or how else it is switched";
            return Err(problem(why, remedy, Some(format!("\"{name}\""))));
        }
        if !(1..=LAST_OUTLET).contains(&machine.outlet) {
            let why = format!("{name} is on outlet {}, but a relay board has 1 to 8", machine.outlet);
            return Err(problem(why, "use an outlet from 1 to 6", find));
        }
        if machine.power.is_some() {
            let why = format!("{name} has an outlet and a power control of its own");
            return Err(problem(why, "keep the one that is connected", find));
        }
        let spare = board.relay.as_ref().is_some_and(|relay| relay.allow_8);
        if real && machine.outlet == LAST_OUTLET && !spare {
            let why = format!("{name} is on outlet {LAST_OUTLET}, the spare one");
            return Err(problem(why, "write allow_8 = true into [relay] if it is wired", find));
        }
        if real && board.relay.is_none() && board.board.mode == Mode::Drive {
            let why = format!("{name} has an outlet, but the file has no [relay]");
            return Err(problem(why, "add [relay] with the path of its serial device", find));
        }
    }
    Ok(())
}

/// Ports of the switch that the controller needs for itself; the machine behind a port is told apart by it.
fn switch_ports(board: &Board) -> Result<(), Problem> {
    let mut seen: BTreeMap<u32, &str> = BTreeMap::new();
    for machine in &board.machines {
        let Some(port) = machine.port else { continue };
        let find = Some(format!("port = {port}"));
        if let Some(first) = seen.insert(port, &machine.name) {
            let why = format!("switch port {port} is given to {first} and to {}", machine.name);
            return Err(problem(why, "give each machine its own", find));
        }
        if board.switch.as_ref().is_some_and(|switch| switch.protected().contains(&port)) {
            let why =
                format!("{} is on switch port {port}, where the controller or the router is", machine.name);
            return Err(problem(
                why,
                "use another port, or write protected = [] with those that are theirs",
                find,
            ));
        }
    }
    Ok(())
}

fn watched(board: &Board) -> Result<(), Problem> {
    if board.board.mode == Mode::Watch && board.board.kind != BoardKind::Labinator {
        let why =
            format!("a {} board cannot be watched only: nobody else drives it", board.board.kind.word());
        return Err(problem(why, "remove mode, or write kind = \"labinator\"", Some("mode".into())));
    }
    Ok(())
}

/// Each certificate is in one place, and what is renewed here can be put there.
fn certificates(board: &Board) -> Result<(), Problem> {
    let mut seen: Vec<&str> = Vec::new();
    for certificate in &board.certificates {
        let name = certificate.name.as_str();
        let find = Some(format!("\"{name}\""));
        if seen.contains(&name) {
            let why = format!("certificate {name} is in the file twice");
            return Err(problem(why, "rename one of them", find));
        }
        seen.push(name);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            let why = format!("{name:?} is no name for a certificate: units and files are named after it");
            return Err(problem(why, "use letters, digits, dots and dashes", find));
        }
        let places = [
            certificate.cert.is_some(),
            certificate.endpoint.is_some(),
            certificate.kubeconfig.is_some(),
            certificate.talosconfig.is_some(),
            certificate.secrets.is_some(),
        ];
        if places.iter().filter(|given| **given).count() != 1 {
            let why = format!("certificate {name} needs one place and one only");
            return Err(problem(why, "write one of cert, endpoint, kubeconfig, talosconfig, secrets", find));
        }
        if certificate.renew && (certificate.cert.is_none() || certificate.key.is_none()) {
            let why = format!("certificate {name} is to be renewed here, but it has no cert and key");
            return Err(problem(why, "write cert and key, or leave renew out", find));
        }
        if certificate.renew && certificate.names.is_empty() {
            let why = format!("certificate {name} is to be renewed here, but it has no names");
            return Err(problem(why, "write the host names and addresses it is for: names = [...]", find));
        }
    }
    Ok(())
}

fn shelf(board: &Board) -> Result<(), Problem> {
    let mut placed: Vec<u32> = board.board.shelf.iter().flatten().copied().collect();
    let mut boxes: Vec<u32> = board.machines.iter().map(|m| m.box_number).collect();
    placed.sort_unstable();
    boxes.sort_unstable();
    if placed == boxes {
        return Ok(());
    }
    let why = format!("the shelf shows boxes {placed:?}, the machines are {boxes:?}");
    Err(problem(why, "list each box number once in shelf, row by row as they stand", Some("shelf".into())))
}

fn labs(board: &Board) -> Result<(), Problem> {
    for lab in &board.labs {
        let stranger =
            lab.machines.iter().flatten().find(|number| board.machine(&number.to_string()).is_none());
        if let Some(number) = stranger {
            let why = format!("lab {} wants box {number}, which the board does not have", lab.name);
            return Err(problem(why, "use box numbers of [[machine]] tables", Some(lab.name.clone())));
        }
    }
    Ok(())
}
