//! The firmware's boot order where only the machine's own agent can write it: told while one boot runs, for the next one.
//!
//! Firmware deletes BootNext before it follows it. So each boot is armed by the one before, and a machine whose way fails
//! boots as it always did the time after.

use lab::{Body, Way, ways};

use crate::turn::Engine;

/// What an agent was told to write and has not confirmed yet.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    way: Way,
    /// The variable that makes it true.
    last: String,
    arms: bool,
    before: String,
}

impl Engine {
    /// Tells the agent of a running machine how the firmware is to boot next, where that differs from what stands there.
    pub(crate) fn arm_ahead(&mut self, machine: &str) {
        let Some(port) = self.config.ports.ways.clone() else { return };
        let by_agent = port.possible_by_agent(machine);
        let Some(known) = self.core.ahead.machines.get(machine).filter(|_| !by_agent.is_empty()) else {
            return;
        };
        let Some(efi) = known.facts.as_ref().and_then(|facts| facts.efi.as_ref()) else { return };
        let possible = [port.possible(machine), by_agent].concat();
        let forced = port.forced().or(known.asked_way);
        let Some(choice) = ways::choose(&possible, forced, known) else { return };
        let under_way = self.telling.get(machine).filter(|telling| telling.arms).map(|telling| telling.way);
        let armed = under_way.or(known.armed);
        if armed == Some(choice.way) {
            return;
        }
        let told = port.ahead(machine, choice.way, efi, armed);
        let last = told.as_ref().and_then(|told| told.writes.last().map(|write| write.name.clone()));
        let (Some(told), Some(last)) = (told, last) else {
            self.arming_over(machine);
            return;
        };
        tracing::info!(machine, way = choice.way.word(), why = choice.why, "its agent writes the boot order");
        let telling = Telling { way: choice.way, last, arms: told.arms, before: told.before };
        self.telling.insert(machine.to_owned(), telling);
        self.core.live.arming.insert(machine.to_owned());
        self.config.ports.agents.write_efi(machine, told.writes);
    }

    /// The agent wrote a variable, or its firmware did not take it.
    pub(crate) fn efi_written(&mut self, machine: &str, name: &str, refused: Option<String>) {
        let Some(telling) = self.telling.get(machine) else { return };
        let body = match refused {
            Some(why) => {
                let why = format!("its firmware did not take {name}: {why}");
                // What cannot be taken back stays known; the next report tells what stands there.
                telling.arms.then_some(Body::WayDropped { way: telling.way, why })
            }
            None if name != telling.last => return,
            None if telling.arms => {
                Some(Body::BootOrderArmed { way: telling.way, before: telling.before.clone() })
            }
            None => {
                let why = format!("{} needs none of its own", telling.way.words());
                Some(Body::BootOrderRestored { why })
            }
        };
        self.arming_over(machine);
        if let Some(body) = body {
            let draft = self.core.draft(machine, body);
            self.core.record(draft);
        }
    }

    /// Nothing is under way any more.
    pub(crate) fn arming_over(&mut self, machine: &str) {
        self.telling.remove(machine);
        self.core.live.arming.remove(machine);
    }
}
