//! What the rest of the program holds of the engine: a picture, a stream, and a way to ask for something.

use std::sync::Arc;

use lab::{Body, Code, Event, Failure, fault::Fault, live::Snapshot, ports::Outlet, verdict::ScreenAnswer};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::power::PowerAct;

/// Something a person or a program asks of the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    StartLab {
        lab: String,
        /// Only these of its machines; all when none is named.
        machines: Vec<String>,
    },
    /// Of the run named, or of the one under way.
    CancelRun {
        run: Option<u64>,
    },
    /// Its next boot erases these disks; none named are all that are fixed.
    ArmWipe {
        machine: String,
        disks: Vec<String>,
    },
    DisarmWipe {
        machine: String,
    },
    /// A person looked at the machine's own screen, as its explanation asked.
    AnswerScreen {
        machine: String,
        answer: ScreenAnswer,
    },
    /// Lets a machine boot again that was held back.
    Rearm {
        machine: String,
    },
    /// A fact that somebody made true outside the engine (a fault put in, an image chosen, a wipe armed); it is recorded
    /// with who and why. Facts that the engine itself makes are refused.
    Record {
        subject: String,
        body: Box<Body>,
    },
    /// Switch, press or take over an outlet.
    Power {
        outlet: Outlet,
        act: PowerAct,
    },
    /// Switch the lab off as a whole, and the controller with it; or start both anew.
    EndLab {
        restart: bool,
    },
    /// Switch a port of the switch on or off.
    SetPort {
        port: u32,
        enabled: bool,
    },
    /// Put a fault into a machine on purpose, or take it out.
    SetFault {
        machine: String,
        fault: Fault,
        on: bool,
    },
    /// Ways of a machine that were dropped may be tried again.
    RetryWays {
        machine: String,
    },
    /// Boot a machine by this way from now on, or (none) by the program's own choice.
    AskWay {
        machine: String,
        way: Option<lab::Way>,
    },
    /// Keep the times of a machine's latest boot as part of a measurement.
    KeepMeasure {
        machine: String,
        measurement: u64,
    },
}

/// A command with who gave it and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub command: Command,
    /// The token's name.
    pub actor: String,
    pub reason: Option<String>,
}

/// What a command led to at once; what follows is told by events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Started {
        run: u64,
    },
    Cancelling {
        run: u64,
    },
    /// What was told is an event now.
    Recorded,
    /// So many presses were begun; none when the machine is that already.
    Pressing {
        presses: u8,
    },
}

pub(crate) type Asked = (Order, oneshot::Sender<Result<Outcome, Failure>>);

/// Commands that may wait while the engine is busy committing; commands are never dropped, the asker waits instead.
pub(crate) const COMMANDS_WAITING: usize = 32;

/// A cheap handle; clones speak to the same engine.
#[derive(Clone)]
pub struct EngineHandle {
    pub(crate) commands: mpsc::Sender<Asked>,
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) events: broadcast::Sender<Arc<Event>>,
}

impl EngineHandle {
    /// The newest picture.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// Pictures as they change; the newest wins.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Events as they are committed. A reader that lags is told so and reads the rest from the archive.
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// Asks for something and waits for the answer, which comes when its event is committed.
    pub async fn order(&self, order: Order) -> Result<Outcome, Failure> {
        let gone = || {
            Failure::new(
                Code::EngineStopped,
                "give a command",
                "the engine has stopped",
                "start the program again",
            )
        };
        let (answer, answered) = oneshot::channel();
        self.commands.send((order, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// A handle with no engine behind it but a picture that can be set, for tests of what stands in front of engines.
    pub fn detached(picture: Snapshot) -> (Self, Detached) {
        let (commands, asked) = mpsc::channel(COMMANDS_WAITING);
        let (publish, snapshots) = watch::channel(Arc::new(picture));
        let (events, _) = broadcast::channel(1024);
        (Self { commands, snapshots, events: events.clone() }, Detached { asked, publish, events })
    }
}

/// The other end of [`EngineHandle::detached`].
pub struct Detached {
    asked: mpsc::Receiver<Asked>,
    pub publish: watch::Sender<Arc<Snapshot>>,
    pub events: broadcast::Sender<Arc<Event>>,
}

impl Detached {
    /// Waits for the next order and answers it.
    pub async fn answer(&mut self, with: impl FnOnce(&Order) -> Result<Outcome, Failure>) -> Option<Order> {
        let (order, answer) = self.asked.recv().await?;
        let _ = answer.send(with(&order));
        Some(order)
    }
}
