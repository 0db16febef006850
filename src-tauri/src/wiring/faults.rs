//! Faults behind their port: what is wrong on wires and in machines is the board's, what is wrong in files is ours.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use async_trait::async_trait;
use devices::qemu::RivalPlan;
use lab::{
    Board,
    fault::Fault,
    ports::{Faults, PortError},
};
use sim::{
    Breaker, CollectorKnob, DisplayKnob, Knob, PageKnob, RelayKnob, RouterKnob, SimError, SwitchKnob, Trouble,
};

use super::{Site, leases::LiveDhcp, spoil};

/// All faults of a board.
pub(super) struct BoardFaults {
    wires: Arc<dyn Faults>,
    dhcp: Arc<LiveDhcp>,
    board: Arc<Board>,
}

impl BoardFaults {
    pub(super) fn new(site: &Site, wires: Arc<dyn Faults>) -> Arc<Self> {
        Arc::new(Self { wires, dhcp: site.dhcp.clone(), board: site.board.clone() })
    }
}

#[async_trait]
impl Faults for BoardFaults {
    fn possible(&self) -> Vec<Fault> {
        let theirs = self.wires.possible();
        let either = |fault: &Fault| {
            theirs.contains(fault) || spoil::POSSIBLE.contains(fault) || *fault == Fault::WrongArch
        };
        Fault::ALL.iter().copied().filter(either).collect()
    }

    async fn set(&self, machine: &str, fault: Fault, on: bool) -> Result<(), PortError> {
        if fault == Fault::WrongArch {
            let mac = self.board.machines.iter().find(|known| known.name == machine).map(|known| known.mac);
            let told = mac.is_some_and(|mac| self.dhcp.set_wrong(netboot::Mac(mac.0), on));
            return if told { Ok(()) } else { Err(no_dhcp(machine)) };
        }
        if self.wires.possible().contains(&fault) {
            return self.wires.set(machine, fault, on).await;
        }
        // In effect once it is recorded: who serves looks into the picture.
        Ok(())
    }
}

fn no_dhcp(machine: &str) -> PortError {
    PortError {
        what: format!("name another loader to {machine}"),
        why: "DHCP does not run, or has no address of its own for it".to_owned(),
        remedy: "look at the services on System".to_owned(),
        absent: false,
    }
}

/// Where a second DHCP server stands: below the addresses for strangers, where no machine of the board is.
pub(super) fn rival(board: &Board) -> RivalPlan {
    let before = |n: u32| Ipv4Addr::from(u32::from(board.network.pool.0).saturating_sub(n));
    RivalPlan { address: before(10), prefix: board.network.prefix, range: (before(9), before(1)) }
}

/// Faults of simulated machines and of the gear around them.
pub(super) struct SimFaults {
    breaker: Breaker,
    /// Name, number and outlet.
    machines: Vec<(String, u8, u8)>,
}

impl SimFaults {
    pub(super) fn new(breaker: Breaker, board: &Board) -> Self {
        let number =
            |m: &lab::Machine| (m.name.clone(), u8::try_from(m.box_number).unwrap_or(u8::MAX), m.outlet);
        Self { breaker, machines: board.machines.iter().map(number).collect() }
    }

    /// A fault of the wire between its outlet and its button, or of itself.
    fn machine(&self, number: u8, outlet: u8, fault: Fault, on: bool) -> Result<(), SimError> {
        match fault {
            Fault::StuckRelay => {
                let closed = on.then_some(false);
                self.breaker.turn(RelayKnob::Stuck { outlet, closed })
            }
            Fault::WrongOutlet => {
                let outlets: Vec<u8> = self.machines.iter().map(|(_, _, outlet)| *outlet).collect();
                let place = outlets.iter().position(|other| *other == outlet).unwrap_or_default();
                let next = outlets[(place + 1) % outlets.len()];
                self.breaker.turn(RelayKnob::Swap(outlet, next))
            }
            Fault::DeadSupply | Fault::HeartbeatsLost => {
                let broken = match (fault, on) {
                    (_, false) => sim::Fault::None,
                    (Fault::DeadSupply, true) => sim::Fault::Dead,
                    (_, true) => sim::Fault::DropsHeartbeats,
                };
                self.breaker.set_fault(number, broken)
            }
            _ => self.breaker.change(number, |trouble| turn(trouble, fault, on)),
        }
    }
}

/// Late, but within the patience of its driver.
const SLOW: Duration = Duration::from_millis(400);

/// The knobs of a device behind a fault of the gear. A router has two faces, its pages and its exporter.
fn knobs(fault: Fault, on: bool) -> Vec<Knob> {
    let both = |knob: PageKnob| vec![RouterKnob::Pages(knob).into(), RouterKnob::Exporter(knob).into()];
    match fault {
        Fault::RouterSilent => both(PageKnob::Silence(on)),
        Fault::RouterGarbage => both(PageKnob::Garbage(on)),
        _ => knob(fault, on).into_iter().collect(),
    }
}

/// Of a device with one face.
fn knob(fault: Fault, on: bool) -> Option<Knob> {
    let slow = if on { SLOW } else { Duration::ZERO };
    Some(match fault {
        Fault::RelaySilent => RelayKnob::Silence(on).into(),
        Fault::RelaySlow => RelayKnob::Delay(slow).into(),
        Fault::RelayGarbage => RelayKnob::Garbage(on).into(),
        Fault::RelayUnplugged => RelayKnob::Unplugged(on).into(),
        Fault::RelayForgets => RelayKnob::Reboot.into(),
        Fault::SwitchSilent => SwitchKnob::Pages(PageKnob::Silence(on)).into(),
        Fault::SwitchSlow => SwitchKnob::Pages(PageKnob::Delay(slow)).into(),
        Fault::SwitchGarbage => SwitchKnob::Pages(PageKnob::Garbage(on)).into(),
        Fault::SwitchHuge => SwitchKnob::Pages(PageKnob::Huge(on)).into(),
        Fault::SwitchUnplugged => SwitchKnob::Pages(PageKnob::Unplugged(on)).into(),
        Fault::RouterUnplugged => RouterKnob::Unplugged(on).into(),
        Fault::RouterNewCertificate => RouterKnob::NewCertificate.into(),
        Fault::DisplaySilent => DisplayKnob::Silence(on).into(),
        Fault::CollectorSilent => CollectorKnob::Silence(on).into(),
        Fault::CollectorGarbage => CollectorKnob::Garbage(on).into(),
        Fault::DisplayUnplugged => DisplayKnob::Unplugged(on).into(),
        _ => return None,
    })
}

/// Faults that happen in a moment and leave nothing to take out.
fn is_momentary(fault: Fault) -> bool {
    matches!(fault, Fault::RelayForgets | Fault::RouterNewCertificate)
}

fn turn(trouble: &mut Trouble, fault: Fault, on: bool) {
    match fault {
        Fault::DropDhcp => trouble.dhcp.drop = on,
        Fault::DelayDhcp => trouble.dhcp.delay = on,
        Fault::DuplicateDhcp => trouble.dhcp.duplicate = on,
        Fault::DropTftp => trouble.tftp.drop = on,
        Fault::DelayTftp => trouble.tftp.delay = on,
        Fault::DuplicateTftp => trouble.tftp.duplicate = on,
        Fault::DropHttp => trouble.http.drop = on,
        Fault::DelayHttp => trouble.http.delay = on,
        Fault::DuplicateHttp => trouble.http.duplicate = on,
        Fault::LinkDown => trouble.no_link = on,
        Fault::SecondDhcp => trouble.other_dhcp = on,
        Fault::NoNetworkBoot => trouble.no_network_boot = on,
        Fault::LostTftpAcks => trouble.lost_acks = on,
        Fault::CordPulled => trouble.cord_pulled = on,
        Fault::SoftOffLink => trouble.soft_off_link = on,
        // A simulated machine counts the bytes of its files and cannot stumble over them by itself.
        Fault::TruncatedKernel | Fault::CorruptInitrd => trouble.spoiled = on,
        _ => {}
    }
}

/// Faults of a machine's power that no packet shows.
const OF_POWER: [Fault; 4] =
    [Fault::StuckRelay, Fault::WrongOutlet, Fault::DeadSupply, Fault::HeartbeatsLost];

#[async_trait]
impl Faults for SimFaults {
    fn possible(&self) -> Vec<Fault> {
        let turns = |fault: &Fault| {
            let mut trouble = Trouble::default();
            turn(&mut trouble, *fault, true);
            trouble != Trouble::default() || OF_POWER.contains(fault) || !knobs(*fault, true).is_empty()
        };
        Fault::ALL.iter().copied().filter(turns).collect()
    }

    async fn set(&self, machine: &str, fault: Fault, on: bool) -> Result<(), PortError> {
        let error = |why: String| PortError {
            what: format!("put {} into {machine}", fault.word()),
            why,
            remedy: "ask for the list of machines".to_owned(),
            absent: false,
        };
        if fault.is_of_gear() {
            if is_momentary(fault) && !on {
                return Ok(());
            }
            for knob in knobs(fault, on) {
                self.breaker.turn(knob).map_err(|source| error(source.to_string()))?;
            }
            return Ok(());
        }
        let known = self.machines.iter().find(|(name, ..)| name == machine);
        let (_, number, outlet) = known.ok_or_else(|| error("this board has no such machine".to_owned()))?;
        self.machine(*number, *outlet, fault, on).map_err(|source| error(source.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BoardChoice, choose_board};

    #[test]
    fn the_second_server_stands_where_nobody_else_does() {
        let board = choose_board("virtual", BoardChoice::default()).unwrap();
        let plan = rival(&board);
        assert_eq!(plan.address, Ipv4Addr::new(192, 168, 122, 190));
        assert_eq!(plan.range.1, Ipv4Addr::new(192, 168, 122, 199));
        let taken = |address| (plan.address..=plan.range.1).contains(&address);
        assert!(board.machines.iter().all(|machine| !taken(machine.address)) && !taken(board.network.boss));
    }

    #[test]
    fn a_fault_taken_out_leaves_nothing_behind() {
        for fault in Fault::ALL {
            let mut trouble = Trouble::default();
            turn(&mut trouble, *fault, true);
            turn(&mut trouble, *fault, false);
            assert_eq!(trouble, Trouble::default(), "{}", fault.word());
        }
    }
}
