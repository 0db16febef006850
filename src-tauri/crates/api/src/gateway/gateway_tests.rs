//! The gateway between a page and an engine, over real sockets.

use std::net::SocketAddr;

use axum::http::StatusCode;
use reqwest::{Client, RequestBuilder, redirect};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::*;
use crate::{
    Secret,
    testing::{SOON, Served, World},
    tests::streams::Reader,
    tls::{
        Fingerprint, Live,
        tests::{install, pair},
    },
};

struct Window {
    served: Served,
    sessions: Arc<Sessions>,
    heartbeats: Heartbeats,
    upstream: watch::Sender<Option<Upstream>>,
    client: Client,
}

impl Window {
    async fn open(upstream: Option<Upstream>) -> Self {
        let (upstream, named) = watch::channel(upstream);
        let (sessions, heartbeats) = (Arc::new(Sessions::default()), Heartbeats::default());
        let config =
            GatewayConfig { upstream: named, sessions: sessions.clone(), heartbeats: heartbeats.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(serve(listener, config, shutdown.clone()));
        let client = crate::plain_http().unwrap().redirect(redirect::Policy::none()).build().unwrap();
        Self { served: Served { address, shutdown, task }, sessions, heartbeats, upstream, client }
    }

    /// Comes in as a page does; gives the cookie.
    async fn login(&self) -> String {
        let code = self.sessions.one_time_login();
        let answer = self.get(&format!("/login?code={}", code.reveal())).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"/".parse().unwrap()));
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.served.url(path))
    }

    fn post(&self, path: &str, cookie: &str) -> RequestBuilder {
        self.client.post(self.served.url(path)).header("cookie", cookie).header("origin", self.served.url(""))
    }

    /// Asks for the state until it is as wanted.
    async fn state(&self, cookie: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let look = async {
            loop {
                let answer = self.get("/gateway/state").header("cookie", cookie).send().await.unwrap();
                let state: Value = answer.json().await.unwrap();
                if wanted(&state) {
                    return state;
                }
            }
        };
        timeout(SOON, look).await.expect("the gateway notices within a second or two")
    }
}

fn at(address: SocketAddr, token: &Secret) -> Upstream {
    Upstream::new(address, token.clone()).unwrap()
}

async fn body(answer: reqwest::Response) -> (u16, Value) {
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_page_gets_the_engine_s_answers_without_ever_holding_a_token() {
    let mut world = World::new();
    world.found("relay");
    let engine = world.serve().await;
    let window = Window::open(Some(at(engine.address, &world.control))).await;
    let cookie = window.login().await;

    let (status, value) =
        body(window.get("/api/v1/status").header("cookie", &cookie).send().await.unwrap()).await;
    assert_eq!((status, &value["seq"]), (200, &json!(1)));
    let (status, value) =
        body(window.get("/api/v1/boots/9").header("cookie", &cookie).send().await.unwrap()).await;
    assert_eq!((status, &value["error"]["code"]), (404, &json!("not-found")), "refusals pass as they are");
    let (status, value) =
        body(window.get("/api/v1/events?since=0&limit=7").header("cookie", &cookie).send().await.unwrap())
            .await;
    assert_eq!((status, &value[0]["seq"]), (200, &json!(1)), "the query goes along");

    let start =
        window.post("/api/v1/labs/rehearsal/start", &cookie).json(&json!({"reason": "touched"})).send();
    let answer = world.engine.answer(|_| Ok(engine::Outcome::Started { run: 3 }));
    let (answer, order) = tokio::join!(start, answer);
    assert_eq!(answer.unwrap().status(), 202);
    let order = order.unwrap();
    assert_eq!(
        (order.actor.as_str(), order.reason.as_deref()),
        ("control", Some("touched")),
        "the token's name"
    );
}

#[tokio::test]
async fn strangers_and_strangers_pages_get_nothing() {
    let world = World::new();
    let engine = world.serve().await;
    let window = Window::open(Some(at(engine.address, &world.control))).await;
    let cookie = window.login().await;
    let beat = json!({"page": "main", "painted_seq": 1});

    for path in ["/api/v1/status", "/gateway/state", "/api/nowhere"] {
        assert_eq!(body(window.get(path).send().await.unwrap()).await.0, 401, "{path} without a cookie");
        // A right token is no way in here: pages have cookies.
        let token = window.get(path).bearer_auth(world.control.reveal());
        assert_eq!(body(token.send().await.unwrap()).await.0, 401, "{path} with a token");
    }
    for path in ["/api/v1/labs/rehearsal/start", "/gateway/heartbeat"] {
        let foreign = window.client.post(window.served.url(path)).header("cookie", &cookie).json(&beat);
        let foreign = foreign.header("origin", "http://127.0.0.1:1");
        assert_eq!(body(foreign.send().await.unwrap()).await.0, 403, "{path} from a neighbour's page");
    }
    let renamed = window.get("/api/v1/status").header("cookie", &cookie).header("host", "evil.example");
    assert_eq!(body(renamed.send().await.unwrap()).await.0, 421);
    assert!(window.heartbeats.all().is_empty());
}

#[tokio::test]
async fn heartbeats_reach_the_window() {
    let window = Window::open(None).await;
    let cookie = window.login().await;
    let send = |beat: Value| window.post("/gateway/heartbeat", &cookie).json(&beat).send();
    assert_eq!(
        send(json!({"page": "main-1", "painted_seq": 41})).await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(window.heartbeats.last("main-1").unwrap().painted_seq, 41);
    for wrong in [json!({"page": "main-1"}), json!({"page": "../x", "painted_seq": 1}), json!([])] {
        assert_eq!(body(send(wrong.clone()).await.unwrap()).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_page_is_told_since_when_the_engine_is_gone_and_when_it_is_back() {
    let world = World::new();
    let window = Window::open(None).await;
    let cookie = window.login().await;
    let status = || window.get("/api/v1/status").header("cookie", &cookie).send();
    let (code, value) = body(status().await.unwrap()).await;
    assert_eq!((code, &value["error"]["code"]), (502, &json!("engine-stopped")));
    assert!(
        value["error"]["why"].as_str().unwrap().starts_with("no engine runs; not reached since 20"),
        "{value}"
    );

    let engine = world.serve().await;
    let address = engine.address;
    window.upstream.send_replace(Some(at(address, &world.control)));
    let back = window.state(&cookie, |state| state["reachable"] == true).await;
    assert_eq!(body(status().await.unwrap()).await.0, 200);

    let stream = window.get("/api/v1/stream").header("cookie", &cookie).send().await.unwrap();
    let mut reader = Reader::new(stream);
    reader.next_of("status").await;
    engine.stop().await;
    while reader.next().await.is_some() {}
    let gone = window.state(&cookie, |state| state["reachable"] == false).await;
    assert!(gone["since"].as_str() > back["since"].as_str(), "{gone} after {back}");
    assert!(gone["error"].as_str().unwrap().contains("cannot be reached"), "{gone}");
    let (code, value) = body(status().await.unwrap()).await;
    assert_eq!(code, 502);
    assert!(value["error"]["why"].as_str().unwrap().contains(gone["since"].as_str().unwrap()), "{value}");
}

#[tokio::test]
async fn a_stop_ends_pages_that_still_listen() {
    let world = World::new();
    let engine = world.serve().await;
    let window = Window::open(Some(at(engine.address, &world.control))).await;
    let cookie = window.login().await;
    let stream = window.get("/api/v1/stream").header("cookie", &cookie).send().await.unwrap();
    let mut reader = Reader::new(stream);
    reader.next_of("tick").await;
    window.served.stop().await;
    while reader.next().await.is_some() {}
}

/// An engine made by hand, so that every byte that goes to it and comes from it is known.
struct ByHand {
    listener: TcpListener,
}

impl ByHand {
    async fn new() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self { listener }, address)
    }

    /// The head of the next request that is no look at `/healthz`.
    async fn accept(&self) -> (TcpStream, String) {
        let request = async {
            loop {
                let (mut stream, _) = self.listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap().to_lowercase();
                if !head.starts_with("get /healthz") {
                    return (stream, head);
                }
            }
        };
        timeout(SOON, request).await.expect("the gateway asks")
    }
}

#[tokio::test]
async fn only_what_an_engine_needs_goes_there_and_only_what_a_page_needs_comes_back() {
    let (engine, address) = ByHand::new().await;
    let token = Secret::long();
    let window = Window::open(Some(at(address, &token))).await;
    let cookie = window.login().await;
    let page = window.get("/api/v1/runs?limit=2").header("cookie", format!("{cookie}; other=1"));
    let page = page
        .header("x-invented", "1")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("authorization", "Bearer of-the-page")
        .header("last-event-id", "7")
        .header("accept", "application/json");
    let by_hand = async {
        let (mut stream, head) = engine.accept().await;
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\
                      Connection: keep-alive, x-far\r\nKeep-Alive: timeout=5\r\nX-Far: 1\r\nX-Kept: 1\r\n\r\n[]";
        stream.write_all(answer.as_bytes()).await.unwrap();
        head
    };
    let (answer, head) = tokio::join!(page.send(), by_hand);

    assert!(head.starts_with("get /api/v1/runs?limit=2 http/1.1\r\n"), "{head}");
    let lines: Vec<&str> = head.lines().collect();
    for wanted in [
        format!("authorization: bearer {}", token.reveal()),
        format!("host: {address}"),
        "last-event-id: 7".to_owned(),
        "accept: application/json".to_owned(),
    ] {
        assert!(lines.contains(&wanted.as_str()), "{wanted} in {head}");
    }
    for unwanted in ["cookie", "x-invented", "x-hop", "of-the-page", "origin"] {
        assert!(!head.contains(unwanted), "{unwanted} in {head}");
    }
    let answer = answer.unwrap();
    let headers = answer.headers();
    for unwanted in ["set-cookie", "keep-alive", "x-far"] {
        assert!(!headers.contains_key(unwanted), "{unwanted} in {headers:?}");
    }
    assert_eq!(headers["x-kept"], "1");
    assert_eq!(answer.text().await.unwrap(), "[]");
}

#[tokio::test]
async fn pieces_arrive_as_they_come_and_a_page_that_goes_takes_its_request_along() {
    let (engine, address) = ByHand::new().await;
    let window = Window::open(Some(at(address, &Secret::long()))).await;
    let cookie = window.login().await;
    let page = window.get("/api/v1/stream").header("cookie", &cookie).send();
    let by_hand = async {
        let (mut stream, _) = engine.accept().await;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let (page, mut stream) = tokio::join!(page, by_hand);
    let mut page = page.unwrap();
    for number in 1..=3 {
        // The next piece is only sent when the last was seen: a gateway that collects would wait for ever.
        stream.write_all(format!("6\r\ndata:{number}\r\n").as_bytes()).await.unwrap();
        let piece = timeout(SOON, page.chunk()).await.expect("no piece is held back").unwrap().unwrap();
        assert_eq!(piece, format!("data:{number}"));
    }
    drop(page);
    let mut rest = [0; 16];
    let read = timeout(SOON, stream.read(&mut rest)).await.expect("the engine's side is closed");
    assert!(matches!(read, Ok(0) | Err(_)), "nothing more is asked: {read:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_passed_as_whole() {
    let (engine, address) = ByHand::new().await;
    let window = Window::open(Some(at(address, &Secret::long()))).await;
    let cookie = window.login().await;
    let page = window.get("/api/v1/events").header("cookie", &cookie).send();
    let by_hand = async {
        let (mut stream, _) = engine.accept().await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{").await.unwrap();
    };
    let (page, ()) = tokio::join!(page, by_hand);
    assert!(page.unwrap().bytes().await.is_err(), "two bytes of a hundred are no answer");
}

#[tokio::test]
async fn an_engine_behind_tls_is_reached_by_its_certificate_alone() {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = install(folder.path());
    let world = World::new();
    let engine = world.serve_by(Some(Live::load(pair(folder.path())).unwrap())).await;
    let over_tls = |pin| Upstream::over_tls(engine.address, world.control.clone(), vec![pin]);
    let window = Window::open(Some(over_tls(Fingerprint::of(b"another")))).await;
    let cookie = window.login().await;
    let state = window.state(&cookie, |state| !state["error"].as_str().unwrap().contains("not looked")).await;
    assert_eq!(state["reachable"], false, "{state}");

    window.upstream.send_replace(Some(over_tls(fingerprint)));
    window.state(&cookie, |state| state["reachable"] == true).await;
    let (status, _) =
        body(window.get("/api/v1/status").header("cookie", &cookie).send().await.unwrap()).await;
    assert_eq!(status, 200);
    window.served.stop().await;
    engine.stop().await;
}
