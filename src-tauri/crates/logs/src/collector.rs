//! The collector's file as an input: its lines read, counted and handed on with how far they reach.

use std::{path::Path, sync::Arc, time::Duration};

use lab::{
    failure::Failure,
    gear::Profile,
    log::{Offset, Record},
    stream::COLLECTOR,
};
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Classifier, otlp,
    pipeline::{Clock, Meter, Parcel},
    tail::{Piece, Tail},
};

/// Between two looks at a file that had nothing new.
const POLL: Duration = Duration::from_millis(100);
/// A file that is missing for less is being rotated.
const ROTATING: Duration = Duration::from_secs(2);

/// Reads the file and everything that rotation made of it.
pub(crate) struct Reader {
    inside: Inside,
    meter: Arc<Meter>,
    failing_since: Option<Instant>,
}

/// What a reading needs; it happens on a thread that may wait for the disk.
struct Inside {
    tail: Tail,
    classifier: Classifier,
    clock: Clock,
    recalled: bool,
}

/// What one reading brought.
struct Reading {
    parcel: Option<Parcel>,
    bad: u64,
    came: bool,
    trouble: Option<Failure>,
}

impl Reader {
    pub(crate) fn new(
        path: &Path,
        stored: Vec<Offset>,
        profile: Profile,
        meter: Arc<Meter>,
        clock: Clock,
    ) -> Self {
        let tail = Tail::new(path, stored);
        let inside = Inside { tail, classifier: Classifier::new(profile), clock, recalled: false };
        Self { inside, meter, failing_since: None }
    }

    pub(crate) async fn run(self, queue: mpsc::Sender<Parcel>, stop: CancellationToken) {
        let Self { mut inside, meter, mut failing_since } = self;
        while !stop.is_cancelled() {
            let at = (inside.clock)();
            let read = spawn_blocking(move || {
                let reading = inside.read();
                (inside, reading)
            });
            let Ok((back, reading)) = read.await else {
                tracing::error!("the reader of the collector's file broke off");
                return;
            };
            inside = back;
            let since = reading.trouble.as_ref().map(|_| *failing_since.get_or_insert_with(Instant::now));
            failing_since = since;
            if since.is_none_or(|since| since.elapsed() >= ROTATING) {
                meter.fails(reading.trouble);
            }
            meter.bad(reading.bad);
            if let Some(parcel) = reading.parcel {
                meter.came(parcel.records.len() as u64, &at);
                tokio::select! {
                    sent = queue.send(parcel) => if sent.is_err() { return },
                    () = stop.cancelled() => return,
                }
            }
            if !reading.came {
                // Nothing new: a moment later, or never.
                let _ = timeout(POLL, stop.cancelled()).await;
            }
        }
    }
}

impl Inside {
    fn read(&mut self) -> Reading {
        let now = std::time::Instant::now();
        let seen_us = (self.clock)().wall_us;
        let Self { tail, classifier, .. } = self;
        if !std::mem::replace(&mut self.recalled, true) {
            let mut thrown_away = lab::counts::Counts::default();
            tail.recall(now, &mut |piece| {
                if let Piece::Line(line) = piece {
                    otlp::read_line(line, &mut |view| {
                        classifier.count(&view, &mut thrown_away);
                    });
                }
            });
        }
        let mut parcel = Parcel::default();
        let mut bad = 0;
        let (records, counts): (&mut Vec<Record>, _) = (&mut parcel.records, &mut parcel.counts);
        let progress = tail.read(now, &mut |piece| {
            let Piece::Line(line) = piece else {
                bad += 1;
                return;
            };
            let outcome = otlp::read_line(line, &mut |view| {
                classifier.count(&view, counts);
                records.push(view.to_record(COLLECTOR, seen_us));
            });
            bad += u64::from(outcome.fault.is_some());
        });
        let parcel = progress.moved.then(|| {
            parcel.offsets = Some((COLLECTOR, tail.offsets()));
            parcel
        });
        let came = progress.moved || progress.bytes > 0;
        Reading { parcel, bad, came, trouble: tail.trouble().cloned() }
    }
}
