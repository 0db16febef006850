//! The clock: compared with all that tells the time, and with what has happened already, before any certificate is judged.

use lab::{
    Body, Stamp,
    clock::{ClockReading, ClockSource, ClockState, Trust, judge},
    status::BOARD,
    stream,
};

use crate::turn::Engine;

/// Answers older than this say nothing of the clock now.
const FRESH_S: f64 = 60.0;
/// A time service that does not answer once has not stopped to keep the clock, and a slow router tells the time late.
const CONFIRMED_S: f64 = 180.0;
/// A step of our clock since a source was asked makes its word worthless.
const STEP_S: f64 = 1.0;

/// What was told about the clock last.
#[derive(Default)]
pub(crate) struct ClockDesk {
    outside: Option<(Vec<ClockReading>, Stamp)>,
    confirmed: Option<Stamp>,
}

impl Engine {
    pub(crate) fn clock(&mut self, stamp: Stamp, readings: Vec<ClockReading>) {
        self.looked_at(stream::CLOCK, "looks at the clock");
        self.clock_desk.outside = Some((readings, stamp));
        self.judge_clock();
        self.judge_certificates();
    }

    /// Called at the start, with each look and each tick: a clock that was set back is known at once, by our own events.
    pub(crate) fn judge_clock(&mut self) {
        let now = self.core.now();
        let mut readings = self.outside(&now);
        readings.extend(self.floors(&now));
        let state = judge(&readings);
        let asked = self.clock_desk.outside.as_ref().map(|(_, at)| at.clone());
        let first = asked.is_none();
        self.core.live.clock = Some((readings, asked.unwrap_or_else(|| now.clone())));
        if state.trust == Trust::Good {
            self.clock_desk.confirmed = Some(now.clone());
        }
        let known = self.core.ahead.watched.clock.as_ref();
        let news = match known {
            // Nobody outside was asked yet: only what contradicts the clock is worth a word.
            None => !first || !state.trust.usable(),
            Some(known) => known.trust != state.trust && !self.still_confirmed(known, &state, &now),
        };
        if news {
            if !state.trust.usable() {
                tracing::warn!(says = state.says, remedy = state.remedy, "the clock is not right");
            }
            self.record_at(BOARD, &now, None, Body::ClockJudged { clock: state });
        }
    }

    fn still_confirmed(&self, known: &ClockState, state: &ClockState, now: &Stamp) -> bool {
        let lately = self.clock_desk.confirmed.as_ref().and_then(|at| now.seconds_since(at));
        known.trust == Trust::Good
            && state.trust == Trust::Unconfirmed
            && lately.is_some_and(|s| s < CONFIRMED_S)
    }

    /// What sources outside said, as far as it still holds.
    fn outside(&self, now: &Stamp) -> Vec<ClockReading> {
        let mut readings = Vec::new();
        let age = |at: &Stamp| now.seconds_since(at).filter(|age| *age < FRESH_S);
        // By how much our wall clock went another way than time itself since then.
        let step = |at: &Stamp, age: f64| (now.wall_us - at.wall_us) as f64 / 1e6 - age;
        if let Some((list, at)) = &self.clock_desk.outside
            && let Some(age) = age(at)
        {
            let step = step(at, age);
            readings.extend(list.iter().map(|reading| moved(reading, step)));
        }
        if let Some(router) = &self.core.live.router
            && let (Some(age), Some(time_s)) = (age(&router.stamp), router.reading.time_s)
        {
            let ahead_s = router.stamp.wall_us as f64 / 1e6 - time_s + step(&router.stamp, age);
            readings.push(ClockReading {
                source: ClockSource::Router,
                name: "the router".into(),
                ahead_s: Some(ahead_s),
                synced: None,
                floor: false,
                says: "its own clock, by its metrics".into(),
            });
        }
        readings
    }

    /// What has happened already.
    fn floors(&self, now: &Stamp) -> Vec<ClockReading> {
        let floor = |source, name: &str, says: &str, us: i64| {
            ClockReading::floor(source, name, says, us, now.wall_us)
        };
        let mut floors = Vec::new();
        let newest = self.core.ahead.newest_us;
        if newest > 0 {
            floors.push(floor(ClockSource::Store, "events", "the newest event", newest));
        }
        let list = self.core.live.certificates.iter().flat_map(|live| &live.reading.list);
        let made = list
            .filter(|reading| reading.ours)
            .filter_map(|reading| Some((reading, reading.facts.as_ref()?)));
        if let Some((reading, facts)) = made.max_by_key(|(_, facts)| facts.not_before_us) {
            let says = format!("the making of certificate {}", reading.name);
            floors.push(floor(ClockSource::Certificate, "certificates", &says, facts.not_before_us));
        }
        if let Some(built) = self.config.built_us {
            floors.push(floor(ClockSource::Build, "build", "the making of this program", built));
        }
        floors
    }
}

fn moved(reading: &ClockReading, step: f64) -> ClockReading {
    let ahead_s = match reading.ahead_s {
        Some(ahead) => Some(ahead + step),
        None if step.abs() > STEP_S && !reading.floor => Some(step),
        None => None,
    };
    ClockReading { ahead_s, ..reading.clone() }
}
