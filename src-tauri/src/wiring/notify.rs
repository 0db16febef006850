//! Faults told to people who are not there: one message when a fault begins and one when it is over, as ntfy takes them (a POST
//! of the text, with title, priority and tags in headers).

mod causes;
mod ledger;
mod post;

use std::{path::PathBuf, time::Duration};

use engine::{EngineHandle, Observation, ObservationSink};
use lab::{Body, Failure, Secret, explain::WEBHOOK, gear::NotifyGear, status::BOARD};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::{ledger::Ledger, post::Post};
use crate::clock;

/// What was told already, across restarts.
const FILE: &str = "notified.json";
/// A message that is lost on the way is tried again after a second, then twice as long each time, up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How long things take; tests have less time.
#[derive(Debug, Clone, Copy)]
struct Times {
    look: Duration,
    /// A fault that comes back within this was never over.
    hold: Duration,
    /// After a start everything has to be seen again before a fault of before can be called over.
    settle: Duration,
    first_wait: Duration,
}

const TIMES: Times = Times {
    look: Duration::from_secs(1),
    hold: Duration::from_secs(30),
    settle: Duration::from_secs(180),
    first_wait: Duration::from_secs(1),
};

/// Everything that telling needs.
pub(super) struct Notices {
    pub(super) gear: NotifyGear,
    pub(super) board: String,
    /// The token that the gear names.
    pub(super) token: Option<Secret>,
    pub(super) folder: PathBuf,
    pub(super) engine: EngineHandle,
    pub(super) sink: ObservationSink,
    pub(super) stop: CancellationToken,
}

impl Notices {
    pub(super) async fn run(self) {
        self.run_with(TIMES).await;
    }

    async fn run_with(self, times: Times) {
        let post = match Post::new(&self.gear, self.token.clone()) {
            Ok(post) => post,
            Err(failure) => return self.tell(Some(failure)),
        };
        let path = self.folder.join(FILE);
        let mut ledger = Ledger::open(&path, times.hold, times.settle);
        let mut pace = tokio::time::interval(times.look);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let began = Instant::now();
        let (mut wait, mut retry, mut troubled) = (times.first_wait, began, true);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = pace.tick() => {}
            }
            let snapshot = self.engine.snapshot();
            let dropped = ledger.look(causes::standing(&snapshot), began.elapsed(), clock::now().wall_us);
            if dropped > 0 {
                self.sink.put(Observation::Counter { name: "notices-dropped".into(), value: dropped });
            }
            if Instant::now() < retry {
                continue;
            }
            let Some((id, message)) = ledger.next(&self.board, clock::now().wall_us) else { continue };
            // Not cut off by the end of the program: what was taken and not remembered would be told twice.
            let sent = post.send(&message).await;
            match sent {
                Ok(()) => {
                    wait = times.first_wait;
                    // At most this one message is told twice, if the program is killed right here.
                    ledger.delivered(&id);
                    if let Err(error) = ledger.save(&path).await {
                        tracing::warn!(%error, "what was told to people outside could not be remembered");
                    }
                    if std::mem::take(&mut troubled) {
                        self.tell(None);
                    }
                }
                Err(failure) => {
                    tracing::warn!(why = failure.why, "a message to people outside was not taken");
                    (retry, wait) = (Instant::now() + wait, (wait * 2).min(LONGEST_WAIT));
                    troubled = true;
                    self.tell(Some(failure));
                }
            }
        }
    }

    fn tell(&self, failure: Option<Failure>) {
        let service = WEBHOOK.to_owned();
        let body = match failure {
            Some(failure) => Body::ServiceTroubled { service, failure },
            None => Body::ServiceRecovered { service },
        };
        let stamp = clock::now();
        self.sink.put(Observation::Fact { subject: BOARD.into(), stamp, body: Box::new(body) });
    }
}

#[cfg(test)]
#[path = "notify/tests.rs"]
mod tests;
