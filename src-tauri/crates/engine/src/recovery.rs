//! What an engine does with what an earlier one left: resume where machines outlive the program, else close with words.

use lab::{
    Body, BootState, Draft, PowerState, RunState,
    live::Snapshot,
    run::{Run, TaskKey, TaskState},
};

use crate::{procedures, turn::Engine};

impl Engine {
    /// The first events of this engine's life.
    pub(crate) fn recover(&mut self) {
        let clean = self.core.ahead.engine.stopped.is_some() || self.core.ahead.seq == 0;
        let body = Body::EngineStarted {
            version: self.config.version.clone(),
            board: self.config.board.board.name.clone(),
            speed: self.config.speed,
        };
        let draft = self.core.draft("engine", body);
        let reason = (!clean).then(|| "the engine before this one was killed".to_owned());
        self.core.record(Draft { reason, ..draft });
        self.faults_are_gone();
        if self.config.world_survives {
            self.runner.gate_closed = self.core.ahead.live_run().is_some();
        } else {
            let ended = if clean { "was stopped" } else { "was killed" };
            self.close_everything(&format!(
                "the engine {ended} and its {} machines ended with it",
                self.config.board.board.kind.word()
            ));
        }
    }

    /// Boots and runs that nothing can continue get an end with its reason.
    pub(crate) fn close_everything(&mut self, why: &str) {
        let open = self.core.ahead.machines.iter().filter_map(|(name, machine)| {
            machine.boot.as_ref().filter(|b| b.is_running()).map(|b| (name.clone(), b.id, b.run))
        });
        for (machine, boot, run) in open.collect::<Vec<_>>() {
            let body = Body::BootEnded { state: BootState::Abandoned, why: why.to_owned() };
            let draft = self.core.draft(&machine, body);
            self.core.record(Draft { boot: Some(boot), run, ..draft });
        }
        if let Some((id, state)) = self.core.ahead.live_run().map(|run| (run.id, run.state)) {
            let state = if state == RunState::Cancelling { RunState::Cancelled } else { RunState::Failed };
            self.end_run(id, state, why.to_owned());
        }
    }

    /// Opens the gate of a resumed run after a first look at the power board: finished tasks on which others still
    /// wait are asked whether the world agrees; those that it contradicts are undone and done again.
    pub(crate) fn resume(&mut self) {
        if !self.runner.gate_closed || !self.power_seen {
            return;
        }
        self.runner.gate_closed = false;
        let Some(run) = self.core.ahead.live_run().cloned() else { return };
        let picture = Snapshot {
            status: std::sync::Arc::new(self.core.ahead.clone()),
            live: self.core.live.clone(),
            now: self.core.now(),
        };
        let undone = contradicted(&run, &picture);
        let waits_for_undone = |t: &&lab::run::Task| t.needs.iter().any(|need| undone.contains(need));
        let stranded: Vec<TaskKey> = run.running().filter(waits_for_undone).map(|t| t.key.clone()).collect();
        for key in stranded.into_iter().chain(undone.clone()) {
            let why = "after the restart the world says otherwise".to_owned();
            self.end_lost_boot(&key);
            self.record_task(run.id, &key, Body::TaskUndone { step: key.step.clone(), why });
        }
    }

    fn end_lost_boot(&mut self, key: &TaskKey) {
        let machine = self.core.ahead.machines.get(&key.subject);
        let off = machine.is_some_and(|m| m.commanded == PowerState::Off || m.observed == PowerState::Off);
        let boot = machine.and_then(|m| m.boot.as_ref()).filter(|b| b.is_running()).map(|b| (b.id, b.run));
        if let (true, Some((boot, run))) = (off, boot) {
            let why = "the machine is off after the engine's restart".to_owned();
            let draft = self.core.draft(&key.subject, Body::BootEnded { state: BootState::Abandoned, why });
            self.core.record(Draft { boot: Some(boot), run, ..draft });
        }
    }
}

/// Finished tasks with unfinished dependants whose row can ask the world, and is told no; later steps first.
fn contradicted(run: &Run, picture: &Snapshot) -> Vec<TaskKey> {
    let unfinished =
        |key: &TaskKey| run.tasks.iter().any(|t| t.state != TaskState::Done && t.needs.contains(key));
    let mut keys: Vec<TaskKey> = Vec::new();
    for task in run.tasks.iter().rev().filter(|t| t.state == TaskState::Done) {
        let Some(seen) = procedures::row(&task.key.step).and_then(|row| row.seen) else { continue };
        let dependants_undone = keys.iter().any(|k| run.task(k).is_some_and(|t| t.needs.contains(&task.key)));
        if (unfinished(&task.key) || dependants_undone) && !seen(picture, run.id, &task.key.subject) {
            keys.push(task.key.clone());
        }
    }
    keys
}
