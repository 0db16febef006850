//! Figures, not claims: how long a commit takes on this disk, and how long a replay.

use std::time::Instant;

use lab::{
    Body, Draft,
    journal::{Archive, Journal},
};
use serde_json::json;
use store::Store;

use crate::history::{blank, boot_started, engine_started};

/// Run with `--ignored --nocapture`; the disk is the one that TMPDIR names.
#[tokio::test]
#[ignore = "measures the disk"]
async fn commit_and_replay() {
    let dir = tempfile::tempdir().unwrap();
    let (store, recovered) = Store::open(dir.path()).await.unwrap();
    store.append(vec![engine_started(1), boot_started(1, "node1")]).await.unwrap();
    let mark = Draft {
        body: Body::Marked {
            mark: "kernel-sent".into(),
            detail: json!({ "path": "/boot/vmlinuz", "proto": "http", "bytes": 8_123_456, "seconds": 0.734_512 }),
        },
        ..boot_started(1, "node1")
    };
    for (length, times) in [(1, 400), (64, 200)] {
        let mut took = Vec::new();
        for _ in 0..times {
            let batch = vec![mark.clone(); length];
            let begun = Instant::now();
            store.append(batch).await.unwrap();
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took[(share * (took.len() - 1) as f64) as usize];
        println!(
            "append of {length}: p50 {:.2} ms, p95 {:.2} ms, longest {:.2} ms",
            at(0.5),
            at(0.95),
            at(1.0)
        );
    }
    let quiet = Draft { body: Body::StorageFailed { why: "x".repeat(120) }, ..blank() };
    for _ in 0..100 {
        store.append(vec![quiet.clone(); 1000]).await.unwrap();
    }
    let begun = Instant::now();
    let status = store.rebuild().await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("rebuild of {} events: {seconds:.2} s", status.seq);
    store.close().await;
    let begun = Instant::now();
    let (store, again) = Store::open(dir.path()).await.unwrap();
    println!("open with a checkpoint: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    assert!(again.since_checkpoint == 0 && recovered.since_checkpoint == 0);
    let begun = Instant::now();
    let boots = store.boots(None, 50).await.unwrap();
    println!("one boot of {} marks: {:.1} ms", boots[0].marks_dropped, begun.elapsed().as_secs_f64() * 1e3);
}
