//! Bytes in, counters out: lines, records, what could not be read, and the owner's counters.

use lab::{counts::Counts, gear::Profile};
use serde_json::{Value, json};

use crate::{
    Classifier, otlp,
    tail::{Cutter, Piece},
};

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    pub lines: u64,
    pub blank_lines: u64,
    /// Lines that could not be read, or not as a whole.
    pub unparsed_lines: u64,
    pub records: u64,
    /// Records that moved more than their level's counter.
    pub interesting: u64,
    pub counts: Counts,
}

impl Tally {
    pub fn merge(&mut self, other: &Self) {
        self.lines += other.lines;
        self.blank_lines += other.blank_lines;
        self.unparsed_lines += other.unparsed_lines;
        self.records += other.records;
        self.interesting += other.interesting;
        self.counts.merge(&other.counts);
    }

    /// As the reference's sample is described.
    pub fn to_json(&self) -> Value {
        json!({
            "lines": self.lines,
            "blank_lines": self.blank_lines,
            "unparsed_lines": self.unparsed_lines,
            "records": self.records,
            "interesting": self.interesting,
            "LogStats": self.counts.to_owners_json(),
        })
    }
}

/// Counts a file of OTLP JSON lines, given in pieces of any size.
#[derive(Debug)]
pub struct Counting {
    classifier: Classifier,
    cutter: Cutter,
    tally: Tally,
}

impl Counting {
    pub fn new(profile: Profile) -> Self {
        Self {
            classifier: Classifier::new(profile),
            cutter: Cutter::new(otlp::LINE_MAX, 0),
            tally: Tally::default(),
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        let Self { classifier, cutter, tally } = self;
        cutter.push(bytes, &mut |piece| count(classifier, tally, piece));
    }

    /// What was counted, a last line without line end included.
    pub fn finish(mut self) -> Tally {
        let Self { classifier, cutter, tally } = &mut self;
        cutter.flush(&mut |piece| count(classifier, tally, piece));
        tally.blank_lines += cutter.blank_lines();
        tally.lines += cutter.blank_lines();
        self.tally
    }
}

fn count(classifier: &mut Classifier, tally: &mut Tally, piece: Piece<'_>) {
    tally.lines += 1;
    let Piece::Line(line) = piece else {
        tally.unparsed_lines += 1;
        return;
    };
    let outcome = otlp::read_line(line, &mut |view| {
        tally.interesting += u64::from(classifier.count(&view, &mut tally.counts));
    });
    tally.records += outcome.records;
    tally.unparsed_lines += u64::from(outcome.fault.is_some());
}

#[cfg(test)]
#[path = "count_tests.rs"]
mod tests;
