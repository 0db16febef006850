//! kill -9 of a program that writes events and log records: what it was told is committed is there, and nothing that it was not
//! asked to write.

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
use store::{Store, logs::LogStore};

use crate::logging;

const FOLDER: &str = "STORE_CRASH_FOLDER";
/// Events of one append.
const BATCH: u64 = 3;

/// Not a test of its own: the program that is killed. It says after each commit how far it was told it had come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test below, in a process of its own"]
async fn writer() {
    let Ok(dir) = env::var(FOLDER) else { return };
    let (store, recovered) = Store::open(Path::new(&dir)).await.unwrap();
    let (logs, read) = LogStore::open(Path::new(&dir)).await.unwrap();
    let mut record = read.offsets.get("collector").map_or(0, |offsets| offsets[0].offset as i64) + 1;
    // Bounded, in case whoever started this is gone.
    let records = tokio::spawn(async move {
        for _ in 0..20_000 {
            let ids = logs.commit(&logging::batch(record)).await.unwrap();
            record = ids.end;
            println!("\nstored {}", ids.end - 1);
        }
    });
    let mut next = recovered.status.seq + 1;
    for _ in 0..20_000 {
        let drafts = (next..next + BATCH).map(|n| Draft {
            body: Body::StorageFailed { why: format!("event {n}") },
            ..crate::history::blank()
        });
        let events = store.append(drafts.collect()).await.unwrap();
        next += BATCH;
        println!("\ncommitted {}", events.last().unwrap().seq);
    }
    records.await.unwrap();
}

#[tokio::test]
async fn what_was_committed_survives_kill_9() {
    let whole = env::var_os("FULL").is_some_and(|value| !value.is_empty());
    let mut dir = tempfile::tempdir().unwrap();
    let mut before = (0, 0);
    for round in 0..if whole { 200 } else { 15 } {
        if round % 20 == 19 {
            // Also into a folder where nothing is yet.
            (dir, before) = (tempfile::tempdir().unwrap(), (0, 0));
        }
        let told = write_and_kill(dir.path(), 1 + round * 37 % 80);
        let (store, recovered) = Store::open(dir.path()).await.expect("the dead program's lock has fallen");
        assert!(recovered.set_aside.is_none(), "round {round}: {:?}", recovered.set_aside);
        let last = recovered.status.seq;
        assert!(last >= told.0.max(before.0), "round {round}: told {told:?}, found {last}");
        assert_eq!(last % BATCH, 0, "a batch is whole or absent");
        let events = store.events(0, u32::MAX).await.unwrap();
        for event in &events {
            let why = format!("event {}", event.seq);
            assert_eq!(event.draft.body, Body::StorageFailed { why }, "each event is the one that was sent");
        }
        assert_eq!(events.len() as u64, last);
        store.close().await;
        let (logs, read) = LogStore::open(dir.path()).await.unwrap();
        assert!(read.set_aside.is_none(), "round {round}: {:?}", read.set_aside);
        let stored = logging::whole(&logs, &read).await;
        assert!(stored >= told.1.max(before.1), "round {round}: told {told:?}, found {stored}");
        logs.close().await;
        before = (last, stored);
    }
    assert!(before.0 > 0 && before.1 > 0, "something was written");
}

/// How far the dead program said it had come, in events and in records.
fn write_and_kill(dir: &Path, commits: usize) -> (u64, i64) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::writer", "--ignored", "--nocapture"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = (0, 0);
    let said = lines.map_while(Result::ok).filter_map(|line| {
        let (word, number) = line.split_once(' ')?;
        match word {
            "committed" => told.0 = number.parse().ok()?,
            "stored" => told.1 = number.parse().ok()?,
            _ => return None,
        }
        Some(())
    });
    let said = said.take(commits).count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(said, commits, "the writer ended by itself");
    told
}
