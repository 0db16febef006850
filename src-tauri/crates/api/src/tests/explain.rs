//! Explanations as callers read them, and what a person says about them.

use std::sync::Arc;

use axum::body::Body;
use engine::{Command, Outcome};
use lab::{
    Body as Fact, Event, PowerState, Status, Verdict, VerdictCode,
    boot::Cause,
    live::Snapshot,
    status::BOARD,
    verdict::{RuledOut, ScreenAnswer},
};
use serde_json::{Value, json};

use crate::testing::{World, ask, bearer, request, stamp};

fn verdict(code: VerdictCode, machines: &[&str]) -> Fact {
    let ruled = RuledOut { code: VerdictCode::NoLink, says: "its link is up".into(), by: vec![2] };
    Fact::Explained {
        verdict: Box::new(Verdict {
            code,
            says: "nothing was heard".into(),
            since: stamp(2),
            knowable: stamp(62),
            evidence: vec![1, 2],
            remedy: "look at its screen".into(),
            causes: vec!["its disk".into()],
            ruled_out: vec![ruled],
            machines: machines.iter().map(|m| (*m).to_owned()).collect(),
            asks_screen: true,
        }),
    }
}

/// Commits facts and shows what they fold to.
fn happened(world: &World, facts: Vec<(&str, Fact)>) {
    let mut status = Status::default();
    for (about, body) in facts {
        let apart = matches!(body, Fact::LinkChanged { .. } | Fact::PowerCommanded { .. });
        let boot = (about != BOARD && !apart).then_some(1);
        let event: Event = world.archive.commit(about, boot, body);
        status.apply(&event).unwrap();
    }
    world.engine.publish.send_replace(Arc::new(Snapshot { status: Arc::new(status), ..Snapshot::default() }));
}

fn silent() -> Vec<(&'static str, Fact)> {
    vec![
        ("node1", Fact::BootStarted { cause: Cause::Press }),
        ("node1", Fact::LinkChanged { up: true, speed: None }),
        ("node1", verdict(VerdictCode::SilentAfterLink, &[])),
    ]
}

async fn get(world: &World, path: &str) -> (u16, Value) {
    let request = bearer(request("GET", path), &world.reader).body(Body::empty()).unwrap();
    let (status, _, value) = ask(&world.router(), request).await;
    (status.as_u16(), value)
}

#[tokio::test]
async fn an_explanation_has_its_shape_and_null_where_nothing_is_wrong() {
    let world = World::new();
    happened(&world, silent());
    let (status, value) = get(&world, "/api/v1/machines/1/explanation").await;
    assert_eq!((status, &value["machine"], &value["boot"]), (200, &json!("node1"), &json!(1)));
    let verdict = &value["verdict"];
    assert_eq!(verdict["code"], "silent-after-link");
    assert_eq!((&verdict["evidence"], &verdict["causes"]), (&json!([1, 2]), &json!(["its disk"])));
    assert_eq!(verdict["since"], "2023-11-14T22:13:22.000000Z");
    assert!(verdict["asks_screen"] == true && verdict["remedy"] == "look at its screen", "{verdict}");
    assert_eq!(value["ruled_out"][0]["code"], "no-link");
    assert_eq!(value["ruled_out"][0]["by"], json!([2]));
    let (_, nothing) = get(&world, "/api/v1/machines/node2/explanation").await;
    assert_eq!(nothing, json!({ "machine": "node2", "boot": null, "verdict": null, "ruled_out": [] }));
    let (_, boot) = get(&world, "/api/v1/boots/1").await;
    assert_eq!(boot["verdict"]["code"], "silent-after-link", "the boot keeps its own");
    assert_eq!(get(&world, "/api/v1/machines/nobody/explanation").await.0, 404);
}

#[tokio::test]
async fn a_common_cause_is_told_of_the_board_and_of_each_machine_it_stops() {
    let world = World::new();
    let mut facts = silent();
    facts.push((BOARD, verdict(VerdictCode::ServiceDown, &["node1", "node2"])));
    happened(&world, facts);
    let (_, status) = get(&world, "/api/v1/status").await;
    assert_eq!(status["common"]["code"], "service-down");
    assert_eq!(status["machines"][0]["verdict"]["about"], BOARD);
    assert_eq!(status["machines"][2]["verdict"], Value::Null);
    let (_, value) = get(&world, "/api/v1/machines/2/explanation").await;
    assert_eq!(value["verdict"]["machines"], json!(["node1", "node2"]));
}

#[tokio::test]
async fn an_answer_goes_to_the_engine_with_who_said_so_and_nonsense_does_not() {
    let mut world = World::new();
    happened(&world, silent());
    let router = world.router();
    let post = |body: &str| {
        let builder = bearer(request("POST", "/api/v1/machines/1/screen"), &world.control);
        builder.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap()
    };
    for nonsense in [r#"{"answer":"purple"}"#, r#"{}"#, r#"{"answer":"is-dark","more":1}"#] {
        assert_eq!(ask(&router, post(nonsense)).await.0, 400, "{nonsense}");
    }
    let asked = post(r#"{"answer":"shows-system"}"#);
    let ((status, _, value), told) =
        tokio::join!(ask(&router, asked), world.engine.answer(|_| Ok(Outcome::Recorded)));
    assert_eq!((status.as_u16(), &value["machine"]), (200, &json!("node1")));
    let told = told.unwrap();
    let command = Command::AnswerScreen { machine: "node1".into(), answer: ScreenAnswer::ShowsSystem };
    assert_eq!((told.command, told.actor.as_str()), (command, "control"));

    let rearm =
        bearer(request("POST", "/api/v1/machines/1/rearm"), &world.control).body(Body::empty()).unwrap();
    let ((status, ..), told) =
        tokio::join!(ask(&router, rearm), world.engine.answer(|_| Ok(Outcome::Recorded)));
    assert_eq!(status, 200);
    assert_eq!(told.unwrap().command, Command::Rearm { machine: "node1".into() });
}

#[tokio::test]
async fn what_is_late_is_told_by_moments_so_that_a_page_can_count() {
    let world = World::new();
    let press = Fact::PowerCommanded { outlet: 1, to: PowerState::On, evidence: "test".into() };
    happened(&world, vec![("node1", press), ("node1", Fact::BootStarted { cause: Cause::Press })]);
    let (_, status) = get(&world, "/api/v1/status").await;
    let due = &status["machines"][0]["due"];
    assert_eq!((&due["phase"], &due["limit"]), (&json!("firmware"), &json!(60.0)));
    assert_eq!(due["expected"], Value::Null, "without history there is no claim");
    assert_eq!(due["overdue"], "2023-11-14T22:14:22.000000Z");
}
