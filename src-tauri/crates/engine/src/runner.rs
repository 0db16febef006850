//! Starts the tasks that are ready, takes their results, cancels and undoes. Every change is an event first.

use std::{collections::BTreeSet, time::Duration};

use lab::{
    Body, BootState, Code, Draft, Failure, RunState,
    run::{TaskKey, TaskState},
};
use serde_json::Value;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    procedures::{self, Presses, rehearsal},
    turn::Engine,
};

/// How long undoing one task may take: a long press, the wait for silence, and as much again.
const UNDO_LIMIT: Duration = Duration::from_secs(60);

/// What became of a task.
pub(crate) struct Ended {
    key: TaskKey,
    undo: bool,
    result: Result<Value, Failure>,
}

/// The tasks of the run under way.
#[derive(Default)]
pub(crate) struct Runner {
    pub(crate) tasks: JoinSet<Ended>,
    cancel: CancellationToken,
    pub(crate) presses: Presses,
    /// Begun in the journal, to be started once that is committed.
    to_spawn: Vec<(TaskKey, bool)>,
    /// In flight in this process.
    alive: BTreeSet<TaskKey>,
    /// Undone or being undone.
    undoing: BTreeSet<TaskKey>,
    undo_failures: Vec<String>,
    /// Closed while a resumed run waits for a look at the world.
    pub(crate) gate_closed: bool,
}

impl Engine {
    /// Who gave the command is the actor of what follows from it at once.
    pub(crate) fn start_lab(
        &mut self,
        name: &str,
        only: &[String],
        actor: &str,
        reason: Option<String>,
    ) -> Result<u64, Failure> {
        let board = self.config.board.clone();
        let Some(lab) = board.lab(name) else {
            let all: Vec<&str> = board.labs.iter().map(|l| l.name.as_str()).collect();
            let why = format!("this board has no lab \"{name}\"");
            let remedy =
                format!("labs here: {}", if all.is_empty() { "none".into() } else { all.join(", ") });
            return Err(Failure::new(Code::UnknownLab, format!("start lab {name}"), why, remedy));
        };
        if let Some(run) = self.core.ahead.live_run() {
            let why = format!("run {} of lab {} is under way", run.id, run.lab);
            return Err(Failure::new(
                Code::RunUnderWay,
                format!("start lab {name}"),
                why,
                "wait for it, or cancel it first",
            ));
        }
        let all: Vec<String> = board.machines_of(lab).iter().map(|m| m.name.clone()).collect();
        if let Some(other) = only.iter().find(|wanted| !all.contains(wanted)) {
            return Err(Failure::new(
                Code::UnknownMachine,
                format!("start lab {name} on {other}"),
                format!("the lab has {}", all.join(", ")),
                "name some of these, or none for all",
            ));
        }
        let machines: Vec<String> =
            all.into_iter().filter(|machine| only.is_empty() || only.contains(machine)).collect();
        let (steps, tasks) = procedures::plan(procedures::table(lab.procedure), &board.limits, &machines);
        let run = self.core.ahead.last_run + 1;
        self.runner = Runner::default();
        let body = Body::RunStarted { lab: name.to_owned(), machines, steps, tasks };
        let draft = self.core.draft("board", body);
        self.core.record(Draft { run: Some(run), actor: actor.to_owned(), reason, ..draft });
        Ok(run)
    }

    pub(crate) fn cancel_run(
        &mut self,
        wanted: Option<u64>,
        actor: &str,
        reason: Option<String>,
    ) -> Result<u64, Failure> {
        let refuse = |why: String| {
            Failure::new(
                Code::NothingToCancel,
                "cancel a run",
                why,
                "statusinator lab status shows what is under way",
            )
        };
        let run = self.core.ahead.live_run().ok_or_else(|| refuse("no run is under way".into()))?;
        let (id, state) = (run.id, run.state);
        if wanted.is_some_and(|w| w != id) {
            return Err(refuse(format!("run {} is under way, not run {}", id, wanted.unwrap_or_default())));
        }
        if state == RunState::Running {
            let why = reason.clone().unwrap_or_else(|| format!("cancelled by {actor}"));
            let draft = self.core.draft("board", Body::CancelRequested { why });
            self.core.record(Draft { run: Some(id), actor: actor.to_owned(), reason, ..draft });
            self.runner.cancel.cancel();
            // What was begun in the journal but not yet in this process never begins.
            for (key, _) in self.runner.to_spawn.extract_if(.., |(_, undo)| !*undo) {
                self.runner.alive.remove(&key);
            }
        }
        Ok(id)
    }

    /// Looks at the run and does what is next: begin tasks, undo, or end it.
    pub(crate) fn advance_run(&mut self) {
        let Some(run) = self.core.ahead.live_run().cloned() else { return };
        if self.runner.gate_closed {
            return;
        }
        match run.state {
            RunState::Running => {
                let lost =
                    run.running().filter(|t| !self.runner.alive.contains(&t.key)).map(|t| t.key.clone());
                let ready: Vec<TaskKey> = run.ready().into_iter().chain(lost).collect();
                for key in ready {
                    self.begin(run.id, &run, key);
                }
                if self.runner.alive.is_empty() {
                    let (state, why) = rehearsal::verdict(&run);
                    self.end_run(run.id, state, why);
                }
            }
            RunState::Cancelling => self.advance_cancel(&run),
            RunState::Done | RunState::Failed | RunState::Cancelled => {}
        }
    }

    fn begin(&mut self, id: u64, run: &lab::Run, key: TaskKey) {
        let attempt = run.task(&key).map_or(0, |t| t.attempt) + 1;
        if self.record_task(id, &key, Body::TaskStarted { step: key.step.clone(), attempt }) {
            self.runner.alive.insert(key.clone());
            self.runner.to_spawn.push((key, false));
        }
    }

    fn advance_cancel(&mut self, run: &lab::Run) {
        // Tasks that still run in this process end by their token; those of an earlier process have ended with it.
        let lost: Vec<TaskKey> =
            run.running().filter(|t| !self.runner.alive.contains(&t.key)).map(|t| t.key.clone()).collect();
        for key in lost {
            self.record_task(
                run.id,
                &key,
                Body::TaskUndone { step: key.step.clone(), why: "cancelled".into() },
            );
        }
        if !self.runner.alive.is_empty() {
            return;
        }
        let undoable = |t: &&lab::run::Task| {
            let begun = t.attempt > 0;
            begun && procedures::row(&t.key.step).is_some_and(|row| row.undo.is_some())
        };
        let open: Vec<TaskKey> = run
            .tasks
            .iter()
            .rev()
            .filter(undoable)
            .map(|t| t.key.clone())
            .filter(|key| !self.runner.undoing.contains(key))
            .collect();
        // One step at a time, last step first; its machines side by side.
        if let Some(step) = open.first().map(|key| key.step.clone()) {
            for key in open.into_iter().filter(|key| key.step == step) {
                self.runner.undoing.insert(key.clone());
                self.runner.alive.insert(key.clone());
                self.runner.to_spawn.push((key, true));
            }
            return;
        }
        let mut why = run.why.clone().unwrap_or_else(|| "cancelled".into());
        for failure in &self.runner.undo_failures {
            why.push_str("; ");
            why.push_str(failure);
        }
        self.end_run(run.id, RunState::Cancelled, why);
    }

    pub(crate) fn end_run(&mut self, id: u64, state: RunState, why: String) {
        let draft = self.core.draft("board", Body::RunEnded { state, why });
        self.core.record(Draft { run: Some(id), ..draft });
    }

    pub(crate) fn record_task(&mut self, run: u64, key: &TaskKey, body: Body) -> bool {
        let draft = self.core.draft(&key.subject, body);
        self.core.record(Draft { run: Some(run), ..draft })
    }

    /// After a commit: what was recorded as begun begins.
    pub(crate) fn spawn_begun(&mut self) {
        let begun = std::mem::take(&mut self.runner.to_spawn);
        let Some(run) = self.core.ahead.live_run() else { return };
        let id = run.id;
        for (key, undo) in begun {
            let Some(row) = procedures::row(&key.step) else { continue };
            let limit = self.core.ahead.live_run().and_then(|r| r.step(&key.step)).map_or(0, |s| s.limit_s);
            let context = self.context(id);
            let world = self.world.clone();
            let cancel = self.runner.cancel.clone();
            let subject = key.subject.clone();
            self.runner.tasks.spawn(async move {
                let result = match (undo, row.undo) {
                    (true, Some((words, act))) => match timeout(UNDO_LIMIT, act(context, subject)).await {
                        Ok(result) => result,
                        Err(_) => Err(late(row, &key, UNDO_LIMIT.as_secs(), words)),
                    },
                    _ => tokio::select! {
                        () = cancel.cancelled() => Err(cancelled(&key)),
                        result = timeout(Duration::from_secs(limit), (row.act)(context, subject)) => {
                            result.unwrap_or_else(|_| {
                                let (why, remedy) = (row.late)(&world.borrow(), &key.subject);
                                let what = format!("{} of {}", row.words, key.subject);
                                Err(Failure::new(Code::TimedOut, what, format!("{why} (limit {limit} s)"), remedy))
                            })
                        }
                    },
                };
                Ended { key, undo, result }
            });
        }
    }

    /// Takes the result of a task.
    pub(crate) fn task_ended(&mut self, ended: Ended) {
        let Ended { key, undo, result } = ended;
        self.runner.alive.remove(&key);
        let Some(run) = self.core.ahead.live_run() else { return };
        let (id, state) = (run.id, run.state);
        let is_running = run.task(&key).is_some_and(|t| t.state == TaskState::Running);
        let step = key.step.clone();
        match (undo, result) {
            (true, Ok(_)) => {
                let undoable = self
                    .core
                    .ahead
                    .live_run()
                    .and_then(|r| r.task(&key))
                    .is_some_and(|t| t.state != TaskState::Undone);
                let why = procedures::row(&step).and_then(|r| r.undo).map_or("undone", |(words, _)| words);
                if undoable {
                    self.record_task(id, &key, Body::TaskUndone { step, why: why.into() });
                }
            }
            (true, Err(failure)) => self.runner.undo_failures.push(format!("{}: {failure}", key.subject)),
            (false, Ok(output)) if is_running => {
                self.record_task(id, &key, Body::TaskFinished { step, output });
            }
            (false, Err(failure)) if is_running && state == RunState::Cancelling => {
                self.record_task(id, &key, Body::TaskUndone { step, why: failure.why });
            }
            (false, Err(failure)) if is_running => {
                self.fail_boot(id, &key.subject, &failure);
                self.record_task(id, &key, Body::TaskFailed { step, failure });
            }
            (false, _) => {}
        }
    }

    /// A boot whose task has failed is over as well; nobody waits for it any more.
    fn fail_boot(&mut self, run: u64, machine: &str, failure: &Failure) {
        let boot = self.core.ahead.machines.get(machine).and_then(|m| m.boot.as_ref());
        if let Some(id) = boot.filter(|b| b.is_running() && b.run == Some(run)).map(|b| b.id) {
            let body = Body::BootEnded { state: BootState::Failed, why: failure.why.clone() };
            let draft = self.core.draft(machine, body);
            self.core.record(Draft { run: Some(run), boot: Some(id), ..draft });
        }
    }
}

fn cancelled(key: &TaskKey) -> Failure {
    let what = format!("{} of {}", key.step, key.subject);
    Failure::new(Code::Cancelled, what, "cancelled", "nothing to do")
}

fn late(row: &procedures::Row, key: &TaskKey, limit: u64, words: &str) -> Failure {
    let what = format!("undo {} of {}", row.words, key.subject);
    let why = format!("not {words} after {limit} s");
    Failure::new(Code::TimedOut, what, why, "look at the PC; hold its own button for 5 s")
}
