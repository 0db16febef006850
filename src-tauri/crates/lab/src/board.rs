//! What there is: the board, its machines and the labs that can be started on it, as the board file says.

mod check;
mod edit;
mod keys;
mod named;
mod near;
mod parse;
mod tellers;

use std::{net::Ipv4Addr, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use edit::{BoardText, replace_mac};
pub use named::SecretUse;
pub use near::Near;
pub use parse::BoardError;

use crate::{
    gear::{
        CaGear, CertificateGear, CompatGear, DisplayGear, LogsGear, NotifyGear, PowerGear, RelayGear,
        RouterGear, SwitchGear, TelemetryGear,
    },
    mac::Mac,
    ports::{Nature, OWN_CONTROL, Outlet},
};

/// Which far side this board has. The code path is one; the far sides differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoardKind {
    /// Simulators of every device on loopback; needs nothing.
    Simulated,
    /// QEMU machines with real firmware on a bridge of their own.
    Virtual,
    /// The real gear.
    Labinator,
}

impl BoardKind {
    /// The word in files, on the command line and on the badge.
    pub fn word(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Virtual => "virtual",
            Self::Labinator => "labinator",
        }
    }
}

/// A board file, read and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Board {
    pub board: Identity,
    pub network: Network,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub boot: Sources,
    pub relay: Option<RelayGear>,
    pub switch: Option<SwitchGear>,
    pub router: Option<RouterGear>,
    pub display: Option<DisplayGear>,
    pub compat: Option<CompatGear>,
    pub watch: Option<Watch>,
    #[serde(default)]
    pub logs: LogsGear,
    #[serde(default)]
    pub ca: CaGear,
    #[serde(rename = "certificate", default)]
    pub certificates: Vec<CertificateGear>,
    /// Where faults are told.
    pub notify: Option<NotifyGear>,
    pub telemetry: Option<TelemetryGear>,
    #[serde(rename = "machine")]
    pub machines: Vec<Machine>,
    #[serde(rename = "lab", default)]
    pub labs: Vec<Lab>,
}

/// Name, kind and the geometry of the shelf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    pub name: String,
    pub kind: BoardKind,
    /// Box numbers as they stand on the shelf, row by row; the screen shows them in the same places.
    pub shelf: Vec<Vec<u32>>,
    /// Whether the program may do anything at all.
    #[serde(default)]
    pub mode: Mode,
}

/// What the program may do on this board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everything that it is asked to.
    #[default]
    Drive,
    /// Look on while other programs drive it: it presses, answers and writes nothing.
    Watch,
}

/// Where to look while other programs drive the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The status page of the owner's program, as in `http://127.0.0.1:8080/status`.
    pub status: Option<String>,
}

/// The lab network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    pub address: Ipv4Addr,
    pub prefix: u8,
    /// The controller's own address: DHCP, TFTP and HTTP answer here.
    pub boss: Ipv4Addr,
    pub gateway: Option<Ipv4Addr>,
    pub dns: Option<Ipv4Addr>,
    pub ntp: Option<Ipv4Addr>,
    pub syslog: Option<Ipv4Addr>,
    pub domain: Option<String>,
    /// Who answers for the lab's names.
    #[serde(default)]
    pub names: NameService,
    /// Name server for names that are not the lab's; without one they are refused.
    pub dns_forward: Option<Ipv4Addr>,
    /// First and last address for machines that are not in this file.
    pub pool: (Ipv4Addr, Ipv4Addr),
    /// Interface on which DHCP answers; without it DHCP stays silent on a real board.
    pub interface: Option<String>,
    /// The engine's part in DHCP.
    #[serde(default)]
    pub dhcp: DhcpMode,
}

/// Who answers for the lab's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameService {
    /// The engine, at the boss's address.
    #[default]
    Serve,
    /// The server at `dns`; whether it knows what a lab needs is checked by asking.
    External,
}

/// The engine's part in DHCP on the lab network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DhcpMode {
    /// Gives addresses, while no other server there does.
    #[default]
    Serve,
    /// Another server gives addresses; the engine only tells machines what to boot.
    Proxy,
    /// Gives addresses although another server does.
    Takeover,
    /// Says nothing.
    Off,
}

/// How long things may take, in seconds of wall time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    // After these a step of a run has failed.
    pub check_s: u64,
    pub power_up_s: u64,
    pub boot_s: u64,
    pub report_s: u64,
    pub power_down_s: u64,
    /// Pause between two presses, so that the supply does not see six machines start in one instant.
    pub stagger_ms: u64,

    // After these it can be known why a machine without history does not go on; with history it is three times its own
    // median.
    /// Button pressed → link up.
    pub link_s: u64,
    /// Button pressed → first DHCP packet.
    pub firmware_silent_s: u64,
    /// First DHCP packet → first request for a boot file.
    pub address_s: u64,
    /// First request for a boot file → kernel asked for.
    pub loader_s: u64,
    /// Kernel asked for → the last boot file is there.
    pub kernel_s: u64,
    /// Last boot file → first packet of the system.
    pub os_s: u64,
    /// First packet of the system → its report.
    pub service_s: u64,
    /// A transfer, or a link, that stands still for so long is a fault.
    pub stall_s: u64,

    // A machine that goes round in circles is held back.
    /// Boots that nobody asked for, within `loop_window_s`.
    pub loop_boots: u64,
    /// Wipes within `loop_window_s`.
    pub loop_wipes: u64,
    pub loop_window_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            check_s: 60,
            power_up_s: 30,
            // A boot takes 16 to 40 s on the slowest machine measured (software emulation); five times that is a fault.
            boot_s: 240,
            report_s: 60,
            power_down_s: 60,
            stagger_ms: 200,
            // A network adapter has its link 3 s after the press; a switch with spanning tree takes longer to forward,
            // not to link.
            link_s: 15,
            firmware_silent_s: 60,
            // PXE asks at 0, 4, 12 and 28 s (PXE 2.1, section 2.2.5); two unanswered ones are a fault.
            address_s: 20,
            // iPXE took 16 s on the slowest network measured, which had no answer to its router solicitations.
            loader_s: 60,
            kernel_s: 60,
            os_s: 90,
            service_s: 60,
            // TFTP servers repeat a block after 1 to 5 s, TCP within 3; three silences in a row are no accident.
            stall_s: 10,
            loop_boots: 4,
            loop_wipes: 3,
            loop_window_s: 600,
        }
    }
}

/// Where boot files come from, beside the program's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sources {
    /// A matchbox data folder, answered on its own paths.
    pub matchbox: Option<PathBuf>,
}

/// A physical PC, or the VM that stands in for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The number on the box.
    #[serde(rename = "box")]
    pub box_number: u32,
    pub name: String,
    pub mac: Mac,
    pub address: Ipv4Addr,
    /// Relay channel on its power button; machines with a power control of their own are numbered by the program.
    #[serde(default)]
    pub outlet: Outlet,
    /// Its own power control, where no relay presses its button.
    pub power: Option<PowerGear>,
    /// Switch port, where there is a switch.
    pub port: Option<u32>,
    /// Availability zone.
    pub group: Option<String>,
    /// Memory of a virtual machine in MiB.
    pub memory_mib: Option<u64>,
    /// It is not to boot, and why; its screen says so.
    pub disabled: Option<String>,
}

/// A named layout that can be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lab {
    pub name: String,
    /// For visitors, in words.
    pub title: String,
    pub words: String,
    pub procedure: Procedure,
    /// Box numbers; all machines when absent.
    pub machines: Option<Vec<u32>>,
}

/// Which procedure starts a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Procedure {
    /// Check, power up, boot, report, power down.
    Rehearsal,
}

impl Board {
    /// Reads a board file. `origin` is named in errors.
    pub fn parse(origin: &str, text: &str) -> Result<Self, BoardError> {
        parse::parse(origin, text)
    }

    /// A machine by box number or name.
    pub fn machine(&self, who: &str) -> Option<&Machine> {
        let number = who.parse::<u32>().ok();
        self.machines.iter().find(|m| m.name == who || Some(m.box_number) == number)
    }

    /// The machine with this hardware address.
    pub fn machine_by_mac(&self, mac: Mac) -> Option<&Machine> {
        self.machines.iter().find(|m| m.mac == mac)
    }

    /// The machine behind this outlet.
    pub fn machine_by_outlet(&self, outlet: Outlet) -> Option<&Machine> {
        self.machines.iter().find(|m| m.outlet == outlet)
    }

    /// What stands behind a machine's power.
    pub fn nature(&self, machine: &Machine) -> Nature {
        match (&machine.power, self.board.kind) {
            (Some(gear), _) => gear.nature(),
            (None, BoardKind::Virtual) => Nature::Managed,
            (None, BoardKind::Simulated | BoardKind::Labinator) => Nature::Button,
        }
    }

    /// The machine on this switch port.
    pub fn machine_by_port(&self, port: u32) -> Option<&Machine> {
        self.machines.iter().find(|m| m.port == Some(port))
    }

    /// Gives machines with a power control of their own a number that no relay has.
    fn number_controls(&mut self) {
        for (place, machine) in self.machines.iter_mut().enumerate() {
            if machine.outlet == 0 && machine.power.is_some() {
                machine.outlet = OWN_CONTROL.saturating_add(u8::try_from(place).unwrap_or(u8::MAX));
            }
        }
    }

    pub fn lab(&self, name: &str) -> Option<&Lab> {
        self.labs.iter().find(|l| l.name == name)
    }

    /// The machines a lab uses, in the order of the file.
    pub fn machines_of(&self, lab: &Lab) -> Vec<&Machine> {
        let wanted = |m: &&Machine| lab.machines.as_ref().is_none_or(|boxes| boxes.contains(&m.box_number));
        self.machines.iter().filter(wanted).collect()
    }

    /// The netmask that `prefix` stands for.
    pub fn netmask(&self) -> Ipv4Addr {
        let bits = u32::MAX.checked_shl(32 - u32::from(self.network.prefix)).unwrap_or(0);
        Ipv4Addr::from(bits)
    }

    /// The same board with only its first `count` machines; labs and shelf lose what is gone.
    pub fn keep_machines(&mut self, count: usize) {
        self.machines.truncate(count);
        let kept: Vec<u32> = self.machines.iter().map(|m| m.box_number).collect();
        for row in &mut self.board.shelf {
            row.retain(|number| kept.contains(number));
        }
        self.board.shelf.retain(|row| !row.is_empty());
        for boxes in self.labs.iter_mut().filter_map(|lab| lab.machines.as_mut()) {
            boxes.retain(|number| kept.contains(number));
        }
    }
}
