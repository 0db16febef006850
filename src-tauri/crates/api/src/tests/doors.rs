//! Who gets in.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{body::Body, extract::ConnectInfo, http::Request};
use serde_json::json;
use utoipa::openapi::path::Operation;

use crate::{
    Right, openapi,
    testing::{LISTEN, World, ask, bearer, request},
};

/// Method, address with numbers and names filled in, and what the document says about who may.
fn every_route() -> Vec<(&'static str, String, &'static Operation)> {
    let fill = |path: &str| path.replace("{lab}", "rehearsal").replace("{id}", "1").replace("{machine}", "1");
    let paths = openapi::document().paths.paths.iter();
    let routes = paths.flat_map(|(path, item)| {
        let methods = [("GET", &item.get), ("POST", &item.post)];
        methods.into_iter().filter_map(move |(method, operation)| {
            operation.as_ref().map(|operation| (method, fill(path), operation))
        })
    });
    let routes: Vec<_> = routes.filter(|(_, path, _)| !path.starts_with("/gateway/")).collect();
    assert!(routes.len() >= 15, "the document was read");
    routes
}

fn asks_for(operation: &Operation, right: Right) -> bool {
    serde_json::to_value(&operation.security).unwrap()[0]["token"] == json!([right.word()])
}

/// Answers whatever is asked of the engine, so that a control call that got through ends.
fn answering(mut world: World) -> World {
    let (handle, mut engine) = engine::EngineHandle::detached(lab::live::Snapshot::default());
    world.state.engine = handle;
    let publish = engine.publish.clone();
    tokio::spawn(async move {
        while engine.answer(|_| Ok(engine::Outcome::Started { run: 1 })).await.is_some() {}
    });
    // The picture's maker lives as long as the world.
    world.engine.publish = publish;
    world
}

#[tokio::test]
async fn no_route_answers_a_stranger_and_none_does_more_than_the_token_may() {
    let world = answering(World::new());
    world.archive.commit("pc1", Some(1), lab::Body::BootStarted { cause: lab::boot::Cause::Press });
    let router = world.router();
    let session = world.state.tokens.sessions.redeem(world.state.tokens.one_time_login().reveal()).unwrap();
    let cookie = format!("statusinator-8080={}", session.reveal());
    let (mut open, mut control, mut admin) = (0, 0, 0);
    for (number, (method, path, operation)) in every_route().into_iter().enumerate() {
        // Each address has a peer of its own, so that no count of wrong tries comes in between.
        let peer = SocketAddr::from(([127, 0, 1, number as u8], 9));
        let build = || request(method, &path).extension(ConnectInfo(peer));
        let send = async |request: axum::http::request::Builder| {
            // The stream does not end; its head is all that is looked at here.
            let request = request.body(Body::empty()).unwrap();
            if path.ends_with("/stream") {
                tower::ServiceExt::oneshot(router.clone(), request).await.unwrap().status().as_u16()
            } else {
                ask(&router, request).await.0.as_u16()
            }
        };
        if operation.security.as_ref().is_some_and(Vec::is_empty) {
            open += 1;
            assert_eq!(send(build()).await, 200, "{path} is for anybody");
            assert!(["/healthz", "/openapi.json"].contains(&path.as_str()), "{path} must not be for anybody");
            continue;
        }
        assert_eq!(send(build()).await, 401, "{method} {path} without a token");
        assert_eq!(send(build().header("authorization", "Bearer nobody")).await, 401, "{method} {path}");
        assert_eq!(send(build().header("authorization", "Basic Y29udHJvbDo=")).await, 401, "{method} {path}");
        assert_eq!(send(build().header("cookie", "statusinator-8080=nobody")).await, 401, "{method} {path}");
        let with_read = send(bearer(build(), &world.reader)).await;
        if asks_for(operation, Right::Control) {
            control += 1;
            assert_eq!(with_read, 403, "{method} {path} with a token that may only read");
        } else if asks_for(operation, Right::Admin) {
            admin += 1;
            assert_eq!(with_read, 403, "{method} {path} with a token that may only read");
            let browser = build().header("cookie", &cookie).header("origin", format!("http://{LISTEN}"));
            assert_eq!(send(browser).await, 403, "{method} {path} from a browser");
        } else {
            assert!(asks_for(operation, Right::Read), "{method} {path} asks for something");
            assert_eq!(method, "GET", "{path}: what changes something asks for more than read");
            assert!(![401, 403, 405].contains(&with_read), "{method} {path} with read: {with_read}");
        }
        let with_all = send(bearer(build(), &world.control)).await;
        assert!(![401, 403, 405].contains(&with_all), "{method} {path} with all rights: {with_all}");
    }
    assert_eq!((open, control, admin), (2, 21, 1));
}

#[tokio::test]
async fn a_browser_comes_in_once_with_a_code_and_acts_from_our_page_alone() {
    let world = answering(World::new());
    let router = world.router();
    let code = world.state.tokens.one_time_login();
    let login = format!("/login?code={}", code.reveal());

    let (head, ..) = ask(&router, request("HEAD", &login).body(Body::empty()).unwrap()).await;
    assert_eq!(head, 405, "a preview does not use up the code");
    let (status, headers, _) = ask(&router, request("GET", &login).body(Body::empty()).unwrap()).await;
    assert_eq!((status.as_u16(), headers["location"].to_str().unwrap()), (303, "/"));
    let cookie = headers["set-cookie"].to_str().unwrap();
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.split("; ").any(|part| part == flag), "{flag} in the cookie's flags");
    }
    let (again, ..) = ask(&router, request("GET", &login).body(Body::empty()).unwrap()).await;
    assert_eq!(again, 401, "a code works once");

    let cookie = cookie.split(';').next().unwrap();
    let send = async |method: &str, path: &str, more: &[(&str, &str)]| {
        let mut builder = request(method, path).header("cookie", cookie);
        for (name, value) in more {
            builder = builder.header(*name, *value);
        }
        ask(&router, builder.body(Body::empty()).unwrap()).await.0.as_u16()
    };
    let (start, ours) = ("/api/v1/labs/rehearsal/start", format!("http://{LISTEN}"));
    assert_eq!(send("GET", "/api/v1/status", &[]).await, 200);
    assert_eq!(send("GET", "/api/v1/status", &[("sec-fetch-site", "cross-site")]).await, 403);
    assert_eq!(send("POST", start, &[]).await, 403, "nobody says which page it was");
    assert_eq!(send("POST", start, &[("origin", "http://127.0.0.1:9999")]).await, 403, "a neighbour's page");
    assert_eq!(send("POST", start, &[("origin", &ours)]).await, 202);
}

#[tokio::test]
async fn a_name_that_points_here_by_somebody_else_s_will_is_not_answered() {
    let world = World::new();
    let router = world.router();
    for path in ["/", "/healthz", "/login?code=x", "/api/v1/status", "/nowhere"] {
        let request = Request::builder().uri(path).header("host", "evil.example:8080");
        let request = bearer(request, &world.control).body(Body::empty()).unwrap();
        assert_eq!(ask(&router, request).await.0, 421, "{path}");
    }
}

#[tokio::test]
async fn wrong_tokens_meet_patience_and_right_ones_pass_all_the_same() {
    let world = World::new();
    let router = world.router();
    let mut answers = Vec::new();
    for _ in 0..12 {
        let request = request("GET", "/api/v1/status").header("authorization", "Bearer guess");
        let (status, headers, _) = ask(&router, request.body(Body::empty()).unwrap()).await;
        answers.push((status.as_u16(), headers.contains_key("retry-after")));
    }
    assert_eq!(answers[..10], [(401, false); 10]);
    assert_eq!(answers[10..], [(429, true); 2]);
    let right = bearer(request("GET", "/api/v1/status"), &world.control);
    assert_eq!(ask(&router, right.body(Body::empty()).unwrap()).await.0, 200);
}

/// Everything that is logged, down to the finest level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // While there is one subscriber, tracing asks only the thread that meets a line first whether anybody listens, and
    // remembers the answer for all. Tests beside this one have none; with a second subscriber all are asked.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    // One thread, so that this subscriber hears all of it and nothing else.
    let _heard = tracing::subscriber::set_default(subscriber);
    let world = World::new();
    let router = world.router();
    let code = world.state.tokens.one_time_login();
    let login = format!("/login?code={}", code.reveal());
    let (_, headers, _) = ask(&router, request("GET", &login).body(Body::empty()).unwrap()).await;
    let cookie = headers["set-cookie"].to_str().unwrap().split([';', '=']).nth(1).unwrap().to_owned();
    let wrong = "c0ffee".repeat(10);
    for header in [format!("Bearer {}", world.control.reveal()), format!("Bearer {wrong}")] {
        let request = request("GET", "/api/v1/status").header("authorization", header);
        ask(&router, request.body(Body::empty()).unwrap()).await;
    }
    let with_cookie =
        request("GET", "/api/v1/status").header("cookie", format!("statusinator-8080={cookie}"));
    assert_eq!(ask(&router, with_cookie.body(Body::empty()).unwrap()).await.0, 200);

    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(said.contains("/api/v1/status") && said.contains("refused"), "the log was heard: {said}");
    for secret in [code.reveal(), &cookie, world.control.reveal(), &wrong] {
        assert!(!said.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn the_owner_lets_a_browser_in() {
    let world = World::new();
    let router = world.router();
    let asked =
        bearer(request("POST", "/api/v1/login-codes"), &world.control).body(Body::from("{}")).unwrap();
    let (status, _, value) = ask(&router, asked).await;
    let path = value["url"].as_str().unwrap().strip_prefix(&format!("http://{LISTEN}")).unwrap().to_owned();
    let (entered, ..) = ask(&router, request("GET", &path).body(Body::empty()).unwrap()).await;
    assert_eq!((status.as_u16(), entered.as_u16()), (201, 303));
}
