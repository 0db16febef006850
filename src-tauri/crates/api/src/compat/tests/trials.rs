//! The reliability test: the same lab over and over, counted, bounded, and ended when asked.

use std::sync::atomic::{AtomicU64, Ordering};

use engine::{Command, Outcome};
use lab::{Code, Failure, Run, RunState};
use serde_json::{Value, json};

use super::{HERE, POD, Publish, World, ask, pictures::run, show, simulated};

async fn ledger(router: &axum::Router) -> Value {
    ask(router, POD, "/reliabilitytest").await.json()
}

async fn until(router: &axum::Router, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    // Paused time: an hour of tests passes at once.
    for _ in 0..36_000 {
        let now = ledger(router).await;
        if is(&now) {
            return now;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("never: {what}: {}", ledger(router).await)
}

/// Begins a run that reaches this end after three seconds.
fn plays(publish: &Publish, id: u64, end: RunState) {
    show(publish, |status| status.run = Some(Run { id, ..run(RunState::Running, &[], &[]) }));
    let publish = publish.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        show(&publish, |status| {
            let ended = run(end, &[("check", "run", 1)], &[("power-up", "node1")]);
            status.run = Some(Run { id, ..ended });
        });
    });
}

#[tokio::test(start_paused = true)]
async fn the_object_has_the_documented_keys() {
    let said = ledger(&World::new().router()).await;
    let keys: Vec<&str> = said.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "totalSuccesses totalFailures totalTimeouts totalTests failuresByStep timeoutsByStep isRunning currentStep \
         currentTestStart currentStepStart currentStepTimings config"
    );
    let config: Vec<&str> = said["config"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(config, ["BaseURL", "TestInterval", "Timeouts", "AbortSteps", "PreCommand", "PostCommand"]);
    assert_eq!(said["config"]["Timeouts"]["disk wipe"], 235);
    assert_eq!(said["currentTestStart"], "0001-01-01T00:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn it_repeats_until_it_is_stopped() {
    let mut world = World::new();
    // The picture still shows the test before, which was good, when the next one has begun.
    show(&world.publish, |status| status.run = Some(Run { id: 0, ..run(RunState::Done, &[], &[]) }));
    let number = AtomicU64::new(0);
    let asked = world.played(move |order, publish| {
        let id = number.fetch_add(1, Ordering::Relaxed) + 1;
        assert_eq!(order.command, Command::StartLab { lab: "rehearsal".into(), machines: Vec::new() });
        let publish = publish.clone();
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            plays(&publish, id, RunState::Done);
        });
        Ok(Outcome::Started { run: id })
    });
    let router = world.router();
    let answer = ask(&router, HERE, "/reliabilitytest?action=start").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "Test started"));
    let again = ask(&router, HERE, "/reliabilitytest?action=start").await;
    assert_eq!((again.status, again.kind()), (400, "text/plain; charset=utf-8"));
    let said = until(&router, "three good ones", |now| now["totalSuccesses"] == 3).await;
    assert_eq!(asked.lock().unwrap().len(), 3, "each was a run of its own");
    assert_eq!((&said["totalFailures"], &said["isRunning"]), (&json!(0), &json!(true)));
    let answer = ask(&router, HERE, "/reliabilitytest?action=stop").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "Test stopped"));
    let said = until(&router, "its end", |now| now["isRunning"] == false).await;
    let started = asked.lock().unwrap().len();
    assert_eq!(said["totalTests"], 3, "a pause is no test");
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(asked.lock().unwrap().len(), started, "nothing more is started");
    assert_eq!(ask(&router, HERE, "/reliabilitytest?action=stop").await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_counted_where_it_was_and_may_end_it() {
    let mut world = World::new();
    world.played(|_, publish| {
        plays(publish, 1, RunState::Failed);
        Ok(Outcome::Started { run: 1 })
    });
    let router = world.router();
    ask(&router, HERE, "/reliabilitytest?action=start&abortOnFailure=true").await;
    let said = until(&router, "its end", |now| now["isRunning"] == false).await;
    assert_eq!((&said["totalTests"], &said["failuresByStep"]), (&json!(1), &json!({"powerup": 1})));
    let steps: Vec<&str> = said["currentStepTimings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["stepName"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["init", "powerup"]);
    assert_eq!(said["currentStepTimings"][1]["failed"], true);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_takes_too_long_is_cancelled_and_counted() {
    let mut world = World::new();
    let asked = world.played(|order, publish| match order.command {
        Command::CancelRun { .. } => {
            show(publish, |status| status.run = Some(run(RunState::Cancelled, &[], &[])));
            Ok(Outcome::Cancelling { run: 1 })
        }
        _ => {
            show(publish, |status| status.run = Some(run(RunState::Running, &[], &[])));
            Ok(Outcome::Started { run: 1 })
        }
    });
    let router = world.router();
    ask(&router, HERE, "/reliabilitytest?action=start").await;
    let said = until(&router, "two timeouts", |now| now["totalTimeouts"] == 2).await;
    assert_eq!(said["timeoutsByStep"], json!({"init": 2}));
    assert!(asked.lock().unwrap().contains(&Command::CancelRun { run: Some(1) }));
}

#[tokio::test(start_paused = true)]
async fn a_person_who_cancels_wants_no_next_one() {
    let mut world = World::new();
    world.played(|_, publish| {
        plays(publish, 1, RunState::Cancelled);
        Ok(Outcome::Started { run: 1 })
    });
    let router = world.router();
    ask(&router, HERE, "/reliabilitytest?action=start").await;
    let said = until(&router, "its end", |now| now["isRunning"] == false).await;
    assert_eq!((&said["totalTests"], &said["totalFailures"]), (&json!(0), &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn it_ends_after_a_night() {
    let mut world = World::new();
    let asked = world.played(|_, _| Err(Failure::new(Code::DeviceAbsent, "start", "silence", "look")));
    let router = world.router();
    ask(&router, HERE, "/reliabilitytest?action=start").await;
    let said = until(&router, "its end", |now| now["isRunning"] == false).await;
    assert_eq!((&said["totalTests"], &said["totalFailures"]), (&json!(200), &json!(200)));
    assert_eq!(asked.lock().unwrap().len(), 200);
}

#[tokio::test]
async fn a_board_with_neither_lab_says_so() {
    let world = World::on(&simulated().replace("name = \"rehearsal\"", "name = \"other\""));
    let answer = ask(&world.router(), HERE, "/reliabilitytest?action=start").await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("virtual-2, rehearsal"), "{}", answer.body);
}
