//! Records for tests of the log database, numbered so that each says which it is.

use std::collections::BTreeMap;

use lab::{
    counts::{Counter, Counts},
    log::{Batch, Filter, Level, Offset, Record},
};
use store::logs::{LogRecovered, LogStore};

/// Records of one batch.
pub(crate) const BATCH: i64 = 50;

/// The batch that begins with record number `first`.
pub(crate) fn batch(first: i64) -> Batch {
    let record = |n: i64| Record {
        stream: "collector".into(),
        time_us: None,
        seen_us: 1_795_000_000_000_000 + n,
        node: format!("node{}", n % 6),
        service: "kernel".into(),
        level: Level::Info,
        message: format!("record {n} says something of the usual length about 192.168.122.{}", n % 250),
    };
    let mut counts = Counts::default();
    counts.add(Counter::Messages, BATCH as u64);
    let offset = Offset {
        path: "/run/otelcol.jsonl".into(),
        device: 1,
        inode: 2,
        offset: (first + BATCH - 1) as u64,
        head: String::new(),
        head_len: 0,
    };
    Batch {
        records: (first..first + BATCH).map(record).collect(),
        counts,
        offsets: BTreeMap::from([("collector".to_owned(), vec![offset])]),
    }
}

/// The last number stored, after a look at everything: records, words, counters and offsets tell the same, in whole batches.
pub(crate) async fn whole(store: &LogStore, recovered: &LogRecovered) -> i64 {
    let all = store.records(&Filter::default(), None, 10_000).await.unwrap();
    let last = all.first().map_or(0, |stored| stored.id);
    assert_eq!(last % BATCH, 0, "a batch is whole or absent");
    let oldest = all.last().map_or(1, |stored| stored.id);
    assert_eq!(all.len() as i64, last - oldest + 1, "no gaps");
    for stored in &all {
        assert!(stored.record.message.starts_with(&format!("record {} says", stored.id)), "{stored:?}");
    }
    if last > 0 {
        let filter = Filter { grep: Some(last.to_string()), ..Filter::default() };
        assert_eq!(store.records(&filter, None, 1).await.unwrap()[0].id, last, "its words are found");
    }
    let read = recovered.offsets.get("collector").map_or(0, |offsets| offsets[0].offset);
    assert_eq!((recovered.counts.get(Counter::Messages), read), (last as u64, last as u64));
    last
}
