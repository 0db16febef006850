//! A disk of 16 MB that is full, and one that is read-only: refused in words, nothing half written, and it goes on by itself.

use std::{env, fs, path::Path, process::Command};

use lab::{
    Body, Draft,
    journal::{Archive, Journal, JournalError},
};
use store::{Checked, Store, logs::LogStore};

use crate::{
    history::blank,
    logging::{BATCH, batch, whole},
};

const FOLDER: &str = "STORE_DISK_FOLDER";

/// In namespaces of its own the test may mount what it likes.
fn in_namespaces(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let run = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg(r#"mount -t tmpfs -o size=16m tmpfs "$STORE_DISK_FOLDER" && exec "$0" --exact "$1" --ignored --nocapture"#)
        .arg(env::current_exe().unwrap())
        .arg(name)
        .env(FOLDER, dir.path())
        .output()
        .expect("unshare, of util-linux");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("1 passed"), "the test inside was not found: {said}");
}

fn told(n: u64) -> Draft {
    Draft { body: Body::StorageFailed { why: format!("event {n} {}", "x".repeat(2000)) }, ..blank() }
}

fn in_words(error: &JournalError, why: &str, remedy: &str) {
    assert!(error.why.contains(why) && error.remedy.contains(remedy), "{error} {}", error.remedy);
}

#[tokio::test]
async fn a_full_disk_is_said_and_outlived() {
    in_namespaces("disk::full");
}

#[tokio::test]
#[ignore = "run by the test above, in namespaces of its own"]
async fn full() {
    let Ok(dir) = env::var(FOLDER) else { return };
    let dir = Path::new(&dir);
    let ballast = dir.join("ballast");
    fs::write(&ballast, vec![1; 8 << 20]).unwrap();
    let (store, _) = Store::open(dir).await.unwrap();
    let (logs, _) = LogStore::open(dir).await.unwrap();
    let mut events = 0;
    for round in 0..3 {
        // The log records fill it; they never take an event with them.
        let mut next = logs.commit(&Default::default()).await.map_or(1, |ids| ids.end);
        let refused = loop {
            match logs.commit(&batch(next)).await {
                Ok(ids) => next = ids.end,
                Err(error) => break error,
            }
            assert!(next < 400_000, "16 MB do not end");
        };
        in_words(&refused, "is full", "free some space");
        // What little is left goes too, and a batch of events is refused whole.
        let refused = loop {
            match store.append((events + 1..events + 4).map(told).collect()).await {
                Ok(written) => events = written.last().unwrap().seq,
                Err(error) => break error,
            }
        };
        in_words(&refused, "is full", "free some space");
        assert_eq!(store.events(0, u32::MAX).await.unwrap().len() as u64, events, "round {round}");
        assert!(logs.commit(&batch(next)).await.is_err(), "it is still full");

        fs::remove_file(&ballast).unwrap();
        let written = store.append((events + 1..events + 4).map(told).collect()).await;
        events = written.expect("there is room again").last().unwrap().seq;
        assert_eq!(logs.commit(&batch(next)).await.expect("there is room again"), next..next + BATCH);
        // All of it goes for the next round but a little.
        if round < 2 {
            let left = 2_usize.saturating_sub(round) << 20;
            fs::write(&ballast, vec![1; left]).unwrap();
        }
    }
    assert!(matches!(store.check().await.unwrap(), Checked::Sound { .. }));
    store.close().await;
    logs.close().await;
    let (store, recovered) = Store::open(dir).await.unwrap();
    assert_eq!((recovered.status.seq, recovered.set_aside), (events, None));
    store.close().await;
    let (logs, recovered) = LogStore::open(dir).await.unwrap();
    assert!(recovered.set_aside.is_none());
    let newest = logs.commit(&Default::default()).await.unwrap().end - 1;
    assert_eq!(recovered.offsets["collector"][0].offset as i64, newest, "offsets and records are one");
}

#[tokio::test]
async fn a_read_only_disk_is_said_and_outlived() {
    in_namespaces("disk::read_only");
}

#[tokio::test]
#[ignore = "run by the test above, in namespaces of its own"]
async fn read_only() {
    let Ok(dir) = env::var(FOLDER) else { return };
    let dir = Path::new(&dir);
    let mount = |how: &str| {
        let done = Command::new("mount").args(["-o", how]).arg(dir).status().unwrap();
        assert!(done.success(), "{how}");
    };
    let (store, _) = Store::open(dir).await.unwrap();
    store.append(vec![told(1)]).await.unwrap();
    store.close().await;
    let (logs, _) = LogStore::open(dir).await.unwrap();
    logs.commit(&batch(1)).await.unwrap();
    logs.close().await;

    mount("remount,ro");
    let refused = Store::open(dir).await.expect_err("nothing can be written");
    assert!(refused.remedy().contains("may write"), "{refused} {}", refused.remedy());
    let refused = LogStore::open(dir).await.expect_err("nothing can be written");
    assert!(refused.remedy().contains("read-write"), "{refused} {}", refused.remedy());

    mount("remount,rw");
    let (store, recovered) = Store::open(dir).await.unwrap();
    assert_eq!((recovered.status.seq, recovered.set_aside), (1, None));
    store.append(vec![told(2)]).await.unwrap();
    let (logs, recovered) = LogStore::open(dir).await.unwrap();
    assert_eq!(whole(&logs, &recovered).await, BATCH);
}
