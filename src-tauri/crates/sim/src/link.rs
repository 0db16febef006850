//! The cable from a machine to the switch: what passes, and what the lights on the switch's port say.

use tokio::sync::watch;

use crate::config::{Fault, Trouble};
use crate::machine::MachineState;

/// Mbit/s of a machine that is on.
const FULL_SPEED: u32 = 1000;
/// Mbit/s of a network chip that only listens for a wake-up call.
const SOFT_OFF_SPEED: u32 = 100;

/// What a switch sees on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub up: bool,
    /// In Mbit/s, while there is a link.
    pub speed: Option<u32>,
}

impl Link {
    pub const DOWN: Link = Link { up: false, speed: None };

    pub(crate) fn at(speed: u32) -> Link {
        Link { up: true, speed: Some(speed) }
    }
}

/// One machine's cable, and all that decides what it carries.
#[derive(Debug, Clone)]
pub(crate) struct Cable {
    pub(crate) state: watch::Receiver<MachineState>,
    pub(crate) faults: watch::Receiver<Fault>,
    pub(crate) troubles: watch::Receiver<Trouble>,
    /// Whether the switch's port is on.
    pub(crate) port: watch::Receiver<bool>,
}

impl Cable {
    pub(crate) fn fault(&self) -> Fault {
        *self.faults.borrow()
    }

    pub(crate) fn trouble(&self) -> Trouble {
        *self.troubles.borrow()
    }

    /// Whether packets get through.
    pub(crate) fn passes(&self) -> bool {
        self.fault() != Fault::NoLink && !self.trouble().no_link && *self.port.borrow()
    }

    /// Until packets get through.
    pub(crate) async fn open(&self) {
        let (mut faults, mut troubles, mut port) =
            (self.faults.clone(), self.troubles.clone(), self.port.clone());
        while !self.passes() {
            let changed = tokio::select! {
                changed = faults.changed() => changed,
                changed = troubles.changed() => changed,
                changed = port.changed() => changed,
            };
            if changed.is_err() {
                // The board is being taken down, and with it whoever waits here.
                std::future::pending().await
            }
        }
    }

    pub(crate) fn link(&self) -> Link {
        let trouble = self.trouble();
        if !self.passes() {
            Link::DOWN
        } else if self.state.borrow().is_powered() {
            Link::at(FULL_SPEED)
        } else if trouble.soft_off_link && !trouble.cord_pulled && self.fault() != Fault::Dead {
            Link::at(SOFT_OFF_SPEED)
        } else {
            Link::DOWN
        }
    }

    /// One that nothing is wrong with and nothing will be.
    #[cfg(test)]
    pub(crate) fn clear() -> Cable {
        Cable {
            state: watch::channel(MachineState::Off).1,
            faults: watch::channel(Fault::None).1,
            troubles: watch::channel(Trouble::default()).1,
            port: watch::channel(true).1,
        }
    }
}

/// One machine's place on the switch.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) box_number: u8,
    pub(crate) port: Option<u32>,
    pub(crate) cable: Cable,
}

/// The links of all machines, for as long as the board runs.
#[derive(Debug, Clone)]
pub struct Links(pub(crate) Vec<Place>);

impl Links {
    /// The link of a machine; `None` for a box that the board does not have.
    pub fn of(&self, box_number: u8) -> Option<Link> {
        Some(self.0.iter().find(|place| place.box_number == box_number)?.cable.link())
    }

    /// Whether there is a link on the machine's port; `None` for a box that the board does not have.
    pub fn up(&self, box_number: u8) -> Option<bool> {
        Some(self.of(box_number)?.up)
    }

    /// The link on a port of the switch; `None` where no machine hangs.
    pub(crate) fn on_port(&self, port: u32) -> Option<Link> {
        Some(self.0.iter().find(|place| place.port == Some(port))?.cable.link())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_follows_power_cable_and_port() {
        let (state_in, state) = watch::channel(MachineState::Off);
        let (fault_in, faults) = watch::channel(Fault::None);
        let (trouble_in, troubles) = watch::channel(Trouble::default());
        let (port_in, port) = watch::channel(true);
        let cable = Cable { state, faults, troubles, port };
        assert_eq!(cable.link(), Link::DOWN);
        trouble_in.send_modify(|trouble| trouble.soft_off_link = true);
        assert_eq!(cable.link(), Link::at(100), "asleep, and awake enough to be woken");
        fault_in.send_replace(Fault::Dead);
        assert_eq!(cable.link(), Link::DOWN, "without a supply nothing is awake");
        fault_in.send_replace(Fault::None);
        trouble_in.send_modify(|trouble| trouble.cord_pulled = true);
        assert_eq!(cable.link(), Link::DOWN);
        trouble_in.send_replace(Trouble::default());
        state_in.send_replace(MachineState::Running);
        assert_eq!(cable.link(), Link::at(1000));
        port_in.send_replace(false);
        assert_eq!((cable.link(), cable.passes()), (Link::DOWN, false));
        port_in.send_replace(true);
        trouble_in.send_modify(|trouble| trouble.no_link = true);
        assert_eq!((cable.link(), cable.passes()), (Link::DOWN, false));
    }
}
