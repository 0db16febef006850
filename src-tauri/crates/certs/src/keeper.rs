//! The task that keeps certificates good: it looks, renews what is due, and tells what it found.

mod progress;
mod round;

use std::{sync::Arc, time::Duration};

use lab::{
    Code, Failure,
    certificate::{CertificatesReading, Gate},
    counts::Counter,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::shelf::{Renewed, Shelf, ShelfConfig};
use round::Rounds;

/// Certificates of a day change slowly; what is wrong with them shall be seen within a minute.
const PACE: Duration = Duration::from_secs(60);
/// Orders that wait: a person presses one button at a time.
const WAITING: usize = 8;
/// A round with a silent CA and a dozen silent endpoints ends within this.
const ANSWER: Duration = Duration::from_secs(30);

/// What the task works on, and how often.
pub struct KeeperConfig {
    pub shelf: ShelfConfig,
    pub pace: Duration,
    /// For how long the program was off before, where that is known.
    pub off_s: Option<f64>,
}

impl KeeperConfig {
    pub fn new(shelf: ShelfConfig) -> Self {
        Self { shelf, pace: PACE, off_s: None }
    }
}

/// What the task tells.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// All of them, after a look.
    Looked(CertificatesReading),
    /// One has a new certificate: who listens with it takes the new one now.
    Renewed(Renewed),
    /// Certificates were made good before services started.
    Gate(Gate),
    /// For the owner's counters.
    Counted(Counter),
}

/// Called in order from the task; it must not wait.
pub type Sink = Arc<dyn Fn(News) + Send + Sync>;

enum Order {
    Check(oneshot::Sender<Result<(), Failure>>),
    Renew(String, oneshot::Sender<Result<(), Failure>>),
}

/// The task that keeps certificates good.
pub struct Keeper;

/// Asks the task; dropping the last of them does not end it, its stop does.
#[derive(Clone)]
pub struct KeeperHandle {
    orders: mpsc::Sender<Order>,
    shelf: Arc<Shelf>,
}

impl Keeper {
    /// Begins at once with a look at all, renewing what is due. Ends when told to.
    pub fn start(
        config: KeeperConfig,
        sink: Sink,
        stop: CancellationToken,
    ) -> (KeeperHandle, JoinHandle<()>) {
        let shelf = Arc::new(Shelf::new(config.shelf));
        let (orders, waiting) = mpsc::channel(WAITING);
        let handle = KeeperHandle { orders, shelf: Arc::clone(&shelf) };
        let rounds = Rounds::new(shelf, sink, config.off_s);
        let task = tokio::spawn(async move {
            // Cut off at any point: files are whole, and locks end with their holder.
            stop.run_until_cancelled(keep(rounds, config.pace, waiting)).await;
        });
        (handle, task)
    }
}

async fn keep(mut rounds: Rounds, pace: Duration, mut waiting: mpsc::Receiver<Order>) {
    rounds.round().await;
    let mut listening = true;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pace) => rounds.round().await,
            order = waiting.recv(), if listening => match order {
                // Who asked may have gone.
                Some(Order::Check(answer)) => {
                    rounds.round().await;
                    let _ = answer.send(Ok(()));
                }
                Some(Order::Renew(name, answer)) => {
                    let done = rounds.renew_now(&name).await;
                    let _ = answer.send(done);
                }
                None => listening = false,
            },
        }
    }
}

impl KeeperHandle {
    /// Looks at all of them now, and renews what is due. Ends when that is done.
    pub async fn check(&self) -> Result<(), Failure> {
        self.ask("look at the certificates", Order::Check).await
    }

    /// Renews one now, due or not.
    pub async fn renew(&self, name: &str) -> Result<(), Failure> {
        let gear = self.shelf.gear(name)?;
        let name = gear.name.clone();
        self.ask("renew a certificate", |answer| Order::Renew(name, answer)).await
    }

    /// The CA's root in PEM, where it is at hand.
    pub fn root(&self) -> Option<String> {
        self.shelf.root()
    }

    async fn ask(
        &self,
        what: &str,
        order: impl FnOnce(oneshot::Sender<Result<(), Failure>>) -> Order,
    ) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        let stopped = || Failure::new(Code::EngineStopped, what, "the engine is stopping", "start it again");
        let whole = async {
            self.orders.send(order(answer)).await.map_err(|_| stopped())?;
            answered.await.map_err(|_| stopped())?
        };
        timeout(ANSWER, whole).await.unwrap_or_else(|_| {
            let why = format!("it has not ended within {} s", ANSWER.as_secs());
            Err(Failure::new(
                Code::TimedOut,
                what,
                why,
                "it goes on; look at Observe › Certificates in a minute",
            ))
        })
    }
}

#[cfg(test)]
#[path = "keeper/keeper_tests.rs"]
mod tests;
