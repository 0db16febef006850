//! From what the wire showed to what it means for a boot: a pure reading, one sign at a time.
//!
//! A boot begins with our press, or with a firmware DISCOVER after a boot that got past `address`. iPXE's own DHCP and
//! the running system's belong to the boot that runs.

use serde_json::{Value, json};

use crate::{
    boot::{Boot, BootState, Cause, Phase},
    explain::is_last_word,
};

/// Who speaks DHCP: the ROM, the loader, or the system that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Firmware,
    Ipxe,
    /// GRUB on a disk of the machine's own.
    Grub,
    System,
}

/// What a boot file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    Loader,
    Script,
    Kernel,
    Initrd,
    /// Kernel, initrd and command line in one.
    Image,
    Other,
}

impl FileRole {
    pub fn word(self) -> &'static str {
        match self {
            Self::Loader => "loader",
            Self::Script => "script",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            // Told as a kernel that brings its initrd along: nobody who asks how far a boot came needs to know both.
            Self::Image => "kernel",
            Self::Other => "file",
        }
    }
}

/// One thing seen on a machine's wire, in this crate's words.
#[derive(Debug, Clone, PartialEq)]
pub enum Sign {
    /// We pressed its button to switch it on.
    Pressed { outlet: u8 },
    /// It sent DHCP. `discover` is false for REQUEST and the like.
    Dhcp { speaker: Speaker, discover: bool, arch: Option<u16> },
    /// We answered with this address and boot file.
    Answered { address: String, boot_file: Option<String>, ack: bool },
    /// It asked for a boot file; `body` is false for HEAD or a size inquiry.
    FileAsked { role: FileRole, path: String, proto: &'static str, body: bool, found: bool },
    /// A transfer ended.
    FileSent {
        role: FileRole,
        path: String,
        proto: &'static str,
        bytes: u64,
        /// Size of the whole file.
        total: u64,
        packets: u64,
        /// How many of the packets were sent again.
        resent: u64,
        seconds: f64,
        complete: bool,
        /// Why it was not complete.
        why: Option<String>,
    },
    /// We did not give it what it asked: `kind` is a fixed word, `why` is for people.
    Refused { kind: &'static str, why: String },
    /// It turned to another DHCP server.
    OtherServer { server: String },
    /// It asked for a router.
    RouterSolicited,
    /// It wrote a line: iPXE's syslog, the kernel's netconsole. Severity as in RFC 5424, where the line has one.
    LogLine { proto: &'static str, severity: Option<u8>, text: String },
    /// The running system reported; the boot has reached its end.
    Reported,
    /// The machine was seen to be off.
    WentOff { why: String },
}

/// What a sign makes of a boot, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Begin(Cause),
    Enter(Phase),
    Mark(String, Value),
    End(BootState, String),
}

/// Reads one sign. `boot` is the machine's latest boot, ended or not.
pub fn read(boot: Option<&Boot>, sign: &Sign) -> Vec<Step> {
    let running = boot.filter(|b| b.is_running());
    match sign {
        Sign::Pressed { outlet } => {
            let mut steps = restart(running, "its button was pressed again");
            steps.push(Step::Begin(Cause::Press));
            steps.push(Step::Mark("pressed".into(), json!({ "outlet": outlet })));
            steps
        }
        Sign::Dhcp { speaker, discover, arch } => dhcp(running, *speaker, *discover, *arch),
        Sign::Answered { address, boot_file, ack } => {
            let name = if *ack { "address-given" } else { "address-offered" };
            let twice = if running.is_some_and(|b| b.phase() >= Phase::Loader) {
                format!("{name}-again")
            } else {
                name.into()
            };
            mark_once(running, twice, json!({ "address": address, "boot_file": boot_file }))
        }
        Sign::FileAsked { role, path, proto, body, found: false } => {
            file_missing(running, *role, *body, path, proto)
        }
        Sign::FileAsked { role, path, proto, body, found } => {
            file_asked(running, *role, *body, json!({ "path": path, "proto": proto, "found": found }))
        }
        Sign::FileSent { role, path, proto, bytes, total, packets, resent, seconds, complete, why } => {
            let detail = json!({
                "path": path, "proto": proto, "bytes": bytes, "total": total, "packets": packets, "resent": resent,
                "seconds": seconds, "why": why,
            });
            file_sent(running, *role, *complete, detail)
        }
        Sign::Refused { kind, why } => {
            mark_new(running, "dhcp-refused", json!({ "kind": kind, "why": why }), REFUSALS)
        }
        Sign::OtherServer { server } => {
            mark_new(running, "other-server", json!({ "server": server }), SERVERS)
        }
        Sign::RouterSolicited => match running {
            Some(boot) if boot.phase() >= Phase::Address && boot.phase() <= Phase::Loader => {
                mark_once(running, "router-solicited".into(), Value::Null)
            }
            _ => Vec::new(),
        },
        Sign::LogLine { proto, severity, text } => log_line(running, proto, *severity, text),
        Sign::Reported => match running {
            Some(boot) => {
                let mut steps = advance(boot, Phase::Service);
                steps.push(Step::End(BootState::Good, "the machine reported".into()));
                steps
            }
            None => Vec::new(),
        },
        Sign::WentOff { why } => restart_as(running, BootState::Failed, why),
    }
}

fn dhcp(running: Option<&Boot>, speaker: Speaker, discover: bool, arch: Option<u16>) -> Vec<Step> {
    let detail = json!({ "arch": arch });
    let fresh = |mut steps: Vec<Step>| {
        steps.extend([
            Step::Begin(Cause::FirstSign),
            Step::Enter(Phase::Address),
            Step::Mark("discover".into(), detail.clone()),
        ]);
        steps
    };
    let again = "the machine began again by itself";
    match (speaker, running) {
        (Speaker::Firmware | Speaker::Ipxe | Speaker::Grub, None) if discover => fresh(Vec::new()),
        // A ROM that asks anew after it got past its address has restarted; before that it is merely asking again.
        (Speaker::Firmware, Some(boot)) if discover && boot.phase() > Phase::Address => {
            fresh(restart(running, again))
        }
        // GRUB on a disk and a ROM that is iPXE itself have no firmware DISCOVER to show; past the kernel their question means
        // the same.
        (Speaker::Ipxe | Speaker::Grub, Some(boot)) if discover && boot.phase() >= Phase::Os => {
            fresh(restart(running, again))
        }
        (Speaker::Firmware | Speaker::Ipxe | Speaker::Grub, Some(boot)) => {
            let mut steps = advance(boot, Phase::Address);
            let name = match (speaker, discover) {
                (Speaker::Grub, true) => "grub-discover",
                (Speaker::Grub, false) => "grub-request",
                (Speaker::Ipxe, true) => "ipxe-discover",
                (Speaker::Ipxe, false) => "ipxe-request",
                (_, true) => "discover",
                (_, false) => "request",
            };
            steps.extend(mark_once(running, name.into(), detail));
            steps
        }
        (Speaker::System, Some(boot)) if boot.phase() >= Phase::Kernel => {
            let mut steps = advance(boot, Phase::Service);
            steps.extend(mark_once(running, "system-dhcp".into(), Value::Null));
            steps
        }
        (Speaker::System, _) | (_, None) => Vec::new(),
    }
}

fn file_asked(running: Option<&Boot>, role: FileRole, body: bool, detail: Value) -> Vec<Step> {
    let Some(boot) = running else { return Vec::new() };
    let mut steps = match role {
        FileRole::Kernel | FileRole::Image if body => advance(boot, Phase::Kernel),
        FileRole::Loader | FileRole::Script | FileRole::Kernel | FileRole::Image => {
            advance(boot, Phase::Loader)
        }
        FileRole::Initrd | FileRole::Other => Vec::new(),
    };
    let name = format!("{}-{}", role.word(), if body { "asked" } else { "head" });
    steps.extend(mark_once(running, name, detail));
    steps
}

/// Marks that differ in what they say are kept apart, so many of each; a machine that invents names must not fill its
/// boot with them.
const REFUSALS: usize = 4;
const SERVERS: usize = 4;
const MISSING: usize = 8;
/// Lines of a log that a boot shows, and how many more that tell of trouble.
const LINES: usize = 8;
const LINES_OF_TROUBLE: usize = 16;
/// Severities from here on tell nothing about trouble (RFC 5424 section 6.2.1: 4 is a warning).
const HARMLESS: u8 = 4;

/// A name that we do not have. Its phase begins all the same: it was asked for.
fn file_missing(running: Option<&Boot>, role: FileRole, body: bool, path: &str, proto: &str) -> Vec<Step> {
    let Some(boot) = running else { return Vec::new() };
    let mut steps = match role {
        FileRole::Kernel | FileRole::Image if body => advance(boot, Phase::Kernel),
        FileRole::Loader | FileRole::Script | FileRole::Kernel | FileRole::Image => {
            advance(boot, Phase::Loader)
        }
        // A name of nobody's is asked for by firmware and loaders alike; in `address` it is the boot file.
        FileRole::Initrd | FileRole::Other if boot.phase() == Phase::Address => advance(boot, Phase::Loader),
        FileRole::Initrd | FileRole::Other => Vec::new(),
    };
    let detail = json!({ "path": path, "proto": proto, "role": role.word() });
    steps.extend(mark_new(running, "file-missing", detail, MISSING));
    steps
}

fn log_line(running: Option<&Boot>, proto: &str, severity: Option<u8>, text: &str) -> Vec<Step> {
    let Some(boot) = running else { return Vec::new() };
    let lines = boot.marks().filter(|mark| mark.name == "log-line").count();
    let trouble = severity.is_some_and(|s| s < HARMLESS) || is_last_word(text) || text.contains("ipxe.org/");
    let room = if trouble { LINES + LINES_OF_TROUBLE } else { LINES };
    if lines >= room {
        return Vec::new();
    }
    let detail = json!({ "proto": proto, "severity": severity, "text": text });
    vec![Step::Mark("log-line".into(), detail)]
}

/// Boot files whose last byte ends the `kernel` phase, where they come apart.
const NEEDED: [FileRole; 2] = [FileRole::Kernel, FileRole::Initrd];

fn file_sent(running: Option<&Boot>, role: FileRole, complete: bool, detail: Value) -> Vec<Step> {
    let Some(boot) = running else { return Vec::new() };
    let name = format!("{}-{}", role.word(), if complete { "sent" } else { "broken" });
    let mut steps = mark_once(running, name, detail.clone());
    if role == FileRole::Image && complete {
        steps.extend(mark_once(running, "initrd-sent".into(), detail));
    }
    let all_there = NEEDED.iter().all(|r| *r == role || boot.has_mark(&format!("{}-sent", r.word())));
    let needed = role == FileRole::Image || (NEEDED.contains(&role) && all_there);
    if complete && needed && boot.phase() == Phase::Kernel {
        steps.push(Step::Enter(Phase::Os));
    }
    steps
}

/// Enters every phase from the boot's own up to `target`; nothing when it is there already.
fn advance(boot: &Boot, target: Phase) -> Vec<Step> {
    Phase::ALL.into_iter().filter(|p| *p > boot.phase() && *p <= target).map(Step::Enter).collect()
}

/// Repeated packets are no new facts: a name is marked once in a boot.
fn mark_once(running: Option<&Boot>, name: String, detail: Value) -> Vec<Step> {
    match running {
        Some(boot) if !boot.has_mark(&name) => vec![Step::Mark(name, detail)],
        _ => Vec::new(),
    }
}

/// Marks a detail once, and at most `most` of that name.
fn mark_new(running: Option<&Boot>, name: &str, detail: Value, most: usize) -> Vec<Step> {
    let Some(boot) = running else { return Vec::new() };
    let known: Vec<&Value> = boot.marks().filter(|m| m.name == name).map(|m| &m.detail).collect();
    if known.len() >= most || known.contains(&&detail) {
        return Vec::new();
    }
    vec![Step::Mark(name.to_owned(), detail)]
}

fn restart(running: Option<&Boot>, why: &str) -> Vec<Step> {
    restart_as(running, BootState::Abandoned, why)
}

fn restart_as(running: Option<&Boot>, state: BootState, why: &str) -> Vec<Step> {
    running.map(|_| Step::End(state, why.to_owned())).into_iter().collect()
}
