//! What a start refuses, what it only warns about, and what it says.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::history::{blank, boot_started, engine_started};
use lab::{
    Body, Draft, Phase, Status,
    journal::{Archive, Journal},
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use store::{DATABASE, OpenError, Store};

/// A hand in the database that is not ours, with every journal setting left as it is.
async fn tamper(dir: &Path, statements: &[&'static str]) {
    let options = SqliteConnectOptions::new().filename(dir.join(DATABASE)).create_if_missing(true);
    let mut hand: SqliteConnection = options.connect().await.unwrap();
    for statement in statements {
        sqlx::query(*statement).execute(&mut hand).await.unwrap();
    }
    hand.close().await.unwrap();
}

/// A closed database that holds the drafts and a checkpoint of the first `kept`.
async fn written(dir: &Path, drafts: Vec<Draft>, kept: usize) -> Status {
    let (store, _) = Store::open(dir).await.unwrap();
    let events = store.append(drafts).await.unwrap();
    let mut status = Status::default();
    for (n, event) in events.iter().enumerate() {
        status.apply(event).unwrap();
        if n + 1 == kept {
            store.checkpoint(&status).await.unwrap();
        }
    }
    store.close().await;
    status
}

fn one_boot() -> Vec<Draft> {
    let enter = |phase| Draft { body: Body::PhaseEntered { phase }, ..boot_started(1, "node1") };
    vec![engine_started(1), boot_started(1, "node1"), enter(Phase::Address), enter(Phase::Loader)]
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |e: fs::DirEntry| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap());
    let mut files: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| read(e.unwrap())).filter(|(n, _)| n != "lock").collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_new_folder_is_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let board = dir.path().join("data").join("simulated");
    let (_store, recovered) = Store::open(&board).await.unwrap();
    assert_eq!(fs::metadata(&board).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!recovered.unclean, "nothing ran here before");
}

#[tokio::test]
async fn a_folder_in_use_names_its_holder() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).await.unwrap();
    let error = Store::open(dir.path()).await.expect_err("one program at a time");
    assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
    assert!(matches!(error, OpenError::Held { .. }));
    drop(store);
    Store::open(dir.path()).await.expect("the folder is free again");
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_an_error_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let error = Store::open(&file.join("board")).await.expect_err("a file is no folder");
    assert!(error.to_string().contains("file/board") && error.remedy().contains("--data"), "{error}");
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_as_it_is() {
    for (newer, says) in [
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (999, 'to come', TRUE, x'00', 0)",
            "migration 999",
        ),
        ("UPDATE writer SET schema = 7", "event schema 7"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), one_boot(), 0).await;
        tamper(dir.path(), &[newer, "UPDATE writer SET program = 'statusinator 9.1.0'"]).await;
        let before = files(dir.path());
        let error = Store::open(dir.path()).await.expect_err("it is newer");
        assert!(matches!(error, OpenError::Newer { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("statusinator 9.1.0") && text.contains(says), "{text}");
        assert!(error.remedy().contains("statusinator 9.1.0 or newer"), "{}", error.remedy());
        assert_eq!(before.len(), 1, "closed properly, it has no log");
        assert!(before == files(dir.path()), "not a byte, not a file");
    }
}

#[tokio::test]
async fn a_newer_database_whose_engine_was_killed_is_refused_too() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), one_boot(), 0).await;
    // The mark of the newer program stands in the log only: copied while its writer lives, as a kill leaves it.
    let options = SqliteConnectOptions::new().filename(dir.path().join(DATABASE));
    let mut newer: SqliteConnection = options.connect().await.unwrap();
    sqlx::query("UPDATE writer SET schema = 7, program = 'statusinator 9.1.0'")
        .execute(&mut newer)
        .await
        .unwrap();
    let killed = tempfile::tempdir().unwrap();
    for (name, bytes) in files(dir.path()).iter().filter(|(name, _)| !name.ends_with("-shm")) {
        fs::write(killed.path().join(name), bytes).unwrap();
    }
    let before = files(killed.path());
    assert_eq!(before.len(), 2, "the database and its log");
    let error = Store::open(killed.path()).await.expect_err("it is newer");
    assert!(matches!(error, OpenError::Newer { .. }), "{error}");
    assert!(before == files(killed.path()), "not a byte, not a file");
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(DATABASE), "a letter to somebody, long enough to be no header").unwrap();
    let error = Store::open(dir.path()).await.expect_err("no database");
    assert!(matches!(&error, OpenError::Foreign { why, .. } if why.contains("no SQLite")), "{error}");

    let dir = tempfile::tempdir().unwrap();
    tamper(dir.path(), &["CREATE TABLE recipes (name TEXT)"]).await;
    let error = Store::open(dir.path()).await.expect_err("a database of somebody else");
    assert!(matches!(&error, OpenError::Foreign { why, .. } if why.contains("another program")), "{error}");
}

#[tokio::test]
async fn an_event_of_a_newer_schema_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), one_boot(), 0).await;
    tamper(
        dir.path(),
        &["DROP TRIGGER events_are_never_changed", "UPDATE events SET schema = 2 WHERE seq = 3"],
    )
    .await;
    let OpenError::Replay { source, .. } =
        Store::open(dir.path()).await.expect_err("nobody can read event 3")
    else {
        panic!("this is about the events");
    };
    let text = source.to_string();
    assert!(text.contains("event 3") && text.contains("schema 2, newer than 1"), "{text}");
}

#[tokio::test]
async fn an_event_that_contradicts_the_others_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).await.unwrap();
    let twice = vec![boot_started(1, "node1"), boot_started(2, "node1")];
    store.append(twice).await.unwrap();
    store.close().await;
    let OpenError::Replay { source, .. } = Store::open(dir.path()).await.expect_err("one boot at a time")
    else {
        panic!("this is about the events");
    };
    assert!(source.to_string().contains("event 2"), "{source}");
    let because = std::error::Error::source(&source).unwrap().to_string();
    assert!(because.contains("another boot of this machine has not ended"), "{because}");
    assert!(source.remedy().contains("around 2"));
}

#[tokio::test]
async fn a_checkpoint_spares_the_replay_of_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let status = written(dir.path(), one_boot(), 3).await;
    let (_store, recovered) = Store::open(dir.path()).await.unwrap();
    assert_eq!(recovered.since_checkpoint, 1);
    assert_eq!(recovered.status, status);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_trusted_is_passed_over() {
    for harm in [
        "UPDATE checkpoint SET version = 'another fold'",
        "UPDATE checkpoint SET status = '{\"seq\": 3'",
        "UPDATE checkpoint SET seq = 2",
        "UPDATE checkpoint SET seq = 5, status = replace(status, '\"seq\":3', '\"seq\":5')",
        // It parses and stands in the right place, but event 4 does not follow from it.
        "UPDATE checkpoint SET status = replace(status, '\"phase\":\"address\"', '\"phase\":\"os\"')",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let status = written(dir.path(), one_boot(), 3).await;
        tamper(dir.path(), &[harm]).await;
        let (_store, recovered) = Store::open(dir.path()).await.unwrap();
        assert_eq!(recovered.since_checkpoint, 4, "{harm}");
        assert_eq!(recovered.status, status, "{harm}");
    }
}

#[tokio::test]
async fn a_checkpoint_ahead_of_the_events_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).await.unwrap();
    store.append(vec![engine_started(1)]).await.unwrap();
    let refused =
        store.checkpoint(&Status { seq: 2, ..Status::default() }).await.expect_err("there is no event 2");
    assert!(refused.to_string().contains("event 2") && refused.why.contains("not recorded"), "{refused}");
}

#[tokio::test]
async fn an_engine_that_left_no_farewell_was_unclean() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), vec![engine_started(1)], 0).await;
    let (store, recovered) = Store::open(dir.path()).await.unwrap();
    assert!(recovered.unclean);
    store.append(vec![blank()]).await.unwrap();
    store.close().await;
    assert!(!Store::open(dir.path()).await.unwrap().1.unclean);
}

#[tokio::test]
async fn a_page_of_events_begins_after_the_number_given() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path()).await.unwrap();
    store.append(one_boot()).await.unwrap();
    let numbers = |events: Vec<lab::Event>| events.iter().map(|e| e.seq).collect::<Vec<_>>();
    assert_eq!(numbers(store.events(1, 2).await.unwrap()), [2, 3]);
    assert!(store.events(4, 2).await.unwrap().is_empty());
    assert!(store.events(u64::MAX, 2).await.unwrap().is_empty());
    assert!(store.append(Vec::new()).await.unwrap().is_empty());
    assert!(store.boot(9).await.unwrap().is_none() && store.run(9).await.unwrap().is_none());
}
