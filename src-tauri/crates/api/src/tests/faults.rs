//! Breaking machines on purpose, and reading what their wires carried.

use axum::body::Body;
use engine::{Command, Outcome};
use lab::{Body as Fact, boot::Cause, fault::Fault};
use serde_json::json;

use crate::testing::{World, ask, bearer, request};

fn order(_: &World, token: &crate::Secret, body: &str) -> axum::http::Request<Body> {
    let builder = bearer(request("POST", "/api/v1/machines/1/faults"), token);
    builder.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap()
}

#[tokio::test]
async fn a_fault_is_ordered_by_the_machine_s_name_with_who_and_why() {
    let mut world = World::new();
    let router = world.router();
    let asked = order(&world, &world.control, r#"{"fault":"link-down","on":true,"reason":" to show it "}"#);
    let ((status, _, value), told) =
        tokio::join!(ask(&router, asked), world.engine.answer(|_| Ok(Outcome::Recorded)));
    assert_eq!(
        (status.as_u16(), &value["fault"], &value["possible"]),
        (200, &json!("link-down"), &json!(true))
    );
    let told = told.unwrap();
    let command = Command::SetFault { machine: "node1".into(), fault: Fault::LinkDown, on: true };
    assert_eq!(
        (told.command, told.actor, told.reason),
        (command, "control".into(), Some("to show it".into()))
    );
}

#[tokio::test]
async fn what_cannot_be_a_fault_is_refused_before_the_engine_is_asked() {
    let world = World::new();
    let router = world.router();
    for (body, why) in [
        (r#"{"fault":"tape-torn","on":true}"#, "tape-torn"),
        (r#"{"fault":"link-down"}"#, "missing field `on`"),
        (r#"{"fault":"link-down","on":true,"reason":"\u001b"}"#, "control characters"),
    ] {
        let (status, _, value) = ask(&router, order(&world, &world.control, body)).await;
        assert_eq!(status, 400, "{body}");
        assert!(value["error"]["why"].as_str().unwrap().contains(why), "{body}: {value}");
    }
    let (status, ..) = ask(&router, order(&world, &world.reader, r#"{"fault":"link-down","on":true}"#)).await;
    assert_eq!(status, 403, "whoever may only look breaks nothing");
}

#[tokio::test]
async fn the_list_says_which_faults_this_board_can_have() {
    let world = World::new();
    let asked = bearer(request("GET", "/api/v1/faults"), &world.reader).body(Body::empty()).unwrap();
    let (status, _, value) = ask(&world.router(), asked).await;
    let list = value.as_array().unwrap();
    assert_eq!((status.as_u16(), list.len()), (200, Fault::ALL.len()));
    let possible: Vec<_> = list.iter().filter(|fault| fault["possible"] == true).collect();
    assert_eq!(possible.len(), 1);
    assert_eq!(possible[0]["words"], Fault::LinkDown.words());
}

#[tokio::test]
async fn a_capture_is_a_file_of_a_machine_or_of_the_time_of_a_boot() {
    let world = World::new();
    world.happen("node2", Some(1), Fact::BootStarted { cause: Cause::Press });
    let router = world.router();
    let get = |path: &str| bearer(request("GET", path), &world.reader).body(Body::empty()).unwrap();
    let (status, headers, value) = ask(&router, get("/api/v1/machines/2/capture.pcapng")).await;
    assert_eq!((status.as_u16(), value), (200, json!("node2 None")));
    assert_eq!(headers["content-type"], "application/x-pcapng");
    assert_eq!(headers["content-disposition"], "attachment; filename=\"node2.pcapng\"");
    let (_, _, value) = ask(&router, get("/api/v1/boots/1/capture.pcapng")).await;
    let began = crate::testing::stamp(1).wall_us;
    assert_eq!(value, json!(format!("node2 {:?}", Some((began, i64::MAX)))));
    let (status, ..) = ask(&router, get("/api/v1/boots/9/capture.pcapng")).await;
    assert_eq!(status, 404);
    let mut without = world.state.clone();
    without.captures = None;
    let shutdown = tokio_util::sync::CancellationToken::new();
    let router = crate::server::router(without, crate::testing::LISTEN.parse().unwrap(), None, shutdown);
    let (status, _, value) = ask(&router, get("/api/v1/machines/2/capture.pcapng")).await;
    assert_eq!(status, 404);
    assert!(value["error"]["remedy"].as_str().unwrap().contains("packets of its boots"), "{value}");
}
