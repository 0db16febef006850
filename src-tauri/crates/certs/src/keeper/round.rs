//! One round: look at all, renew what is due, tell.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use lab::{
    Code, Failure,
    certificate::{CertificateReading, CertificateState, CertificatesReading, judge},
    counts::Counter,
};
use tokio::time::Instant;

use super::{News, Sink, progress::Progress};
use crate::{
    gate,
    shelf::{After, Renewed, Shelf, Want, due_us},
};

/// Renewals at the same time: a CA on a small PC signs a few hundred a second.
const AT_ONCE: usize = 4;
/// Three ways to be tried at a CA, each with its deadline, and a reload command.
const RENEWAL: Duration = Duration::from_secs(20);

pub(super) struct Rounds {
    shelf: Arc<Shelf>,
    sink: Sink,
    progress: BTreeMap<String, Progress>,
    silent_since_us: Option<i64>,
    last: CertificatesReading,
    /// Of the first round, which is a gate of its own.
    gate: Option<Option<f64>>,
}

impl Rounds {
    pub(super) fn new(shelf: Arc<Shelf>, sink: Sink, off_s: Option<f64>) -> Self {
        let (progress, last) = (BTreeMap::new(), CertificatesReading::default());
        Self { shelf, sink, progress, silent_since_us: None, last, gate: Some(off_s) }
    }

    pub(super) async fn round(&mut self) {
        let began = Instant::now();
        self.last = self.shelf.look().await;
        let now_us = self.shelf.now_us();
        let silent = self.last.ca_failure.as_ref().is_some_and(|failure| failure.code == Code::DeviceAbsent);
        self.silent_since_us = silent.then(|| self.silent_since_us.unwrap_or(now_us));
        self.last.ca_silent_since_us = self.silent_since_us;
        let renewed = self.renew_due(now_us, !silent).await;
        for reading in self.last.list.iter().filter(|reading| reading.ours) {
            (self.sink)(News::Counted(Counter::CertChecks));
            let good = judge(reading, now_us, self.shelf.trust()).state == CertificateState::Good;
            if good && !renewed.contains(&reading.name) {
                (self.sink)(News::Counted(Counter::CertOk));
            }
        }
        self.tell();
        let own = self.gate.take().filter(|_| self.shelf.ours().next().is_some());
        let own =
            own.map(|off_s| gate::of_round(&self.last, &renewed, began.elapsed(), off_s, self.shelf.trust()));
        // Services that started since have had gates of their own.
        if let Some(gate) = gate::told(self.shelf.folder(), own, now_us).await {
            (self.sink)(News::Gate(gate));
        }
    }

    /// Renews one now, due or not.
    pub(super) async fn renew_now(&mut self, name: &str) -> Result<(), Failure> {
        let done = self.shelf.renew(name, Want::Now, After::Reload, Instant::now() + RENEWAL).await;
        let result = done.as_ref().map(|_| ()).map_err(Clone::clone);
        self.outcome(name, done).await;
        self.tell();
        result
    }

    async fn renew_due(&mut self, now_us: i64, ca_answers: bool) -> Vec<String> {
        let mut due = Vec::new();
        for gear in self.shelf.ours() {
            let reading = self.last.list.iter().find(|reading| reading.name == gear.name);
            let Some(due_us) = reading.and_then(due_us) else { continue };
            let progress = self.progress.entry(gear.name.clone()).or_default();
            if !progress.tries(due_us, &gear.name, now_us, ca_answers) {
                continue;
            }
            let trust = self.shelf.trust();
            if trust.usable() {
                due.push(gear.name.clone());
            } else {
                progress.held_back(Failure::new(
                    Code::DeviceRefused,
                    format!("renew {}", gear.name),
                    format!("the clock is {}: nothing is renewed by it", trust.word()),
                    "set the clock; renewal follows by itself",
                ));
            }
        }
        let shelf = Arc::clone(&self.shelf);
        let done: Vec<_> = stream::iter(due)
            .map(|name| {
                let shelf = Arc::clone(&shelf);
                async move {
                    let done = shelf.renew(&name, Want::Due, After::Reload, Instant::now() + RENEWAL).await;
                    (name, done)
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut renewed = Vec::new();
        for (name, done) in done {
            if matches!(done, Ok(Some(_))) {
                renewed.push(name.clone());
            }
            self.outcome(&name, done).await;
        }
        renewed
    }

    async fn outcome(&mut self, name: &str, done: Result<Option<Renewed>, Failure>) {
        let now_us = self.shelf.now_us();
        let progress = self.progress.entry(name.to_owned()).or_default();
        match done {
            Ok(Some(renewed)) => {
                progress.renewed(&renewed, now_us);
                let signed = renewed.first || renewed.by == "step-ca: sign";
                (self.sink)(News::Counted(if signed { Counter::CertSigned } else { Counter::CertRenewed }));
                tracing::info!(certificate = name, by = renewed.by, "renewed");
                (self.sink)(News::Renewed(renewed));
            }
            Ok(None) => progress.well(),
            Err(failure) => {
                tracing::warn!(certificate = name, %failure, "not renewed");
                progress.failed(failure, now_us);
            }
        }
        self.look_again(name).await;
    }

    async fn look_again(&mut self, name: &str) {
        let Ok(new) = self.shelf.look_at(name).await else { return };
        if let Some(old) = self.last.list.iter_mut().find(|reading| reading.name == name) {
            *old = new;
        }
    }

    /// The list with how each renewal goes.
    fn tell(&mut self) {
        for reading in &mut self.last.list {
            let Some(due_us) = due_us(reading) else { continue };
            let progress = self.progress.entry(reading.name.clone()).or_default();
            // Somebody else may have renewed it, or put it right.
            let fine = due_us > self.shelf.now_us() && self.shelf.trust().usable();
            if fine && progress.renewal.failure.is_some() && !failed_when_asked(reading, progress) {
                progress.well();
            }
            progress.tell(reading, due_us);
        }
        (self.sink)(News::Looked(self.last.clone()));
    }
}

/// A renewal that a person asked for before it was due, and that failed, stays told until the next one.
fn failed_when_asked(reading: &CertificateReading, progress: &Progress) -> bool {
    let before = reading.facts.as_ref().map_or(0, |facts| facts.not_before_us);
    progress.renewal.tried_us.is_some_and(|tried_us| tried_us > before)
}
