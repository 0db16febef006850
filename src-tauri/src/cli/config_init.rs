//! `config init`: a board file of one's own, from a template.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead, Write},
    net::Ipv4Addr,
    path::PathBuf,
};

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use lab::{
    Board, Mac,
    board::{BoardError, BoardText},
};
use serde_json::json;

use super::{Common, Exit, check, exit::WrongUse, print, terminal};
use crate::{config::built_in, secrets::Secrets};

/// What a file can begin as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Template {
    /// Six PCs behind a relay board, a managed switch, an OpenWrt router and a status display.
    Labinator,
    /// Three old PCs on smart plugs and Wake-on-LAN, beside an ordinary router.
    Home,
    /// The first, but only looked at while other programs drive it.
    Watch,
}

#[derive(Args, Default)]
#[command(after_help = "Exit codes:
  0  written, and good
  1  it could not be written, or nobody answered; nothing has changed
  2  a value that cannot be, or the file is there already (see --force)")]
pub(super) struct InitOptions {
    /// The file to write.
    file: PathBuf,
    #[arg(long, value_enum, default_value = "labinator")]
    template: Option<Template>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    /// Ask nothing, even at a terminal.
    #[arg(long)]
    yes: bool,
    /// Name of the board, and of the folder of its history.
    #[arg(long)]
    name: Option<String>,
    /// Network adapter of this computer on the machines' side.
    #[arg(long, value_name = "IF")]
    interface: Option<String>,
    /// The lab network; every address of the template that lies in its own moves along.
    #[arg(long, value_name = "ADDR/PREFIX")]
    network: Option<String>,
    /// This computer's address there.
    #[arg(long, value_name = "ADDR")]
    boss: Option<Ipv4Addr>,
    /// The router's address, as machines are told it.
    #[arg(long, value_name = "ADDR")]
    gateway: Option<Ipv4Addr>,
    /// Name server for names that are not the lab's.
    #[arg(long, value_name = "ADDR")]
    dns_forward: Option<Ipv4Addr>,
    /// This program's part in DHCP.
    #[arg(long, value_parser = PossibleValuesParser::new(["serve", "proxy", "takeover", "off"]))]
    dhcp: Option<String>,
    /// Serial device of the relay board.
    #[arg(long, value_name = "PATH")]
    relay: Option<String>,
    /// Serial device of the status display.
    #[arg(long, value_name = "PATH")]
    display: Option<String>,
    /// Address of the switch's web pages.
    #[arg(long, value_name = "URL")]
    switch: Option<String>,
    /// Address of the router's web pages.
    #[arg(long, value_name = "URL")]
    router: Option<String>,
    /// Hardware address of a machine, as in 4=16:09:01:1a:f1:d8; may be repeated.
    #[arg(long, value_name = "BOX=MAC", value_parser = machine)]
    mac: Vec<(u32, Mac)>,
    /// Gear of the template that this board has not; may be repeated.
    #[arg(long, value_name = "TABLE", value_parser = PossibleValuesParser::new(["switch", "router", "display", "compat", "watch"]))]
    without: Vec<String>,
}

fn machine(text: &str) -> Result<(u32, Mac), String> {
    let (number, mac) = text.split_once('=').ok_or("this has the form BOX=MAC")?;
    Ok((number.parse().map_err(|_| "the box number comes first")?, mac.parse().map_err(|e| format!("{e}"))?))
}

pub(super) fn run(common: &Common, options: &InitOptions) -> Result<Exit> {
    let file = &options.file;
    if file.exists() && !options.force {
        let remedy = "choose another name, or say --force to write over it".to_owned();
        return Err(WrongUse { says: format!("{} is there already", file.display()), remedy }.into());
    }
    let mut answers = Answers::of(options);
    let text = template(answers.template)?;
    if terminal::is_person() && !options.yes && !common.json {
        answers.ask(text, &mut io::stdin().lock(), &mut io::stderr())?;
    }
    let origin = file.display().to_string();
    let (text, board) = fill(&origin, text, &answers).map_err(|error| {
        let remedy = error.remedy.clone();
        WrongUse { says: error.to_string(), remedy }
    })?;
    crate::config::write_whole(file, &text)?;
    let secrets = Secrets::load(&common.data()?).unwrap_or_default();
    let named = board.secrets_named().into_iter().map(|used| used.name);
    let missing: BTreeSet<String> = named.filter(|name| secrets.place(name).is_none()).collect();
    let mut next: Vec<String> =
        missing.iter().map(|name| format!("statusinator secrets set {name}")).collect();
    next.push(format!("statusinator check-config {origin}"));
    next.push(format!("statusinator doctor --takeover --board {origin}"));
    next.push(format!("statusinator serve --board {origin}"));
    if common.json {
        print::json(&json!({ "file": file, "board": board.board.name, "next": next }))?;
        return Ok(Exit::Done);
    }
    let exit = check::check_board(common, &origin)?;
    print::line("next:")?;
    for command in next {
        print::line(&format!("  {command}"))?;
    }
    Ok(exit)
}

fn template(template: Template) -> Result<&'static str> {
    let name = match template {
        Template::Labinator | Template::Watch => "labinator",
        Template::Home => "home",
    };
    built_in(name).ok_or_else(|| anyhow!("the template {name} is not built in"))
}

/// What was said on the command line, and then at the terminal.
struct Answers {
    template: Template,
    /// Table, key, value.
    values: Vec<(&'static str, &'static str, String)>,
    network: Option<String>,
    macs: Vec<(u32, Mac)>,
    without: Vec<String>,
}

impl Answers {
    fn of(options: &InitOptions) -> Self {
        let shown = |address: &Option<Ipv4Addr>| address.map(|address| address.to_string());
        let said = [
            ("board", "name", options.name.clone()),
            ("network", "interface", options.interface.clone()),
            ("network", "boss", shown(&options.boss)),
            ("network", "gateway", shown(&options.gateway)),
            ("network", "dns_forward", shown(&options.dns_forward)),
            ("network", "dhcp", options.dhcp.clone()),
            ("relay", "path", options.relay.clone()),
            ("display", "path", options.display.clone()),
            ("switch", "url", options.switch.clone()),
            ("router", "url", options.router.clone()),
        ];
        Self {
            template: options.template.unwrap_or(Template::Labinator),
            values: said.into_iter().filter_map(|(table, key, value)| Some((table, key, value?))).collect(),
            network: options.network.clone(),
            macs: options.mac.clone(),
            without: options.without.clone(),
        }
    }

    fn has(&self, table: &str, key: &str) -> bool {
        self.values.iter().any(|(t, k, _)| (*t, *k) == (table, key))
    }

    /// Asks for what differs from board to board and was not said.
    fn ask(&mut self, template: &str, input: &mut impl BufRead, output: &mut impl Write) -> Result<()> {
        let board = Board::parse("the template", template)?;
        let any = |answer: &str| {
            if answer.contains(['"', '/']) { Err("that is no name".to_owned()) } else { Ok(()) }
        };
        let mut question = |what: &str, default: &str, good: &dyn Fn(&str) -> Result<(), String>| {
            terminal::ask(input, output, what, default, good)
        };
        if !self.has("board", "name") {
            self.values.push(("board", "name", question("Name of the board", &board.board.name, &any)?));
        }
        if self.network.is_none() {
            let default = format!("{}/{}", board.network.address, board.network.prefix);
            let good = |answer: &str| network(answer).map(drop);
            self.network = Some(question("The machines' network", &default, &good)?);
        }
        if !self.has("network", "interface") {
            let default = board.network.interface.as_deref().unwrap_or_default();
            let here = listed("/sys/class/net", |name| name.to_owned());
            let what = format!("This computer's adapter there ({})", here.join(", "));
            self.values.push(("network", "interface", question(&what, default, &any)?));
        }
        if !self.has("network", "boss") {
            let moved = fill("the template", template, self);
            let boss = moved.map_or(board.network.boss, |(_, board)| board.network.boss);
            let good = |answer: &str| answer.parse::<Ipv4Addr>().map(drop).map_err(|error| error.to_string());
            self.values.push((
                "network",
                "boss",
                question("This computer's address there", &boss.to_string(), &good)?,
            ));
        }
        let serial = listed("/dev/serial/by-id", |name| format!("/dev/serial/by-id/{name}"));
        let gear = [
            ("relay", "The relay board's device", board.relay.as_ref().map(|gear| &gear.path)),
            ("display", "The status display's device", board.display.as_ref().map(|gear| &gear.path)),
        ];
        for (table, what, path) in gear {
            let Some(path) =
                path.filter(|_| !self.has(table, "path") && !self.without.iter().any(|t| t == table))
            else {
                continue;
            };
            let good = |answer: &str| {
                if answer.starts_with('/') { Ok(()) } else { Err("a path begins with /".to_owned()) }
            };
            let what =
                if serial.is_empty() { what.to_owned() } else { format!("{what} ({})", serial.join(", ")) };
            self.values.push((table, "path", question(&what, &path.display().to_string(), &good)?));
        }
        for machine in &board.machines {
            if self.macs.iter().any(|(number, _)| *number == machine.box_number) {
                continue;
            }
            let good = |answer: &str| answer.parse::<Mac>().map(drop).map_err(|error| error.to_string());
            let what = format!("Hardware address of {} in box {}", machine.name, machine.box_number);
            let answer = question(&what, &machine.mac.to_string(), &good)?;
            self.macs.push((machine.box_number, answer.parse()?));
        }
        Ok(())
    }
}

fn listed(folder: &str, shown: impl Fn(&str) -> String) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(shown(entry.file_name().to_str()?))).collect();
    names.sort();
    names
}

/// As in `192.168.122.0/24`.
fn network(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let form = || "a network is written as in 192.168.122.0/24".to_owned();
    let (address, prefix) = text.split_once('/').ok_or_else(form)?;
    let (address, prefix): (Ipv4Addr, u8) =
        (address.parse().map_err(|_| form())?, prefix.parse().map_err(|_| form())?);
    if prefix == 0 || prefix > 30 {
        return Err(form());
    }
    Ok((address, prefix))
}

/// The template with the answers in it, checked.
fn fill(origin: &str, template: &str, answers: &Answers) -> Result<(String, Board), BoardError> {
    let said = |why: String, remedy: &str| BoardError {
        origin: origin.to_owned(),
        line: None,
        why,
        remedy: remedy.to_owned(),
    };
    let before = Board::parse(origin, template)?;
    let mut text = BoardText::read(origin, template)?;
    if let Some(wanted) = &answers.network {
        let to = network(wanted).map_err(|why| said(format!("network {wanted}"), &why))?;
        text.move_network((before.network.address, before.network.prefix), to)?;
    }
    if answers.template == Template::Watch {
        text.set("board", "mode", "watch");
    }
    for table in &answers.without {
        text.remove(table);
    }
    for (table, key, value) in &answers.values {
        // A key alone makes no gear: the template must have it.
        let there = match *table {
            "relay" => before.relay.is_some(),
            "display" => before.display.is_some(),
            "switch" => before.switch.is_some(),
            "router" => before.router.is_some(),
            _ => true,
        };
        if !there {
            let why = format!("--{table} {value}: this template has no [{table}]");
            return Err(said(why, "leave it out, then add the table to the file; its comments say how"));
        }
        text.set(table, key, value.as_str());
    }
    for (number, mac) in &answers.macs {
        text.set_mac(*number, *mac)?;
    }
    let text = text.finish()?;
    let board = Board::parse(origin, &text)?;
    Ok((text, board))
}

#[cfg(test)]
#[path = "config_init_tests.rs"]
mod tests;
