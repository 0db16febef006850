//! The status display: told what the picture says, and drawn here as well, so that what it shows can be seen without one.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::LogDesk;
use async_trait::async_trait;
use devices::display::{
    Display, DisplayState,
    lines::{self, Packets, Picture, Share},
};
use engine::{DISPLAY_DEVICE, EngineHandle, Observation, ObservationSink};
use lab::{
    Board, Body, Event, Failure, PowerState, RunState,
    counts::Counter,
    live::Snapshot,
    ports::{Panel, PortError},
    power::BOSS_OUTLET,
    run::TaskState,
};
use sim::display::{Firmware, png};
use tokio::sync::{broadcast::error::RecvError, mpsc};
use tokio_util::sync::CancellationToken;

use crate::clock;

/// The panel is drawn from the same lines, at most this often.
const REDRAW: Duration = Duration::from_millis(100);
/// Tests that may wait.
const TESTS: usize = 4;

/// What the display shows, drawn from the lines that go to it.
pub(super) struct Drawn {
    firmware: Mutex<Firmware>,
    tests: mpsc::Sender<()>,
    state: Mutex<Option<tokio::sync::watch::Receiver<DisplayState>>>,
}

impl Drawn {
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<()>) {
        let (tests, asked) = mpsc::channel(TESTS);
        let mut firmware = Firmware::default();
        firmware.hear(lines::READY.as_bytes());
        (Arc::new(Self { firmware: Mutex::new(firmware), tests, state: Mutex::default() }), asked)
    }

    fn hear(&self, line: &str) {
        let mut firmware = self.firmware.lock().unwrap_or_else(PoisonError::into_inner);
        for complaint in firmware.hear(line.as_bytes()) {
            tracing::warn!(complaint, "the drawn display could not read a line of ours");
        }
    }
}

#[async_trait]
impl Panel for Drawn {
    async fn picture(&self) -> Result<Vec<u8>, PortError> {
        let firmware = self.firmware.lock().unwrap_or_else(PoisonError::into_inner).clone();
        png(&firmware).map_err(|error| PortError {
            what: "draw the status display".to_owned(),
            why: error.to_string(),
            remedy: "report this".to_owned(),
            absent: false,
        })
    }

    async fn test(&self) -> Result<String, PortError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let state = state.map(|state| state.borrow().clone());
        let Some(state) = state.filter(|state| state.present) else {
            let trouble = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            return Err(missing(trouble.as_ref().and_then(|state| state.borrow().trouble.clone())));
        };
        if self.tests.try_send(()).is_err() {
            return Err(PortError {
                what: "test the status display".to_owned(),
                why: "earlier tests have not been shown yet".to_owned(),
                remedy: "wait a moment".to_owned(),
                absent: false,
            });
        }
        let said =
            state.words.map_or("it has said nothing".to_owned(), |words| format!("it last said {words:?}"));
        Ok(format!("a line of test text was sent to it: look there; {said}, {} complaints", state.complaints))
    }
}

fn missing(trouble: Option<PortError>) -> PortError {
    trouble.unwrap_or_else(|| PortError {
        what: "reach the status display".to_owned(),
        why: "this board has none, or its serial line is not open yet".to_owned(),
        remedy: "check its USB cable, and its path in the board file".to_owned(),
        absent: true,
    })
}

/// Where the display is, and what it is told from.
pub(super) struct DisplayTask {
    /// Its serial device; `None` where there is no display and only the drawing is wanted.
    pub(super) path: Option<PathBuf>,
    pub(super) board: Arc<Board>,
    pub(super) engine: EngineHandle,
    /// Counters of log records; the panel knows no word for unknown, and shows 0 for what nobody tells.
    pub(super) logs: Option<Arc<dyn LogDesk>>,
    pub(super) sink: ObservationSink,
    pub(super) stop: CancellationToken,
}

/// Tells the display until told to stop, then says goodbye to it.
pub(super) async fn run(task: DisplayTask, drawn: Arc<Drawn>, mut tests: mpsc::Receiver<()>) {
    let DisplayTask { path, board, engine, logs, sink, stop } = task;
    let display = path.map(Display::start);
    let mut state = display.as_ref().map(Display::state);
    *drawn.state.lock().unwrap_or_else(PoisonError::into_inner) = state.clone();
    let (mut snapshots, mut events) = (engine.snapshots(), engine.events());
    let mut redraw = tokio::time::interval(REDRAW);
    redraw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut shown = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = redraw.tick() => {
                if !snapshots.has_changed().unwrap_or(false) {
                    continue;
                }
                let mut picture = picture(&board, &snapshots.borrow_and_update().clone());
                if let Some(logs) = &logs {
                    let counts = logs.counters().counts;
                    picture.counters = Counter::ALL.map(|counter| counts.get(counter));
                }
                if let Some(display) = &display {
                    display.show(&picture);
                }
                if shown.as_ref() != Some(&picture) {
                    drawn.hear(&lines::status(&picture));
                    shown = Some(picture);
                }
            }
            event = events.recv() => match event {
                Ok(event) => tell(display.as_ref(), &drawn, &line(&event)),
                // Lines that scrolled away are lost on the panel as well.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            Some(()) = tests.recv() => {
                tell(display.as_ref(), &drawn, &["boss", "notice", "statusinator", "this is a test of the display"]);
            }
            changed = changed(&mut state) => match changed {
                Some(now) => {
                    let failure = (!now.present).then(|| Failure::from(missing(now.trouble)));
                    sink.put(Observation::Device { device: DISPLAY_DEVICE.into(), stamp: clock::now(), failure });
                }
                None => state = None,
            },
        }
    }
    if let Some(display) = display {
        display.close().await;
    }
}

/// Its next state; never, where there is no display.
async fn changed(state: &mut Option<tokio::sync::watch::Receiver<DisplayState>>) -> Option<DisplayState> {
    match state {
        Some(state) => {
            state.changed().await.ok()?;
            Some(state.borrow_and_update().clone())
        }
        None => std::future::pending().await,
    }
}

fn tell<T: AsRef<str>>(display: Option<&Display>, drawn: &Drawn, words: &[T; 4]) {
    let [node, level, service, message] = words.each_ref().map(AsRef::as_ref);
    drawn.hear(&lines::log(node, level, service, message));
    if let Some(display) = display {
        // What does not fit is counted by the driver.
        let _ = display.log(node, level, service, message);
    }
}

/// An event as the panel's list shows it.
fn line(event: &Event) -> [String; 4] {
    let level = match event.body() {
        Body::TaskFailed { .. }
        | Body::PowerFailed { .. }
        | Body::DeviceLost { .. }
        | Body::Explained { .. } => "error",
        Body::ServiceTroubled { .. } | Body::CommandRefused { .. } | Body::LoopStopped { .. } => "warn",
        _ => "info",
    };
    let node = event.draft.subject.clone();
    [node, level.to_owned(), "statusinator".to_owned(), event.body().says()]
}

/// What the panel shows of a picture, but for the counters.
fn picture(board: &Board, snapshot: &Snapshot) -> Picture {
    let (status, live) = (&snapshot.status, &snapshot.live);
    let mut shown = Picture::default();
    if let Some(run) = &status.run {
        shown.lab.clone_from(&run.lab);
        shown.failed = run.state == RunState::Failed;
        let now = run.tasks.iter().find(|task| matches!(task.state, TaskState::Running | TaskState::Failed));
        let step = now.map(|task| task.key.step.clone());
        shown.step = match run.state {
            RunState::Running | RunState::Failed => step.unwrap_or_default(),
            RunState::Cancelling | RunState::Done | RunState::Cancelled => run.state.word().to_owned(),
        };
        let done = run.machines.iter().filter(|machine| run.machine_state(machine) == "done").count();
        shown.nodes = Share { done: done as u64, of: run.machines.len() as u64 };
    }
    for machine in &board.machines {
        let on = status.machines.get(&machine.name).is_some_and(|m| m.observed == PowerState::On);
        if let Some(outlet) = shown.power.get_mut(usize::from(machine.outlet).wrapping_sub(1)) {
            *outlet = on;
        }
    }
    // This program runs on it.
    shown.power[usize::from(BOSS_OUTLET) - 1] = true;
    if let Some(switch) = &live.switch {
        for (number, port) in &switch.reading.ports {
            if let Some(shown) =
                usize::try_from(*number).ok().and_then(|n| shown.ports.get_mut(n.wrapping_sub(1)))
            {
                *shown = port.enabled == Some(true);
            }
        }
    }
    if let Some(router) = &live.router {
        let r = &router.reading;
        shown.packets = Packets {
            wan_in: r.wan_in.unwrap_or_default(),
            wan_out: r.wan_out.unwrap_or_default(),
            lan_in: r.lan_in.unwrap_or_default(),
            lan_out: r.lan_out.unwrap_or_default(),
        };
    }
    shown
}
