//! Log records and their counters on the wire.

use std::collections::BTreeMap;

use lab::{
    counts::{Counter, Served, Source},
    log::Stored,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{seconds, time, word};
use crate::desks::{CountersNow, Talker};

/// One log record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecordWire {
    pub id: i64,
    /// When it was read here.
    pub seen: String,
    /// When it says it was.
    pub time: Option<String>,
    pub stream: String,
    pub node: String,
    pub service: String,
    /// `emergency` to `debug`, or `unknown`.
    pub level: String,
    pub message: String,
}

/// A page of records, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecordsWire {
    pub records: Vec<RecordWire>,
    /// Ask with `before` this for older ones; `null` when there are none.
    pub more: Option<i64>,
}

/// The counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CountersWire {
    /// `labinator` or `corrected`.
    pub profile: String,
    pub since: String,
    /// In the owner's order.
    pub counters: Vec<CounterWire>,
    /// By the owner's names: how often each address was served; `null` where nobody tells.
    pub served: BTreeMap<String, Option<BTreeMap<String, u64>>>,
    pub nodes: Vec<TalkerWire>,
    pub services: Vec<TalkerWire>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CounterWire {
    /// The owner's name.
    pub name: String,
    /// `null` where nobody tells: unknown is not zero.
    pub value: Option<u64>,
    /// A second, over the last ten seconds.
    pub rate: Option<f64>,
    /// `absent`, `log`, `engine`.
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TalkerWire {
    pub name: String,
    pub records: u64,
    pub rate: f64,
}

impl From<&Stored> for RecordWire {
    fn from(stored: &Stored) -> Self {
        let record = &stored.record;
        Self {
            id: stored.id,
            seen: time(record.seen_us),
            time: record.time_us.map(time),
            stream: record.stream.clone(),
            node: record.node.clone(),
            service: record.service.clone(),
            level: record.level.word().to_owned(),
            message: record.message.clone(),
        }
    }
}

impl From<&CountersNow> for CountersWire {
    fn from(now: &CountersNow) -> Self {
        let counter = |counter: Counter| {
            let source = now.sources.of(counter);
            let told = source != Source::Absent;
            CounterWire {
                name: counter.name().to_owned(),
                value: told.then(|| now.counts.get(counter)),
                rate: seconds(now.rates.get(&counter).copied().filter(|_| told)),
                source: word(&source),
            }
        };
        let map = |map: Served| {
            let told = now.sources.of_map(map) != Source::Absent;
            (map.name().to_owned(), told.then(|| now.counts.served(map).clone()))
        };
        Self {
            profile: now.profile.word().to_owned(),
            since: time(now.since_us),
            counters: Counter::ALL.into_iter().map(counter).collect(),
            served: Served::ALL.into_iter().map(map).collect(),
            nodes: now.nodes.iter().map(TalkerWire::from).collect(),
            services: now.services.iter().map(TalkerWire::from).collect(),
        }
    }
}

impl From<&Talker> for TalkerWire {
    fn from(talker: &Talker) -> Self {
        Self { name: talker.name.clone(), records: talker.records, rate: talker.rate }
    }
}
