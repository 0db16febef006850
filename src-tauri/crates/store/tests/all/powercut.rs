//! The power goes at any instant: of what was told as committed nothing is lost, and every database can be read.

use std::{env, fs, io::Write, path::Path, process::Command};

use lab::{
    Body, Draft,
    journal::{Archive, Journal},
};
use store::{Checked, Store, logs::LogStore};

use crate::{
    images::{Act, Dice, acts, image},
    logging::{BATCH, batch, whole},
};

const FOLDER: &str = "POWERCUT_FOLDER";
/// The file in which the program under test writes down what it was told; its writes are entries of the record.
const TOLD: &str = "told";

/// Not a test of its own: the program whose disk loses power.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test below, in a process of its own"]
async fn program() {
    let Ok(dir) = env::var(FOLDER) else { return };
    let dir = Path::new(&dir);
    let mut told = fs::File::create(dir.join(TOLD)).unwrap();
    let (mut event, mut record) = (1, 1);
    // Opened and closed several times, and long enough that logs are folded in on the way (1000 pages).
    for round in 0..4 {
        let (store, _) = Store::open(dir).await.unwrap();
        let (logs, _) = LogStore::open(dir).await.unwrap();
        for _ in 0..60 {
            let drafts = (event..event + 3).map(|n| {
                let why = format!("event {n} {}", "x".repeat(if round == 1 { 6000 } else { 100 }));
                Draft { body: Body::StorageFailed { why }, ..crate::history::blank() }
            });
            let (events, ids) = tokio::join!(store.append(drafts.collect()), async {
                let mut ids = 0..0;
                for _ in 0..3 {
                    ids = logs.commit(&batch(record)).await.unwrap();
                    record = ids.end;
                }
                ids
            });
            event = events.unwrap().last().unwrap().seq + 1;
            told.write_all(format!("{} {}\n", event - 1, ids.end - 1).as_bytes()).unwrap();
        }
        if round != 2 {
            // Once without a farewell, as after a kill.
            store.close().await;
            logs.close().await;
        }
    }
}

#[tokio::test]
async fn a_power_cut_at_any_instant_costs_nothing_that_was_committed() {
    let record = recorded();
    let acts = acts(&record);
    let count = |wanted: fn(&Act) -> bool| acts.iter().filter(|act| wanted(act)).count();
    let writes = count(|act| matches!(act, Act::Write { .. }));
    let syncs = count(|act| matches!(act, Act::Sync { .. }));
    assert!(writes > 1000 && syncs > 300, "this record would prove nothing: {writes} writes, {syncs} syncs");
    assert!(count(|act| matches!(act, Act::Unlink { .. })) > 0, "no log was folded in and removed");

    let whole = env::var_os("FULL").is_some_and(|value| !value.is_empty());
    let images = if whole { 200 } else { 24 };
    let mut unfinished = 0;
    for n in 0..images {
        let mut dice = Dice::new(n + 1);
        let cut = 1 + dice.below(acts.len() as u64) as usize;
        let dir = tempfile::tempdir().unwrap();
        image(&acts[..cut], &mut dice, dir.path());
        unfinished += u64::from(!matches!(acts[cut - 1], Act::Sync { .. }));
        let told = told(&acts[..cut]);
        read(dir.path(), told, &format!("image {n}, cut after {cut} of {} acts", acts.len())).await;
    }
    assert!(unfinished > images / 4, "cuts between syncs are the point: {unfinished}");
}

/// Guards the test above: images that lose what was synced must be found out.
#[tokio::test]
async fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let record = recorded();
    let acts: Vec<Act> = acts(&record).into_iter().filter(|act| !matches!(act, Act::Sync { .. })).collect();
    let mut lost = 0;
    for n in 0..12 {
        let mut dice = Dice::new(n + 1);
        let cut = acts.len() / 2 + dice.below(acts.len() as u64 / 2) as usize;
        let dir = tempfile::tempdir().unwrap();
        image(&acts[..cut], &mut dice, dir.path());
        let (events, _) = told(&acts[..cut]);
        let seq = match Store::open(dir.path()).await {
            Ok((_, recovered)) => recovered.status.seq,
            Err(_) => 0,
        };
        lost += u64::from(seq < events);
    }
    assert!(lost >= 6, "only {lost} of 12");
}

/// What the program had been told when it had done this much, in events and in records.
fn told(acts: &[Act]) -> (u64, i64) {
    let mut file = None;
    let mut text = Vec::new();
    for act in acts {
        match act {
            Act::Open { file: number, name } if name == TOLD => file = Some(*number),
            Act::Write { file: number, bytes, .. } if Some(*number) == file => text.extend(bytes),
            _ => {}
        }
    }
    let text = String::from_utf8(text).unwrap();
    let Some((events, records)) = text.lines().last().and_then(|line| line.split_once(' ')) else {
        return (0, 0);
    };
    (events.parse().unwrap(), records.parse().unwrap())
}

async fn read(dir: &Path, told: (u64, i64), what: &str) {
    let (store, recovered) = Store::open(dir).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(recovered.set_aside.is_none(), "{what}: {:?}", recovered.set_aside);
    assert!(recovered.status.seq >= told.0, "{what}: told {told:?}, found {}", recovered.status.seq);
    assert_eq!(recovered.status.seq % 3, 0, "{what}: a batch is whole or absent");
    for event in store.events(0, u32::MAX).await.unwrap() {
        let Body::StorageFailed { why } = &event.draft.body else { panic!("{what}: {event:?}") };
        assert!(why.starts_with(&format!("event {} x", event.seq)), "{what}: {why}");
    }
    assert!(matches!(store.check().await.unwrap(), Checked::Sound { .. }), "{what}");
    store.append(vec![crate::history::blank()]).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let (logs, read) = LogStore::open(dir).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(read.set_aside.is_none(), "{what}: {:?}", read.set_aside);
    let last = whole(&logs, &read).await;
    assert!(last >= told.1, "{what}: told {told:?}, found {last}");
    assert!(matches!(logs.check().await.unwrap(), Checked::Sound { .. }), "{what}");
    assert_eq!(logs.commit(&batch(last + 1)).await.unwrap().end, last + BATCH + 1, "{what}");
}

/// Runs the program with the recorder loaded.
fn recorded() -> Vec<u8> {
    let made = tempfile::tempdir().unwrap();
    let (library, log, data) =
        (made.path().join("powercut.so"), made.path().join("record"), made.path().join("data"));
    fs::create_dir(&data).unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/all/powercut.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(source)
        .status()
        .expect("a C compiler, which linking needs as well");
    assert!(compiled.success());
    let run = Command::new(env::current_exe().unwrap())
        .args(["--exact", "powercut::program", "--ignored"])
        .env(FOLDER, &data)
        .env("POWERCUT_LOG", &log)
        .env("LD_PRELOAD", &library)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    fs::read(log).unwrap()
}
