//! How often what was malformed, refused or lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::Proto;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// On which port.
    pub proto: Proto,
    /// What it was, in the words of the place that counted it.
    pub kind: &'static str,
    /// How often since the start.
    pub count: u64,
}

/// Counts by protocol and kind. Bounded, because the kinds are words in the program and not in a packet.
#[derive(Debug, Default)]
pub struct Counters {
    table: Mutex<BTreeMap<(Proto, &'static str), u64>>,
}

impl Counters {
    /// One more of this kind.
    pub fn add(&self, proto: Proto, kind: &'static str) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        *table.entry((proto, kind)).or_default() += 1;
    }

    /// The whole table, sorted by protocol and kind.
    pub fn snapshot(&self) -> Vec<Count> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.iter().map(|(&(proto, kind), &count)| Count { proto, kind, count }).collect()
    }

    /// How often one kind was counted.
    pub fn of(&self, proto: Proto, kind: &'static str) -> u64 {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(&(proto, kind)).copied().unwrap_or(0)
    }
}
