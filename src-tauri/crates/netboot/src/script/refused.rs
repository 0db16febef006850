//! The script of a machine that gets nothing to boot: it says why on its own screen, and asks again, later each time,
//! until somebody changed that.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Mac, Plate, screen, shown, syslog, url, wrapped};

/// Seconds after which it asks for the first time.
const FIRST_ASK: u32 = 5;

/// By how many seconds it waits longer each time; iPXE can add but not multiply.
const LONGER_EACH_TIME: u32 = 5;

/// The longest it waits: what a person at the bench has patience for. A multiple of the two above.
pub(super) const LONGEST_ASK: u32 = 60;

/// How often nobody may answer before the machine restarts; the firmware then asks for ever.
const MISSED: u32 = 5;

/// Text is broken before the screen's edge.
pub(super) const COLUMNS: usize = 76;

/// Why a machine gets nothing to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Who it is, if it is known.
    pub plate: Option<Plate>,
    /// The one sentence to read first: `This machine is not known to the board.`
    pub says: String,
    /// What to do about it.
    pub remedy: String,
    /// Its address; without it the loader says it itself.
    pub mac: Option<Mac>,
    /// What it is called on our screens.
    pub code: String,
    /// The known machine that is most like it, in words.
    pub nearest: Option<String>,
    /// Where HTTP is served.
    pub base: SocketAddrV4,
    /// Where loaders send log lines, if anywhere.
    pub syslog: Option<Ipv4Addr>,
    /// A path of somebody else's script that is tried first, for machines that are not ours to boot.
    pub elsewhere: Option<String>,
    /// The path of this very script: once the machine may boot, it is answered with another one.
    pub again: String,
}

impl Refusal {
    /// The figure on the screen: its box number, or its code when it has none.
    pub(super) fn figure(&self) -> String {
        let number = self.plate.as_ref().and_then(|plate| plate.box_number);
        number.map_or_else(|| self.code.clone(), |number| number.to_string())
    }

    /// What stands below the figure, the first line to be stressed.
    pub(super) fn lines(&self, mac: &str) -> Vec<String> {
        let mut lines = wrapped(&shown(&self.says), COLUMNS);
        let first = lines.len();
        lines.push(format!("MAC {mac}, code {}", shown(&self.code)));
        if let Some(nearest) = &self.nearest {
            lines.push(format!("nearest known: {}", shown(nearest)));
        }
        lines.extend(wrapped(&shown(&self.remedy), COLUMNS));
        debug_assert!(first < lines.len());
        lines
    }

    /// How many of [`Refusal::lines`] are the sentence to read first.
    pub(super) fn stressed(&self) -> usize {
        wrapped(&shown(&self.says), COLUMNS).len()
    }
}

/// The script that says so.
pub fn refused(refusal: &Refusal) -> String {
    let mac = refusal.mac.map_or_else(|| "${netX/mac}".to_owned(), |mac| mac.to_string());
    let title = refusal.plate.as_ref().map_or_else(|| "A machine that is not known".to_owned(), Plate::title);
    let mut script = format!("#!ipxe\n# {title}\n");
    script.push_str(&syslog(refusal.syslog));
    if let Some(path) = &refusal.elsewhere {
        // It comes back only when there is nothing for this machine.
        script.push_str(&format!("chain --autofree {} ||\n", url(refusal.base, path)));
    }
    script.push_str(&screen::head(&refusal.figure()));
    if refusal.plate.is_some() {
        script.push_str(&screen::bold(&title));
    }
    for (index, line) in refusal.lines(&mac).iter().enumerate() {
        script.push_str(&if index < refusal.stressed() { screen::bold(line) } else { screen::line(line) });
    }
    let base = refusal.base;
    // Settings outlive a script: the next one goes on counting where this one stopped.
    let lines = [
        format!("isset ${{pause}} || set pause:int32 {FIRST_ASK} ||"),
        "isset ${asked} || set asked:int32 0 ||".to_owned(),
        "set missed:int32 0 ||".to_owned(),
        "echo ||".to_owned(),
        ":ask".to_owned(),
        screen::line("asks again in ${pause} s, asked ${asked} times so far").trim_end().to_owned(),
        "sleep ${pause} ||".to_owned(),
        format!("iseq ${{pause}} {LONGEST_ASK} || inc pause {LONGER_EACH_TIME} ||"),
        "inc asked ||".to_owned(),
        format!("chain --replace --autofree {} || goto missed", url(base, &refusal.again)),
        ":missed".to_owned(),
        "inc missed || goto failed".to_owned(),
        format!("iseq ${{missed}} {MISSED} || goto ask"),
        ":failed".to_owned(),
        "echo ||".to_owned(),
        screen::bold(&format!("The board at {base} does not answer. Restarting in a minute."))
            .trim_end()
            .to_owned(),
        "sleep 60 ||".to_owned(),
        "reboot || exit 1".to_owned(),
    ];
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(script, "{line}");
    }
    script
}
