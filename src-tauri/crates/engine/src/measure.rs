//! Measured boots: a person asks for one way after the other, and the times of each boot are kept beside each other.

use lab::{Body, Boot, BootState, Code, Draft, Failure, Phase, Way, ways};

use crate::turn::Engine;

/// The phases between the moment at which firmware hands over to what it fetches and the last byte of the last boot file.
///
/// UEFI firmware waits four seconds for more offers before it takes one, whoever answers and however fast; that is its own
/// time and not the network's. A ROM that is iPXE itself is our loader from its first packet on.
fn network(way: Option<Way>) -> &'static [Phase] {
    match way {
        Some(Way::Bios) => &[Phase::Address, Phase::Loader, Phase::Kernel],
        _ => &[Phase::Loader, Phase::Kernel],
    }
}

impl Engine {
    /// From the next press on this machine boots by `way`, or again by the program's own choice.
    pub(crate) fn ask_way(
        &mut self,
        machine: &str,
        way: Option<Way>,
        actor: &str,
        reason: Option<String>,
    ) -> Result<(), Failure> {
        let what = format!("ask for a way of {machine}");
        self.known(machine, &what)?;
        if let Some(way) = way {
            let mut possible =
                self.config.ports.ways.as_ref().map(|port| port.possible(machine)).unwrap_or_default();
            possible.extend(self.config.ports.ways.iter().flat_map(|port| port.possible_by_agent(machine)));
            if possible.contains(&Way::Ipxe) {
                possible.push(Way::Owner);
            }
            if !possible.contains(&way) {
                let words: Vec<&str> = possible.iter().map(|way| way.word()).collect();
                return Err(Failure::new(
                    Code::BadRequest,
                    what,
                    format!("it cannot go by {}", way.word()),
                    format!(
                        "ways of this machine: {}",
                        if words.is_empty() { "none".into() } else { words.join(", ") }
                    ),
                ));
            }
        }
        let draft = self.core.draft(machine, Body::WayAsked { way });
        self.core.record(Draft { actor: actor.to_owned(), reason, ..draft });
        let runs = |known: &lab::status::MachineStatus| {
            known.boot.as_ref().is_some_and(|boot| boot.state == BootState::Good)
        };
        if self.core.ahead.machines.get(machine).is_some_and(runs) {
            self.arm_ahead(machine);
        }
        Ok(())
    }

    /// Keeps the times of the machine's latest boot, which must have ended.
    pub(crate) fn keep_measure(
        &mut self,
        machine: &str,
        measurement: u64,
        actor: &str,
        reason: Option<String>,
    ) -> Result<(), Failure> {
        let what = format!("keep the measured boot of {machine}");
        self.known(machine, &what)?;
        let known = self.core.ahead.machines.get(machine).cloned().unwrap_or_default();
        let Some(boot) = known.boot.as_ref().filter(|boot| !boot.is_running()) else {
            return Err(Failure::new(
                Code::NotFound,
                what,
                "it has no boot that has ended",
                "start a lab on it and wait until that has ended",
            ));
        };
        // What happened counts, not what was asked for; the owner's way looks like PXE and iPXE on the wire.
        let went = ways::gone(boot);
        let way = match (known.asked_way, went) {
            (Some(Way::Owner), Some(Way::Ipxe)) => Some(Way::Owner),
            (asked, went) => went.or(asked),
        };
        let (network_s, whole_s) = times(boot, way);
        let way = way.map_or("unknown", Way::word).to_owned();
        let (id, run) = (boot.id, boot.run);
        let draft = self.core.draft(machine, Body::BootMeasured { measurement, way, network_s, whole_s });
        let draft = Draft { boot: Some(id), run, actor: actor.to_owned(), reason, ..draft };
        self.core.record(draft);
        Ok(())
    }
}

/// Seconds on the network and in all; `None` for what a boot did not reach.
fn times(boot: &Boot, way: Option<Way>) -> (Option<f64>, Option<f64>) {
    if boot.state != BootState::Good {
        return (None, None);
    }
    let length = |phase: &Phase| boot.phases.iter().find(|span| span.phase == *phase)?.seconds();
    let network = network(way).iter().map(length).sum::<Option<f64>>();
    (network, boot.seconds())
}
