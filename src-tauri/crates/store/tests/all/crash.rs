//! kill -9 of a program that writes: what it was told is committed is there, and nothing that it was not asked to write.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use lab::{
    Body, Draft,
    journal::{Archive, Journal},
};
use store::Store;

const FOLDER: &str = "STORE_CRASH_FOLDER";
/// Events of one append.
const BATCH: u64 = 3;

/// Not a test of its own: the program that is killed. It says after each append how far it was told it had come.
#[tokio::test]
#[ignore = "run by the test below, in a process of its own"]
async fn writer() {
    let Ok(dir) = env::var(FOLDER) else { return };
    let (store, recovered) = Store::open(Path::new(&dir)).await.unwrap();
    let mut next = recovered.status.seq + 1;
    // Bounded, in case whoever started this is gone.
    for _ in 0..20_000 {
        let drafts = (next..next + BATCH).map(|n| Draft {
            body: Body::StorageFailed { why: format!("event {n}") },
            ..crate::history::blank()
        });
        let events = store.append(drafts.collect()).await.unwrap();
        next += BATCH;
        println!("\ncommitted {}", events.last().unwrap().seq);
    }
}

#[tokio::test]
async fn what_was_committed_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut before = 0;
    for appends in [1, 40, 7, 23] {
        let told = write_and_kill(dir.path(), appends);
        let (store, recovered) = Store::open(dir.path()).await.expect("the dead program's lock has fallen");
        let last = recovered.status.seq;
        assert!(told > before && last >= told, "told {told}, found {last}");
        assert_eq!(last % BATCH, 0, "a batch is whole or absent");
        let events = store.events(0, u32::MAX).await.unwrap();
        for event in &events {
            let why = format!("event {}", event.seq);
            assert_eq!(event.draft.body, Body::StorageFailed { why }, "each event is the one that was sent");
        }
        assert_eq!(events.len() as u64, last);
        before = last;
        store.close().await;
    }
}

fn write_and_kill(dir: &Path, appends: usize) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::writer", "--ignored", "--nocapture"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("committed ")?.parse().ok())
        .take(appends)
        .last();
    child.kill().unwrap();
    child.wait().unwrap();
    told.expect("the writer never got going")
}
