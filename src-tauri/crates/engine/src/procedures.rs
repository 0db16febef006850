//! Procedures: how a lab is started. Each opens with its table of steps; the runner knows nothing of any of them.

mod context;
pub(crate) mod power;
pub(crate) mod rehearsal;

use std::{future::Future, pin::Pin};

use lab::{
    Failure,
    board::Procedure,
    live::Snapshot,
    run::{StepPlan, TaskKey, TaskPlan},
};
use serde_json::Value;

pub(crate) use context::{Presses, TaskContext};

/// Name under which the run itself is a subject.
pub(crate) const RUN: &str = "run";

/// What a task is doing, while it does it.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// Does, or undoes, a step for one subject.
pub(crate) type Act = fn(TaskContext, String) -> Work;

/// One row of a procedure's table.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    /// For the screen.
    pub(crate) words: &'static str,
    /// What happens now, for somebody who looks on.
    pub(crate) tells: &'static str,
    pub(crate) per: Per,
    /// Ids of rows that must be finished for the same subject (or for the run).
    pub(crate) needs: &'static [&'static str],
    pub(crate) limit_s: fn(&lab::board::Limits) -> u64,
    /// Does it. Safe to repeat.
    pub(crate) act: Act,
    /// Asks the world whether what was done still stands; used when a run is resumed.
    pub(crate) seen: Option<fn(&Snapshot, u64, &str) -> bool>,
    /// Undoes it, and how in words.
    pub(crate) undo: Option<(&'static str, Act)>,
    /// Why it is late, as far as can be told.
    pub(crate) late: fn(&Snapshot, &str) -> (String, String),
}

/// Whether a step has one task for the whole run, or one for each machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Per {
    Run,
    Machine,
}

/// The table of a procedure.
pub(crate) fn table(procedure: Procedure) -> &'static [Row] {
    match procedure {
        Procedure::Rehearsal => rehearsal::TABLE,
    }
}

/// The row of a step, whichever procedure it belongs to.
pub(crate) fn row(step: &str) -> Option<&'static Row> {
    rehearsal::TABLE.iter().find(|row| row.id == step)
}

/// The table as it is stored with the run.
pub(crate) fn plan(
    rows: &[Row],
    limits: &lab::board::Limits,
    machines: &[String],
) -> (Vec<StepPlan>, Vec<TaskPlan>) {
    let steps = rows.iter().map(|row| StepPlan {
        id: row.id.into(),
        words: row.words.into(),
        tells: row.tells.into(),
        limit_s: (row.limit_s)(limits),
        undo: row.undo.map(|(words, _)| words.into()),
    });
    let subjects = |per: Per| match per {
        Per::Run => vec![RUN.to_owned()],
        Per::Machine => machines.to_vec(),
    };
    let per = |id: &str| rows.iter().find(|r| r.id == id).map_or(Per::Run, |r| r.per);
    let mut tasks = Vec::new();
    for row in rows {
        for subject in subjects(row.per) {
            let needs = row.needs.iter().flat_map(|need| match (row.per, per(need)) {
                (Per::Machine, Per::Machine) => vec![TaskKey::new(need, &subject)],
                (_, other) => subjects(other).iter().map(|s| TaskKey::new(need, s)).collect(),
            });
            tasks.push(TaskPlan { key: TaskKey::new(row.id, &subject), needs: needs.collect() });
        }
    }
    (steps.collect(), tasks)
}
