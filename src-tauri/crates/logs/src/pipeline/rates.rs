//! How much came lately: per counter, per node, per service. Pure; memory is bounded.

use std::collections::{BTreeMap, HashMap};

use lab::{
    counts::{Counter, Counts},
    log::Record,
};

/// Seconds over which a rate is told.
pub const WINDOW: usize = 10;
/// Names that are kept apart; those of a flood of made-up ones are counted together under [`OTHERS`].
const NAMES: usize = 256;
/// Names that are told.
const TOLD: usize = 32;
/// All that found no place of their own.
pub const OTHERS: &str = "others";

/// Rates at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rates {
    /// A second; counters that stand still are absent.
    pub counters: BTreeMap<Counter, f64>,
    /// The most talkative first.
    pub nodes: Vec<Talker>,
    pub services: Vec<Talker>,
}

/// Who writes records.
#[derive(Debug, Clone, PartialEq)]
pub struct Talker {
    pub name: String,
    /// Since the program started.
    pub records: u64,
    pub rate: f64,
}

/// Sums of the last seconds, a place for each.
#[derive(Debug, Clone, Copy, Default)]
struct Ring {
    places: [u64; WINDOW],
    second: i64,
}

impl Ring {
    fn add(&mut self, second: i64, by: u64) {
        self.turn(second);
        self.places[second.rem_euclid(WINDOW as i64) as usize] += by;
    }

    fn turn(&mut self, second: i64) {
        let passed = second.saturating_sub(self.second).clamp(0, WINDOW as i64);
        for n in 1..=passed {
            self.places[(second - passed + n).rem_euclid(WINDOW as i64) as usize] = 0;
        }
        self.second = self.second.max(second);
    }

    fn sum(mut self, second: i64) -> u64 {
        self.turn(second);
        self.places.iter().sum()
    }
}

/// Names and what each wrote.
#[derive(Debug, Default)]
struct Talkers(HashMap<String, (u64, Ring)>);

impl Talkers {
    fn add(&mut self, name: &str, second: i64) {
        if !self.0.contains_key(name) {
            let name = if self.0.len() < NAMES { name } else { OTHERS };
            self.0.entry(name.to_owned()).or_default();
        }
        let talker = if self.0.contains_key(name) { name } else { OTHERS };
        if let Some((records, ring)) = self.0.get_mut(talker) {
            *records += 1;
            ring.add(second, 1);
        }
    }

    fn told(&self, second: i64, over: f64) -> Vec<Talker> {
        let talker = |(name, (records, ring)): (&String, &(u64, Ring))| Talker {
            name: name.clone(),
            records: *records,
            rate: ring.sum(second) as f64 / over,
        };
        let mut all: Vec<Talker> = self.0.iter().map(talker).collect();
        all.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.name.cmp(&b.name)));
        all.truncate(TOLD);
        all
    }
}

/// Adds up what was committed.
#[derive(Debug)]
pub(crate) struct RateBook {
    since: i64,
    counters: BTreeMap<Counter, Ring>,
    nodes: Talkers,
    services: Talkers,
}

impl RateBook {
    /// `mono_us` as in a [`lab::event::Stamp`].
    pub(crate) fn new(mono_us: i64) -> Self {
        let (counters, nodes, services) = Default::default();
        Self { since: second(mono_us), counters, nodes, services }
    }

    pub(crate) fn add(&mut self, mono_us: i64, records: &[Record], counts: &Counts) {
        let now = second(mono_us);
        for counter in Counter::ALL.into_iter().filter(|counter| counts.get(*counter) > 0) {
            self.counters.entry(counter).or_default().add(now, counts.get(counter));
        }
        for record in records {
            self.nodes.add(&record.node, now);
            self.services.add(&record.service, now);
        }
    }

    pub(crate) fn now(&self, mono_us: i64) -> Rates {
        let now = second(mono_us);
        // In its first seconds a program has not had ten of them.
        let over = (now - self.since + 1).clamp(1, WINDOW as i64) as f64;
        let rate = |(counter, ring): (&Counter, &Ring)| (*counter, ring.sum(now) as f64 / over);
        Rates {
            counters: self.counters.iter().map(rate).filter(|(_, rate)| *rate > 0.0).collect(),
            nodes: self.nodes.told(now, over),
            services: self.services.told(now, over),
        }
    }
}

fn second(mono_us: i64) -> i64 {
    mono_us.div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use lab::log::Level;

    use super::*;

    const S: i64 = 1_000_000;

    fn record(node: &str) -> Record {
        let (stream, service, message) = ("talos".into(), "kernel".into(), String::new());
        let (time_us, seen_us, level) = (None, 0, Level::Info);
        Record { stream, time_us, seen_us, node: node.into(), service, level, message }
    }

    #[test]
    fn a_rate_is_that_of_the_last_ten_seconds() {
        let mut book = RateBook::new(0);
        let mut counts = Counts::default();
        counts.add(Counter::Messages, 20);
        book.add(3 * S, &[record("node1"), record("node1"), record("node2")], &counts);
        let rate = |book: &RateBook, at: i64| book.now(at * S).counters.get(&Counter::Messages).copied();
        assert_eq!(rate(&book, 3), Some(5.0), "four seconds have passed since the start");
        assert_eq!(rate(&book, 12), Some(2.0));
        assert_eq!(rate(&book, 13), None);
        let nodes = book.now(13 * S).nodes;
        assert_eq!((nodes[0].name.as_str(), nodes[0].records, nodes[0].rate), ("node1", 2, 0.0));
        book.add(1000 * S, &[], &counts);
        assert_eq!(rate(&book, 1000), Some(2.0), "after a long pause nothing old is left");
    }

    #[test]
    fn a_flood_of_names_is_counted_together() {
        let mut book = RateBook::new(0);
        for n in 0..NAMES + 50 {
            book.add(0, &[record(&n.to_string())], &Counts::default());
        }
        assert_eq!(book.nodes.0.len(), NAMES + 1);
        let told = book.now(0).nodes;
        assert_eq!((told[0].name.as_str(), told[0].records, told.len()), (OTHERS, 50, TOLD));
    }
}
