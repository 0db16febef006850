//! Orders that wait for the next heartbeat of a machine's agent.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use lab::ports::{AgentOrder, Agents, EfiWrite};
use serde::Deserialize;

/// Vendor of the variables that decide what UEFI boots (UEFI 2.10, section 3.3).
const EFI_GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Variables that may wait for one machine: two to arm a boot, two to take it back, and room.
const EFI_WAITING: usize = 16;

/// What became of a variable that an agent was to write.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct EfiWritten {
    pub(super) name: String,
    pub(super) ok: bool,
    #[serde(default)]
    pub(super) why: Option<String>,
}

#[derive(Debug, Default)]
struct Waiting {
    order: Option<AgentOrder>,
    efi: VecDeque<EfiWrite>,
}

/// One order a machine, the newest counts; and before it variables of its firmware, one at a time and in their order.
#[derive(Debug, Default)]
pub(super) struct AgentDesk(Mutex<BTreeMap<String, Waiting>>);

impl AgentDesk {
    /// The words that go into the answer to a heartbeat, if there is an order. A variable is repeated until its result
    /// is posted: an answer can be lost.
    pub(super) fn words(&self, machine: &str) -> Option<String> {
        let waiting = self.lock();
        let waiting = waiting.get(machine)?;
        if let Some(write) = waiting.efi.front() {
            let value = write.hex.as_deref().unwrap_or("-");
            return Some(format!("efivar {} {EFI_GLOBAL} {value}", write.name));
        }
        waiting.order.map(|order| {
            match order {
                AgentOrder::PowerOff => "poweroff",
                AgentOrder::Reboot => "reboot",
            }
            .to_owned()
        })
    }

    /// Another boot's agent speaks: what its predecessor did not write any more was meant for the boot that is now past.
    pub(super) fn began(&self, machine: &str) {
        if let Some(waiting) = self.lock().get_mut(machine) {
            waiting.efi.clear();
        }
    }

    /// Takes back the variable that was told, written or not.
    pub(super) fn efi_written(&self, machine: &str, written: &EfiWritten) {
        if let Some(waiting) = self.lock().get_mut(machine)
            && waiting.efi.front().is_some_and(|write| write.name == written.name)
        {
            waiting.efi.pop_front();
            if !written.ok {
                tracing::warn!(
                    machine,
                    variable = written.name,
                    why = written.why,
                    "not written by the firmware"
                );
                // What follows was meant to stand on this one.
                waiting.efi.clear();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Agents for AgentDesk {
    fn order(&self, machine: &str, order: Option<AgentOrder>) {
        self.lock().entry(machine.to_owned()).or_default().order = order;
    }

    fn write_efi(&self, machine: &str, writes: Vec<EfiWrite>) {
        let mut desk = self.lock();
        let waiting = &mut desk.entry(machine.to_owned()).or_default().efi;
        let room = EFI_WAITING.saturating_sub(waiting.len());
        if writes.len() > room {
            tracing::warn!(machine, dropped = writes.len() - room, "too many firmware variables wait");
        }
        waiting.extend(writes.into_iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(name: &str, hex: Option<&str>) -> EfiWrite {
        EfiWrite { name: name.into(), hex: hex.map(str::to_owned) }
    }

    fn written(name: &str, ok: bool) -> EfiWritten {
        EfiWritten { name: name.into(), ok, why: None }
    }

    #[test]
    fn variables_are_told_one_at_a_time_until_each_is_answered() {
        let desk = AgentDesk::default();
        desk.order("node1", Some(AgentOrder::PowerOff));
        desk.write_efi("node1", vec![write("Boot0009", Some("07000000")), write("BootNext", None)]);
        let first = format!("efivar Boot0009 {EFI_GLOBAL} 07000000");
        assert_eq!(desk.words("node1").as_deref(), Some(first.as_str()));
        assert_eq!(desk.words("node1"), Some(first), "an answer can be lost");
        desk.efi_written("node1", &written("Boot0008", true));
        desk.efi_written("node1", &written("Boot0009", true));
        assert_eq!(desk.words("node1"), Some(format!("efivar BootNext {EFI_GLOBAL} -")));
        desk.efi_written("node1", &written("BootNext", true));
        assert_eq!(desk.words("node1").as_deref(), Some("poweroff"));
        assert_eq!(desk.words("node2"), None);
    }

    #[test]
    fn what_stood_on_a_failed_one_is_not_tried() {
        let desk = AgentDesk::default();
        desk.write_efi("node1", vec![write("Boot0009", Some("07")), write("BootNext", Some("07"))]);
        desk.efi_written("node1", &written("Boot0009", false));
        assert_eq!(desk.words("node1"), None, "a BootNext without its entry would be followed");
    }

    #[test]
    fn what_one_boot_did_not_write_is_not_told_to_the_next() {
        let desk = AgentDesk::default();
        desk.order("node1", Some(AgentOrder::PowerOff));
        desk.write_efi("node1", vec![write("BootNext", Some("07"))]);
        desk.began("node1");
        assert_eq!(desk.words("node1").as_deref(), Some("poweroff"), "orders are the engine's to take back");
    }

    #[test]
    fn the_queue_has_a_bound() {
        let desk = AgentDesk::default();
        desk.write_efi("node1", vec![write("BootNext", None); 100]);
        assert_eq!(desk.lock()["node1"].efi.len(), EFI_WAITING);
    }
}
