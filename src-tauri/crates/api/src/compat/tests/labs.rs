//! Setting a lab: what runs is ended first, what was told is forgotten, and nothing waits for ever.

use engine::{Command, Outcome};
use lab::{Code, Failure, RunState};

use super::{HERE, POD, World, ask, pictures::run, show};
use crate::testing::stamp;

fn start(lab: &str) -> Command {
    Command::StartLab { lab: lab.into(), machines: Vec::new() }
}

#[tokio::test]
async fn a_run_in_the_way_is_cancelled_and_awaited() {
    let mut world = World::new();
    show(&world.publish, |status| status.run = Some(run(RunState::Running, &[], &[])));
    let publish = world.publish.clone();
    let asked = world.played(move |order, _| match &order.command {
        Command::CancelRun { .. } => {
            let publish = publish.clone();
            // It takes its time: the answer comes long before the end.
            tokio::spawn(async move {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                show(&publish, |status| status.run = Some(run(RunState::Cancelled, &[], &[])));
            });
            Ok(Outcome::Cancelling { run: 1 })
        }
        _ => Ok(Outcome::Started { run: 2 }),
    });
    let answer = ask(&world.router(), HERE, "/setlab?lab=rehearsal").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(*asked.lock().unwrap(), [Command::CancelRun { run: Some(1) }, start("rehearsal")]);
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_cancelled_does_not_hold_everybody_up() {
    let mut world = World::new();
    show(&world.publish, |status| status.run = Some(run(RunState::Running, &[], &[])));
    let asked = world.obedient();
    let router = world.router();
    let (first, second) = tokio::join!(
        ask(&router, HERE, "/setlab?lab=rehearsal"),
        ask_after_a_second(&router, "/setlab?lab=rehearsal")
    );
    assert_eq!(first.status, 500);
    assert!(first.body.contains("run 1 is still being cancelled"), "{}", first.body);
    assert_eq!(second.status, 500);
    assert!(second.body.contains("another lab is being set"), "{}", second.body);
    assert_eq!(
        *asked.lock().unwrap(),
        [Command::CancelRun { run: Some(1) }],
        "nothing was started beside it"
    );
}

async fn ask_after_a_second(router: &axum::Router, path: &str) -> super::Answer {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ask(router, HERE, path).await
}

#[tokio::test]
async fn the_engine_s_refusals_have_the_documented_statuses() {
    let table = [
        (Code::WatchOnly, 403),
        (Code::UnknownLab, 400),
        (Code::Storage, 500),
        (Code::RunUnderWay, 500),
        (Code::DeviceAbsent, 500),
    ];
    for (code, status) in table {
        let mut world = World::new();
        world.played(move |_, _| Err(Failure::new(code, "start rehearsal", "it is so", "do this")));
        let answer = ask(&world.router(), HERE, "/setlab?lab=rehearsal").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, "start rehearsal: it is so. What to do: do this\n")
        );
    }
}

#[tokio::test]
async fn the_active_lab_is_of_this_engine_s_life_and_the_last_one_of_any() {
    let mut world = World::new();
    world.obedient();
    let router = world.router();
    let said = async |path: &str| ask(&router, POD, path).await.body;
    let began = |seconds| move |status: &mut lab::Status| status.engine.started = Some(stamp(seconds));
    show(&world.publish, |status| status.run = Some(run(RunState::Done, &[], &[])));
    show(&world.publish, began(50));
    assert_eq!((said("/getlab").await.as_str(), said("/lastlab").await.as_str()), ("", "rehearsal"));
    let last = said("/scenarios?current=true").await;
    assert!(last.contains("node1"), "without an active lab the last one is meant: {last}");
    assert_eq!(said("/scenarios?last=true").await, last);
    assert_eq!(ask(&router, HERE, "/setlab?lab=rehearsal&adopt=true").await.status, 200);
    assert_eq!(said("/getlab").await, "rehearsal", "it was adopted");

    let world = World::new();
    let router = world.router();
    show(&world.publish, |status| status.run = Some(run(RunState::Failed, &[], &[])));
    show(&world.publish, began(0));
    assert_eq!(ask(&router, POD, "/getlab").await.body, "rehearsal", "a failed lab is still the active one");
}
