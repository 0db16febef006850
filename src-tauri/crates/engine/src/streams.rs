//! Streams that should keep coming: inputs that report themselves, and our own watchers, whose looks are items. Each has its
//! pace learnt; one that falls silent is looked into, and named with the likely cause before three paces are over.

mod looks;

use std::collections::{BTreeMap, VecDeque};

use lab::{
    Body, Failure, Stamp,
    status::BOARD,
    stream::{self, CauseKind, Clue, Pace, Silence, StreamLive, StreamReading},
};
use tokio::task::JoinSet;

pub(crate) use looks::Looked;

use crate::turn::Engine;

/// Over which items a second are counted.
const RATE_S: f64 = 10.0;
/// Readings kept for it: one a second, and room for a hasty reporter.
const READINGS_KEPT: usize = 64;
/// A stream that has to come and brought nothing for so long since it is watched: there is no pace to wait for.
const FIRST_S: f64 = 60.0;
/// While a stream is silent its cause may turn out to be another.
const LOOK_AGAIN_S: f64 = 30.0;
/// When our own turns were so far apart (the computer slept, or had no time), nobody listened meanwhile.
const DEAF_S: f64 = 5.0;

/// What the engine remembers of its streams.
#[derive(Default)]
pub(crate) struct Listening {
    streams: BTreeMap<String, Followed>,
    pub(crate) looks: JoinSet<Looked>,
    ticked: Option<Stamp>,
    /// Silence from before this moment counts for nothing.
    heard_nothing_before: Option<Stamp>,
}

struct Followed {
    pace: Pace,
    /// Since when it is watched.
    since: Stamp,
    counts: VecDeque<(Stamp, u64)>,
    looking: bool,
    /// What the last look found, and when.
    clues: Option<(Vec<Clue>, Stamp)>,
    /// Last item before the silence that stands.
    silent_since: Option<Stamp>,
}

/// What is to be said of a stream now.
enum Now {
    Well,
    /// Not yet silent; time to look why.
    Late,
    Silent,
    Failed(Failure),
}

impl Followed {
    fn new(name: &str, since: Stamp) -> Self {
        Self {
            pace: Pace::at_least(floor_s(name)),
            since,
            counts: VecDeque::new(),
            looking: false,
            clues: None,
            silent_since: None,
        }
    }

    /// Items a second over the last ten.
    fn rate(&mut self, at: &Stamp, items: u64) -> Option<f64> {
        if self.counts.back().is_some_and(|(_, before)| *before > items) || self.counts.len() == READINGS_KEPT
        {
            self.counts.clear();
        }
        self.counts.push_back((at.clone(), items));
        let old = |(then, _): &(Stamp, u64)| at.seconds_since(then).is_none_or(|s| s >= RATE_S);
        while self.counts.get(1).is_some_and(old) {
            self.counts.pop_front();
        }
        let (then, before) = self.counts.front()?;
        let seconds = at.seconds_since(then).filter(|seconds| *seconds >= 1.0)?;
        Some((items - before) as f64 / seconds)
    }
}

/// Our own watchers end each look within a deadline, which is no hang: three of these are beyond it.
fn floor_s(stream: &str) -> f64 {
    match stream {
        stream::POWER => 4.5,
        stream::SWITCH | stream::ROUTER => 16.0,
        stream::CLOCK => 10.0,
        stream::CERTIFICATES => 60.0,
        _ => 0.0,
    }
}

impl Engine {
    pub(crate) fn streams(&mut self, stamp: Stamp, readings: Vec<StreamReading>) {
        for reading in readings {
            self.stream(&stamp, reading);
        }
        self.judge_streams();
    }

    /// One of our own watchers looked.
    pub(crate) fn looked_at(&mut self, name: &str, title: &str) {
        let now = self.core.now();
        let items = self.core.live.streams.get(name).map_or(0, |live| live.reading.items) + 1;
        let reading = StreamReading {
            name: name.to_owned(),
            title: title.to_owned(),
            newest: Some(now.clone()),
            items,
            ..StreamReading::default()
        };
        self.stream(&now, reading);
    }

    fn stream(&mut self, stamp: &Stamp, reading: StreamReading) {
        let name = reading.name.clone();
        let before = self.core.live.streams.get(&name);
        let came = before.is_none_or(|before| before.reading.items != reading.items);
        let pause = before
            .and_then(|before| before.reading.newest.as_ref())
            .zip(reading.newest.as_ref())
            .and_then(|(before, now)| now.seconds_since(before))
            .filter(|_| came);
        // A pause that a fault explains is no habit.
        let explained = self
            .core
            .ahead
            .watched
            .silent
            .get(&name)
            .is_some_and(|silence| silence.cause != CauseKind::Unknown);
        let slept =
            self.listening.heard_nothing_before.as_ref().zip(pause).is_some_and(|(before, pause)| {
                stamp.seconds_since(before).is_some_and(|since| since < pause)
            });
        let known = &mut self.listening.streams;
        let followed = known.entry(name.clone()).or_insert_with(|| Followed::new(&name, stamp.clone()));
        if let Some(pause) = pause.filter(|_| !explained && !slept) {
            followed.pace.saw(pause);
        }
        let rate = followed.rate(stamp, reading.items);
        let pace_s = followed.pace.usual();
        self.core.live.streams.insert(name, StreamLive { reading, at: stamp.clone(), rate, pace_s });
    }

    /// Each turn of the clock: what is late is looked into, what is silent is told, what came back as well.
    pub(crate) fn tick_streams(&mut self) {
        let now = self.core.now();
        let before = self.listening.ticked.replace(now.clone());
        if before.is_some_and(|before| now.seconds_since(&before).is_none_or(|gap| gap > DEAF_S)) {
            self.listening.heard_nothing_before = Some(now);
        }
        self.judge_streams();
    }

    pub(crate) fn judge_streams(&mut self) {
        let now = self.core.now();
        let names: Vec<String> = self.core.live.streams.keys().cloned().collect();
        for name in names {
            let told = self.core.ahead.watched.silent.contains_key(&name);
            match self.now_of(&name, &now) {
                Now::Well if told => self.heard_again(&name, &now),
                Now::Well => self.forget_look(&name),
                Now::Late => self.look_into(&name, &now),
                Now::Failed(failure) if !told => {
                    let kind = stream::named_by_itself(&name);
                    self.tell_silence(&name, &now, kind, failure);
                }
                Now::Failed(_) => {}
                Now::Silent => self.silent(&name, &now),
            }
        }
    }

    fn now_of(&self, name: &str, now: &Stamp) -> Now {
        let (Some(live), Some(followed)) =
            (self.core.live.streams.get(name), self.listening.streams.get(name))
        else {
            return Now::Well;
        };
        if live.reading.optional {
            return Now::Well;
        }
        if let Some(failure) = &live.reading.failure {
            return Now::Failed(failure.clone());
        }
        let since = |stamp: &Stamp| now.seconds_since(stamp).unwrap_or(0.0);
        let newest = live.reading.newest.as_ref();
        let deaf = self.listening.heard_nothing_before.as_ref();
        let quiet_s = since(newest.unwrap_or(&followed.since)).min(deaf.map_or(f64::INFINITY, since));
        let late = followed.pace.is_late(quiet_s);
        match newest {
            None if quiet_s >= FIRST_S => Now::Silent,
            Some(_) if followed.pace.is_silent(quiet_s) => Now::Silent,
            Some(_) if late => Now::Late,
            _ => Now::Well,
        }
    }

    fn silent(&mut self, name: &str, now: &Stamp) {
        let told = self.core.ahead.watched.silent.get(name).map(|silence| silence.cause);
        let clues = self.listening.streams.get(name).and_then(|followed| followed.clues.clone());
        let Some((clues, at)) = clues else { return self.look_into(name, now) };
        let title = self.core.live.streams.get(name).map_or(name, |live| live.reading.title.as_str());
        let (kind, failure) = stream::cause(name, title, &[self.own_clues(name), clues].concat());
        if told != Some(kind) {
            self.tell_silence(name, now, kind, failure);
        }
        if now.seconds_since(&at).is_none_or(|age| age >= LOOK_AGAIN_S) {
            self.look_into(name, now);
        }
    }

    fn tell_silence(&mut self, name: &str, now: &Stamp, cause: CauseKind, failure: Failure) {
        let Some(live) = self.core.live.streams.get(name) else { return };
        let newest = live.reading.newest.clone();
        let silence = Silence {
            since_us: newest.as_ref().map(|stamp| stamp.wall_us),
            pace_s: live.pace_s,
            cause,
            failure,
            told: now.clone(),
        };
        tracing::warn!(stream = name, why = silence.failure.why, "a stream is silent");
        let body = Body::StreamSilent { stream: name.to_owned(), silence: Box::new(silence) };
        self.record_at(BOARD, now, None, body);
        if let Some(followed) = self.listening.streams.get_mut(name) {
            followed.silent_since = newest;
        }
    }

    fn heard_again(&mut self, name: &str, now: &Stamp) {
        let newest = self.core.live.streams.get(name).and_then(|live| live.reading.newest.clone());
        let before = self.listening.streams.get_mut(name).and_then(|followed| followed.silent_since.take());
        let silent_s = before.zip(newest).and_then(|(before, newest)| newest.seconds_since(&before));
        self.forget_look(name);
        self.record_at(BOARD, now, None, Body::StreamHeard { stream: name.to_owned(), silent_s });
    }

    fn forget_look(&mut self, name: &str) {
        if let Some(followed) = self.listening.streams.get_mut(name) {
            followed.clues = None;
        }
    }
}
