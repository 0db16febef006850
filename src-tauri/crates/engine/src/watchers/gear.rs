//! Looks at the switch and the router. A look begins a while after the one before has ended: their own processors are slow.

use std::{future::Future, sync::Arc, time::Duration};

use lab::ports::{PortError, Router, Switch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Clock,
    observation::{Observation, ObservationSink},
};

/// A person who pulls a cable looks at the screen a second later.
const SWITCH_PAUSE: Duration = Duration::from_secs(1);
/// Packet counts and uplink: rates over a few seconds.
const ROUTER_PAUSE: Duration = Duration::from_secs(5);
/// Drivers end within their own limits; this is for one that does not.
const LIMIT: Duration = Duration::from_secs(30);

async fn look<T>(what: &str, read: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
    timeout(LIMIT, read).await.unwrap_or_else(|_| {
        Err(PortError {
            what: what.to_owned(),
            why: format!("no answer within {} s", LIMIT.as_secs()),
            remedy: "look at its cable and its power".to_owned(),
            absent: true,
        })
    })
}

/// Reads the switch's ports until told to stop.
pub(crate) async fn switch(
    switch: Arc<dyn Switch>,
    clock: Clock,
    sink: ObservationSink,
    stop: CancellationToken,
) {
    let forever = async {
        loop {
            let stamp = clock();
            let reading = look("read the switch", switch.read()).await;
            sink.put(Observation::Switch { stamp, reading });
            sleep(SWITCH_PAUSE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = forever => {}
    }
}

/// Reads the router until told to stop.
pub(crate) async fn router(
    router: Arc<dyn Router>,
    clock: Clock,
    sink: ObservationSink,
    stop: CancellationToken,
) {
    let forever = async {
        loop {
            let stamp = clock();
            let reading = look("read the router", router.read()).await;
            // One that is gone is looked for as often as a person would look.
            let pause = if reading.is_ok() { ROUTER_PAUSE } else { SWITCH_PAUSE };
            sink.put(Observation::Router { stamp, reading });
            sleep(pause).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = forever => {}
    }
}
