//! Who may change something, and who may only look.

use axum::body::Body;

use super::{HERE, LISTEN, POD, World, ask, from, send, simulated};
use crate::testing::bearer;

/// Every call that changes something, as the old pages send it.
const CONTROL: [&str; 11] = [
    "/setlab?lab=rehearsal",
    "/power?action=turnoff&port=p1",
    "/switch?action=disable&port=p6",
    "/scale?load=client&operation=add&number=1",
    "/system?action=shutdown",
    "/navigate?url=http%3A%2F%2Flocalhost",
    "/launch?command=htop",
    "/resetwatchers",
    "/reliabilitytest?action=stop",
    "/reliabilitytest?action=start",
    "/router/connect",
];

fn method(path: &str) -> &'static str {
    if path.starts_with("/router") { "POST" } else { "GET" }
}

/// Got through the door, whatever came of it then.
fn let_in(status: u16) -> bool {
    ![401, 403, 405, 421, 429].contains(&status)
}

#[tokio::test]
async fn from_another_computer_every_control_needs_a_token_that_may() {
    for (number, path) in CONTROL.into_iter().enumerate() {
        let mut world = World::new();
        let asked = world.obedient();
        let router = world.router();
        let peers = ["192.168.122.31", "10.9.8.7", "2001:db8::7", "::ffff:192.168.122.31", "0.0.0.0"];
        for peer in peers {
            let answer = send(&router, from(peer, method(path), path).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 401, "{path} from {peer}");
            assert!(answer.body.contains("token"), "{path}: {}", answer.body);
        }
        let secret = world.control.reveal().to_owned();
        let build = || from(&format!("10.0.0.{number}"), method(path), path);
        let queried = format!("{path}{}token={secret}", if path.contains('?') { '&' } else { '?' });
        assert_eq!(ask(&router, POD, &queried).await.status, 401 + 4 * u16::from(method(path) == "POST"));
        let wrong = build().header("authorization", "Bearer nobody").body(Body::empty()).unwrap();
        assert_eq!(send(&router, wrong).await.status, 401, "{path} with a token nobody knows");
        let cookie = build().header("cookie", "statusinator-8080=nobody").body(Body::empty()).unwrap();
        assert_eq!(send(&router, cookie).await.status, 401, "{path} with a cookie nobody knows");
        let reader = bearer(build(), &world.reader).body(Body::empty()).unwrap();
        assert_eq!(send(&router, reader).await.status, 403, "{path} with a token that may only read");
        assert!(asked.lock().unwrap().is_empty(), "{path}: nothing of that reached the engine");
        let owner = bearer(build(), &world.control).body(Body::empty()).unwrap();
        let status = send(&router, owner).await.status;
        assert!(let_in(status), "{path} with the right token: {status}");
    }
}

#[tokio::test]
async fn a_program_of_this_computer_needs_none_and_a_stranger_s_page_does_not_pass_for_one() {
    let mut world = World::new();
    world.obedient();
    let router = world.router();
    type Row = (&'static str, &'static [(&'static str, &'static str)], bool);
    const BROWSER: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)");
    let table: [Row; 17] = [
        ("curl", &[("user-agent", "curl/8.0")], true),
        ("no words at all", &[], true),
        ("the person at the address bar", &[BROWSER, ("sec-fetch-site", "none")], true),
        ("our own page", &[BROWSER, ("sec-fetch-site", "same-origin")], true),
        ("our own page, older browser", &[BROWSER, ("origin", "http://127.0.0.1:8080")], true),
        ("a picture in a stranger's page", &[BROWSER, ("sec-fetch-site", "cross-site")], false),
        ("another port of this computer", &[BROWSER, ("sec-fetch-site", "same-site")], false),
        ("a stranger's form", &[("origin", "http://evil.example")], false),
        ("a sandboxed frame", &[("origin", "null")], false),
        ("a stranger's link", &[BROWSER, ("referer", "http://evil.example/127.0.0.1:8080")], false),
        ("a name like ours", &[("origin", "http://127.0.0.1:8080.evil.example")], false),
        ("over TLS", &[("origin", "https://127.0.0.1:8080")], false),
        ("an older browser that says nothing", &[BROWSER], false),
        ("a browser that looks ahead", &[("sec-purpose", "prefetch;prerender")], false),
        ("a proxy on this computer", &[("x-forwarded-for", "10.0.0.1")], false),
        ("a proxy that says its name", &[("via", "1.1 apache")], false),
        ("a proxy by the standard", &[("forwarded", "for=10.0.0.1")], false),
    ];
    for path in CONTROL {
        for (who, headers, may) in table {
            for peer in [HERE, "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
                let request = from(peer, method(path), path);
                let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
                let answer = send(&router, request.body(Body::empty()).unwrap()).await;
                assert_eq!(let_in(answer.status), may, "{path}, {who} at {peer}: {}", answer.status);
            }
        }
        let rebound = from(HERE, method(path), path);
        let mut rebound = rebound.body(Body::empty()).unwrap();
        for (host, status) in [("evil.example", 421), ("boss.local:8080", 401), ("192.168.122.3", 401)] {
            rebound.headers_mut().insert("host", host.parse().unwrap());
            let mut again = from(HERE, method(path), path).body(Body::empty()).unwrap();
            *again.headers_mut() = rebound.headers().clone();
            assert_eq!(send(&router, again).await.status, status, "{path} as {host}");
        }
        for other in ["HEAD", "PUT", "DELETE", "OPTIONS"] {
            let answer = send(&router, from(HERE, other, path).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 405, "{other} {path} does nothing");
        }
    }
}

#[tokio::test]
async fn a_browser_that_logged_in_acts_from_a_page_of_here_alone() {
    let mut world = World::new();
    world.obedient();
    let router = world.router();
    let sessions = &world.state.tokens.sessions;
    let cookie = sessions.redeem(sessions.one_time_login().reveal()).unwrap();
    // That of the real screens, on another port of the same host.
    let cookie = format!("statusinator-8400={}", cookie.reveal());
    type Row = (&'static str, &'static [(&'static str, &'static str)], u16);
    let table: [Row; 5] = [
        ("GET", &[], 403),
        ("GET", &[("sec-fetch-site", "same-origin")], 200),
        ("GET", &[("sec-fetch-site", "cross-site")], 403),
        ("POST", &[("origin", "http://127.0.0.1:8080")], 200),
        ("POST", &[("origin", "http://127.0.0.1:8400")], 403),
    ];
    for (method, headers, status) in table {
        let request = from("10.0.0.1", method, "/resetwatchers").header("cookie", &cookie);
        let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
        let answer = send(&router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status, "{method} {headers:?}");
    }
}

#[tokio::test]
async fn machines_of_the_simulated_board_are_not_this_computer() {
    let mut world = World::on(simulated());
    world.obedient();
    let router = world.router();
    assert_eq!(ask(&router, "127.122.122.11", "/resetwatchers").await.status, 401);
    assert_eq!(ask(&router, HERE, "/resetwatchers").await.status, 200);
    assert_eq!(ask(&router, "127.122.122.11", "/callbacks?key=wipe&val=x").await.status, 200);
}

#[tokio::test]
async fn what_only_looks_is_open_to_the_lab_and_shows_no_secret() {
    let world = World::new();
    let router = world.router();
    let open = [
        "/",
        "/getlab",
        "/scenarios",
        "/status",
        "/loadinfo",
        "/reliabilitytest",
        "/callbacks",
        "/router/networks",
        "/router/status",
    ];
    for path in open {
        let mut request = from(POD, "GET", path).body(Body::empty()).unwrap();
        request.headers_mut().insert("host", "boss.local:8080".parse().unwrap());
        let answer = send(&router, request).await;
        assert_eq!(answer.status, 200, "{path}");
        for secret in [world.control.reveal(), world.reader.reveal()] {
            assert!(!answer.body.contains(secret), "{path}");
        }
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path}: no page may read it");
    }
    assert_eq!(ask(&router, POD, "/router/status").await.json()["session_id"], "");
    let mut request = from(POD, "GET", "/status").body(Body::empty()).unwrap();
    request.headers_mut().insert("host", "evil.example".parse().unwrap());
    assert_eq!(send(&router, request).await.status, 421, "a name that points here by somebody else's will");
    assert_eq!(LISTEN, "127.0.0.1:8080", "the table of origins says so");
}
