//! The engine's committed picture, for those who answer machines: what is not on the disk yet is told to nobody.

use std::sync::{Arc, OnceLock};

use engine::EngineHandle;
use lab::{
    live::Snapshot,
    status::{MachineStatus, Status},
};

/// Takes a look at the engine's picture.
type Look = Box<dyn Fn() -> Arc<Snapshot> + Send + Sync>;

/// Filled once the engine has started; until then nothing is known.
#[derive(Default)]
pub(super) struct Picture(OnceLock<Look>);

impl Picture {
    pub(super) fn fill(&self, engine: EngineHandle) {
        // There is one engine; a second filling would be a mistake of wiring and changes nothing.
        let _ = self.0.set(Box::new(move || engine.snapshot()));
    }

    /// One that never changes.
    #[cfg(test)]
    pub(super) fn of(status: Status) -> Self {
        let snapshot = Arc::new(Snapshot { status: Arc::new(status), ..Snapshot::default() });
        let picture = Self::default();
        let _ = picture.0.set(Box::new(move || snapshot.clone()));
        picture
    }

    pub(super) fn look(&self) -> Option<Arc<Snapshot>> {
        self.0.get().map(|look| look())
    }

    pub(super) fn status(&self) -> Option<Arc<Status>> {
        self.look().map(|picture| picture.status.clone())
    }

    /// What events say of one machine.
    pub(super) fn machine(&self, name: &str) -> MachineStatus {
        self.status().and_then(|status| status.machines.get(name).cloned()).unwrap_or_default()
    }

    /// The lab under way that uses a machine.
    pub(super) fn lab_of(&self, name: &str) -> Option<String> {
        let status = self.status()?;
        let run = status.live_run()?;
        run.machines.iter().any(|machine| machine == name).then(|| run.lab.clone())
    }
}
