//! The run's one transition function: what it allows, and that nothing else gets past it.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use lab::{
    Body, Code, Draft, Event, Failure, Run, RunState, Stamp,
    event::SCHEMA,
    run::{StepPlan, TaskKey, TaskPlan, TaskState},
};
use proptest::prelude::*;

fn event(subject: &str, body: Body) -> Event {
    let draft = Draft {
        stamp: Stamp::default(),
        run: Some(1),
        boot: None,
        actor: "test".into(),
        reason: None,
        subject: subject.into(),
        body,
    };
    Event { seq: 1, draft, schema: SCHEMA }
}

fn step(id: &str) -> StepPlan {
    StepPlan { id: id.into(), words: id.into(), tells: String::new(), limit_s: 1, undo: None }
}

/// check → up(a), up(b) → down(a), down(b)
fn run() -> Run {
    let plan = |step: &str, subject: &str, needs: &[(&str, &str)]| TaskPlan {
        key: TaskKey::new(step, subject),
        needs: needs.iter().map(|(step, subject)| TaskKey::new(step, subject)).collect(),
    };
    let tasks = vec![
        plan("check", "run", &[]),
        plan("up", "a", &[("check", "run")]),
        plan("up", "b", &[("check", "run")]),
        plan("down", "a", &[("up", "a")]),
        plan("down", "b", &[("up", "b")]),
    ];
    let steps = ["check", "up", "down"].map(step).to_vec();
    let machines = vec!["a".into(), "b".into()];
    Run::begin(&event("board", Body::RunStarted { lab: "l".into(), machines, steps, tasks })).unwrap()
}

fn begin(step: &str) -> Body {
    Body::TaskStarted { step: step.into(), attempt: 1 }
}

fn finish(step: &str) -> Body {
    Body::TaskFinished { step: step.into(), output: serde_json::Value::Null }
}

fn fail(step: &str) -> Body {
    let failure = Failure::new(Code::TimedOut, "w", "y", "r");
    Body::TaskFailed { step: step.into(), failure }
}

fn apply(run: &mut Run, subject: &str, body: Body) {
    run.apply(&event(subject, body)).unwrap();
}

#[test]
fn tasks_become_ready_when_what_they_need_is_done() {
    let mut run = run();
    assert_eq!(run.ready(), [TaskKey::new("check", "run")]);
    apply(&mut run, "run", begin("check"));
    assert!(run.ready().is_empty());
    apply(&mut run, "run", finish("check"));
    assert_eq!(run.ready(), [TaskKey::new("up", "a"), TaskKey::new("up", "b")]);
    apply(&mut run, "a", begin("up"));
    apply(&mut run, "a", finish("up"));
    assert_eq!(run.ready(), [TaskKey::new("up", "b"), TaskKey::new("down", "a")], "a does not wait for b");
}

#[test]
fn a_task_never_begins_before_its_needs() {
    let mut run = run();
    assert!(run.apply(&event("a", begin("up"))).is_err());
    assert!(run.apply(&event("a", finish("up"))).is_err());
    assert!(run.apply(&event("c", begin("up"))).is_err(), "no such subject");
}

#[test]
fn a_run_is_not_done_while_a_task_is_not() {
    let mut run = run();
    let done = Body::RunEnded { state: RunState::Done, why: "x".into() };
    assert!(run.apply(&event("board", done)).is_err());
}

#[test]
fn nothing_begins_once_cancelled_and_nothing_happens_once_ended() {
    let mut run = run();
    apply(&mut run, "board", Body::CancelRequested { why: "enough".into() });
    assert!(run.apply(&event("run", begin("check"))).is_err());
    apply(&mut run, "board", Body::RunEnded { state: RunState::Cancelled, why: "enough".into() });
    assert!(run.apply(&event("board", Body::CancelRequested { why: "again".into() })).is_err());
    assert_eq!(run.why.as_deref(), Some("enough"));
}

#[test]
fn one_machine_fails_and_the_other_goes_on() {
    let mut run = run();
    for (subject, body) in [
        ("run", begin("check")),
        ("run", finish("check")),
        ("a", begin("up")),
        ("a", fail("up")),
        ("b", begin("up")),
        ("b", finish("up")),
        ("b", begin("down")),
        ("b", finish("down")),
    ] {
        apply(&mut run, subject, body);
    }
    assert_eq!((run.machine_state("a"), run.machine_state("b")), ("failed", "done"));
    assert!(run.is_settled());
    assert_eq!(run.current_step().map(|s| s.id.as_str()), Some("up"));
}

fn any_event() -> impl Strategy<Value = Event> {
    let subject = prop_oneof![Just("run"), Just("a"), Just("b"), Just("board")];
    let body = prop_oneof![
        prop_oneof![Just("check"), Just("up"), Just("down")].prop_flat_map(|step| prop_oneof![
            Just(begin(step)),
            Just(finish(step)),
            Just(fail(step)),
            Just(Body::TaskUndone { step: step.into(), why: "u".into() }),
        ]),
        Just(Body::CancelRequested { why: "c".into() }),
        prop_oneof![
            Just(RunState::Done),
            Just(RunState::Failed),
            Just(RunState::Cancelled),
            Just(RunState::Running)
        ]
        .prop_map(|state| Body::RunEnded { state, why: "e".into() }),
        Just(Body::EngineStopped { reason: "x".into() }),
    ];
    (subject, body).prop_map(|(subject, body)| event(subject, body))
}

proptest! {
    /// Random events: refused ones change nothing, accepted ones keep the invariants.
    #[test]
    fn refused_events_change_nothing_and_accepted_ones_keep_the_rules(events in prop::collection::vec(any_event(), 0..120)) {
        let mut run = run();
        for event in &events {
            let before = run.clone();
            if run.apply(event).is_err() {
                prop_assert_eq!(&run, &before);
                continue;
            }
            for task in run.tasks.iter().filter(|t| t.state == TaskState::Done) {
                let first_time = before.task(&task.key).unwrap().state != TaskState::Done;
                let needs_done = task.needs.iter().all(|n| before.task(n).unwrap().state == TaskState::Done);
                prop_assert!(!first_time || before.task(&task.key).unwrap().state == TaskState::Running || needs_done);
            }
            if run.state == RunState::Done {
                prop_assert!(run.tasks.iter().all(|t| t.state == TaskState::Done));
            }
            if run.state.is_over() {
                prop_assert!(run.ready().is_empty() && run.ended.is_some());
            }
        }
    }
}
