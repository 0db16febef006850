//! What an order takes along, and what comes back.

use axum::{
    body::Body,
    http::{StatusCode, request::Builder},
};
use engine::{Command, Order, Outcome};
use lab::{Code, Failure};
use serde_json::{Value, json};

use crate::testing::{World, ask, bearer, request};

const START: &str = "/api/v1/labs/rehearsal/start";

fn with_json(builder: Builder, body: &str) -> axum::http::Request<Body> {
    builder.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap()
}

/// Sends a request and lets the puppet answer it.
async fn order(
    world: &mut World,
    path: &str,
    body: &str,
    answer: Result<Outcome, Failure>,
) -> (StatusCode, Value, Order) {
    let router = world.router();
    let asked = with_json(bearer(request("POST", path), &world.control), body);
    let ((status, _, value), order) = tokio::join!(ask(&router, asked), world.engine.answer(|_| answer));
    (status, value, order.expect("the engine was asked"))
}

#[tokio::test]
async fn who_and_why_go_along_and_the_run_comes_back() {
    let mut world = World::new();
    let (status, value, order) =
        order(&mut world, START, r#"{"reason":"  a visitor asked "}"#, Ok(Outcome::Started { run: 7 })).await;
    assert_eq!((status.as_u16(), value), (202, json!({"run": 7, "lab": "rehearsal", "state": "running"})));
    assert_eq!(
        order,
        Order {
            command: Command::StartLab { lab: "rehearsal".into(), machines: Vec::new() },
            actor: "control".into(),
            reason: Some("a visitor asked".into()),
        }
    );
}

#[tokio::test]
async fn a_cancel_names_its_run_or_means_the_one_under_way() {
    let mut world = World::new();
    for (path, run) in [("/api/v1/runs/7/cancel", Some(7)), ("/api/v1/runs/current/cancel", None)] {
        for body in ["", "{}", "null", r#"{"reason":null}"#] {
            let (status, value, order) =
                order(&mut world, path, body, Ok(Outcome::Cancelling { run: 7 })).await;
            assert_eq!(
                (status.as_u16(), &value["run"], &value["state"]),
                (202, &json!(7), &json!("cancelling"))
            );
            assert_eq!((order.command, order.reason), (Command::CancelRun { run }, None), "{body:?}");
        }
    }
}

#[tokio::test]
async fn the_engine_s_refusal_arrives_whole() {
    let mut world = World::new();
    let no = Failure::new(Code::RunUnderWay, "start rehearsal", "run 6 is under way", "cancel it first");
    let (status, value, _) = order(&mut world, START, "", Err(no)).await;
    let words = json!({"code": "run-under-way", "what": "start rehearsal", "why": "run 6 is under way",
        "remedy": "cancel it first"});
    assert_eq!((status.as_u16(), &value["error"]), (409, &words));
}

#[tokio::test]
async fn an_engine_that_is_gone_is_said_so() {
    let world = World::new();
    let router = world.router();
    drop(world.engine);
    let asked = bearer(request("POST", START), &world.control).body(Body::empty()).unwrap();
    let (status, _, value) = ask(&router, asked).await;
    assert_eq!((status.as_u16(), &value["error"]["code"]), (503, &json!("engine-stopped")));
}

/// None of these reaches the engine, which would answer nobody here and let the test wait.
#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_words() {
    let world = World::new();
    let router = world.router();
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(501));
    let table = [
        (r#"{"reason":"#, 400, "EOF"),
        (r#"{"reson":"slip"}"#, 400, "unknown field `reson`, expected `machines` or `reason`"),
        (r#"{"reason":7}"#, 400, "invalid type"),
        (long.as_str(), 400, "longer than 500"),
        (r#"{"reason":"\u001b[31m"}"#, 400, "control characters"),
    ];
    for (body, status, why) in table {
        let (answer, _, value) =
            ask(&router, with_json(bearer(request("POST", START), &world.control), body)).await;
        assert_eq!(answer, status, "{body}");
        assert!(value["error"]["why"].as_str().unwrap().contains(why), "{body}: {value}");
    }
    let form = bearer(request("POST", START), &world.control).header("content-type", "text/plain");
    let (answer, ..) = ask(&router, form.body(Body::from("{}")).unwrap()).await;
    assert_eq!(answer, 415, "what a form of a stranger's page could send");
    let large = with_json(bearer(request("POST", START), &world.control), &"x".repeat(17 * 1024));
    assert_eq!(ask(&router, large).await.0, 413);
    let number = bearer(request("POST", "/api/v1/runs/seven/cancel"), &world.control);
    let (answer, _, value) = ask(&router, number.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.as_u16(), &value["error"]["code"]), (400, &json!("bad-request")));
}
