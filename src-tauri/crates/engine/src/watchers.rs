//! Watchers take no input: a timer triggers the same idempotent look at the world.

use std::{sync::Arc, time::Duration};

use lab::ports::{PortError, Power};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Clock,
    observation::{Observation, ObservationSink},
};

/// Pace of looking at the power board, as its own display keeps it.
const POWER_PERIOD: Duration = Duration::from_secs(1);
/// A read that takes longer than this has failed.
const POWER_LIMIT: Duration = Duration::from_secs(8);

/// Reads the power port once a second until told to stop.
pub(crate) async fn power(
    power: Arc<dyn Power>,
    clock: Clock,
    sink: ObservationSink,
    stop: CancellationToken,
) {
    let mut pace = interval(POWER_PERIOD);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        // Stamped before the look: what it shows is at least this new.
        let stamp = clock();
        let reading = tokio::select! {
            () = stop.cancelled() => return,
            reading = timeout(POWER_LIMIT, power.read()) => reading,
        };
        let reading = reading.unwrap_or_else(|_| {
            Err(PortError {
                what: "read the power board".into(),
                why: format!("no answer within {} s", POWER_LIMIT.as_secs()),
                remedy: "look at its cable".into(),
                absent: true,
            })
        });
        sink.put(Observation::Power { stamp, reading });
    }
}
