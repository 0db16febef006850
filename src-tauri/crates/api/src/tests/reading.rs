//! What the listener tells, and what it says when it has nothing to tell.

use axum::{Router, body::Body, routing::get};
use lab::{Body as Fact, Phase, boot::Cause, journal::JournalError};
use serde_json::{Value, json};

use crate::{
    guard,
    testing::{LISTEN, World, ask, bearer, request},
};

async fn read(world: &World, path: &str) -> (u16, Value) {
    let asked = bearer(request("GET", path), &world.reader).body(Body::empty()).unwrap();
    let (status, _, value) = ask(&world.router(), asked).await;
    (status.as_u16(), value)
}

fn words(value: &Value) -> String {
    value["error"].to_string()
}

#[tokio::test]
async fn the_picture_has_the_board_and_the_engine_s_time_of_now() {
    let world = World::new();
    world.show(12);
    let (status, value) = read(&world, "/api/v1/status").await;
    assert_eq!((status, &value["seq"], &value["board"]["kind"]), (200, &json!(12), &json!("simulated")));
    assert_eq!(value["machines"].as_array().unwrap().len(), 6);
    assert_eq!(value["now"], "2023-11-14T22:15:00.000000Z", "the clock's time, not the picture's");
}

#[tokio::test]
async fn boots_are_listed_told_and_drawn() {
    let world = World::new();
    let name = world.state.board.machines[0].name.clone();
    let other = world.state.board.machines[1].name.clone();
    world.happen(&name, Some(1), Fact::BootStarted { cause: Cause::Press });
    world.happen(&other, Some(2), Fact::BootStarted { cause: Cause::Press });
    world.happen(&name, Some(1), Fact::PhaseEntered { phase: Phase::Address });

    let (_, all) = read(&world, "/api/v1/boots").await;
    assert_eq!(all.as_array().unwrap().iter().map(|boot| &boot["id"]).collect::<Vec<_>>(), [1, 2]);
    for who in ["1", name.as_str()] {
        let (_, one) = read(&world, &format!("/api/v1/boots?machine={who}&limit=5")).await;
        assert_eq!((one.as_array().unwrap().len(), &one[0]["machine"]), (1, &json!(name)));
    }
    let (_, boot) = read(&world, "/api/v1/boots/1").await;
    assert_eq!(
        (&boot["phases"][1]["phase"], &boot["phases"][0]["seconds"]),
        (&json!("address"), &json!(2.0))
    );
    let (_, events) = read(&world, "/api/v1/boots/1/events").await;
    assert_eq!(events.as_array().unwrap().iter().map(|event| &event["seq"]).collect::<Vec<_>>(), [1, 3]);
    let (_, packets) = read(&world, "/api/v1/boots/1/packets").await;
    assert_eq!(packets[0]["says"], "DISCOVER");
    let svg =
        bearer(request("GET", "/api/v1/boots/1/waterfall.svg"), &world.reader).body(Body::empty()).unwrap();
    let (status, headers, drawn) = ask(&world.router(), svg).await;
    assert_eq!((status.as_u16(), headers["content-type"].to_str().unwrap()), (200, "image/svg+xml"));
    assert!(drawn.as_str().unwrap().trim_start().starts_with('<'), "{drawn}");
    assert!(headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
}

#[tokio::test]
async fn what_is_not_there_is_named_together_with_what_is() {
    let world = World::new();
    let (status, value) = read(&world, "/api/v1/boots?machine=9").await;
    assert_eq!((status, &value["error"]["code"]), (404, &json!("unknown-machine")));
    for machine in &world.state.board.machines {
        assert!(words(&value).contains(&machine.name), "{value}");
    }
    assert_eq!(read(&world, "/api/v1/machines/nobody/console").await.0, 404);
    for path in ["/api/v1/boots/9", "/api/v1/boots/9/events", "/api/v1/boots/9/packets", "/api/v1/runs/9"] {
        let (status, value) = read(&world, path).await;
        assert_eq!((status, &value["error"]["code"]), (404, &json!("not-found")), "{path}");
    }
    let (status, value) = read(&world, "/api/v1/machine/1/console").await;
    assert!(status == 404 && words(&value).contains("did you mean /api/v1/machines/1/console?"), "{value}");
    let (status, value) = read(&world, "/gateway/state").await;
    assert_eq!((status, &value["error"]["code"]), (404, &json!("not-found")), "this is no gateway");
}

#[tokio::test]
async fn events_come_in_pages_and_a_limit_is_kept_or_refused() {
    let world = World::new();
    for number in 0..5 {
        world.found(&format!("device {number}"));
    }
    let (_, page) = read(&world, "/api/v1/events?since=2&limit=2").await;
    assert_eq!(page.as_array().unwrap().iter().map(|event| &event["seq"]).collect::<Vec<_>>(), [3, 4]);
    for path in [
        "/api/v1/events?limit=1001",
        "/api/v1/events?limit=0",
        "/api/v1/boots?limit=x",
        "/api/v1/runs?last=3",
    ] {
        assert_eq!(read(&world, path).await.0, 400, "{path}");
    }
    *world.archive.broken.lock().unwrap() = Some(JournalError {
        what: "read events".into(),
        why: "the disk is gone".into(),
        remedy: "look at the disk".into(),
    });
    let (status, value) = read(&world, "/api/v1/events").await;
    assert_eq!((status, &value["error"]["code"]), (503, &json!("storage")));
}

#[tokio::test]
async fn a_console_is_its_end_where_there_is_one() {
    let mut world = World::new();
    let name = world.state.board.machines[0].name.clone();
    let (status, value) = read(&world, "/api/v1/machines/1/console").await;
    assert_eq!((status, value), (200, json!({"machine": name, "text": format!("{name} login: ")})));
    assert_eq!(read(&world, "/api/v1/machines/1/console?limit=7").await.1["text"], json!("login: "));
    world.state.consoles = None;
    let (status, value) = read(&world, "/api/v1/machines/1/console").await;
    assert!(status == 404 && words(&value).contains("no serial console"), "{value}");
}

#[tokio::test]
async fn health_is_one_word_and_an_engine_that_ended_has_none() {
    let world = World::new();
    let router = world.router();
    let healthz = || request("GET", "/healthz").body(Body::empty()).unwrap();
    let (status, _, value) = ask(&router, healthz()).await;
    assert_eq!((status.as_u16(), value), (200, json!("ok")));
    drop(world.engine.publish);
    assert_eq!(ask(&router, healthz()).await.0, 503);
    let status = bearer(request("GET", "/api/v1/status"), &world.reader).body(Body::empty()).unwrap();
    assert_eq!(ask(&router, status).await.0, 503, "the last picture is not shown as if it were current");
}

#[tokio::test]
async fn every_answer_is_closed_to_other_pages_and_wrong_methods_have_words() {
    let world = World::new();
    let router = world.router();
    for path in ["/", "/healthz", "/api/v1/status", "/assets/nowhere.js"] {
        let (_, headers, _) = ask(&router, request("GET", path).body(Body::empty()).unwrap()).await;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert!(
            headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(headers.contains_key("cache-control"), "{path}");
    }
    for (method, path) in [("DELETE", "/api/v1/status"), ("PUT", "/"), ("GET", "/api/v1/runs/1/cancel")] {
        let asked = bearer(request(method, path), &world.control).body(Body::empty()).unwrap();
        assert_eq!(ask(&router, asked).await.0, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_with_words() {
    async fn slip() -> &'static str {
        panic!("a mistake with a detail that stays here")
    }
    let router = guard::walls(
        Router::new().route("/slip", get(slip)),
        LISTEN.parse::<std::net::SocketAddr>().unwrap().into(),
    );
    let (status, headers, value) = ask(&router, request("GET", "/slip").body(Body::empty()).unwrap()).await;
    assert_eq!((status.as_u16(), &value["error"]["code"]), (500, &json!("internal")));
    assert!(!words(&value).contains("detail"), "the words of a panic are for the log");
    assert!(headers.contains_key("x-content-type-options"));
}
