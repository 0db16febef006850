//! The whole simulated board, and the handle by which it is started, broken and stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Fault, SimConfig, SimError, Trouble};
use crate::machine::{Conditions, Machine, MachineState, Wires};
use crate::pace::Pace;
use crate::relay::{Board, Port, RelayKnob, Wiring};

/// Presses a machine has not looked at yet; a button makes three in five seconds.
const PRESSES: usize = 32;
/// Knobs not yet turned.
const KNOBS: usize = 16;
/// Tasks end at their next await; longer than this means that one does not.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A running board. Dropping it ends everything at once, as when the supply is switched off.
#[derive(Debug)]
pub struct SimBoard {
    tasks: JoinSet<()>,
    stop: CancellationToken,
    relay_link: Option<PathBuf>,
    relay_path: watch::Receiver<Option<PathBuf>>,
    knobs: mpsc::Sender<RelayKnob>,
    machines: Vec<MachineHandle>,
}

#[derive(Debug)]
struct MachineHandle {
    box_number: u8,
    state: watch::Receiver<MachineState>,
    fault: watch::Sender<Fault>,
    trouble: watch::Sender<Trouble>,
    cut: Arc<Notify>,
}

/// Changes what is wrong around machines.
#[derive(Debug, Clone)]
pub struct Breaker(Vec<(u8, watch::Sender<Trouble>)>);

impl Breaker {
    /// Takes effect at the machine's next packet or stage.
    pub fn change(&self, box_number: u8, change: impl FnOnce(&mut Trouble)) -> Result<(), SimError> {
        let machine = self.0.iter().find(|(number, _)| *number == box_number);
        machine.ok_or(SimError::NoSuchBox(box_number))?.1.send_modify(change);
        Ok(())
    }
}

/// What a switch would see on its ports.
#[derive(Debug, Clone)]
pub struct Links(Vec<MachinePort>);

/// One machine's number, state, and what is wrong with it.
type MachinePort = (u8, watch::Receiver<MachineState>, watch::Receiver<Fault>, watch::Receiver<Trouble>);

impl Links {
    /// Whether there is a link on the machine's port; `None` for a box that the board does not have.
    pub fn up(&self, box_number: u8) -> Option<bool> {
        let (_, state, fault, trouble) = self.0.iter().find(|(number, ..)| *number == box_number)?;
        let plugged = *fault.borrow() != Fault::NoLink && !trouble.borrow().no_link;
        Some(state.borrow().is_powered() && plugged)
    }
}

impl SimBoard {
    /// Starts the relay board and all machines, which are off. Needs a tokio runtime.
    ///
    /// Outlets without a machine lead nowhere; among them 7, the controller's own.
    pub fn start(config: SimConfig) -> Result<SimBoard, SimError> {
        config.check()?;
        let port = Port::open(config.relay_link.clone())?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let mut wiring = Vec::new();
        let mut machines = Vec::new();
        let wires = Wires { dhcp: config.dhcp, client_port: config.client_port, tftp_port: config.tftp_port };
        for spec in config.machines {
            let (machine, presses) = mpsc::channel(PRESSES);
            wiring.push(Wiring { outlet: spec.outlet, machine });
            let (state_in, state) = watch::channel(MachineState::Off);
            let (fault, faults) = watch::channel(Fault::None);
            let (trouble, troubles) = watch::channel(Trouble::default());
            let cut = Arc::new(Notify::new());
            machines.push(MachineHandle {
                box_number: spec.box_number,
                state,
                fault,
                trouble,
                cut: cut.clone(),
            });
            let conditions = Conditions { pace: Pace::new(config.speed), faults, troubles, state: state_in };
            let machine = Machine { spec, seed: config.seed, wires: wires.clone(), conditions, cut };
            tasks.spawn(machine.run(presses, stop.clone()));
        }
        let (path_in, relay_path) = watch::channel(port.path().map(Into::into));
        let (knobs, knobs_out) = mpsc::channel(KNOBS);
        let board = Board::new(port, path_in, wiring, config.speed, config.seed);
        tasks.spawn(board.run(knobs_out, stop.clone()));
        Ok(SimBoard { tasks, stop, relay_link: config.relay_link, relay_path, knobs, machines })
    }

    /// What a driver opens as the relay board's serial device: the configured link, or else the pty of the moment.
    /// `None` while the adapter is unplugged and there is no link to name.
    pub fn relay_path(&self) -> Option<PathBuf> {
        self.relay_link.clone().or_else(|| self.relay_path.borrow().clone())
    }

    /// Turns one of the relay board's knobs. Takes effect a moment later.
    pub fn turn(&self, knob: RelayKnob) -> Result<(), SimError> {
        self.knobs.try_send(knob).map_err(|_| SimError::NotTaken("relay board"))
    }

    /// Breaks a machine, or with [`Fault::None`] mends it.
    pub fn set_fault(&self, box_number: u8, fault: Fault) -> Result<(), SimError> {
        self.machine(box_number)?.fault.send_replace(fault);
        Ok(())
    }

    /// A handle that changes what is wrong around machines, for as long as the board runs.
    pub fn breaker(&self) -> Breaker {
        Breaker(self.machines.iter().map(|machine| (machine.box_number, machine.trouble.clone())).collect())
    }

    /// Pulls a machine's plug and puts it back: it is off at once, without a goodbye, and its button works again.
    pub fn kill(&self, box_number: u8) -> Result<(), SimError> {
        self.machine(box_number)?.cut.notify_one();
        Ok(())
    }

    /// The truth about a machine.
    pub fn machine_state(&self, box_number: u8) -> Result<MachineState, SimError> {
        Ok(self.machine(box_number)?.state.borrow().clone())
    }

    /// The truth about a machine, as it changes. States that last shorter than the watcher looks are missed.
    pub fn watch_machine(&self, box_number: u8) -> Result<watch::Receiver<MachineState>, SimError> {
        Ok(self.machine(box_number)?.state.clone())
    }

    /// Whether the switch would see a link on the machine's port.
    pub fn link(&self, box_number: u8) -> Result<bool, SimError> {
        self.links().up(box_number).ok_or(SimError::NoSuchBox(box_number))
    }

    /// The links of all machines, for as long as the board runs.
    pub fn links(&self) -> Links {
        let port =
            |m: &MachineHandle| (m.box_number, m.state.clone(), m.fault.subscribe(), m.trouble.subscribe());
        Links(self.machines.iter().map(port).collect())
    }

    /// Ends all tasks and waits for them.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN, ended).await.is_err() {
            tracing::warn!("tasks of the simulated board did not end in time and are dropped");
            self.tasks.shutdown().await;
        }
    }

    fn machine(&self, box_number: u8) -> Result<&MachineHandle, SimError> {
        self.machines
            .iter()
            .find(|machine| machine.box_number == box_number)
            .ok_or(SimError::NoSuchBox(box_number))
    }
}
