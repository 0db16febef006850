//! Writes leases down, many with one commit, and lets the answers go that waited for it.
//!
//! A client of the pool hears ACK only when its lease would survive a power cut. While the store fails it hears nothing
//! and asks again, which tries the store again; who holds an address keeps it until its lease ends, and machines with
//! reservations need no store at all. The alternative, to give addresses from memory, would give them twice after a
//! restart.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::desk::{Desk, Reply};
use super::lease_store::{Lease, LeaseStore, LeaseStoreError};
use crate::clock;
use crate::seen::What;

/// Leases that may wait for the disk. At ten milliseconds a commit this is far more than asks in that time.
const WAITING: usize = 2048;
/// Leases in one commit: larger ones make the first of them wait for the last.
const TOGETHER: usize = 512;
/// A disk that takes longer than a client is patient has failed.
const COMMIT: Duration = Duration::from_secs(5);
/// Between two attempts to read what was stored, growing.
const RETRY: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];

/// One lease, and the answer that waits for it.
pub(super) struct Pending {
    pub(super) lease: Lease,
    pub(super) reply: Option<(Reply, Arc<UdpSocket>)>,
}

/// Where leases are brought.
pub(super) fn queue() -> (mpsc::Sender<Pending>, mpsc::Receiver<Pending>) {
    mpsc::channel(WAITING)
}

/// Reads what is stored, then writes what comes. Never ends while somebody may bring something.
pub(super) async fn keep(
    store: Arc<dyn LeaseStore>,
    desk: Arc<Desk>,
    mut waiting: mpsc::Receiver<Pending>,
    loaded: oneshot::Sender<()>,
) {
    let mut health = Health { desk: &desk, lost: false };
    load(&*store, &desk, &mut health).await;
    // Nobody waits for it any more when it took long.
    let _late = loaded.send(());
    let mut batch = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut batch, TOGETHER).await > 0 {
        let leases: Vec<Lease> = batch.iter().map(|pending| pending.lease.clone()).collect();
        match within(store.commit(&leases)).await {
            Ok(()) => {
                health.good();
                for pending in batch.drain(..) {
                    if let Some((reply, socket)) = pending.reply {
                        super::server::send(&desk, &socket, reply).await;
                    }
                }
            }
            Err(error) => {
                health.bad(&error);
                batch.drain(..).for_each(|pending| desk.unwritten(&pending.lease));
            }
        }
    }
}

async fn load(store: &dyn LeaseStore, desk: &Desk, health: &mut Health<'_>) {
    let mut pauses = RETRY.into_iter();
    let mut pause = RETRY[0];
    loop {
        match within(store.load()).await {
            Ok(leases) => {
                let now = clock::now();
                desk.with(|state| {
                    let lease_us = i64::try_from(state.config.lease.as_micros()).unwrap_or(i64::MAX);
                    // A wall clock that was set back would make a lease endless.
                    let left_us = |until_us: i64| until_us.saturating_sub(now.wall_us).min(lease_us);
                    state.leases.restore(leases, now.mono_us, left_us);
                    state.loaded = true;
                });
                return health.good();
            }
            Err(error) => health.bad(&error),
        }
        pause = pauses.next().unwrap_or(pause);
        sleep(pause).await;
    }
}

async fn within<T>(work: impl Future<Output = Result<T, LeaseStoreError>>) -> Result<T, LeaseStoreError> {
    timeout(COMMIT, work).await.unwrap_or_else(|_| {
        Err(LeaseStoreError {
            what: "store leases".into(),
            why: format!("the store did not answer within {} s", COMMIT.as_secs()),
            remedy: "see whether the disk still works (dmesg); the pool answers again by itself".into(),
        })
    })
}

/// Says when the store fails and when it works again, once each.
struct Health<'a> {
    desk: &'a Desk,
    lost: bool,
}

impl Health<'_> {
    fn bad(&mut self, error: &LeaseStoreError) {
        tracing::warn!(%error, remedy = error.remedy, "leases are not stored");
        if !self.lost {
            self.lost = true;
            let (why, remedy) = (error.to_string(), error.remedy.clone());
            self.say(What::LeaseStoreLost { why, remedy });
        }
    }

    fn good(&mut self) {
        if self.lost {
            self.lost = false;
            self.say(What::LeaseStoreBack);
        }
    }

    fn say(&self, what: What) {
        self.desk.sink.saw(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 67)), None, what);
    }
}
