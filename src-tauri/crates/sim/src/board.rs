//! The whole simulated board, and the handle by which it is started, broken and stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::collector::Collector;
use crate::config::{Fault, SimConfig, SimError, SimMachine, SwitchPlug, Trouble};
use crate::display::{Display, DisplayView};
use crate::knob::{Breakable, Breaker, Knob};
use crate::link::{Cable, Links, Place};
use crate::machine::{Conditions, Machine, MachineState, Wires};
use crate::pace::Pace;
use crate::pty::Port;
use crate::relay::{Board, RelayView, Wiring};
use crate::router::RouterView;
use crate::switch::SwitchView;
use crate::web::Server;

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
    relay: Serial,
    relay_view: RelayView,
    display: Option<(Serial, DisplayView)>,
    machines: Vec<MachineHandle>,
    breaker: Breaker,
}

/// Where a serial device is.
#[derive(Debug)]
struct Serial {
    link: Option<PathBuf>,
    path: watch::Receiver<Option<PathBuf>>,
}

impl Serial {
    fn path(&self) -> Option<PathBuf> {
        self.link.clone().or_else(|| self.path.borrow().clone())
    }
}

#[derive(Debug)]
struct MachineHandle {
    place: Place,
    cut: Arc<Notify>,
}

/// What starting the machines leaves to be wired up.
#[derive(Default)]
struct Built {
    machines: Vec<MachineHandle>,
    breakables: Vec<Breakable>,
    wiring: Vec<Wiring>,
    plugs: Vec<SwitchPlug>,
    names: Vec<(u32, String)>,
    states: Vec<(String, watch::Receiver<MachineState>)>,
}

impl SimBoard {
    /// Starts all devices, and all machines, which are off. Needs a tokio runtime.
    ///
    /// Outlets without a machine lead nowhere; among them 7, the controller's own, whose presses are counted.
    pub fn start(config: SimConfig) -> Result<SimBoard, SimError> {
        config.check()?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let pace = Pace::new(config.speed);
        // Everything that can fail comes before the first task.
        let port = Port::open("relay board", config.relay_link.clone())?;
        let display_port =
            config.display_link.clone().map(|link| Port::open("status display", Some(link))).transpose()?;
        let switch = config
            .switch
            .clone()
            .map(|switch| Server::open("switch", switch.listen).map(|(server, door)| (switch, server, door)))
            .transpose()?;
        let router = config
            .router
            .clone()
            .map(|router| RouterView::open(router, config.speed, config.seed))
            .transpose()?;

        let mut built = Built::default();
        for spec in config.machines.clone() {
            built.start(spec, &config, &mut tasks, &stop);
        }
        let links = Links(built.machines.iter().map(|machine| machine.place.clone()).collect());
        let switch = switch.map(|(sim, server, door)| {
            let view = SwitchView::new(sim, door, links, built.plugs, &built.names, pace);
            tasks.spawn(server.run(Arc::new(view.clone()), None, stop.clone()));
            tasks.spawn(view.clone().run(stop.clone()));
            view
        });
        let router = router.map(|(view, servers)| {
            tasks.spawn(view.clone().run(servers, stop.clone()));
            view
        });
        let mut display_knobs = None;
        let display = display_port.map(|port| {
            let (path_in, path) = watch::channel(port.path().map(Into::into));
            let (knobs, knobs_out) = mpsc::channel(KNOBS);
            let view = DisplayView::default();
            let display = Display::new(port, path_in, view.clone(), pace, config.seed);
            tasks.spawn(display.run(knobs_out, stop.clone()));
            display_knobs = Some(knobs);
            (Serial { link: config.display_link.clone(), path }, view)
        });
        let collector = config.collector.clone().map(|collector| {
            let (knobs, turned) = mpsc::channel(KNOBS);
            let collector = Collector::new(collector, built.states, pace, config.seed);
            tasks.spawn(collector.run(turned, stop.clone()));
            knobs
        });
        let (path_in, path) = watch::channel(port.path().map(Into::into));
        let (relay, knobs_out) = mpsc::channel(KNOBS);
        let relay_view = RelayView::default();
        let board = Board::new(port, path_in, built.wiring, config.speed, config.seed, relay_view.clone());
        tasks.spawn(board.run(knobs_out, stop.clone()));
        let machines = built.machines;
        let breaker =
            Breaker { machines: built.breakables, relay, display: display_knobs, switch, router, collector };
        let relay = Serial { link: config.relay_link, path };
        Ok(SimBoard { tasks, stop, relay, relay_view, display, machines, breaker })
    }

    /// What a driver opens as the relay board's serial device: the configured link, or else the pty of the moment.
    /// `None` while the adapter is unplugged and there is no link to name.
    pub fn relay_path(&self) -> Option<PathBuf> {
        self.relay.path()
    }

    /// What the relay board has done.
    pub fn relay(&self) -> RelayView {
        self.relay_view.clone()
    }

    /// The same as [`Self::relay_path`] for the status display; `None` without one.
    pub fn display_path(&self) -> Option<PathBuf> {
        self.display.as_ref().and_then(|(serial, _)| serial.path())
    }

    pub fn display(&self) -> Option<DisplayView> {
        self.display.as_ref().map(|(_, view)| view.clone())
    }

    pub fn switch(&self) -> Option<SwitchView> {
        self.breaker.switch.clone()
    }

    pub fn router(&self) -> Option<RouterView> {
        self.breaker.router.clone()
    }

    /// Turns a device's knob; see [`Breaker::turn`].
    pub fn turn(&self, knob: impl Into<Knob>) -> Result<(), SimError> {
        self.breaker.turn(knob)
    }

    /// Breaks a machine, or with [`Fault::None`] mends it.
    pub fn set_fault(&self, box_number: u8, fault: Fault) -> Result<(), SimError> {
        self.breaker.set_fault(box_number, fault)
    }

    /// A handle that changes what is wrong with machines and devices, for as long as the board runs.
    pub fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }

    /// Pulls a machine's plug and puts it back: it is off at once, without a goodbye, and its button works again.
    pub fn kill(&self, box_number: u8) -> Result<(), SimError> {
        self.machine(box_number)?.cut.notify_one();
        Ok(())
    }

    /// The truth about a machine.
    pub fn machine_state(&self, box_number: u8) -> Result<MachineState, SimError> {
        Ok(self.machine(box_number)?.place.cable.state.borrow().clone())
    }

    /// The truth about a machine, as it changes. States that last shorter than the watcher looks are missed.
    pub fn watch_machine(&self, box_number: u8) -> Result<watch::Receiver<MachineState>, SimError> {
        Ok(self.machine(box_number)?.place.cable.state.clone())
    }

    /// Whether the switch would see a link on the machine's port.
    pub fn link(&self, box_number: u8) -> Result<bool, SimError> {
        self.links().up(box_number).ok_or(SimError::NoSuchBox(box_number))
    }

    /// The links of all machines, for as long as the board runs.
    pub fn links(&self) -> Links {
        Links(self.machines.iter().map(|machine| machine.place.clone()).collect())
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
            .find(|machine| machine.place.box_number == box_number)
            .ok_or(SimError::NoSuchBox(box_number))
    }
}

impl Built {
    fn start(
        &mut self,
        spec: SimMachine,
        config: &SimConfig,
        tasks: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) {
        let wires = Wires { dhcp: config.dhcp, client_port: config.client_port, tftp_port: config.tftp_port };
        let (machine, presses) = mpsc::channel(PRESSES);
        self.wiring.push(Wiring { outlet: spec.outlet, machine });
        let (state_in, state) = watch::channel(MachineState::Off);
        let (fault, faults) = watch::channel(Fault::None);
        let (trouble, troubles) = watch::channel(Trouble::default());
        let (plug, port) = watch::channel(true);
        let cable = Cable { state, faults, troubles, port };
        let cut = Arc::new(Notify::new());
        let place = Place { box_number: spec.box_number, port: spec.port, cable: cable.clone() };
        self.states.push((spec.name.clone(), cable.state.clone()));
        self.machines.push(MachineHandle { place, cut: cut.clone() });
        self.breakables.push(Breakable { box_number: spec.box_number, fault, trouble });
        if let Some(port) = spec.port {
            self.plugs.push((port, plug));
            self.names.push((port, spec.name.clone()));
        }
        let conditions = Conditions { pace: Pace::new(config.speed), cable, state: state_in };
        let machine = Machine { spec, seed: config.seed, wires, conditions, cut };
        tasks.spawn(machine.run(presses, stop.clone()));
    }
}
