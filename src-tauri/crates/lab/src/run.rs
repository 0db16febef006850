//! One attempt to start a lab: a table of steps, one task a subject, and the single transition function of runs.
//!
//! Started, finished, failed and undone are events. Resuming is folding them and starting what is ready.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    event::{Body, Event, Illegal, Stamp},
    failure::Failure,
};

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Running,
    /// Somebody asked to stop; what was done is being undone.
    Cancelling,
    Done,
    Failed,
    Cancelled,
}

impl RunState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// A row of the table with which a procedure opens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepPlan {
    pub id: String,
    /// For the screen.
    pub words: String,
    /// What is happening, for somebody who looks on.
    pub tells: String,
    /// Seconds of wall time after which a task of this step has failed.
    pub limit_s: u64,
    /// How it is undone, in words; `None` where repeating is safe and nothing needs undoing.
    pub undo: Option<String>,
}

/// A step for one subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskKey {
    pub step: String,
    pub subject: String,
}

impl TaskKey {
    pub fn new(step: &str, subject: &str) -> Self {
        Self { step: step.to_owned(), subject: subject.to_owned() }
    }
}

/// A task as planned: itself and what must be finished before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskPlan {
    #[serde(flatten)]
    pub key: TaskKey,
    pub needs: Vec<TaskKey>,
}

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    Waiting,
    Running,
    Done,
    Failed,
    Undone,
}

/// A task with its history folded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    #[serde(flatten)]
    pub key: TaskKey,
    pub needs: Vec<TaskKey>,
    pub state: TaskState,
    pub attempt: u32,
    pub started: Option<Stamp>,
    pub ended: Option<Stamp>,
    pub output: Value,
    pub failure: Option<Failure>,
}

/// One attempt to start a lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: u64,
    pub lab: String,
    pub actor: String,
    pub state: RunState,
    pub why: Option<String>,
    pub started: Stamp,
    pub ended: Option<Stamp>,
    pub machines: Vec<String>,
    pub steps: Vec<StepPlan>,
    pub tasks: Vec<Task>,
}

impl Run {
    /// A run from its first event.
    pub fn begin(event: &Event) -> Result<Self, Illegal> {
        let Body::RunStarted { lab, machines, steps, tasks } = event.body() else {
            return Err(Illegal::new(event.body(), "no run has begun"));
        };
        let id = event.draft.run.ok_or_else(|| Illegal::new(event.body(), "the run has no number"))?;
        let waiting = |plan: &TaskPlan| Task {
            key: plan.key.clone(),
            needs: plan.needs.clone(),
            state: TaskState::Waiting,
            attempt: 0,
            started: None,
            ended: None,
            output: Value::Null,
            failure: None,
        };
        Ok(Self {
            id,
            lab: lab.clone(),
            actor: event.draft.actor.clone(),
            state: RunState::Running,
            why: None,
            started: event.draft.stamp.clone(),
            ended: None,
            machines: machines.clone(),
            steps: steps.clone(),
            tasks: tasks.iter().map(waiting).collect(),
        })
    }

    /// The one transition function of runs.
    pub fn apply(&mut self, event: &Event) -> Result<(), Illegal> {
        let body = event.body();
        if self.state.is_over() {
            return Err(Illegal::new(body, format!("run {} has ended", self.id)));
        }
        let stamp = event.draft.stamp.clone();
        match body {
            Body::CancelRequested { .. } if self.state == RunState::Cancelling => {
                return Err(Illegal::new(body, "it is being cancelled already"));
            }
            Body::CancelRequested { why } => {
                self.state = RunState::Cancelling;
                self.why = Some(why.clone());
            }
            Body::RunEnded { state, why } => {
                if !state.is_over() {
                    return Err(Illegal::new(body, "an end must not be called running"));
                }
                if *state == RunState::Done && self.tasks.iter().any(|t| t.state != TaskState::Done) {
                    return Err(Illegal::new(body, "not every task is done"));
                }
                self.state = *state;
                self.why = Some(why.clone());
                self.ended = Some(stamp);
            }
            _ => self.apply_to_task(event, stamp)?,
        }
        Ok(())
    }

    fn apply_to_task(&mut self, event: &Event, stamp: Stamp) -> Result<(), Illegal> {
        let body = event.body();
        let (Body::TaskStarted { step, .. }
        | Body::TaskFinished { step, .. }
        | Body::TaskFailed { step, .. }
        | Body::TaskUndone { step, .. }) = body
        else {
            return Err(Illegal::new(body, "it does not belong to a run"));
        };
        let key = TaskKey::new(step, &event.draft.subject);
        let ready = self.needs_done(&key);
        let running = self.state == RunState::Running;
        let task =
            self.tasks.iter_mut().find(|t| t.key == key).ok_or_else(|| {
                Illegal::new(body, format!("the run has no task {step} for {}", key.subject))
            })?;
        let illegal =
            |task: &Task| Illegal::new(body, format!("{step} for {} is {:?}", key.subject, task.state));
        match body {
            Body::TaskStarted { attempt, .. } => {
                let may = matches!(task.state, TaskState::Waiting | TaskState::Undone | TaskState::Running);
                if !may || !ready || !running {
                    return Err(illegal(task));
                }
                task.state = TaskState::Running;
                task.attempt = *attempt;
                task.started = Some(stamp);
                task.ended = None;
            }
            Body::TaskFinished { output, .. } if task.state == TaskState::Running => {
                task.state = TaskState::Done;
                task.output = output.clone();
                task.ended = Some(stamp);
            }
            Body::TaskFailed { failure, .. } if task.state == TaskState::Running => {
                task.state = TaskState::Failed;
                task.failure = Some(failure.clone());
                task.ended = Some(stamp);
            }
            Body::TaskUndone { .. }
                if task.state != TaskState::Waiting && task.state != TaskState::Undone =>
            {
                task.state = TaskState::Undone;
                task.ended = Some(stamp);
            }
            _ => return Err(illegal(task)),
        }
        Ok(())
    }

    fn needs_done(&self, key: &TaskKey) -> bool {
        self.task(key).is_some_and(|task| task.needs.iter().all(|need| self.is(need, TaskState::Done)))
    }

    fn is(&self, key: &TaskKey, state: TaskState) -> bool {
        self.task(key).is_some_and(|task| task.state == state)
    }

    pub fn task(&self, key: &TaskKey) -> Option<&Task> {
        self.tasks.iter().find(|t| t.key == *key)
    }

    pub fn step(&self, id: &str) -> Option<&StepPlan> {
        self.steps.iter().find(|s| s.id == id)
    }

    /// Tasks that may start now.
    pub fn ready(&self) -> Vec<TaskKey> {
        if self.state != RunState::Running {
            return Vec::new();
        }
        let may =
            |t: &&Task| matches!(t.state, TaskState::Waiting | TaskState::Undone) && self.needs_done(&t.key);
        self.tasks.iter().filter(may).map(|t| t.key.clone()).collect()
    }

    pub fn running(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|t| t.state == TaskState::Running)
    }

    /// Whether nothing runs and nothing can start any more.
    pub fn is_settled(&self) -> bool {
        self.running().next().is_none() && self.ready().is_empty()
    }

    /// The first failure that concerns this subject.
    pub fn failure_of(&self, subject: &str) -> Option<&Failure> {
        self.tasks.iter().filter(|t| t.key.subject == subject).find_map(|t| t.failure.as_ref())
    }

    /// Result for one machine: failed if any of its tasks failed, done if all are done.
    pub fn machine_state(&self, machine: &str) -> &'static str {
        let mut own = self.tasks.iter().filter(|t| t.key.subject == machine).peekable();
        if own.peek().is_none() {
            return "waiting";
        }
        let states: Vec<TaskState> = own.map(|t| t.state).collect();
        if states.contains(&TaskState::Failed) {
            "failed"
        } else if states.iter().all(|s| *s == TaskState::Done) {
            "done"
        } else if self.state.is_over() {
            self.state.word()
        } else if states.iter().all(|s| *s == TaskState::Waiting) {
            "waiting"
        } else {
            "running"
        }
    }

    /// The first step with an unfinished task, which is what a screen calls "now".
    pub fn current_step(&self) -> Option<&StepPlan> {
        self.steps
            .iter()
            .find(|step| self.tasks.iter().any(|t| t.key.step == step.id && t.state != TaskState::Done))
    }

    pub fn seconds(&self) -> Option<f64> {
        self.ended.as_ref().and_then(|end| end.seconds_since(&self.started))
    }
}
