//! A run on the wire: its steps as a screen lists them, its tasks, and the result for each machine.

use lab::{
    Board, Run, Status,
    run::{StepPlan, Task, TaskState},
    status::{at_speed, median},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FailureWire, seconds, time, word};

/// One attempt to start a lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunWire {
    pub run: u64,
    pub lab: String,
    pub title: String,
    /// `running`, `cancelling`, `done`, `failed`, `cancelled`.
    pub state: String,
    pub reason: Option<String>,
    pub actor: String,
    pub started: String,
    pub ended: Option<String>,
    pub seconds: Option<f64>,
    /// Median of the last good runs of this lab at this speed; `null` without history.
    pub usual_seconds: Option<f64>,
    /// Id of the first step that has an unfinished task.
    pub step: Option<String>,
    pub machines: Vec<RunMachineWire>,
    pub steps: Vec<StepWire>,
    pub tasks: Vec<TaskWire>,
}

/// A machine's part in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunMachineWire {
    pub machine: String,
    pub r#box: Option<u32>,
    /// `waiting`, `running`, `done`, `failed`, `cancelled`.
    pub state: String,
    /// The boot of this run.
    pub boot: Option<u64>,
    #[schema(value_type = Object, nullable)]
    pub facts: Option<serde_json::Value>,
    pub failure: Option<FailureWire>,
}

/// A step with its tasks counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepWire {
    pub id: String,
    pub words: String,
    /// What happens now, for somebody who looks on.
    pub tells: String,
    /// `waiting`, `running`, `done`, `failed`.
    pub state: String,
    pub started: Option<String>,
    /// From its first begin to its last end; `null` while it runs.
    pub seconds: Option<f64>,
    pub limit_s: u64,
    pub done: u32,
    pub failed: u32,
    pub total: u32,
    /// How it is undone, in words.
    pub undo: Option<String>,
}

/// A step for one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskWire {
    pub step: String,
    pub subject: String,
    /// `waiting`, `running`, `done`, `failed`, `undone`.
    pub state: String,
    pub attempt: u32,
    pub started: Option<String>,
    pub seconds: Option<f64>,
    pub failure: Option<FailureWire>,
}

impl RunWire {
    /// `status` lends history, and facts of machines that reported in this run.
    pub fn new(run: &Run, board: &Board, status: &Status) -> Self {
        let history = status.labs.get(&at_speed(&run.lab, status.engine.speed));
        let machine = |name: &String| {
            let known = status.machines.get(name);
            let output = |step: &str| run.task(&lab::run::TaskKey::new(step, name)).map(|t| t.output.clone());
            let report = output("report").and_then(|mut o| o.get_mut("facts").map(serde_json::Value::take));
            let boot = known.and_then(|m| m.boot.as_ref()).filter(|b| b.run == Some(run.id)).map(|b| b.id);
            RunMachineWire {
                machine: name.clone(),
                r#box: board.machine(name).map(|m| m.box_number),
                state: run.machine_state(name).to_owned(),
                boot: output("boot").and_then(|o| o.get("boot").and_then(serde_json::Value::as_u64)).or(boot),
                facts: report,
                failure: run.failure_of(name).map(FailureWire::from),
            }
        };
        Self {
            run: run.id,
            lab: run.lab.clone(),
            title: board.lab(&run.lab).map_or_else(|| run.lab.clone(), |lab| lab.title.clone()),
            state: run.state.word().to_owned(),
            reason: run.why.clone(),
            actor: run.actor.clone(),
            started: time(run.started.wall_us),
            ended: run.ended.as_ref().map(|s| time(s.wall_us)),
            seconds: seconds(run.seconds()),
            usual_seconds: seconds(history.and_then(|h| median(h.seconds.iter().copied()))),
            step: run.current_step().map(|step| step.id.clone()),
            machines: run.machines.iter().map(machine).collect(),
            steps: run.steps.iter().map(|step| StepWire::new(step, run)).collect(),
            tasks: run.tasks.iter().map(TaskWire::from).collect(),
        }
    }
}

impl StepWire {
    fn new(step: &StepPlan, run: &Run) -> Self {
        let tasks: Vec<&Task> = run.tasks.iter().filter(|t| t.key.step == step.id).collect();
        let count = |state: TaskState| tasks.iter().filter(|t| t.state == state).count() as u32;
        let (done, failed) = (count(TaskState::Done), count(TaskState::Failed));
        let total = tasks.len() as u32;
        let state = if failed > 0 {
            "failed"
        } else if done == total {
            "done"
        } else if tasks.iter().any(|t| t.state == TaskState::Running) || done > 0 {
            "running"
        } else {
            "waiting"
        };
        let first = tasks.iter().filter_map(|t| t.started.as_ref()).min_by_key(|s| s.mono_us);
        let last = tasks.iter().filter_map(|t| t.ended.as_ref()).max_by_key(|s| s.mono_us);
        let over = done + failed == total;
        Self {
            id: step.id.clone(),
            words: step.words.clone(),
            tells: step.tells.clone(),
            state: state.to_owned(),
            started: first.map(|s| time(s.wall_us)),
            seconds: seconds(first.zip(last).filter(|_| over).and_then(|(a, b)| b.seconds_since(a))),
            limit_s: step.limit_s,
            done,
            failed,
            total,
            undo: step.undo.clone(),
        }
    }
}

impl From<&Task> for TaskWire {
    fn from(task: &Task) -> Self {
        let length = task.started.as_ref().zip(task.ended.as_ref()).and_then(|(a, b)| b.seconds_since(a));
        Self {
            step: task.key.step.clone(),
            subject: task.key.subject.clone(),
            state: word(&task.state),
            attempt: task.attempt,
            started: task.started.as_ref().map(|s| time(s.wall_us)),
            seconds: seconds(length),
            failure: task.failure.as_ref().map(FailureWire::from),
        }
    }
}
