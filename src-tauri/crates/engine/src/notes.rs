//! What tasks tell the loop while they work, and wait for until it is committed.

use lab::{Body, Failure};
use tokio::sync::{mpsc, oneshot};

/// A fact about a machine that a task wants recorded before it goes on.
pub(crate) struct Note {
    pub(crate) machine: String,
    pub(crate) body: Body,
    pub(crate) committed: oneshot::Sender<()>,
}

/// A task's line to the loop.
#[derive(Clone)]
pub(crate) struct Notebook(pub(crate) mpsc::Sender<Note>);

/// Notes that may wait; a task that finds no room waits itself.
pub(crate) const NOTES_WAITING: usize = 64;

impl Notebook {
    /// Records a fact and returns when it is on disk, so that what follows on the wire can never precede it.
    pub(crate) async fn write(&self, machine: &str, body: Body) -> Result<(), Failure> {
        let (committed, wait) = oneshot::channel();
        let note = Note { machine: machine.to_owned(), body, committed };
        self.0.send(note).await.map_err(|_| stopped())?;
        wait.await.map_err(|_| stopped())
    }
}

fn stopped() -> Failure {
    Failure::new(
        lab::Code::EngineStopped,
        "record an event",
        "the engine is stopping",
        "start the program again",
    )
}
