//! How the gateway stands to its engine, learnt from what it forwards and from a look of its own.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::sleep;

use super::{Gate, Upstream};
use crate::wire::{GatewayWire, time};

/// How long a page may believe something that is no longer so.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// `/healthz` reads one flag.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Link(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    reachable: bool,
    since: Timestamp,
    error: Option<String>,
}

impl Default for Link {
    fn default() -> Self {
        let error = Some("the engine was not looked for yet".to_owned());
        Self(Mutex::new(Seen { reachable: false, since: Timestamp::now(), error }))
    }
}

impl Link {
    pub(super) fn wire(&self) -> GatewayWire {
        let seen = self.lock();
        GatewayWire {
            now: time(Timestamp::now().as_microsecond()),
            reachable: seen.reachable,
            since: time(seen.since.as_microsecond()),
            error: seen.error.clone(),
        }
    }

    pub(super) fn reached(&self) {
        let mut seen = self.lock();
        if !seen.reachable {
            tracing::info!("the engine is reached");
            // The last words stay: "it was gone, because …" is worth knowing afterwards.
            seen.reachable = true;
            seen.since = Timestamp::now();
        }
    }

    pub(super) fn lost(&self, why: &str) {
        let mut seen = self.lock();
        if seen.reachable {
            tracing::warn!(why, "the engine is not reached");
            seen.reachable = false;
            seen.since = Timestamp::now();
        }
        seen.error = Some(why.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Three plain fields; whatever a panic left is still a state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the engine until the gateway stops.
pub(super) async fn watch(gate: &Gate) {
    let mut changes = gate.config.upstream.clone();
    // When nobody can name another engine any more, there is nothing to wait for but the next look.
    let mut named = true;
    loop {
        tokio::select! {
            biased;
            () = gate.shutdown.cancelled() => return,
            () = look(gate) => {}
        }
        tokio::select! {
            () = gate.shutdown.cancelled() => return,
            () = sleep(LOOK_EVERY) => {}
            changed = changes.changed(), if named => named = changed.is_ok(),
        }
    }
}

async fn look(gate: &Gate) {
    let Some(upstream) = gate.upstream() else {
        return gate.link.lost(NO_ENGINE);
    };
    match ask(gate, &upstream).await {
        Ok(()) => gate.link.reached(),
        Err(why) => gate.link.lost(&why),
    }
}

async fn ask(gate: &Gate, upstream: &Upstream) -> Result<(), String> {
    let answer = gate.client.get(upstream.url("/healthz")).timeout(LOOK_WITHIN).send().await;
    let answer = answer.map_err(|error| words(&error))?;
    if answer.status().is_success() { Ok(()) } else { Err("the engine has stopped".to_owned()) }
}

pub(super) const NO_ENGINE: &str = "no engine runs";

/// The innermost cause says most, and unlike the outer ones names no address.
pub(super) fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the engine does not answer in time".to_owned();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    format!("the engine cannot be reached: {inner}")
}
