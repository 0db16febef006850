//! What a simulated board is made of, and how it can be broken.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::collector::CollectorSim;
use crate::guard::{self, OutsideLoopback};
use crate::router::{CertificateError, RouterSim};
use crate::switch::{MACHINE_PORTS, SwitchSim};

/// The relay board has eight outlets; 7 is wired to the controller itself and 8 to nothing.
pub const OUTLETS: u8 = 8;

/// A whole board. All addresses are already mapped to what is dialled on this host.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Same seed, same machines, same delays.
    pub seed: u64,
    /// Divides the simulator's own delays; 1 to 100. What the program under test needs stays wall time.
    pub speed: f64,
    pub machines: Vec<SimMachine>,
    /// Where DHCP requests are broadcast to, such as 127.255.255.255:20067.
    pub dhcp: SocketAddrV4,
    /// The port that stands for DHCP's 68; 0 is any. A machine takes another one when it is in use.
    pub client_port: u16,
    /// Where port 69 of every TFTP server is found.
    pub tftp_port: u16,
    /// A symbolic link to keep pointing at the relay board's pty, as `/dev/serial/by-id` does for the real one.
    /// Without it the path is the bare `/dev/pts/N`, which changes when the board is unplugged and plugged in again.
    pub relay_link: Option<PathBuf>,
    /// The same for the status display's; without it the board has no display.
    pub display_link: Option<PathBuf>,
    pub switch: Option<SwitchSim>,
    pub router: Option<RouterSim>,
    pub collector: Option<CollectorSim>,
}

/// The switch's end of a machine's cable: its port, and whether it passes anything.
pub(crate) type SwitchPlug = (u32, tokio::sync::watch::Sender<bool>);

/// One simulated PC.
#[derive(Debug, Clone)]
pub struct SimMachine {
    pub box_number: u8,
    pub name: String,
    pub mac: [u8; 6],
    /// The loopback address this machine sends from; servers tell machines apart by it.
    pub source: Ipv4Addr,
    /// The outlet of the relay board that is wired to this machine's power button, 1 to 8.
    pub outlet: u8,
    /// The port of the switch where its cable ends, 1 to 6.
    pub port: Option<u32>,
}

/// What can be wrong with a machine. Read anew at each stage, so that it can be set in mid-boot.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    #[default]
    None,
    /// A dead supply, or a wire off the power button: presses do nothing. A running machine keeps running.
    Dead,
    /// The network cable is out: the machine powers up, no packet leaves it.
    NoLink,
    /// Network boot is disabled or a disk came first: link, but never a DISCOVER.
    NeverAsks,
    /// The firmware gets its address and then stays silent: no TFTP.
    StopsAfterAddress,
    /// Everything is fetched and the kernel panics: nothing calls back.
    WrongKernel,
    /// The initial RAM disk arrives by half, is taken for the whole, and the kernel panics on it.
    Truncates,
    /// Every delay of the machine takes this many times as long.
    SlowBy(f64),
    /// The system runs and has reported, but its heartbeats do not arrive.
    DropsHeartbeats,
}

/// What becomes of a machine's packets of one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tamper {
    pub drop: bool,
    pub delay: bool,
    pub duplicate: bool,
}

/// What is wrong around a machine. Unlike [`Fault`] several at a time; read anew at each packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trouble {
    pub dhcp: Tamper,
    pub tftp: Tamper,
    pub http: Tamper,
    /// The network cable is out.
    pub no_link: bool,
    /// The power cord is out, or the supply died: off at once, and no button helps until it is put back.
    pub cord_pulled: bool,
    /// While off the network chip stays awake for Wake-on-LAN: the link stays, at 100 Mbit/s.
    pub soft_off_link: bool,
    /// The firmware does not try the network.
    pub no_network_boot: bool,
    /// TFTP acknowledgements are lost from the middle of a file on.
    pub lost_acks: bool,
    /// Another DHCP server is heard first; it has addresses and nothing to boot.
    pub other_dhcp: bool,
    /// Kernel or initial RAM disk are damaged: the kernel panics. What the server sends is not looked at here.
    pub spoiled: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum SimError {
    #[error("speed {0} is not between 1 and 100")]
    Speed(f64),
    #[error("machine {machine} uses outlet {outlet}; the relay board has outlets 1 to 8")]
    Outlet { machine: String, outlet: u8 },
    #[error("machines {first} and {second} both have {what}; each needs one of its own")]
    Twice { first: String, second: String, what: String },
    #[error("the address of {what} cannot be used on a simulated board")]
    Address {
        what: String,
        #[source]
        source: OutsideLoopback,
    },
    #[error("the board has no box {0}")]
    NoSuchBox(u8),
    #[error("the {device}'s pty could not be made")]
    Pty {
        device: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("the link {path} to the {device}'s pty could not be made; is its folder there and writable?")]
    Link {
        device: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the {device} cannot listen on {address}")]
    Listen {
        device: &'static str,
        address: SocketAddrV4,
        #[source]
        source: guard::SocketError,
    },
    #[error("the router's certificate could not be made")]
    Certificate(#[source] CertificateError),
    #[error("this board has no {0}; name one when it is started")]
    NoDevice(&'static str),
    #[error("machine {machine} hangs on port {port}; the switch has ports 1 to 6 for machines")]
    SwitchPort { machine: String, port: u32 },
    #[error("the board's task for the {0} is busy or has ended; the command was not taken")]
    NotTaken(&'static str),
}

impl SimConfig {
    /// Refuses a board that could not work or would leave the loopback, before anything is opened.
    pub fn check(&self) -> Result<(), SimError> {
        if !(1.0..=100.0).contains(&self.speed) {
            return Err(SimError::Speed(self.speed));
        }
        guard::inside(SocketAddr::V4(self.dhcp))
            .map_err(|source| SimError::Address { what: "the DHCP server".into(), source })?;
        for (index, machine) in self.machines.iter().enumerate() {
            if !(1..=OUTLETS).contains(&machine.outlet) {
                return Err(SimError::Outlet { machine: machine.name.clone(), outlet: machine.outlet });
            }
            if let Some(port) = machine.port.filter(|port| !(1..=MACHINE_PORTS).contains(port)) {
                return Err(SimError::SwitchPort { machine: machine.name.clone(), port });
            }
            guard::inside(SocketAddr::from((machine.source, 0)))
                .map_err(|source| SimError::Address { what: format!("machine {}", machine.name), source })?;
            for other in &self.machines[..index] {
                if let Some(what) = shared(machine, other) {
                    let (first, second) = (other.name.clone(), machine.name.clone());
                    return Err(SimError::Twice { first, second, what });
                }
            }
        }
        Ok(())
    }
}

/// What two machines have in common that no two may have.
fn shared(one: &SimMachine, other: &SimMachine) -> Option<String> {
    if one.box_number == other.box_number {
        Some(format!("box number {}", one.box_number))
    } else if one.mac == other.mac {
        Some(format!("MAC {:02x?}", one.mac))
    } else if one.source == other.source {
        Some(format!("address {}", one.source))
    } else if one.outlet == other.outlet {
        Some(format!("outlet {}", one.outlet))
    } else {
        let port = one.port.filter(|port| other.port == Some(*port));
        port.map(|port| format!("switch port {port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(n: u8) -> SimMachine {
        SimMachine {
            box_number: n,
            name: format!("node{n}"),
            mac: [2, 0, 0, 0, 0, n],
            source: Ipv4Addr::new(127, 122, 122, 10 + n),
            outlet: n,
            port: Some(u32::from(n)),
        }
    }

    fn board() -> SimConfig {
        SimConfig {
            seed: 1,
            speed: 1.0,
            machines: (1..=6).map(machine).collect(),
            dhcp: "127.255.255.255:20067".parse().unwrap(),
            client_port: 0,
            tftp_port: 20069,
            relay_link: None,
            display_link: None,
            switch: None,
            router: None,
            collector: None,
        }
    }

    #[test]
    fn a_board_is_refused_for_the_right_reason() {
        assert!(board().check().is_ok());
        type Spoil = fn(&mut SimConfig);
        let table: [(&str, Spoil); 9] = [
            ("speed 0 ", |b| b.speed = 0.0),
            ("speed NaN", |b| b.speed = f64::NAN),
            ("port 7", |b| b.machines[2].port = Some(7)),
            ("both have switch port 1", |b| b.machines[1].port = Some(1)),
            ("outlet 9", |b| b.machines[2].outlet = 9),
            ("both have box number 1", |b| b.machines[1].box_number = 1),
            ("both have address 127.122.122.11", |b| b.machines[1].source = b.machines[0].source),
            ("machine node1", |b| b.machines[0].source = Ipv4Addr::new(192, 168, 122, 11)),
            ("the DHCP server", |b| b.dhcp = "255.255.255.255:67".parse().unwrap()),
        ];
        for (words, spoil) in table {
            let mut spoiled = board();
            spoil(&mut spoiled);
            let refusal = spoiled.check().expect_err(words).to_string();
            assert!(refusal.contains(words), "{refusal:?} does not say {words:?}");
        }
    }
}
