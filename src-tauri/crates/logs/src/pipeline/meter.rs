//! How an input is doing: what came, what was lost, why it cannot be read.

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lab::{event::Stamp, failure::Failure, stream::StreamReading};

/// One stream's account, shared by whoever reads it and whoever asks.
#[derive(Debug)]
pub(crate) struct Meter {
    name: &'static str,
    title: String,
    /// Silent for as long as nobody connects; a file is expected to be written.
    waits_for_others: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    newest: Option<Stamp>,
    items: u64,
    dropped: u64,
    bad: u64,
    failure: Option<Failure>,
    bound: Option<SocketAddr>,
}

impl Meter {
    pub(crate) fn new(name: &'static str, title: String, waits_for_others: bool) -> Self {
        Self { name, title, waits_for_others, state: Mutex::default() }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn came(&self, items: u64, at: &Stamp) {
        if items > 0 {
            let mut state = self.state();
            state.items += items;
            state.newest = Some(at.clone());
        }
    }

    pub(crate) fn dropped(&self, items: u64) {
        self.state().dropped += items;
    }

    pub(crate) fn bad(&self, items: u64) {
        self.state().bad += items;
    }

    pub(crate) fn fails(&self, failure: Option<Failure>) {
        let mut state = self.state();
        if state.failure != failure {
            match &failure {
                Some(failure) => tracing::warn!(stream = self.name, "{failure}; {}", failure.remedy),
                None => tracing::info!(stream = self.name, "is read"),
            }
            state.failure = failure;
        }
    }

    pub(crate) fn bound(&self, address: Option<SocketAddr>) {
        self.state().bound = address;
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.state().bound
    }

    /// Something came through it, or was lost on the way.
    pub(crate) fn is_used(&self) -> bool {
        let state = self.state();
        state.items + state.dropped > 0
    }

    pub(crate) fn reading(&self) -> StreamReading {
        let state = self.state();
        StreamReading {
            name: self.name.to_owned(),
            title: self.title.clone(),
            newest: state.newest.clone(),
            items: state.items,
            dropped: state.dropped,
            bad: state.bad,
            failure: state.failure.clone(),
            optional: self.waits_for_others && state.items == 0,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers stay right whoever panicked over them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
