//! One simulated PC, from its power button to the running system and off again.
//!
//! [`Machine`] is the chassis: button, supply, and the one life it leads at a time. `life` is what happens from power-on
//! to the running system, `system` is what then runs. The clients (`dhcp`, `tftp`, `http`, `ipxe`) know their wires only.

mod conditions;
mod dhcp;
mod hardware;
mod http;
mod ipxe;
mod lane;
mod life;
mod system;
mod tftp;
mod wiper;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::config::{Fault, SimMachine};
use crate::relay::Press;
pub(crate) use conditions::Conditions;
pub(crate) use life::Wires;
use life::{End, Life};

/// What a simulated machine is really doing. This is the truth behind the wires: for tests and for a board's own page
/// about its simulation, never to be shown as something that was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "why", rename_all = "snake_case")]
pub enum MachineState {
    Off,
    /// Power is on; memory is trained, devices are found.
    Firmware,
    /// The firmware asks for an address.
    Address,
    /// The boot loader is fetched, then runs.
    Loader,
    /// The loader fetches kernel and initial RAM disk.
    Kernel,
    /// The kernel has the machine; nothing is heard of it yet.
    Os,
    /// The system is up and has not yet been able to report.
    Service,
    Running,
    ShuttingDown,
    /// In the firmware or its loader, waiting for a person, and why.
    Stuck(String),
    Panicked(String),
}

impl MachineState {
    pub fn is_powered(&self) -> bool {
        *self != MachineState::Off
    }

    /// What a short press of the power button does now.
    fn short_press(&self) -> ShortPress {
        match self {
            MachineState::Running => ShortPress::AsksSystem,
            // Before an operating system takes over ACPI, the chipset itself switches off.
            MachineState::Firmware
            | MachineState::Address
            | MachineState::Loader
            | MachineState::Kernel
            | MachineState::Stuck(_) => ShortPress::SwitchesOff,
            _ => ShortPress::IsIgnored,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShortPress {
    AsksSystem,
    SwitchesOff,
    IsIgnored,
}

/// An error with its causes, in one line as a machine's screen would show it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

pub(crate) struct Machine {
    pub(crate) spec: SimMachine,
    pub(crate) seed: u64,
    pub(crate) wires: Wires,
    pub(crate) conditions: Conditions,
    /// The plug is pulled.
    pub(crate) cut: Arc<Notify>,
}

impl Machine {
    /// Lives until `stop`, through as many boots as the button asks for.
    pub(crate) async fn run(self, mut presses: mpsc::Receiver<Press>, stop: CancellationToken) {
        let mut boot = 0;
        loop {
            self.conditions.enter(MachineState::Off);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.cut.notified() => continue,
                press = presses.recv() => match press {
                    // A PC starts when its button goes down, not when it is let go.
                    Some(Press::Down) if self.conditions.starts() => {}
                    Some(_) => continue,
                    None => return,
                },
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.powered(&mut boot, &mut presses) => {}
            }
        }
    }

    /// Power is on, until it is not. Whatever ran is dropped then, with all its sockets, as when a supply is cut.
    async fn powered(&self, boot: &mut u64, presses: &mut mpsc::Receiver<Press>) {
        let mut pressed_to_start = true;
        loop {
            *boot += 1;
            let asked_down = Notify::new();
            let life = Life::new(self, *boot, &asked_down);
            tokio::pin!(let end = life.run(););
            loop {
                tokio::select! {
                    end = &mut end => match end {
                        End::Off => return,
                        End::Reboot => break,
                    },
                    () = self.cut.notified() => return,
                    () = self.conditions.cord_out() => return,
                    press = presses.recv() => {
                        let ignored = self.conditions.fault() == Fault::Dead;
                        match press {
                            None => return,
                            Some(Press::Held) if !ignored => return,
                            Some(Press::Up) if std::mem::take(&mut pressed_to_start) || ignored => {}
                            Some(Press::Up) => match self.short_press() {
                                ShortPress::AsksSystem => asked_down.notify_one(),
                                ShortPress::SwitchesOff => return,
                                ShortPress::IsIgnored => {}
                            },
                            _ => {}
                        }
                    }
                }
            }
        }
    }

    fn short_press(&self) -> ShortPress {
        self.conditions.state.borrow().short_press()
    }
}
