//! A backup while the engine writes holds all that was committed before it began.

use std::{fs, os::unix::fs::PermissionsExt};

use lab::{
    Body, Draft,
    journal::{Archive, Journal},
};
use store::{BackupError, DATABASE, Store, backup, logs::LOG_DATABASE, logs::LogStore};
use tokio::sync::watch;

use crate::{
    history::blank,
    logging::{BATCH, batch, whole},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_a_writing_engine_can_be_opened_and_misses_nothing() {
    let (dir, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, _) = Store::open(dir.path()).await.unwrap();
    let (logs, _) = LogStore::open(dir.path()).await.unwrap();
    let (committed, mut seen) = watch::channel(0_u64);
    let writing = tokio::spawn({
        let (store, logs) = (store.clone(), logs.clone());
        async move {
            for n in 1..=100_000_u64 {
                let why = format!("event {n}");
                store.append(vec![Draft { body: Body::StorageFailed { why }, ..blank() }]).await.unwrap();
                logs.commit(&batch((n as i64 - 1) * BATCH + 1)).await.unwrap();
                if committed.send(n).is_err() {
                    break;
                }
            }
        }
    });
    for (round, wanted) in [20, 60, 100].into_iter().enumerate() {
        let before = *seen.wait_for(|n| *n >= wanted).await.unwrap();
        let to = shelf.path().join(round.to_string());
        let made = backup(dir.path(), &to, true).await.unwrap();
        assert_eq!(made.len(), 2);
        assert_eq!(fs::metadata(&made[0].file).unwrap().permissions().mode() & 0o777, 0o600);
        let (copy, recovered) = Store::open(&to).await.expect("a folder like any other");
        assert!(recovered.status.seq >= before && recovered.set_aside.is_none());
        assert_eq!(recovered.status.seq as i64, made[0].newest);
        for (event, n) in copy.events(0, u32::MAX).await.unwrap().iter().zip(1..) {
            assert_eq!(event.draft.body, Body::StorageFailed { why: format!("event {n}") });
        }
        let (copied, recovered) = LogStore::open(&to).await.unwrap();
        assert!(whole(&copied, &recovered).await >= before as i64 * BATCH);
    }
    drop(seen);
    writing.await.unwrap();
}

#[tokio::test]
async fn a_backup_of_a_killed_engine_leaves_the_signs_of_the_kill() {
    let (dir, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, _) = Store::open(dir.path()).await.unwrap();
    store.append(vec![blank()]).await.unwrap();
    // What a kill leaves: the database and its log, copied while their writer lives.
    let killed = tempfile::tempdir().unwrap();
    for name in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
        fs::copy(dir.path().join(&name), killed.path().join(&name)).unwrap();
    }
    let log = fs::read(killed.path().join(format!("{DATABASE}-wal"))).unwrap();
    let made = backup(killed.path(), &shelf.path().join("one.db"), true).await.unwrap();
    assert_eq!((made.len(), made[0].newest), (1, 1));
    assert!(log == fs::read(killed.path().join(format!("{DATABASE}-wal"))).unwrap());
    assert!(
        Store::open(killed.path()).await.unwrap().1.checked.is_some(),
        "the next start still looks through it"
    );
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_leaves_nothing_half_done() {
    let (dir, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let nothing = backup(dir.path(), shelf.path(), true).await.expect_err("there is no board");
    assert!(matches!(nothing, BackupError::Nothing { .. }) && nothing.remedy().contains("--board"));
    let (store, _) = Store::open(dir.path()).await.unwrap();
    store.append(vec![blank()]).await.unwrap();
    fs::write(shelf.path().join(DATABASE), "an older backup").unwrap();
    let refused = backup(dir.path(), shelf.path(), true).await.expect_err("it is there already");
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    assert_eq!(fs::read_to_string(shelf.path().join(DATABASE)).unwrap(), "an older backup");
    assert!(!shelf.path().join(LOG_DATABASE).exists());

    fs::remove_file(shelf.path().join(DATABASE)).unwrap();
    let odd = shelf.path().join("100% sure? #1");
    backup(dir.path(), &odd, true).await.expect("any name will do");
    // From a folder with such a name too.
    backup(&odd, &shelf.path().join("again.db"), false).await.unwrap();
    store.close().await;
    let damaged = fs::read(dir.path().join(DATABASE)).unwrap();
    let mut damaged = damaged;
    let middle = damaged.len() / 2 / 4096 * 4096;
    damaged[middle..].fill(0xa5);
    fs::write(dir.path().join(DATABASE), damaged).unwrap();
    let refused = backup(dir.path(), &shelf.path().join("bad"), true).await.expect_err("no copy of damage");
    assert!(!refused.remedy().is_empty(), "{refused}");
    assert_eq!(fs::read_dir(shelf.path().join("bad")).unwrap().count(), 0, "nothing is left of it");
}
