//! Everything on the board that can be turned while it runs.

use tokio::sync::{mpsc, watch};

use crate::collector::CollectorKnob;
use crate::config::{Fault, SimError, Trouble};
use crate::display::DisplayKnob;
use crate::relay::RelayKnob;
use crate::router::{RouterKnob, RouterView};
use crate::switch::{SwitchKnob, SwitchView};

/// A knob of any device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Knob {
    Relay(RelayKnob),
    Display(DisplayKnob),
    Switch(SwitchKnob),
    Router(RouterKnob),
    Collector(CollectorKnob),
}

impl From<RelayKnob> for Knob {
    fn from(knob: RelayKnob) -> Knob {
        Knob::Relay(knob)
    }
}

impl From<DisplayKnob> for Knob {
    fn from(knob: DisplayKnob) -> Knob {
        Knob::Display(knob)
    }
}

impl From<SwitchKnob> for Knob {
    fn from(knob: SwitchKnob) -> Knob {
        Knob::Switch(knob)
    }
}

impl From<RouterKnob> for Knob {
    fn from(knob: RouterKnob) -> Knob {
        Knob::Router(knob)
    }
}

impl From<CollectorKnob> for Knob {
    fn from(knob: CollectorKnob) -> Knob {
        Knob::Collector(knob)
    }
}

/// Changes what is wrong with machines and devices, for as long as the board runs.
#[derive(Debug, Clone)]
pub struct Breaker {
    pub(crate) machines: Vec<Breakable>,
    pub(crate) relay: mpsc::Sender<RelayKnob>,
    pub(crate) display: Option<mpsc::Sender<DisplayKnob>>,
    pub(crate) switch: Option<SwitchView>,
    pub(crate) router: Option<RouterView>,
    pub(crate) collector: Option<mpsc::Sender<CollectorKnob>>,
}

/// What can be wrong with one machine.
#[derive(Debug, Clone)]
pub(crate) struct Breakable {
    pub(crate) box_number: u8,
    pub(crate) fault: watch::Sender<Fault>,
    pub(crate) trouble: watch::Sender<Trouble>,
}

impl Breaker {
    /// Takes effect at the machine's next packet or stage.
    pub fn change(&self, box_number: u8, change: impl FnOnce(&mut Trouble)) -> Result<(), SimError> {
        self.machine(box_number)?.trouble.send_modify(change);
        Ok(())
    }

    /// Breaks a machine, or with [`Fault::None`] mends it.
    pub fn set_fault(&self, box_number: u8, fault: Fault) -> Result<(), SimError> {
        self.machine(box_number)?.fault.send_replace(fault);
        Ok(())
    }

    /// Turns a device's knob. Takes effect at once, or with devices on a serial line a moment later.
    pub fn turn(&self, knob: impl Into<Knob>) -> Result<(), SimError> {
        match knob.into() {
            Knob::Relay(knob) => self.relay.try_send(knob).map_err(|_| SimError::NotTaken("relay board")),
            Knob::Display(knob) => {
                let display = self.display.as_ref().ok_or(SimError::NoDevice("status display"))?;
                display.try_send(knob).map_err(|_| SimError::NotTaken("status display"))
            }
            Knob::Switch(knob) => {
                self.switch.as_ref().ok_or(SimError::NoDevice("switch"))?.turn(knob);
                Ok(())
            }
            Knob::Collector(knob) => {
                let collector = self.collector.as_ref().ok_or(SimError::NoDevice("log collector"))?;
                collector.try_send(knob).map_err(|_| SimError::NotTaken("log collector"))
            }
            Knob::Router(knob) => self.router.as_ref().ok_or(SimError::NoDevice("router"))?.turn(knob),
        }
    }

    fn machine(&self, box_number: u8) -> Result<&Breakable, SimError> {
        let machine = self.machines.iter().find(|machine| machine.box_number == box_number);
        machine.ok_or(SimError::NoSuchBox(box_number))
    }
}
