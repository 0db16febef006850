//! An order, and looking until it is done.

use std::future::Future;
use std::time::Duration;

use lab::ports::PortError;
use lab::power::PowerState;
use tokio::time::{Instant, sleep};

/// How long a device may take, and how often it is asked. Small web servers answer one request at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    pub(super) limit: Duration,
    pub(super) pause: Duration,
    /// After so many refusals in a row to tell the state it is not asked again.
    pub(super) refusals: u32,
}

/// A relay in a plug closes within 20 ms; a hub between us and the plug may take seconds to hear of it.
pub(super) const PLUG: Patience =
    Patience { limit: Duration::from_secs(10), pause: Duration::from_millis(500), refusals: 4 };

/// Controllers answer before they act, measured up to 11 s, and a power button is held for 5 s. While they act some
/// refuse to answer.
pub(super) const CONTROLLER: Patience =
    Patience { limit: Duration::from_secs(30), pause: Duration::from_secs(1), refusals: 15 };

/// Carries out an order and returns when it reads as done. An order that was refused, or whose answer was lost, is no
/// failure where the state is there already.
pub(super) async fn confirmed<R>(
    what: &str,
    target: PowerState,
    patience: Patience,
    order: impl Future<Output = Result<(), PortError>>,
    read: impl Fn() -> R,
) -> Result<(), PortError>
where
    R: Future<Output = Result<PowerState, PortError>>,
{
    if let Err(refusal) = order.await {
        return match read().await {
            Ok(state) if state == target => Ok(()),
            _ => Err(refusal),
        };
    }
    read_back(what, target, patience, read).await
}

/// Looks until it reads as `target`.
pub(super) async fn read_back<R>(
    what: &str,
    target: PowerState,
    patience: Patience,
    read: impl Fn() -> R,
) -> Result<(), PortError>
where
    R: Future<Output = Result<PowerState, PortError>>,
{
    let began = Instant::now();
    let mut refusals = 0;
    loop {
        // A controller that is busy with the order may miss a question.
        let last = read().await;
        if last == Ok(target) {
            return Ok(());
        }
        refusals = if last.as_ref().is_err_and(|error| !error.absent) { refusals + 1 } else { 0 };
        let waited = began.elapsed();
        if waited + patience.pause > patience.limit || refusals == patience.refusals {
            let waited = waited.as_secs();
            return Err(match last {
                Ok(state) => PortError {
                    what: what.to_owned(),
                    why: format!(
                        "the order was taken, but {waited} s later the state reads {}",
                        state.word()
                    ),
                    remedy: "look at the machine and at the control's own page, then try again".to_owned(),
                    absent: false,
                },
                Err(error) => PortError {
                    what: what.to_owned(),
                    why: format!(
                        "the order was taken, but for {waited} s the state could not be read: {}",
                        error.why
                    ),
                    remedy: error.remedy,
                    absent: error.absent,
                },
            });
        }
        sleep(patience.pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn refused() -> PortError {
        PortError { what: "x".into(), why: "no".into(), remedy: "r".into(), absent: false }
    }

    async fn run(
        order: Result<(), PortError>,
        readings: &[Result<PowerState, PortError>],
    ) -> (Result<(), PortError>, usize) {
        let asked = AtomicUsize::new(0);
        let read = || {
            let turn = asked.fetch_add(1, Ordering::Relaxed);
            std::future::ready(readings[turn.min(readings.len() - 1)].clone())
        };
        let patience =
            Patience { limit: Duration::from_secs(10), pause: Duration::from_secs(1), refusals: 4 };
        let result = confirmed("switch on x", PowerState::On, patience, async { order }, read).await;
        (result, asked.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_is_done_when_it_reads_as_done() {
        let (on, off, lost) = (Ok(PowerState::On), Ok(PowerState::Off), Err(refused()));
        assert_eq!(run(Ok(()), &[off.clone(), lost.clone(), off.clone(), on.clone()]).await, (Ok(()), 4));
        let (never, asked) = run(Ok(()), std::slice::from_ref(&off)).await;
        assert!(never.unwrap_err().why.contains("10 s later the state reads off"));
        assert_eq!(asked, 11);
        let (blind, asked) = run(Ok(()), &[off.clone(), lost.clone()]).await;
        assert!(blind.unwrap_err().why.contains("could not be read: no"));
        assert_eq!(asked, 5, "once off, then four refusals");
        assert_eq!(run(Err(refused()), &[on]).await, (Ok(()), 1), "it is on already");
        assert_eq!(run(Err(refused()), &[off]).await, (Err(refused()), 1));
        assert_eq!(run(Err(refused()), &[lost]).await, (Err(refused()), 1));
    }
}
