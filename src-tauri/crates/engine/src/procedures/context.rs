//! What a task is given: ports, the picture as it changes, and a line to the loop. Nothing else.

use std::{sync::Arc, time::Duration};

use lab::{Body, Code, Failure, Machine, live::Snapshot};
use tokio::{
    sync::{Mutex, MutexGuard, watch},
    time::Instant,
};

use crate::{config::EngineConfig, notes::Notebook};

/// One press at a time gets the turn; the supply must not see all machines start in one instant.
pub(crate) type Presses = Arc<Mutex<Option<Instant>>>;

/// Everything a task may use.
#[derive(Clone)]
pub(crate) struct TaskContext {
    pub(crate) run: u64,
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) world: watch::Receiver<Arc<Snapshot>>,
    pub(crate) notes: Notebook,
    pub(crate) presses: Presses,
}

impl TaskContext {
    pub(crate) fn machine(&self, name: &str) -> Result<Machine, Failure> {
        self.config.board.machine(name).cloned().ok_or_else(|| {
            let why = format!("the board file no longer has {name}");
            Failure::new(
                Code::UnknownMachine,
                "find a machine",
                why,
                "cancel the run and start the lab again",
            )
        })
    }

    /// The newest committed picture.
    pub(crate) fn look(&mut self) -> Arc<Snapshot> {
        self.world.borrow_and_update().clone()
    }

    /// Looks again at each change until `found` says what it found. The task's own limit ends the wait.
    pub(crate) async fn until<T>(
        &mut self,
        mut found: impl FnMut(&Snapshot) -> Option<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        loop {
            let snapshot = self.look();
            if let Some(result) = found(&snapshot) {
                return result;
            }
            if self.world.changed().await.is_err() {
                return Err(Failure::new(
                    Code::EngineStopped,
                    "wait",
                    "the engine is stopping",
                    "start the program again",
                ));
            }
        }
    }

    /// Records a fact and returns when it is committed.
    pub(crate) async fn write(&self, machine: &str, body: Body) -> Result<(), Failure> {
        self.notes.write(machine, body).await
    }

    /// Waits for the turn to press, at least `stagger_ms` after the press before.
    pub(crate) async fn turn_to_press(&self) -> MutexGuard<'_, Option<Instant>> {
        let mut turn = self.presses.lock().await;
        if let Some(last) = *turn {
            tokio::time::sleep_until(last + Duration::from_millis(self.config.board.limits.stagger_ms)).await;
        }
        *turn = Some(Instant::now());
        turn
    }
}
