//! Every address of the owner's table: status, type and body, from a program of this computer.

use std::sync::Arc;

use axum::body::Body;
use lab::{Board, Stamp, Status};
use serde_json::json;

use super::{Ends, HERE, POD, Wifi, World, ask, from, send, show, simulated};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

#[tokio::test]
async fn each_address_answers_as_documented() {
    let mut world = World::new();
    world.obedient();
    let router = world.router();
    // Address, status, type, and what the body contains ("" is an empty one).
    let table: &[(&str, u16, &str, &str)] = &[
        ("/setlab?lab=rehearsal", 200, "", ""),
        ("/setlab?lab=REHEARSAL", 200, "", ""),
        ("/setlab", 400, TEXT, "no lab is named"),
        ("/setlab?lab=", 400, TEXT, "no lab is named"),
        ("/setlab?lab=virtual-9", 400, TEXT, "this board has rehearsal"),
        ("/setlab?lab=..%2Fetc", 400, TEXT, "is no lab"),
        ("/setlab?lab=rehearsal&adopt=true", 500, TEXT, "no lab was ever started"),
        ("/getlab", 200, TEXT, ""),
        ("/lastlab", 500, TEXT, "no lab was ever started"),
        ("/scenarios", 200, TEXT, "{\"rehearsal\":{\"nodes\":{\"node1\":"),
        ("/scenarios?name=rehearsal", 200, TEXT, "{\"nodes\":{\"node1\":"),
        ("/scenarios?name=nothing", 400, TEXT, "is no lab"),
        ("/scenarios?current=true", 400, TEXT, "no lab is named"),
        ("/scenarios?last=true", 400, TEXT, "no lab is named"),
        ("/scenarios?current=true&name=rehearsal", 200, TEXT, "{\"nodes\":"),
        ("/power?action=turnon&port=p1", 200, "", ""),
        ("/power?action=TurnOff&port=P6", 200, "", ""),
        ("/power?action=turnon&port=all", 200, "", ""),
        ("/power?action=turnon&port=p7", 403, TEXT, "controller's own power button"),
        ("/power?action=turnon&port=p8", 403, TEXT, "does not allow it"),
        ("/power?action=turnon&port=p0", 400, TEXT, "no port"),
        ("/power?action=turnon&port=p9", 400, TEXT, "no port"),
        ("/power?action=turnon&port=p01", 400, TEXT, "no port"),
        ("/power?action=turnon&port=group1", 400, TEXT, "no port"),
        ("/power?action=turnon", 400, TEXT, "no port"),
        ("/power?action=explode&port=p1", 400, TEXT, "turnon, turnoff or restart"),
        ("/power", 400, TEXT, "no action"),
        ("/switch?action=enable&port=p6", 200, "", ""),
        ("/switch?action=disable&port=ALL", 200, "", ""),
        ("/switch?action=disable&port=group2", 200, "", ""),
        ("/switch?action=disable&port=group4", 400, TEXT, "no port"),
        ("/switch?action=disable&port=p7", 403, TEXT, "controller's or the router's"),
        ("/switch?action=enable&port=p8", 403, TEXT, "controller's or the router's"),
        ("/switch?action=toggle&port=p1", 400, TEXT, "enable or disable"),
        ("/switch?action=enable&port=p9", 400, TEXT, "no port"),
        ("/scale?load=client&operation=add&number=3", 200, JSON, "\"deployment\":\"counterclient\""),
        ("/scale?load=server&operation=sub&number=0", 200, JSON, "no cluster"),
        ("/scale?load=other&operation=add&number=1", 400, JSON, "\"success\":false"),
        ("/scale?load=client&operation=mul&number=1", 400, JSON, "add or sub"),
        ("/scale?load=client&operation=add&number=-1", 400, JSON, "0 or more"),
        ("/scale?load=client&operation=add", 400, JSON, "0 or more"),
        ("/system?action=shutdown", 500, TEXT, "may not switch its own computer off"),
        ("/system?action=restart", 500, TEXT, "What to do"),
        ("/system?action=melt", 400, TEXT, "shutdown or restart"),
        ("/system", 400, TEXT, "no action"),
        ("/status", 200, JSON, "{\"initializer\":{\"LabName\":\"\","),
        ("/events", 400, TEXT, "ws://"),
        ("/loadstats", 400, TEXT, "ws://"),
        ("/loadinfo", 200, JSON, "{\"TotalServerOk\":0,"),
        ("/reliabilitytest", 200, JSON, "\"isRunning\":false"),
        ("/reliabilitytest?action=stop", 400, TEXT, "no test is running"),
        ("/reliabilitytest?action=pause", 400, TEXT, "start or stop"),
        ("/navigate?url=http%3A%2F%2Flocalhost%2F", 500, TEXT, "http://127.0.0.1:8400"),
        ("/navigate", 400, TEXT, "no address"),
        ("/launch?command=htop", 500, TEXT, "opens no windows"),
        ("/launch?command=vnc&node=6&vm=9", 500, TEXT, "opens no windows"),
        ("/launch?command=vnc&node=7&vm=1", 400, TEXT, "vnc needs"),
        ("/launch?command=vnc", 400, TEXT, "vnc needs"),
        ("/launch?command=rm", 400, TEXT, "htop, top"),
        ("/launch", 400, TEXT, "htop, top"),
        ("/resetwatchers", 200, "", ""),
        ("/router/networks", 200, JSON, "\"count\":2"),
        ("/router/status", 200, JSON, "\"base_url\":\"https://192.168.122.1\""),
        ("/router/connect", 405, TEXT, "method"),
        ("/html/anything", 404, TEXT, "own web server"),
        ("/nowhere", 404, TEXT, "http://127.0.0.1:8400"),
        ("/", 200, "text/html; charset=utf-8", "href=\"http://127.0.0.1:8400\""),
    ];
    for (path, status, kind, part) in table {
        let answer = ask(&router, HERE, path).await;
        assert_eq!((answer.status, answer.kind()), (*status, *kind), "{path}: {}", answer.body);
        assert!(answer.body.contains(part), "{path}: {}", answer.body);
        assert!(!part.is_empty() || answer.body.is_empty(), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn old_pages_that_post_are_heard_too() {
    let mut world = World::new();
    world.obedient();
    let router = world.router();
    for path in [
        "/setlab?lab=rehearsal",
        "/power?action=turnon&port=p1",
        "/switch?action=enable&port=p1",
        "/scale?load=client&operation=add&number=1",
        "/resetwatchers",
        "/callbacks?key=wipe&val=x",
        "/status",
        "/loadinfo",
        "/reliabilitytest",
    ] {
        let answer = send(&router, from(HERE, "POST", path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    let networks = from(HERE, "POST", "/router/networks").body(Body::empty()).unwrap();
    assert_eq!(send(&router, networks).await.status, 405, "below /router methods are told apart");
}

#[tokio::test]
async fn a_call_back_is_answered_with_the_word_that_live_images_wait_for() {
    let world = World::new();
    let router = world.router();
    let odd = ["?key=%ff&val=x", "?", "", "?key=a&key=b", "?val=&key="];
    for query in odd {
        let answer = ask(&router, "192.168.122.12", &format!("/callbacks{query}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "callback received"), "{query:?}");
    }
    let answer = ask(&router, POD, "/callbacks?key=wipe&val=debian").await;
    assert_eq!((answer.status, answer.kind(), answer.body.as_str()), (200, TEXT, "callback received"));
    let mapped = ask(&router, "::ffff:192.168.122.31", "/callbacks?key=wipe&val=again").await;
    assert_eq!(mapped.body, "callback received");
    ask(&router, "fe80::1", "/callbacks?key=wipe&val=v6").await;

    let status = ask(&router, POD, "/status").await.json();
    let pairs = &status["callbacks"]["KVPairs"];
    assert_eq!(pairs[POD], json!({"wipe": "again"}), "by address, the last value wins");
    assert_eq!(pairs["fe80::1"], json!({"wipe": "v6"}));
    assert_eq!(status["callbacks"]["ClientCount"][POD], 2);
    for clears in ["/resetwatchers", "/setlab?lab=rehearsal"] {
        let mut world = World::new();
        world.obedient();
        let router = world.router();
        ask(&router, POD, "/callbacks?key=wipe&val=debian").await;
        assert_eq!(ask(&router, HERE, clears).await.status, 200);
        let left = ask(&router, POD, "/status").await.json();
        assert_eq!(left["callbacks"], json!({"KVPairs": null, "ClientCount": null}), "{clears}");
    }
}

/// Upstream hangs when somebody resets while calls come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_while_everything_is_reset_under_them() {
    let mut world = World::new();
    world.obedient();
    let router = world.router();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40_u32 {
        let router = router.clone();
        tasks.spawn(async move {
            for turn in 0..25_u32 {
                let (peer, path) = match number % 8 {
                    7 => (HERE.to_owned(), "/resetwatchers".to_owned()),
                    _ => (format!("10.0.{number}.{turn}"), format!("/callbacks?key=k{turn}&val=x")),
                };
                assert_eq!(ask(&router, &peer, &path).await.status, 200);
            }
        });
    }
    let all = async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap()
        }
    };
    tokio::time::timeout(super::SOON, all).await.expect("nobody waits for anybody");
    for number in 0..500_u32 {
        ask(&router, &format!("10.1.{}.{}", number / 250, number % 250), "/callbacks?key=wipe&val=x").await;
    }
    let status = ask(&router, POD, "/status").await.json();
    assert_eq!(status["callbacks"]["ClientCount"].as_object().unwrap().len(), 256);
    assert!(ask(&router, POD, "/").await.body.contains("call-backs"), "drops are shown");
}

#[tokio::test]
async fn networks_are_listed_and_joined() {
    let mut world = World::new();
    let wifi = Arc::new(Wifi::default());
    world.state.router = Some(wifi.clone());
    let router = world.router();
    let heard = ask(&router, POD, "/router/networks").await.json();
    let network = |ssid: &str, secured: bool| json!({"ssid": ssid, "secured": secured, "signal": -50, "bssid": "02:00:00:00:00:01"});
    assert_eq!(
        heard,
        json!({"success": true, "count": 2, "networks": [network("guests", true), network("", false)]})
    );
    let long = format!(r#"{{"ssid":"{}"}}"#, "x".repeat(33));
    let table = [
        (r#"{"ssid":"guests","password":"correct horse"}"#, 200),
        (r#"{"ssid":"open"}"#, 200),
        (r#"{"ssid":"nowhere","password":"x"}"#, 500),
        (r#"{"ssid":""}"#, 400),
        (r#"{"password":"x"}"#, 400),
        (r#"{"ssid":"#, 400),
        (long.as_str(), 400),
    ];
    for (body, status) in table {
        let request = from(HERE, "POST", "/router/connect").header("content-type", "application/json");
        let answer = send(&router, request.body(Body::from(body.to_owned())).unwrap()).await;
        let said = answer.json();
        assert_eq!((answer.status, said["success"].as_bool()), (status, Some(status == 200)), "{body}");
        assert!(status == 200 || said["error"].as_str().is_some_and(|why| !why.is_empty()), "{said}");
        assert!(!answer.body.contains("correct horse"), "{said}");
    }
    let form = from(HERE, "POST", "/router/connect").header("content-type", "text/plain");
    assert_eq!(send(&router, form.body(Body::from("{}")).unwrap()).await.status, 415, "a stranger's form");
    let joined = wifi.joined.lock().unwrap().clone();
    assert_eq!(joined[0], ("guests".to_owned(), Some("correct horse".to_owned())));
    assert_eq!(joined[1], ("open".to_owned(), None));
}

#[tokio::test]
async fn without_a_router_or_with_a_deaf_one_there_are_words() {
    for router in [None, Some(Wifi { deaf: true, ..Wifi::default() })] {
        let mut world = World::new();
        world.state.router = router.map(|wifi| Arc::new(wifi) as Arc<dyn lab::ports::Router>);
        let answer = ask(&world.router(), POD, "/router/networks").await;
        let said = answer.json();
        assert_eq!((answer.status, &said["success"]), (500, &json!(false)));
        assert!(said["message"].is_string() && said["error"].is_string(), "{said}");
    }
}

#[tokio::test]
async fn the_lab_is_ended_where_somebody_can() {
    let mut world = World::new();
    let ends = Arc::new(Ends::default());
    world.state.system = Some(ends.clone());
    let router = world.router();
    for action in ["shutdown", "restart"] {
        let answer = ask(&router, HERE, &format!("/system?action={action}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    assert_eq!(*ends.0.lock().unwrap(), ["shutdown by compat", "restart by compat"]);
}

#[tokio::test]
async fn the_simulated_board_answers_as_well() {
    let world = World::on(simulated());
    show(&world.publish, |status: &mut Status| status.engine.started = Some(Stamp::default()));
    let board = Board::parse("simulated", simulated()).unwrap();
    let said = ask(&world.router(), HERE, "/scenarios?name=rehearsal").await.json();
    assert_eq!(said["nodes"].as_object().unwrap().len(), board.machines.len());
    assert_eq!(
        said["nodes"]["node4"],
        json!({"ip": "192.168.122.14", "mac": "16:09:01:1a:f1:d8", "name": "node4", "nodename": "node4",
            "role": "worker", "type": "physical"})
    );
}
