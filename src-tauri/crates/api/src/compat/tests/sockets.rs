//! WebSockets over real connections, spoken to by a client that is not ours.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt};
use lab::{Body as Fact, Draft, Event, event::SCHEMA};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use super::{SOON, Served, World};
use crate::testing::stamp;

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(served: &Served, path: &str) -> Client {
    let url = format!("ws://{}{path}", served.address);
    tokio::time::timeout(SOON, connect_async(url)).await.expect("in time").unwrap().0
}

/// The next text as JSON; `None` when the other side has closed.
async fn next(client: &mut Client) -> Option<Value> {
    loop {
        match tokio::time::timeout(SOON, client.next()).await.expect("in time") {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

async fn until(client: &mut Client, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let wait = async {
        loop {
            let said = next(client).await.expect("it goes on");
            if is(&said) {
                return said;
            }
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("never: {what}"))
}

async fn say(client: &mut Client, text: &str) {
    client.send(Message::text(text)).await.unwrap();
}

/// The body of a plain answer.
async fn get(served: &Served, path: &str) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await.expect("in time").unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn status_is_told_at_once_and_then_when_it_changes() {
    let world = World::new();
    let served = world.serve().await;
    let mut page = connect(&served, "/status").await;
    assert_eq!(next(&mut page).await.unwrap()["callbacks"]["KVPairs"], Value::Null);
    assert_eq!(get(&served, "/callbacks?key=wipe&val=debian").await, "callback received");
    let told = until(&mut page, "the call-back", |said| !said["callbacks"]["KVPairs"].is_null()).await;
    assert_eq!(told["callbacks"]["KVPairs"]["127.0.0.1"], json!({"wipe": "debian"}));
    super::show(&world.publish, |status| {
        status.run = Some(super::pictures::run(lab::RunState::Running, &[], &[]));
    });
    until(&mut page, "the run", |said| said["initializer"]["CurrentStep"] == "init").await;

    // A ping is answered, and what nobody understands is passed over.
    say(&mut page, "hello?").await;
    page.send(Message::Ping(vec![7].into())).await.unwrap();
    let pong = tokio::time::timeout(SOON, page.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(pong, Message::Pong(vec![7].into()));

    // At a stop it is closed in order, and serve waits for that.
    served.stop().await;
    assert!(next(&mut page).await.is_none());
}

#[tokio::test]
async fn a_pod_that_comes_back_adds_nothing_twice() {
    let world = World::new();
    let served = world.serve().await;
    let mut gauge = connect(&served, "/loadinfo").await;
    let first = next(&mut gauge).await.unwrap();
    assert_eq!((&first["TotalClientOk"], &first["Clients"]), (&json!(0), &json!({})), "sent on connect");
    let mut pod = connect(&served, "/loadstats").await;
    say(&mut pod, "client:counterclient-a").await;
    say(&mut pod, "100,1").await;
    say(&mut pod, "nonsense").await;
    say(&mut pod, "150,2").await;
    until(&mut gauge, "its counts", |said| {
        said["Clients"]["counterclient-a"] == json!({"OK": 150, "NOK": 2})
    })
    .await;
    let rate = until(&mut gauge, "a rate", |said| said["ClientOkRate"].as_u64() > Some(0)).await;
    assert_eq!(rate["TotalServerOk"], 0);
    pod.close(None).await.unwrap();
    let closing = async {
        while let Some(said) = pod.next().await {
            said.expect("a close is answered, not cut");
        }
    };
    tokio::time::timeout(SOON, closing).await.expect("in time");
    until(&mut gauge, "it is gone", |said| said["Clients"] == json!({})).await;

    let mut again = connect(&served, "/loadstats").await;
    say(&mut again, "client:counterclient-a").await;
    say(&mut again, "160,2").await;
    let back = until(&mut gauge, "it is back", |said| said["Clients"] != json!({})).await;
    assert_eq!((&back["TotalClientOk"], &back["TotalClientNok"]), (&json!(160), &json!(2)));
    let later = until(&mut gauge, "the load has ended", |said| said["ClientOkRate"] == 0).await;
    assert_eq!(later["TotalClientOk"], 160);
    // Nothing changes any more, and the page still hears that it does not.
    for _ in 0..2 {
        assert_eq!(next(&mut gauge).await.unwrap(), later);
    }
    served.stop().await;
}

#[tokio::test]
async fn a_pod_without_a_proper_name_is_sent_away() {
    let world = World::new();
    let served = world.serve().await;
    for name in ["nocolon", "client:a:b", "client:", &"x".repeat(2000)] {
        let mut pod = connect(&served, "/loadstats").await;
        say(&mut pod, name).await;
        assert!(next(&mut pod).await.is_none(), "{name:.20}");
    }
    let stats: Value = serde_json::from_str(&get(&served, "/loadinfo").await).unwrap();
    assert_eq!(stats["Clients"], json!({}));
}

#[tokio::test]
async fn events_come_as_log_records_and_a_burst_is_bounded_and_counted() {
    let world = World::new();
    let served = world.serve().await;
    let mut page = connect(&served, "/events").await;
    let tell = |seq: u64, subject: &str, body: Fact| {
        let stamp = stamp(1);
        let (actor, subject) = ("engine".to_owned(), subject.to_owned());
        let draft = Draft { stamp, run: Some(3), boot: None, actor, reason: None, subject, body };
        world.events.send(Arc::new(Event { seq, draft, schema: SCHEMA })).unwrap()
    };
    let listening = async {
        while world.events.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, listening).await.expect("the page listens");
    tell(1, "node3", Fact::LinkChanged { up: true, speed: Some(1000) });
    assert_eq!(
        next(&mut page).await.unwrap(),
        json!({
            "Node": "node3", "Service": "statusinator", "Level": "info", "Message": "link up at 1000 Mbit/s",
            "Attributes": {
                "actor": "engine", "kind": "link-changed", "run": "3", "seq": "1", "subject": "node3",
                "timeUnixNano": "1700000001000000000",
            },
            "Interesting": false,
        })
    );
    let failure = lab::Failure::new(lab::Code::DeviceAbsent, "read it", "silence", "look");
    tell(2, "board", Fact::DeviceLost { device: "switch".into(), failure });
    let lost = next(&mut page).await.unwrap();
    assert_eq!(
        (&lost["Node"], &lost["Level"], &lost["Interesting"]),
        (&json!("boss"), &json!("error"), &json!(true))
    );

    // One thread: all of them are there before the reader is asked again.
    for seq in 3..=42 {
        tell(seq, "board", Fact::DeviceFound { device: "switch".into() });
    }
    let (mut heard, mut dropped) = (0, 0);
    while heard + dropped < 40 {
        let said = next(&mut page).await.unwrap();
        heard += 1;
        dropped += said["Attributes"]["dropped"].as_str().map_or(0, |n| n.parse::<u32>().unwrap());
    }
    assert_eq!((heard, dropped), (10, 30));
    assert!(get(&served, "/").await.contains("30 events"));
    served.stop().await;
}

#[tokio::test]
async fn a_stranger_s_page_hears_nothing_and_places_are_bounded() {
    let world = World::new();
    let served = world.serve().await;
    let open = async |path: &str, origin: Option<&str>| {
        let mut request = format!("ws://{}{path}", served.address).into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
        }
        match tokio::time::timeout(SOON, connect_async(request)).await.expect("in time") {
            Ok((client, _)) => Ok(client),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    };
    for path in ["/status", "/events", "/loadinfo", "/reliabilitytest"] {
        assert_eq!(open(path, Some("http://evil.example")).await.err(), Some(403), "{path}");
        assert_eq!(open(path, Some("null")).await.err(), Some(403), "{path}");
        assert!(open(path, Some("http://boss.local:8080")).await.is_ok(), "{path}");
        assert!(open(path, None).await.is_ok(), "{path}");
    }
    assert!(open("/loadstats", Some("http://counterclient")).await.is_ok(), "what pods send nobody knows");

    // The places of those that have gone are free again once that was noticed.
    let (mut held, mut full) = (Vec::new(), false);
    let fill = async {
        while !full {
            match open("/loadinfo", None).await {
                Ok(client) => held.push(client),
                Err(status) => {
                    assert_eq!(status, 503);
                    full = true;
                }
            }
            assert!(held.len() <= 64);
        }
    };
    tokio::time::timeout(SOON, fill).await.expect("there is an end of places");
    assert!(open("/loadstats", None).await.is_ok(), "pages take no pod's place");
    held.clear();
    let free = async {
        while open("/loadinfo", None).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, free).await.expect("a place is free");
    served.stop().await;
}
