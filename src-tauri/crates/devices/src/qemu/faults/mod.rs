//! Faults on the virtual board's own wires and in its machines' firmware, each one real.
//!
//! Packets are dropped by the kernel's packet filter ([`rules`]), late and doubled ones come from a relay of ours
//! ([`relay`]), a second DHCP server is a dnsmasq ([`rival`]). A pulled cable and firmware without network boot are
//! QEMU's ([`super::power`]). What is wrong in boot files is not here: who serves them spoils them.

mod frame;
mod packet;
mod relay;
mod rival;
mod rules;
pub(super) mod tool;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use async_trait::async_trait;
use lab::fault::Fault;
use lab::ports::{Faults, PortError};
use tokio::sync::Mutex;

use super::machine::{MachineSpec, Quirks};
use super::network::BRIDGE;
use super::power::Machines;
use relay::{Relay, Tamper};
use rival::Rival;
use rules::Place;

pub use frame::Traffic;
pub use rival::RivalPlan;

/// What stands behind this port; the rest is wiring's.
const POSSIBLE: [Fault; 13] = [
    Fault::DropDhcp,
    Fault::DelayDhcp,
    Fault::DuplicateDhcp,
    Fault::DropTftp,
    Fault::DelayTftp,
    Fault::DuplicateTftp,
    Fault::DropHttp,
    Fault::DelayHttp,
    Fault::DuplicateHttp,
    Fault::LinkDown,
    Fault::SecondDhcp,
    Fault::NoNetworkBoot,
    Fault::LostTftpAcks,
];

/// The wires of one virtual board.
#[derive(Debug)]
pub struct WireFaults {
    /// `None` where there are only wires: in tests of these.
    machines: Option<Arc<Machines>>,
    boss: Ipv4Addr,
    rival: RivalPlan,
    /// One change at a time.
    wires: Mutex<Wires>,
}

#[derive(Debug)]
struct Wires {
    by_machine: BTreeMap<String, MachineWire>,
    rival: Option<Rival>,
}

#[derive(Debug)]
struct MachineWire {
    spec: MachineSpec,
    faults: BTreeSet<Fault>,
    relay: Option<Relay>,
}

impl MachineWire {
    /// The relay's place on the bridge, and its end.
    fn pair(&self) -> (String, String) {
        (format!("lag{}", self.spec.outlet), format!("lagfar{}", self.spec.outlet))
    }
}

impl WireFaults {
    /// To be called where the network was made; nothing is changed yet.
    pub fn new(
        machines: Option<Arc<Machines>>,
        specs: &[MachineSpec],
        boss: Ipv4Addr,
        rival: RivalPlan,
    ) -> Self {
        let wire = |spec: &MachineSpec| {
            (spec.name.clone(), MachineWire { spec: spec.clone(), faults: BTreeSet::new(), relay: None })
        };
        let by_machine = specs.iter().map(wire).collect();
        Self { machines, boss, rival, wires: Mutex::new(Wires { by_machine, rival: None }) }
    }

    async fn change(
        &self,
        wires: &mut Wires,
        machine: &str,
        faults: BTreeSet<Fault>,
    ) -> Result<(), PortError> {
        let places = wires.by_machine.iter().map(|(name, wire)| Place {
            ports: [wire.spec.tap(), wire.pair().0],
            faults: if name == machine { faults.clone() } else { wire.faults.clone() },
        });
        let places: Vec<Place> = places.filter(|place| !place.faults.is_empty()).collect();
        let text = rules::ruleset(&places, self.boss);
        tool::run("change the packet filter", "nft", &["-f", "-"], "nftables", &text).await?;
        self.rival(wires, machine, &faults).await?;
        let Some(wire) = wires.by_machine.get_mut(machine) else { return Ok(()) };
        relay(wire, Tamper::of(&faults)).await?;
        if let Some(machines) = &self.machines {
            let has = |fault| faults.contains(&fault);
            let quirks = Quirks { no_link: has(Fault::LinkDown), no_network_boot: has(Fault::NoNetworkBoot) };
            machines.set_quirks(machine, quirks).await?;
        }
        wire.faults = faults;
        Ok(())
    }

    /// One server for all machines that are to meet it, started anew when they change.
    async fn rival(
        &self,
        wires: &mut Wires,
        machine: &str,
        faults: &BTreeSet<Fault>,
    ) -> Result<(), PortError> {
        let meets = |(name, wire): (&String, &MachineWire)| {
            let faults = if name == machine { faults } else { &wire.faults };
            faults.contains(&Fault::SecondDhcp).then(|| wire.spec.mac.clone())
        };
        let macs: BTreeSet<String> = wires.by_machine.iter().filter_map(meets).collect();
        if wires.rival.as_ref().map(|rival| &rival.macs).unwrap_or(&BTreeSet::new()) == &macs {
            return Ok(());
        }
        if let Some(rival) = wires.rival.take() {
            rival.stop().await?;
        }
        if !macs.is_empty() {
            wires.rival = Some(Rival::start(&self.rival, macs).await?);
        }
        Ok(())
    }
}

/// Puts a relay into the wire, tells it something else, or takes it out.
async fn relay(wire: &mut MachineWire, tamper: Tamper) -> Result<(), PortError> {
    let (near, far) = wire.pair();
    let tap = wire.spec.tap();
    let ip = |what: &'static str, lines: String| async move {
        tool::run(what, "ip", &["-batch", "-"], "iproute2", &lines).await
    };
    match (&wire.relay, tamper.is_none()) {
        (None, true) => {}
        (Some(relay), false) => relay.tell(tamper),
        (Some(_), true) => {
            wire.relay = None;
            let lines = format!("link set {tap} arp on\nlink set {tap} master {BRIDGE}\nlink del {near}\n");
            ip("take the relay out of the wire", lines).await?;
        }
        (None, false) => {
            // Off the bridge these two are interfaces of the host, which would answer ARP there with their own hardware
            // address; the machine would then speak past the relay.
            let lines = format!(
                "link add {near} type veth peer name {far}\nlink set {near} addrgenmode none\nlink set {far} \
                 addrgenmode none\nlink set {far} arp off up\nlink set {tap} nomaster\nlink set {tap} arp off\nlink set \
                 {near} master {BRIDGE} up\n"
            );
            ip("put a relay into the wire", lines).await?;
            let started = Relay::start(&wire.spec.name, &tap, &far, tamper).map_err(|source| PortError {
                what: format!("put a relay into the wire of {}", wire.spec.name),
                why: source.to_string(),
                remedy: "give the program CAP_NET_RAW; in the namespaces of a virtual board it has it"
                    .to_owned(),
                absent: false,
            })?;
            wire.relay = Some(started);
        }
    }
    Ok(())
}

#[async_trait]
impl Faults for WireFaults {
    fn possible(&self) -> Vec<Fault> {
        POSSIBLE.to_vec()
    }

    async fn set(&self, machine: &str, fault: Fault, on: bool) -> Result<(), PortError> {
        let mut wires = self.wires.lock().await;
        let error = |why: String, remedy: &str| PortError {
            what: format!("put {} into {machine}", fault.word()),
            why,
            remedy: remedy.to_owned(),
            absent: false,
        };
        let Some(wire) = wires.by_machine.get(machine) else {
            return Err(error("this board has no such machine".to_owned(), "ask for the list of machines"));
        };
        if !POSSIBLE.contains(&fault) {
            return Err(error("it is no fault of a wire".to_owned(), "ask for the list of faults"));
        }
        let mut faults = wire.faults.clone();
        let changed = if on { faults.insert(fault) } else { faults.remove(&fault) };
        if changed { self.change(&mut wires, machine, faults).await } else { Ok(()) }
    }
}
