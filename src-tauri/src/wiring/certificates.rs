//! Certificates kept good while the program runs: what the keeper tells becomes observations and counts.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use api::CertificateDesk;
use async_trait::async_trait;
use certs::{Keeper, KeeperConfig, KeeperHandle, News};
use engine::{EngineHandle, Observation, ObservationSink};
use lab::{Code, Failure, clock::Trust, counts::Counter, dial::Dial};
use logs::own::Own;
use tokio::task::JoinHandle;

use super::{Site, own_counts::OwnCounts};
use crate::{certificates, clock};

/// The keeper, once the board is there: on the simulated one endpoints have no address before.
#[derive(Default)]
pub(super) struct LateKeeper {
    handle: OnceLock<KeeperHandle>,
    engine: OnceLock<EngineHandle>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl LateKeeper {
    pub(super) fn fill(&self, engine: EngineHandle) {
        // Filled once, before any board is built.
        let _ = self.engine.set(engine);
    }

    /// Waits until it has ended, where it was started.
    pub(super) async fn ended(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the keeper of certificates ended in a panic");
        }
    }

    fn get(&self, what: &str) -> Result<&KeeperHandle, Failure> {
        let why = "the board is still being built";
        self.handle.get().ok_or_else(|| Failure::new(Code::Busy, what, why, "try again in a moment"))
    }
}

#[async_trait]
impl CertificateDesk for LateKeeper {
    async fn check(&self) -> Result<(), Failure> {
        self.get("look at the certificates")?.check().await
    }

    async fn renew(&self, name: &str) -> Result<(), Failure> {
        self.get("renew a certificate")?.renew(name).await
    }

    fn root(&self) -> Option<String> {
        self.handle.get().and_then(KeeperHandle::root)
    }
}

impl Site {
    /// Starts to look after the board's certificates.
    pub(super) fn keep_certificates(&self, dial: &Dial) {
        let keeper = self.keeper.clone();
        let trust = Arc::new(move || keeper.engine.get().map_or(Trust::Unconfirmed, trusted));
        let shelf = certificates::shelf(&self.board, &self.options.data, &self.folder, dial, trust);
        let config = KeeperConfig { off_s: self.off_s, ..KeeperConfig::new(shelf) };
        let (sink, own) = (self.sink.clone(), self.own.clone());
        let (handle, task) =
            Keeper::start(config, Arc::new(move |news| tell(news, &sink, &own)), self.stop.child_token());
        // Only one is ever started.
        let _ = self.keeper.handle.set(handle);
        *self.keeper.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }
}

/// The engine judges the clock; before it has, nothing contradicts it.
fn trusted(engine: &EngineHandle) -> Trust {
    engine.snapshot().status.watched.clock.as_ref().map_or(Trust::Unconfirmed, |clock| clock.trust)
}

fn tell(news: News, sink: &ObservationSink, own: &OwnCounts) {
    let stamp = clock::now();
    match news {
        News::Looked(reading) => sink.put(Observation::Certificates { stamp, reading: Box::new(reading) }),
        News::Renewed(renewed) => sink.put(Observation::CertificateRenewed {
            stamp,
            certificate: renewed.name,
            by: renewed.by,
            not_after_us: renewed.facts.not_after_us,
            seconds: renewed.took.as_secs_f64(),
        }),
        News::Gate(gate) => sink.put(Observation::Gate { stamp, gate }),
        News::Counted(counter) => own.count(&match counter {
            Counter::CertChecks => Own::CertificateChecked,
            Counter::CertOk => Own::CertificateGood,
            Counter::CertSigned => Own::CertificateSigned,
            Counter::CertRenewed => Own::CertificateRenewed,
            // The keeper tells no other.
            _ => return,
        }),
    }
}
