//! The loop: one turn takes what came, decides, commits, and only then lets anything happen or be seen.

use std::{collections::HashMap, sync::Arc, time::Duration};

use lab::{
    Body, Draft, Failure, PowerState, Status,
    health::HealthJudge,
    journal::Journal,
    live::Snapshot,
    ports::{Hold, WireCounters},
    sign::Sign,
};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    ahead::Telling,
    clock::ClockDesk,
    config::EngineConfig,
    core::Core,
    explaining::Explaining,
    faults::{Changes, Wish},
    handle::{COMMANDS_WAITING, Command, EngineHandle, Order, Outcome},
    notes::{NOTES_WAITING, Note, Notebook},
    observation::{Observation, ObservationSink},
    ports::{PortTasks, PortWish},
    power::Hands,
    runner::Runner,
    streams::Listening,
    watchers,
};

/// Events a slow listener may lag behind before it must read the archive.
const EVENTS_KEPT: usize = 4096;
/// Observations taken in one turn: enough to share a commit, few enough to answer a command soon.
const PER_TURN: usize = 64;
/// Pace of looking at what has become late, and of showing ages.
const TICK: Duration = Duration::from_millis(500);

/// An asker, and what it will be told.
type Answer = (oneshot::Sender<Result<Outcome, Failure>>, Result<Outcome, Failure>);

/// The engine while it runs.
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) core: Core,
    pub(crate) runner: Runner,
    pub(crate) wire_base: HashMap<String, WireCounters>,
    pub(crate) power_seen: bool,
    /// Of the power board; it grows when that has forgotten everything.
    pub(crate) power_incarnation: Option<u64>,
    pub(crate) hands: Hands,
    pub(crate) port_tasks: PortTasks,
    /// The lab as a whole, on its way into the dark.
    pub(crate) endings: JoinSet<()>,
    pub(crate) strangers_changed: bool,
    pub(crate) world: watch::Receiver<Arc<Snapshot>>,
    pub(crate) notebook: Notebook,
    pub(crate) explaining: Explaining,
    /// By machine: boot orders that agents were told to write.
    pub(crate) telling: HashMap<String, Telling>,
    pub(crate) listening: Listening,
    pub(crate) clock_desk: ClockDesk,
    pub(crate) health_judge: HealthJudge,
    sink: ObservationSink,
    /// Given once the events of the turn are committed.
    pub(crate) answers: Vec<Answer>,
    pub(crate) changes: Changes,
    acks: Vec<oneshot::Sender<()>>,
    dirty: bool,
}

impl Engine {
    /// Starts the loop on a recovered status; what an earlier engine left is closed or taken over before this returns, so
    /// that nobody is shown a run that ended with its engine. It ends when `stop` is cancelled, after its last commit
    /// and checkpoint.
    pub async fn start(
        config: EngineConfig,
        status: Status,
        journal: Arc<dyn Journal>,
        sink: ObservationSink,
        observations: mpsc::Receiver<Observation>,
        stop: CancellationToken,
    ) -> (EngineHandle, JoinHandle<()>) {
        let first =
            Snapshot { status: Arc::new(status.clone()), now: (config.clock)(), ..Snapshot::default() };
        let (publish, world) = watch::channel(Arc::new(first));
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let (commands, asked) = mpsc::channel(COMMANDS_WAITING);
        let (notes, noted) = mpsc::channel(NOTES_WAITING);
        let handle = EngineHandle { commands, snapshots: world.clone(), events: events.clone() };
        let mut core = Core::new(status, journal, config.clock.clone(), publish, events);
        core.live.unknown.clone_from(&config.strangers);
        let mut engine = Self {
            config,
            core,
            runner: Runner::default(),
            wire_base: HashMap::new(),
            power_seen: false,
            power_incarnation: None,
            hands: Hands::default(),
            port_tasks: PortTasks::new(),
            endings: JoinSet::new(),
            strangers_changed: false,
            world,
            notebook: Notebook(notes),
            explaining: Explaining::default(),
            telling: HashMap::new(),
            listening: Listening::default(),
            clock_desk: ClockDesk::default(),
            health_judge: HealthJudge::default(),
            sink,
            answers: Vec::new(),
            changes: Changes::new(),
            acks: Vec::new(),
            dirty: false,
        };
        engine.recover();
        // Before anything that is dated can be judged.
        engine.judge_clock();
        engine.end_turn().await;
        (handle, tokio::spawn(engine.run(asked, noted, observations, stop)))
    }

    async fn run(
        mut self,
        mut asked: mpsc::Receiver<crate::handle::Asked>,
        mut noted: mpsc::Receiver<Note>,
        mut observations: mpsc::Receiver<Observation>,
        stop: CancellationToken,
    ) {
        let watching = stop.child_token();
        let (clock, sink) = (&self.config.clock, &self.sink);
        let mut looking = JoinSet::new();
        looking.spawn(watchers::power(
            self.config.ports.power.clone(),
            clock.clone(),
            sink.clone(),
            watching.clone(),
        ));
        looking.spawn(watchers::own_pace(clock.clone(), sink.clone(), watching.clone()));
        if let Some(wire) = self.config.ports.wire.clone() {
            let names = self.config.board.machines.iter().map(|m| m.name.clone()).collect();
            looking.spawn(watchers::links(wire, names, clock.clone(), sink.clone(), watching.clone()));
        }
        if let Some(switch) = self.config.ports.switch.clone() {
            looking.spawn(watchers::switch(switch, clock.clone(), sink.clone(), watching.clone()));
        }
        if let Some(router) = self.config.ports.router.clone() {
            looking.spawn(watchers::router(router, clock.clone(), sink.clone(), watching.clone()));
        }
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some((order, answer)) = asked.recv() => self.command(order, answer),
                Some(note) = noted.recv() => self.note(note).await,
                Some(Ok(ended)) = self.runner.tasks.join_next(), if !self.runner.tasks.is_empty() => {
                    self.task_ended(ended);
                }
                Some(Ok(change)) = self.changes.join_next(), if !self.changes.is_empty() => self.fault_set(change),
                Some(_) = self.endings.join_next(), if !self.endings.is_empty() => {}
                Some(Ok(done)) = self.port_tasks.join_next(), if !self.port_tasks.is_empty() => self.port_set(done),
                Some(Ok(looked)) = self.listening.looks.join_next(), if !self.listening.looks.is_empty() => {
                    self.looked(looked);
                }
                Some(Ok(outlet)) = self.hands.tasks.join_next(), if !self.hands.tasks.is_empty() => {
                    self.hands.ended(outlet);
                }
                Some(observation) = observations.recv() => {
                    self.observe(observation).await;
                    for _ in 1..PER_TURN {
                        let Ok(more) = observations.try_recv() else { break };
                        self.observe(more).await;
                    }
                    self.dirty = true;
                }
                _ = tick.tick() => self.tick().await,
                () = wake(self.explaining.wake), if self.explaining.wake.is_some() => {}
            }
            self.end_turn().await;
        }
        watching.cancel();
        self.runner.tasks.shutdown().await;
        self.changes.shutdown().await;
        self.hands.tasks.shutdown().await;
        self.port_tasks.shutdown().await;
        self.endings.shutdown().await;
        self.listening.looks.shutdown().await;
        self.stop().await;
        // Their waits end with the token; an abort here would only hide a watcher that does not keep to it.
        while looking.join_next().await.is_some() {}
    }

    fn command(&mut self, order: Order, answer: oneshot::Sender<Result<Outcome, Failure>>) {
        let Order { command, actor, reason } = order;
        let asked = reason.clone();
        let writable = self.core.writable();
        let (words, result) = match command {
            Command::SetFault { machine, fault, on } => {
                return self.set_fault(Wish { machine, fault, on, actor, reason }, answer);
            }
            Command::EndLab { restart } => {
                let words = if restart { "restart the lab" } else { "shut the lab down" };
                let begun = writable.and_then(|()| self.end_lab(restart, &actor, reason));
                (words.to_owned(), begun.map(|()| Outcome::Recorded))
            }
            Command::SetPort { port, enabled } => {
                return self.set_port(PortWish { port, enabled, actor, reason }, answer);
            }
            Command::Power { outlet, act } => {
                let words = act.words(&self.subject_of(outlet));
                let begun = writable.and_then(|()| self.power_act(outlet, act, &actor, reason));
                let presses = |holds: Vec<Hold>| u8::try_from(holds.len()).unwrap_or(u8::MAX);
                (words, begun.map(|holds| Outcome::Pressing { presses: presses(holds) }))
            }
            Command::StartLab { lab, machines } => {
                let started = writable.and_then(|()| self.may_drive(&format!("start lab {lab}")));
                let started = started.and_then(|()| self.start_lab(&lab, &machines, &actor, reason));
                (format!("start lab {lab}"), started.map(|run| Outcome::Started { run }))
            }
            Command::RetryWays { machine } => {
                let retried = writable.and_then(|()| self.retry_ways(&machine, &actor, reason));
                (format!("try all ways of {machine} again"), retried.map(|()| Outcome::Recorded))
            }
            Command::AskWay { machine, way } => {
                let asked = writable.and_then(|()| self.ask_way(&machine, way, &actor, reason));
                (format!("ask for a way of {machine}"), asked.map(|()| Outcome::Recorded))
            }
            Command::KeepMeasure { machine, measurement } => {
                let kept = writable.and_then(|()| self.keep_measure(&machine, measurement, &actor, reason));
                (format!("keep the measured boot of {machine}"), kept.map(|()| Outcome::Recorded))
            }
            Command::CancelRun { run } => {
                let words = run.map_or("cancel the run".into(), |run| format!("cancel run {run}"));
                let cancelled = writable.and_then(|()| self.cancel_run(run, &actor, reason));
                (words, cancelled.map(|run| Outcome::Cancelling { run }))
            }
            Command::ArmWipe { machine, disks } => {
                let armed = writable.and_then(|()| self.arm_wipe(&machine, disks, &actor, reason));
                (format!("arm the wiper of {machine}"), armed.map(|()| Outcome::Recorded))
            }
            Command::DisarmWipe { machine } => {
                let disarmed = writable.and_then(|()| self.disarm_wipe(&machine, &actor, reason));
                (format!("disarm the wiper of {machine}"), disarmed.map(|()| Outcome::Recorded))
            }
            Command::AnswerScreen { machine, answer } => {
                let words = format!("say that the screen of {machine}: {}", answer.says());
                let answered = writable.and_then(|()| self.answer_screen(&machine, answer, &actor));
                (words, answered.map(|()| Outcome::Recorded))
            }
            Command::Rearm { machine } => {
                let rearmed = writable.and_then(|()| self.rearm(&machine, &actor, reason));
                (format!("let {machine} boot again"), rearmed.map(|()| Outcome::Recorded))
            }
            Command::Record { subject, body } => {
                let words = format!("record {} about {subject}", body.kind());
                let told = writable.and_then(|()| self.told(&subject, *body, &actor, reason));
                (words, told.map(|()| Outcome::Recorded))
            }
        };
        if let Err(failure) = &result {
            let body = Body::CommandRefused { command: words, failure: failure.clone() };
            let draft = self.core.draft("board", body);
            self.core.record(Draft { actor, reason: asked, ..draft });
        }
        self.answers.push((answer, result));
    }

    async fn note(&mut self, note: Note) {
        let Note { machine, body, committed } = note;
        let now = self.core.now();
        let pressed = match &body {
            Body::PowerCommanded { outlet, to, .. } => Some((*outlet, *to)),
            _ => None,
        };
        self.record_at(&machine, &now, None, body);
        if matches!(pressed, Some((_, PowerState::On))) {
            self.rearmed_by_press(&machine);
        }
        match pressed {
            Some((outlet, PowerState::On)) => self.read_sign(&machine, &now, &Sign::Pressed { outlet }).await,
            Some((_, PowerState::Off)) => self.switched_off_on_purpose(&machine),
            _ => {}
        }
        self.acks.push(committed);
    }

    fn switched_off_on_purpose(&mut self, machine: &str) {
        let boot = self.core.ahead.machines.get(machine).and_then(|m| m.boot.as_ref());
        if let Some((id, run)) = boot.filter(|b| b.is_running()).map(|b| (b.id, b.run)) {
            let body =
                Body::BootEnded { state: lab::BootState::Abandoned, why: "switched off on purpose".into() };
            let draft = self.core.draft(machine, body);
            self.core.record(Draft { boot: Some(id), run, ..draft });
        }
    }

    async fn tick(&mut self) {
        self.watch_power();
        self.judge_clock();
        self.judge_certificates();
        self.tick_streams();
        self.resume();
        let dropped = self.sink.dropped();
        if dropped > 0 {
            self.core.live.counters.insert("observations-dropped".into(), dropped);
        }
        self.core.flush_packets(true).await;
        if std::mem::take(&mut self.strangers_changed) {
            self.core.flush_strangers().await;
        }
        self.dirty = true;
    }

    /// Decides, commits, and only then starts tasks, answers commands and shows the picture.
    async fn end_turn(&mut self) {
        self.resume();
        self.advance_run();
        self.explain().await;
        let changed = self.core.has_waiting();
        match self.core.commit().await {
            Ok(()) => {
                self.spawn_begun();
                for ack in self.acks.drain(..) {
                    // A task that was cancelled meanwhile no longer waits.
                    let _ = ack.send(());
                }
                for (answer, result) in self.answers.drain(..) {
                    let _ = answer.send(result);
                }
            }
            Err(failure) => self.commit_failed(&failure),
        }
        self.core.flush_packets(false).await;
        if std::mem::take(&mut self.dirty) && !changed {
            self.core.publish();
        }
    }

    /// A lab whose start could not be recorded must not begin later by surprise.
    fn commit_failed(&mut self, failure: &Failure) {
        let answers = std::mem::take(&mut self.answers);
        for (answer, result) in answers {
            if let Ok(Outcome::Started { run }) = result {
                let why = Some("its start could not be recorded".to_owned());
                if let Err(error) = self.cancel_run(Some(run), "engine", why) {
                    tracing::warn!(%error, run, "a run that was not recorded could not be cancelled");
                }
            }
            let _ = answer.send(Err(failure.clone()));
        }
    }

    /// The orderly end: machines that end with us are closed with words, then the last commit and a checkpoint.
    async fn stop(&mut self) {
        if !self.config.world_survives {
            let kind = self.config.board.board.kind.word();
            self.close_everything(&format!("the engine was stopped and its {kind} machines ended with it"));
        }
        let draft = self.core.draft("engine", Body::EngineStopped { reason: "asked to stop".into() });
        self.core.record(draft);
        self.core.flush_packets(true).await;
        if let Err(error) = self.core.commit().await {
            tracing::error!(%error, "the last events could not be written");
        }
        self.core.checkpoint().await;
    }
}

/// Until the next moment at which something becomes knowable.
async fn wake(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
