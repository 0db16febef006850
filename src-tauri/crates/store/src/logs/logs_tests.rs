use lab::{
    counts::{Counter, SERVED_KEPT, Served},
    log::{Level, Record},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;

const DAY_US: i64 = 24 * 3600 * 1_000_000;
const ALL: Keep = Keep { bytes: u64::MAX, days: 1_000_000 };

fn record(seen_us: i64, message: &str) -> Record {
    Record {
        stream: "collector".into(),
        time_us: Some(seen_us - 3),
        seen_us,
        node: "node1".into(),
        service: "kernel".into(),
        level: Level::Info,
        message: message.into(),
    }
}

fn batch(records: Vec<Record>) -> Batch {
    Batch { records, ..Batch::default() }
}

fn offset(n: u64) -> Offset {
    Offset {
        path: "/var/log/tmplog/otelcol.jsonl".into(),
        device: u64::MAX - n,
        inode: n,
        offset: n * 1000,
        head: "ab".repeat(32),
        head_len: 256,
    }
}

async fn empty() -> (tempfile::TempDir, LogStore) {
    let dir = tempfile::tempdir().unwrap();
    let (store, recovered) = LogStore::open(dir.path()).await.unwrap();
    assert!(recovered.counts.is_empty() && recovered.offsets.is_empty() && recovered.set_aside.is_none());
    (dir, store)
}

async fn texts(store: &LogStore, grep: &str) -> Vec<String> {
    let filter = Filter { grep: Some(grep.into()), ..Filter::default() };
    store.records(&filter, None, 100).await.unwrap().into_iter().map(|stored| stored.record.message).collect()
}

#[tokio::test]
async fn a_batch_survives_whole_and_numbers_go_on() {
    let (dir, store) = empty().await;
    let mut counts = Counts::default();
    counts.add(Counter::DnsQueries, 2);
    counts.serve(Served::Dhcp, "192.168.122.11");
    let offsets = BTreeMap::from([("collector".to_owned(), vec![offset(1), offset(0)])]);
    let one = Batch { records: vec![record(1, "a"), record(2, "b")], counts: counts.clone(), offsets };
    assert_eq!(store.commit(&one).await.unwrap(), 1..3);
    assert_eq!(store.commit(&Batch::default()).await.unwrap(), 3..3);
    let again = Batch { offsets: BTreeMap::from([("collector".to_owned(), vec![offset(9)])]), ..one.clone() };
    assert_eq!(store.commit(&again).await.unwrap(), 3..5);
    store.close().await;

    let (store, recovered) = LogStore::open(dir.path()).await.unwrap();
    assert_eq!(recovered.offsets, again.offsets, "those of a stream are replaced");
    counts.merge(&one.counts);
    assert_eq!(recovered.counts, counts);
    assert!(recovered.counting_since_us > 1_700_000_000_000_000);
    assert_eq!(store.counts().await.unwrap(), counts);
    let all = store.records(&Filter::default(), None, 100).await.unwrap();
    assert_eq!(all.iter().map(|stored| stored.id).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_eq!(all[3].record, one.records[0], "as it was given");
    // Numbers are not given twice, also when nothing is left.
    while store.trim(Keep { days: 0, ..ALL }, i64::MAX).await.unwrap().more {}
    assert!(store.records(&Filter::default(), None, 100).await.unwrap().is_empty());
    assert_eq!(store.commit(&one).await.unwrap(), 5..7);
    assert_eq!(texts(&store, "a").await, ["a"]);
}

#[tokio::test]
async fn a_flood_of_addresses_is_bounded_on_disk_as_in_memory() {
    let (_dir, store) = empty().await;
    let mut expected = Counts::default();
    for part in 0..3 {
        let mut counts = Counts::default();
        for n in 0..SERVED_KEPT / 2 + 5 {
            counts.serve(Served::Chain, &format!("{}", n + part * SERVED_KEPT / 2));
        }
        expected.merge(&counts);
        store.commit(&Batch { counts, ..Batch::default() }).await.unwrap();
    }
    assert!(expected.crowded > 0);
    assert_eq!(store.counts().await.unwrap(), expected);
}

#[tokio::test]
async fn records_go_by_age_and_by_size_the_oldest_first() {
    let (dir, store) = empty().await;
    for day in 0..20_i64 {
        let mut records: Vec<Record> =
            (0..10).map(|n| record(day * DAY_US + n, &format!("day{day} word{n}"))).collect();
        records[0].service = format!("service{day}");
        store.commit(&batch(records)).await.unwrap();
    }
    let mut steps = 0;
    while store.trim(Keep { days: 14, ..ALL }, 20 * DAY_US).await.unwrap().more {
        steps += 1;
        assert!(steps < 50, "it ends");
    }
    assert!(texts(&store, "day4").await.is_empty(), "over fourteen days old");
    assert_eq!(texts(&store, "day6").await.len(), 10, "not yet");
    assert_eq!(texts(&store, "word3").await.len(), 14, "what is gone is not found");

    let long = |n: i64| record(20 * DAY_US + n, &format!("{n} {}", "x".repeat(200_000)));
    for n in 0..400_i64 {
        store.commit(&batch(vec![long(n)])).await.unwrap();
    }
    let keep = Keep { bytes: 40 << 20, days: 100 };
    let mut gone = 0;
    loop {
        let step = store.trim(keep, 21 * DAY_US).await.unwrap();
        gone += step.records;
        if !step.more {
            break;
        }
    }
    assert!(gone > 300, "{gone}");
    assert!(texts(&store, "day19").await.is_empty() && texts(&store, "399").await.len() == 1);
    let sources: i64 = sqlx::query_scalar("SELECT count(*) FROM sources")
        .fetch_one(&store.shared.open.read().await.readers)
        .await
        .unwrap();
    assert_eq!(sources, 1, "sources go with their records");
    store.close().await;
    let size = dir.path().join(LOG_DATABASE).metadata().unwrap().len();
    assert!(size < 56 << 20, "space is given back to the disk: {size} bytes");
}

#[tokio::test]
async fn a_full_disk_refuses_whole_batches_and_recovers_by_itself() {
    let (_dir, store) = empty().await;
    store.commit(&batch(vec![record(1, "before")])).await.unwrap();
    let limit = async |pages: i64| {
        // As on a full disk, see the same test of the events.
        let sql = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(sql).execute(&store.shared.open.read().await.writer).await.unwrap();
    };
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&store.shared.open.read().await.writer)
        .await
        .unwrap();
    limit(pages + 4).await;
    let mut counts = Counts::default();
    counts.add(Counter::Messages, 300);
    let large = Batch {
        records: (0..300).map(|n| record(n, &"long".repeat(100))).collect(),
        counts: counts.clone(),
        offsets: BTreeMap::from([("collector".to_owned(), vec![offset(7)])]),
    };
    for _ in 0..2 {
        let refused = store.commit(&large).await.expect_err("there is no room for this");
        assert!(refused.why.contains("is full") && refused.remedy.contains("free some space"), "{refused}");
        assert_eq!(refused.what, "store 300 log records");
    }
    assert!(store.counts().await.unwrap().is_empty(), "nothing was counted");
    assert_eq!(store.records(&Filter::default(), None, 10).await.unwrap().len(), 1);
    limit(1_000_000).await;
    assert_eq!(store.commit(&large).await.expect("there is room again"), 2..302, "no number was used up");
    assert_eq!(store.counts().await.unwrap(), counts);
}

#[tokio::test]
async fn long_words_and_twins_of_a_digest_are_told_apart_by_the_record() {
    let (_dir, store) = empty().await;
    let (short, long) = ("k".repeat(64), format!("{}zz", "k".repeat(64)));
    store.commit(&batch(vec![record(1, &short), record(2, &long)])).await.unwrap();
    assert_eq!(texts(&store, &"k".repeat(65)).await, Vec::<String>::new());
    assert_eq!(texts(&store, &format!("{short}z")).await, [long.as_str()]);
    assert_eq!(texts(&store, "k").await.len(), 2);
}

#[tokio::test]
async fn a_new_database_that_cannot_be_begun_is_begun_later() {
    let (dir, store) = empty().await;
    store.commit(&batch(vec![record(1, "before")])).await.unwrap();
    // A folder in its place: the damaged file goes aside, and no other can be made.
    store.shared.open.write().await.gone =
        Some(SetAside { file: dir.path().join("gone"), why: "damaged".into() });
    store.shared.open.read().await.writer.close().await;
    for name in [LOG_DATABASE, "logs.db-wal", "logs.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    std::fs::create_dir(dir.path().join(LOG_DATABASE)).unwrap();
    for _ in 0..2 {
        let refused =
            store.commit(&batch(vec![record(2, "meanwhile")])).await.expect_err("a folder is there");
        assert!(!refused.remedy.is_empty(), "{refused}");
    }
    std::fs::remove_dir(dir.path().join(LOG_DATABASE)).unwrap();
    assert_eq!(store.commit(&batch(vec![record(3, "after")])).await.unwrap(), 2..3, "it goes on by itself");
    assert_eq!(store.set_aside().borrow().as_ref().unwrap().why, "damaged");
    assert_eq!(texts(&store, "after").await, ["after"]);
}

#[tokio::test]
async fn a_newer_log_database_is_left_as_it_is() {
    let (dir, store) = empty().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'to come', TRUE, x'00', 0)",
    )
    .execute(&store.shared.open.read().await.writer)
    .await
    .unwrap();
    store.close().await;
    let refused = LogStore::open(dir.path()).await.expect_err("it is newer");
    assert!(matches!(refused, OpenError::Newer { .. }) && refused.to_string().contains("999"), "{refused}");
}

fn word() -> impl Strategy<Value = String> {
    const SOME: [&str; 13] = [
        "link",
        "Link",
        "eth0",
        "down",
        "downed",
        "ΟΔΟΣ",
        "οδός",
        "größe",
        "İstanbul",
        "e\u{301}",
        "日本",
        "a1",
        "l6",
    ];
    prop_oneof![4 => select(&SOME[..]).prop_map(str::to_owned), 1 => "\\PC{0,6}", 1 => "[a-z0-9§_\"*().:^ -]{0,8}"]
}

fn a_record() -> impl Strategy<Value = Record> {
    let names = |names: &'static [&'static str]| select(names).prop_map(str::to_owned);
    (
        names(&["collector", "syslog-udp"]),
        option::of(0..50_i64),
        0..50_i64,
        names(&["", "node1", "node2", "wally"]),
        names(&["kernel", "dnsmasq.service"]),
        select(&Level::ALL[..]),
        vec(word(), 0..5).prop_map(|words| words.join(" ")),
    )
        .prop_map(|(stream, time_us, seen_us, node, service, level, message)| Record {
            stream,
            time_us,
            seen_us,
            node,
            service,
            level,
            message,
        })
}

fn a_filter() -> impl Strategy<Value = Filter> {
    let begin = |word: String| word.chars().take(3).collect::<String>();
    let grep =
        prop_oneof![word(), word().prop_map(begin), (word(), word()).prop_map(|(a, b)| format!("{a} {b}"))];
    (
        vec(select(&["node1", "node2", "wally", "nobody", ""][..]).prop_map(str::to_owned), 0..3),
        option::weighted(0.2, select(&["kernel", "dnsmasq.service", "none"][..]).prop_map(str::to_owned)),
        option::weighted(0.2, select(&["collector", "none"][..]).prop_map(str::to_owned)),
        option::weighted(0.3, select(&Level::ALL[..])),
        option::weighted(0.7, grep),
        option::weighted(0.2, 0..50_i64),
        option::weighted(0.2, 0..50_i64),
    )
        .prop_map(|(nodes, service, stream, level, grep, since_us, until_us)| Filter {
            nodes,
            service,
            stream,
            level,
            grep,
            since_us,
            until_us,
        })
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_the_filter_does(
        batches in vec(vec(a_record(), 0..45), 1..5),
        filters in vec((a_filter(), option::of(1..200_i64), 0..60_u32), 12),
    ) {
        wait_for(async {
            let (_dir, store) = empty().await;
            let mut kept: Vec<Stored> = Vec::new();
            for records in batches {
                let ids = store.commit(&batch(records.clone())).await.unwrap();
                kept.extend(ids.zip(records).map(|(id, record)| Stored { id, record }));
            }
            kept.reverse();
            for (filter, before, limit) in filters {
                let found = store.records(&filter, before, limit).await.unwrap();
                let expected: Vec<Stored> = kept
                    .iter()
                    .filter(|stored| before.is_none_or(|before| stored.id < before) && filter.takes(&stored.record))
                    .take(limit as usize)
                    .cloned()
                    .collect();
                prop_assert_eq!(found, expected, "{:?}", filter);
            }
            Ok(())
        })?;
    }
}

#[test]
fn the_filters_find_some_and_leave_some() {
    // Guards the property above: filters that take all or nothing would prove nothing.
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut taken, mut left, mut by_word) = (0, 0, 0);
    for _ in 0..4000 {
        let record = a_record().new_tree(&mut runner).unwrap().current();
        let filter = a_filter().new_tree(&mut runner).unwrap().current();
        if filter.takes(&record) {
            taken += 1
        } else {
            left += 1
        }
        let word = filter.grep.as_deref().is_some_and(|grep| lab::log::words(grep).next().is_some());
        by_word += usize::from(word && filter.takes(&record));
    }
    assert!(taken > 200 && left > 200 && by_word > 50, "{taken} {left} {by_word}");
}
