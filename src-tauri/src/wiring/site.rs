//! What machines fetch and post: a script each, the boot files, and the agent's reports.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use lab::{
    Board, BoardKind, Machine, Stamp,
    dial::Dial,
    facts::Report,
    wipe::{WipeAsk, WipeReport},
};
use netboot::{
    Mac,
    files::{Asker, Body, Files, Found, Reply},
    probe,
    script::{self, ScriptMachine},
};

use super::{
    agents::{AgentDesk, EfiWritten},
    boot_files::{
        BootFiles, CHAIN_UNDIONLY, GRUB_CONFIG, IMAGES, INITRD, KERNEL, LOCAL, LOCAL_CONFIG, SCRIPT, role,
    },
    picture::Picture,
    screens::{Admitted, box_number},
    spoil::Spoiler,
    trees::Trees,
    wiper,
};
use crate::clock;

/// Where agents post to, below the base address.
pub(super) const PROBE: &str = "probe";

/// What an agent said, taken in order by the translator.
pub(super) enum Said {
    Report(Box<Report>),
    Heartbeat,
    Goodbye,
    /// It wrote a variable of its firmware, or was refused.
    Efi(EfiWritten),
    /// It found these disks, and asks whether to erase them.
    WipeAsked(Box<WipeAsk>),
    /// What it erased.
    Wiped(Box<WipeReport>),
}

/// Reports that wait for the translator; each machine has at most a handful under way.
const SAID_WAITING: usize = 256;

/// The lab network's pages.
pub(super) struct BootSite {
    pub(super) board: Arc<Board>,
    pub(super) dial: Dial,
    pub(super) files: BootFiles,
    pub(super) base: SocketAddrV4,
    pub(super) heartbeat_ms: u32,
    pub(super) desk: Arc<AgentDesk>,
    pub(super) picture: Arc<Picture>,
    pub(super) trees: Trees,
    spoiler: Spoiler,
    said: Mutex<VecDeque<(Stamp, String, Said)>>,
}

impl BootSite {
    pub(super) fn new(
        board: Arc<Board>,
        dial: Dial,
        files: BootFiles,
        heartbeat_ms: u32,
        desk: Arc<AgentDesk>,
        picture: Arc<Picture>,
        trees: Trees,
    ) -> Self {
        let base = dial.socket(board.network.boss, 80);
        let spoiler = Spoiler::new(picture.clone());
        Self { board, dial, files, base, heartbeat_ms, desk, picture, trees, spoiler, said: Mutex::default() }
    }

    /// The machine of the board behind an address or a MAC.
    pub(super) fn machine(&self, peer: IpAddr, mac: Option<Mac>) -> Option<&Machine> {
        let by_mac = mac.and_then(|mac| self.board.machine_by_mac(lab::Mac(mac.0)));
        by_mac.or_else(|| {
            let IpAddr::V4(peer) = peer else { return None };
            self.board.machines.iter().find(|m| self.dial.address(m.address) == peer)
        })
    }

    pub(super) fn boss(&self) -> Ipv4Addr {
        self.board.network.boss
    }

    /// An address as the board file writes it; on the simulated board others are dialled in their place.
    pub(super) fn written(&self, dialled: IpAddr) -> IpAddr {
        let IpAddr::V4(v4) = dialled.to_canonical() else { return dialled };
        let ([a, b, ..], [.., c, d]) = (self.board.network.boss.octets(), v4.octets());
        let written = Ipv4Addr::new(a, b, c, d);
        IpAddr::V4(if self.dial.address(written) == v4 { written } else { v4 })
    }

    /// What agents said since the last call, oldest first.
    pub(super) fn take_said(&self) -> Vec<(Stamp, String, Said)> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    pub(super) fn say(&self, machine: &str, said: Said) -> bool {
        let mut waiting = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let room = waiting.len() < SAID_WAITING;
        if room {
            waiting.push_back((clock::now(), machine.to_owned(), said));
        }
        room
    }

    pub(super) fn script(&self, who: &Asker) -> Body {
        Body::from_bytes(self.script_text(who))
    }

    /// The script of whoever asks, for people to read.
    pub(super) fn script_text(&self, who: &Asker) -> String {
        match self.admit(who) {
            Ok(admitted) => self.script_of(&admitted),
            Err(refusal) => script::refused(&refusal),
        }
    }

    /// A file as this machine is to get it.
    fn spoiled(&self, who: &Asker, path: &str, body: Body) -> Option<Body> {
        match self.machine(who.peer, who.mac) {
            Some(machine) => self.spoiler.body(&machine.name, role(path), body),
            None => Some(body),
        }
    }

    fn script_of(&self, admitted: &Admitted<'_>) -> String {
        let Admitted { machine, plate, .. } = admitted;
        let script = script::known(&ScriptMachine {
            plate: plate.clone(),
            base: self.base,
            syslog: Some(*self.base.ip()),
            loads: self.files.loads.clone(),
            kernel: KERNEL.to_owned(),
            initrd: INITRD.to_owned(),
            cmdline: self.cmdline(admitted),
        });
        script.unwrap_or_else(|error| {
            tracing::error!(machine = machine.name, %error, "no boot script");
            let says = format!("There is no boot script for it: {error}.");
            script::refused(&self.refusal(machine, plate.clone(), says, "Correct the image's command line."))
        })
    }

    /// The kernel's command line of a machine, the same by whatever way it boots.
    pub(super) fn cmdline(&self, admitted: &Admitted<'_>) -> String {
        let Admitted { machine, duty, .. } = admitted;
        let report = format!("http://{}/{PROBE}", self.base);
        let plan = probe::plan(&report, box_number(machine), &machine.name, self.heartbeat_ms);
        // An emulated timer that gets no processor time for a moment looks broken to the kernel, which then panics.
        let emulated = if self.board.board.kind == BoardKind::Virtual { " no_timer_check" } else { "" };
        self.spoiler.cmdline(&machine.name, format!("{} {plan}{emulated}", duty.words()))
    }
}

/// Four letters that stand for a MAC, the same on the machine's own screen and on ours.
pub(super) fn code(mac: lab::Mac) -> String {
    const LETTERS: &[u8; 20] = b"ACDEFHJKLMNPRTUVWXYZ";
    // FNV-1a, so that neighbours in a vendor's block look nothing alike.
    let hash = mac
        .0
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    (0..4).map(|i| char::from(LETTERS[(hash >> (i * 16)) as usize % LETTERS.len()])).collect()
}

impl Files for BootSite {
    fn open(&self, who: &Asker, path: &str) -> Option<Body> {
        match path.trim_start_matches('/') {
            SCRIPT => Some(self.script(who)),
            GRUB_CONFIG => Some(self.grub(who)),
            LOCAL_CONFIG => Some(self.grub_local(who)),
            CHAIN_UNDIONLY => Some(self.chain_undionly()),
            other if other.starts_with(LOCAL) => self.local_copy(who, &other[LOCAL.len()..]),
            other => {
                let found = match other.starts_with(IMAGES) {
                    true => self.image(who, other),
                    false => self.files.get(other).or_else(|| self.trees.open(self, other)),
                };
                self.spoiled(who, other, found?)
            }
        }
    }
}

impl netboot::files::Site for BootSite {
    fn get(&self, who: &Asker, path: &str, query: &str) -> Found {
        let said = || self.trees.get(self, path, query).unwrap_or(Found::Nothing);
        self.open(who, path).map_or_else(said, Found::Body)
    }

    fn post(&self, who: &Asker, path: &str, body: &[u8]) -> Reply {
        let reply =
            |status, text: String| Reply { status, content_type: "text/plain", body: Bytes::from(text) };
        let Some(machine) = self.machine(who.peer, who.mac) else {
            return reply(403, "This machine is not known to the board.".into());
        };
        let said = match path.trim_start_matches('/').strip_prefix("probe/") {
            Some("report") => match Report::parse(body, clock::now().wall_us / 1_000_000) {
                Ok(report) => {
                    self.desk.began(&machine.name);
                    Said::Report(Box::new(with_smbios(report)))
                }
                Err(error) => return reply(422, format!("This report cannot be read: {error}")),
            },
            Some("wipe/ask") => return wiper::ask(self, machine, body),
            Some("wiped") => return wiper::wiped(self, machine, body),
            Some("efivar") => match serde_json::from_slice::<EfiWritten>(body) {
                Ok(written) => {
                    self.desk.efi_written(&machine.name, &written);
                    Said::Efi(written)
                }
                Err(error) => return reply(422, format!("This result cannot be read: {error}")),
            },
            Some("heartbeat") => Said::Heartbeat,
            Some("goodbye") => Said::Goodbye,
            _ => {
                let paths = "report, heartbeat, goodbye, wipe/ask, wiped or efivar";
                return reply(404, format!("Reports are posted to /probe/ and {paths}."));
            }
        };
        if !self.say(&machine.name, said) {
            return reply(503, "Too many reports are waiting; try again in a second.".into());
        }
        let words = self.desk.words(&machine.name);
        let order = words.map(|words| format!(" {words}")).unwrap_or_default();
        // Agents repeat themselves until they read this word.
        reply(200, format!("received{order}"))
    }
}

/// What only SMBIOS knows: memory as it is fitted, and vendor strings the kernel may not show.
fn with_smbios(mut report: Report) -> Report {
    let Some(hex) = report.smbios_hex.take() else { return report };
    match netboot::smbios::parse_hex(&hex) {
        Ok(table) => {
            let facts = &mut report.facts;
            facts.memory.bytes = facts.memory.bytes.or(table.installed_bytes);
            let firmware = &mut facts.firmware;
            firmware.vendor = firmware.vendor.take().or(table.firmware_vendor);
            firmware.version = firmware.version.take().or(table.firmware_version);
            firmware.date = firmware.date.take().or(table.firmware_date);
            facts.product.vendor = facts.product.vendor.take().or(table.manufacturer);
            facts.product.name = facts.product.name.take().or(table.product);
        }
        Err(error) => tracing::debug!(%error, "SMBIOS table not read"),
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BoardChoice, choose_board};

    fn site() -> BootSite {
        let board = Arc::new(choose_board("simulated", BoardChoice::default()).unwrap());
        let dial = Dial::new(board.board.kind);
        BootSite::new(
            board,
            dial,
            BootFiles::simulated(),
            1000,
            Arc::default(),
            Arc::default(),
            Trees::default(),
        )
    }

    fn asker(address: &str, mac: Option<Mac>) -> Asker {
        Asker { peer: address.parse().unwrap(), mac }
    }

    #[test]
    fn a_known_machine_gets_its_own_script_and_a_stranger_is_told_its_code() {
        let site = site();
        let known = site.machine("127.122.122.13".parse().unwrap(), None).unwrap();
        assert_eq!(known.name, "node3");
        assert!(site.open(&asker("127.122.122.13", None), SCRIPT).is_some());
        let stranger = Mac([2, 0, 0, 0, 0, 9]);
        assert!(site.open(&asker("127.122.122.201", Some(stranger)), SCRIPT).is_some());
        assert_eq!(code(lab::Mac(stranger.0)).len(), 4);
        assert_ne!(code(lab::Mac([2, 0, 0, 0, 0, 9])), code(lab::Mac([2, 0, 0, 0, 0, 10])));
    }

    #[test]
    fn reports_are_taken_from_machines_only_and_must_be_readable() {
        use netboot::files::Site as _;
        let site = site();
        assert_eq!(site.post(&asker("127.0.0.1", None), "probe/report", b"{}").status, 403);
        assert_eq!(site.post(&asker("127.122.122.11", None), "probe/report", b"nonsense").status, 422);
        assert!(site.take_said().is_empty(), "what is refused is not passed on");
        let reply = site.post(&asker("127.122.122.11", None), "probe/heartbeat", b"{}");
        assert_eq!(reply.body, "received");
        assert_eq!(site.take_said().len(), 1);
    }

    #[test]
    fn an_order_is_told_at_the_next_heartbeat() {
        use lab::ports::{AgentOrder, Agents};
        use netboot::files::Site as _;
        let site = site();
        site.desk.order("node1", Some(AgentOrder::PowerOff));
        let reply = site.post(&asker("127.122.122.11", None), "probe/heartbeat", b"{}");
        assert_eq!(reply.body, "received poweroff");
    }
}
