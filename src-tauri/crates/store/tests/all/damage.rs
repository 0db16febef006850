//! Damaged files: they are put aside, what can be read is carried over, and one database never costs the other.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

use lab::{
    Body, Draft,
    journal::{Archive, Journal},
};
use store::{Checked, DATABASE, LeaseRow, Store, logs::LOG_DATABASE, logs::LogStore};

use crate::{
    history::blank,
    logging::{batch, whole},
};

const PAGE: u64 = 4096;

fn told(n: u64) -> Draft {
    Draft { body: Body::StorageFailed { why: format!("event {n} {}", "x".repeat(400)) }, ..blank() }
}

/// Writes over pages, from the one that is this share of the file.
fn smash(file: &Path, share: f64, pages: u64) {
    let handle = File::options().write(true).open(file).unwrap();
    let whole = handle.metadata().unwrap().len() / PAGE;
    let from = (whole as f64 * share) as u64;
    for page in from..(from + pages).min(whole) {
        handle.write_all_at(&[0xa5; PAGE as usize], page * PAGE).unwrap();
    }
}

fn aside(dir: &Path, name: &str) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|found| found.starts_with(&format!("{name}.damaged-")) && found.ends_with('Z'));
    names
}

/// A folder with a thousand events and two thousand records, closed.
async fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).await.unwrap();
    for from in (0..1000).step_by(100) {
        store.append((from..from + 100).map(|n| told(n + 1)).collect()).await.unwrap();
    }
    let lease = LeaseRow {
        address: "192.168.122.150".parse().unwrap(),
        mac: lab::Mac([2, 0, 0, 0, 0, 1]),
        client_id: None,
        until_wall_us: 7,
        state: "bound".into(),
    };
    store.keep_leases(&[lease]).await.unwrap();
    store.close().await;
    let (logs, _) = LogStore::open(dir.path()).await.unwrap();
    for from in (1..2000).step_by(50) {
        logs.commit(&batch(from)).await.unwrap();
    }
    logs.close().await;
    dir
}

#[tokio::test]
async fn a_damaged_events_database_is_kept_and_what_can_be_read_goes_on() {
    for share in [0.0, 0.02, 0.3, 0.6, 0.9] {
        let dir = folder().await;
        let logs = fs::read(dir.path().join(LOG_DATABASE)).unwrap();
        smash(&dir.path().join(DATABASE), share, 3);
        // As a kill leaves it: only then is the file looked through before it is used.
        fs::write(dir.path().join(format!("{DATABASE}-wal")), [0; 32]).unwrap();
        let (store, recovered) = Store::open(dir.path()).await.expect("the board must start");
        let set_aside = recovered.set_aside.as_ref().expect("it is damaged");
        assert!(set_aside.file.exists() && !set_aside.why.is_empty(), "{share}: {set_aside:?}");
        assert_eq!(fs::metadata(&set_aside.file).unwrap().len() % PAGE, 0, "nothing of it is gone");
        let events = store.events(0, u32::MAX).await.unwrap();
        assert_eq!(events.len() as u64, recovered.salvaged, "{share}");
        for (event, n) in events.iter().zip(1..) {
            assert_eq!(event.draft.body, told(n).body, "{share}");
        }
        if share >= 0.3 {
            assert!(recovered.salvaged > 100, "{share}: {}", recovered.salvaged);
            assert_eq!(store.leases().await.unwrap().len(), 1, "{share}: nobody's address is given twice");
        }
        store.append(vec![told(0)]).await.expect("it goes on");
        assert!(matches!(store.check().await.unwrap(), Checked::Sound { .. }));
        store.close().await;
        assert!(Store::open(dir.path()).await.unwrap().1.set_aside.is_none(), "once");
        assert!(logs == fs::read(dir.path().join(LOG_DATABASE)).unwrap(), "the log records are another file");
    }
}

#[tokio::test]
async fn a_damaged_log_database_is_found_in_the_background_and_begun_anew() {
    let dir = folder().await;
    let events = fs::read(dir.path().join(DATABASE)).unwrap();
    smash(&dir.path().join(LOG_DATABASE), 0.5, 4);
    let (logs, recovered) = LogStore::open(dir.path()).await.expect("the start does not look at every page");
    assert!(recovered.set_aside.is_none());
    let mut aside_now = logs.set_aside();
    assert!(matches!(logs.check().await.unwrap(), Checked::Damaged { .. }));
    let set_aside = aside_now.borrow_and_update().clone().expect("whoever listens is told");
    assert!(set_aside.file.exists());
    assert_eq!(aside(dir.path(), LOG_DATABASE).len(), 1);
    assert_eq!(logs.commit(&batch(2001)).await.unwrap(), 2001..2051, "numbers go on");
    assert!(matches!(logs.check().await.unwrap(), Checked::Sound { .. }));
    logs.close().await;
    let (logs, recovered) = LogStore::open(dir.path()).await.unwrap();
    assert_eq!(whole(&logs, &recovered).await, 2050, "counters and offsets were carried over");
    assert!(events == fs::read(dir.path().join(DATABASE)).unwrap(), "the events are another file");
}

#[tokio::test]
async fn a_log_database_that_cannot_be_opened_is_put_aside() {
    for bytes in [&b"a letter to somebody"[..], &[0xa5; 8192]] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(LOG_DATABASE), bytes).unwrap();
        let (logs, recovered) = LogStore::open(dir.path()).await.unwrap();
        let set_aside = recovered.set_aside.as_ref().unwrap();
        assert!(fs::read(&set_aside.file).unwrap() == bytes, "not a byte of it is changed");
        logs.commit(&batch(1)).await.unwrap();
    }
}

#[tokio::test]
async fn damage_that_a_commit_meets_costs_no_record() {
    let dir = folder().await;
    // The root of the full-text table and all that follows it: the next words cannot be written.
    smash(&dir.path().join(LOG_DATABASE), 0.1, 10_000);
    let (logs, recovered) = LogStore::open(dir.path()).await.unwrap();
    let mut told = recovered.set_aside.is_some();
    let first = logs.commit(&batch(2001)).await.expect("it mends itself");
    let mut next = first.end;
    for _ in 0..40 {
        assert_eq!(logs.commit(&batch(next)).await.expect("it mends itself"), next..next + 50);
        next += 50;
    }
    told |= logs.set_aside().borrow().is_some();
    assert!(told, "forty batches have met the damage");
    assert_eq!(aside(dir.path(), LOG_DATABASE).len(), 1);
}
