//! Whatever happened, in whatever batches it was written: every start folds to the same status, and no event changes.

use std::{fs, future::Future, path::Path};

use crate::history::{History, legal};
use lab::{
    Body, Draft, Event, Status,
    event::SCHEMA,
    journal::{Archive, Journal},
};
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use store::{DATABASE, Recovered, Store};

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

fn text(events: &[Event]) -> Vec<String> {
    events.iter().map(|e| serde_json::to_string(e).unwrap()).collect()
}

async fn all(store: &Store) -> Vec<String> {
    text(&store.events(0, u32::MAX).await.unwrap())
}

async fn open(dir: &Path) -> (Store, Recovered) {
    Store::open(dir).await.unwrap()
}

/// Writes a history in batches of the lengths given, with a checkpoint after every third.
async fn write(store: &Store, history: &History, lengths: &[usize]) -> Vec<String> {
    let mut written = Vec::new();
    let mut status = Status::default();
    let mut drafts = history.drafts.as_slice();
    let mut lengths = lengths.iter().cycle().enumerate();
    while let Some((n, length)) = lengths.next().filter(|_| !drafts.is_empty()) {
        let (batch, rest) = drafts.split_at((*length).min(drafts.len()));
        drafts = rest;
        let events = store.append(batch.to_vec()).await.unwrap();
        for event in &events {
            status.apply(event).unwrap();
        }
        written.extend(text(&events));
        if n % 3 == 2 {
            store.checkpoint(&status).await.unwrap();
        }
    }
    written
}

fn dice() -> impl Strategy<Value = Vec<(u8, u8, u16)>> {
    vec(any::<(u8, u8, u16)>(), 0..250)
}

#[test]
fn the_dice_reach_good_boots_and_runs_that_are_done() {
    // Guards the properties below: a generator that only makes dull histories would prove nothing.
    let mut seen = std::collections::BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..60 {
        let history = legal(&dice().new_tree(&mut runner).unwrap().current());
        for draft in &history.drafts {
            seen.insert(match &draft.body {
                Body::BootEnded { state, .. } => format!("boot {}", state.word()),
                Body::RunEnded { state, .. } => format!("run {}", state.word()),
                other => other.kind().to_owned(),
            });
        }
    }
    let hoped =
        ["boot good", "boot abandoned", "run done", "run failed", "run cancelled", "task-undone", "marked"];
    let missing: Vec<_> = hoped.into_iter().filter(|kind| !seen.contains(*kind)).collect();
    assert!(missing.is_empty(), "never thrown: {missing:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_start_and_a_rebuild_fold_to_the_same(dice in dice(), lengths in vec(1_usize..40, 1..6)) {
        wait_for(async {
            let history = legal(&dice);
            let dir = tempfile::tempdir().unwrap();
            let (store, _) = open(dir.path()).await;
            let written = write(&store, &history, &lengths).await;
            prop_assert_eq!(all(&store).await, written.clone());
            drop(store);

            let (store, recovered) = open(dir.path()).await;
            prop_assert_eq!(&recovered.status, &history.status);
            prop_assert_eq!(store.rebuild().await.unwrap(), history.status.clone());
            prop_assert_eq!(all(&store).await, written, "neither a start nor a rebuild changes an event");
            store.close().await;

            let (_store, recovered) = open(dir.path()).await;
            prop_assert_eq!(recovered.status, history.status);
            prop_assert_eq!(recovered.since_checkpoint, 0, "a rebuild leaves a checkpoint");
            Ok(())
        })?;
    }

    #[test]
    fn boots_and_runs_read_alone_are_those_of_the_status(dice in dice(), length in 1_usize..80) {
        wait_for(async {
            let history = legal(&dice);
            let dir = tempfile::tempdir().unwrap();
            let (store, _) = open(dir.path()).await;
            write(&store, &history, &[length]).await;
            let runs = store.runs(u32::MAX).await.unwrap();
            prop_assert_eq!(runs.last(), history.status.run.as_ref());
            prop_assert!(runs.windows(2).all(|pair| pair[0].id < pair[1].id), "oldest first");
            let boots = store.boots(None, u32::MAX).await.unwrap();
            prop_assert_eq!(boots.len() as u64, history.status.last_boot);
            for (name, machine) in &history.status.machines {
                let own = store.boots(Some(name.as_str()), 2).await.unwrap();
                prop_assert!(own.len() <= 2);
                prop_assert_eq!(own.last(), machine.boot.as_ref());
                if let Some(boot) = &machine.boot {
                    let alone = store.boot(boot.id).await.unwrap();
                    prop_assert_eq!(alone.as_ref(), Some(boot));
                    let events = store.boot_events(boot.id).await.unwrap();
                    prop_assert!(events.iter().all(|e| e.draft.boot == Some(boot.id)));
                }
            }
            Ok(())
        })?;
    }

    /// What a power cut leaves: the log up to some byte. SQLite's own checksums then end it at a whole commit.
    #[test]
    fn a_log_cut_anywhere_holds_whole_batches_only(dice in dice(), length in 1_usize..40, cut in 0.0..1.0_f64) {
        wait_for(async {
            let history = legal(&dice);
            let dir = tempfile::tempdir().unwrap();
            let (store, _) = open(dir.path()).await;
            let written = write(&store, &history, &[length]).await;

            let after = tempfile::tempdir().unwrap();
            let log = format!("{DATABASE}-wal");
            fs::copy(dir.path().join(DATABASE), after.path().join(DATABASE)).unwrap();
            let bytes = fs::read(dir.path().join(&log)).unwrap();
            let kept = (bytes.len() as f64 * cut) as usize;
            fs::write(after.path().join(&log), &bytes[..kept]).unwrap();

            let (crashed, recovered) = open(after.path()).await;
            let left = all(&crashed).await;
            prop_assert_eq!(left.as_slice(), &written[..left.len()], "a prefix, byte for byte");
            prop_assert!(left.len().is_multiple_of(length) || left.len() == written.len(), "{} of {}", left.len(), length);
            let mut folded = Status::default();
            for (n, draft) in history.drafts[..left.len()].iter().enumerate() {
                folded.apply(&Event { seq: n as u64 + 1, draft: draft.clone(), schema: SCHEMA }).unwrap();
            }
            prop_assert_eq!(recovered.status, folded);
            // And it goes on from there.
            let rest: Vec<Draft> = history.drafts[left.len()..].to_vec();
            crashed.append(rest).await.unwrap();
            prop_assert_eq!(all(&crashed).await, written);
            Ok(())
        })?;
    }
}
