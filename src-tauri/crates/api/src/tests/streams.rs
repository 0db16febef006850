//! The event stream over real sockets.

use std::time::Instant;

use lab::journal::JournalError;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::testing::{SOON, Served, World};

/// A reader of server-sent events, frame by frame.
pub(crate) struct Reader {
    answer: reqwest::Response,
    text: String,
}

fn client() -> reqwest::Client {
    crate::plain_http().unwrap().build().unwrap()
}

/// One message: its kind, its number, its data.
pub(crate) type Frame = (String, Option<u64>, Value);

impl Reader {
    async fn open(world: &World, served: &Served, path: &str, last: Option<u64>) -> Self {
        let mut request = client().get(served.url(path)).bearer_auth(world.reader.reveal());
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self::new(answer)
    }

    pub(crate) fn new(answer: reqwest::Response) -> Self {
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new() }
    }

    /// The next message; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let frame: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    frame.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
                };
                let data = serde_json::from_str(field("data").unwrap_or("null")).unwrap();
                let id = field("id").and_then(|id| id.parse().ok());
                return Some((field("event").unwrap_or_default().to_owned(), id, data));
            }
            let piece =
                timeout(SOON, self.answer.chunk()).await.expect("a stream has a tick every 2 s").ok()??;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    pub(crate) async fn next_of(&mut self, kind: &str) -> Frame {
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            let frame = self.next().await.unwrap_or_else(|| panic!("the stream ended before {kind}"));
            if frame.0 == kind {
                return frame;
            }
        }
        panic!("no {kind} within {SOON:?}")
    }

    async fn numbers(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let (_, id, data) = self.next_of("event").await;
            assert_eq!(Some(&data["seq"]), id.map(|id| json!(id)).as_ref(), "the id is the event's number");
            numbers.extend(id);
        }
        numbers
    }
}

#[tokio::test]
async fn the_picture_comes_first_and_then_what_happens() {
    let world = World::new();
    world.found("before");
    let served = world.serve().await;
    let mut reader = Reader::open(&world, &served, "/api/v1/stream", None).await;
    let (kind, id, status) = reader.next().await.unwrap();
    assert_eq!((kind.as_str(), id, &status["seq"]), ("status", None, &json!(1)));
    let seq = world.found("relay");
    let (_, id, event) = reader.next_of("event").await;
    assert_eq!(
        (id, &event["kind"], &event["says"]),
        (Some(seq), &json!("device-found"), &json!("relay answers"))
    );
    let mut shown = 1;
    while shown < seq {
        shown = reader.next_of("status").await.2["seq"].as_u64().unwrap();
    }
    let (_, _, tick) = reader.next_of("tick").await;
    assert_eq!(tick, json!({"now": "2023-11-14T22:15:00.000000Z", "seq": 2}));
    served.stop().await;
    assert_eq!(reader.next().await, None, "a stop ends the stream");
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing_and_hears_nothing_twice() {
    let world = World::new();
    // More than a page of the archive.
    for number in 0..1203 {
        world.found(&format!("device {number}"));
    }
    let served = world.serve().await;
    let mut by_query = Reader::open(&world, &served, "/api/v1/stream?since=2", None).await;
    let mut by_header = Reader::open(&world, &served, "/api/v1/stream?since=1", Some(1000)).await;
    for number in 0..40 {
        world.found(&format!("late {number}"));
    }
    assert_eq!(by_query.numbers(1241).await, (3..=1243).collect::<Vec<_>>());
    assert_eq!(by_header.numbers(243).await, (1001..=1243).collect::<Vec<_>>(), "the header goes first");
}

/// The queue holds 1024 events; the reader is asked for nothing until 3000 have passed.
#[tokio::test]
async fn a_reader_that_lags_reads_the_rest_from_the_archive() {
    let world = World::new();
    let served = world.serve().await;
    let mut reader = Reader::open(&world, &served, "/api/v1/stream?since=0", None).await;
    reader.next_of("status").await;
    for number in 0..3000 {
        world.found(&format!("device {number}"));
    }
    assert_eq!(reader.numbers(3000).await, (1..=3000).collect::<Vec<_>>());
}

/// The engine tells an event while the reader is between archive and queue: the number missing in the queue is fetched.
#[tokio::test]
async fn a_hole_in_the_queue_is_filled_from_the_archive() {
    let world = World::new();
    let served = world.serve().await;
    let mut reader = Reader::open(&world, &served, "/api/v1/stream", None).await;
    reader.next_of("status").await;
    let body = || lab::Body::DeviceFound { device: "relay".into() };
    world.archive.commit("board", None, body());
    world.archive.commit("board", None, body());
    world.happen("board", None, body());
    world.happen("board", None, body());
    assert_eq!(reader.numbers(4).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn pictures_are_at_most_ten_a_second_and_the_newest_wins() {
    let world = World::new();
    let served = world.serve().await;
    let mut reader = Reader::open(&world, &served, "/api/v1/stream", None).await;
    reader.next_of("status").await;
    let begin = Instant::now();
    let (mut pictures, mut last) = (0_u32, 0);
    let publisher = async {
        for seq in 1..=400 {
            world.show(seq);
            tokio::task::yield_now().await;
        }
    };
    let watcher = async {
        while last < 400 {
            let (_, _, status) = reader.next_of("status").await;
            let seq = status["seq"].as_u64().unwrap();
            assert!(seq > last, "a picture is newer than the one before");
            (pictures, last) = (pictures + 1, seq);
        }
    };
    tokio::join!(publisher, watcher);
    let most = begin.elapsed().as_millis() as u32 / 100 + 1;
    assert!(pictures <= most, "{pictures} pictures in {:?}", begin.elapsed());
}

#[tokio::test]
async fn time_alone_changes_the_picture_and_the_reader_sees_it() {
    let mut world = World::new();
    let now = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(100));
    let clock = now.clone();
    world.state.clock =
        std::sync::Arc::new(move || crate::testing::stamp(clock.load(std::sync::atomic::Ordering::Relaxed)));
    let name = world.state.board.machines[0].name.clone();
    let mut snapshot = lab::live::Snapshot::default();
    snapshot.live.heard.insert(
        name.clone(),
        lab::live::Heard {
            stamp: crate::testing::stamp(99),
            what: "heartbeat".into(),
            heartbeat_ms: Some(1000),
        },
    );
    let machine = lab::status::MachineStatus { observed: lab::PowerState::On, ..Default::default() };
    let mut status = lab::Status::default();
    status.machines.insert(name, machine);
    snapshot.status = std::sync::Arc::new(status);
    world.engine.publish.send_replace(std::sync::Arc::new(snapshot));
    let served = world.serve().await;
    let mut reader = Reader::open(&world, &served, "/api/v1/stream", None).await;
    let face = |frame: Frame| frame.2["machines"][0]["word"].clone();
    let fresh = face(reader.next_of("status").await);
    now.store(4000, std::sync::atomic::Ordering::Relaxed);
    let stale = face(reader.next_of("status").await);
    assert_ne!(fresh, stale, "an hour of silence is seen without any event");
}

#[tokio::test]
async fn a_number_of_another_history_starts_anew_and_says_so() {
    let world = World::new();
    world.found("relay");
    let served = world.serve().await;
    let mut reader = Reader::open(&world, &served, "/api/v1/stream?since=500", None).await;
    assert_eq!(reader.next_of("reset").await.2, json!({"since": 500, "seq": 1}));
    world.found("display");
    assert_eq!(reader.numbers(1).await, [2]);
}

#[tokio::test]
async fn an_archive_that_fails_ends_the_stream_with_words() {
    let world = World::new();
    world.found("relay");
    let served = world.serve().await;
    *world.archive.broken.lock().unwrap() =
        Some(JournalError { what: "read events".into(), why: "gone".into(), remedy: "look".into() });
    let mut reader = Reader::open(&world, &served, "/api/v1/stream?since=0", None).await;
    assert_eq!(reader.next_of("failure").await.2["code"], "storage");
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn an_engine_that_ends_is_told_and_a_wrong_number_refused() {
    let world = World::new();
    let served = world.serve().await;
    let mut reader = Reader::open(&world, &served, "/api/v1/stream", None).await;
    reader.next_of("status").await;
    let ask = |id: &'static str| {
        client()
            .get(served.url("/api/v1/stream"))
            .bearer_auth(world.reader.reveal())
            .header("last-event-id", id)
            .send()
    };
    assert_eq!(ask("seven").await.unwrap().status(), 400);
    drop(world.engine.publish);
    assert_eq!(reader.next_of("failure").await.2["code"], "engine-stopped");
    assert_eq!(reader.next().await, None);
    assert_eq!(ask("1").await.unwrap().status(), 503);
}

#[tokio::test]
async fn the_sixty_fifth_reader_is_refused_until_one_leaves() {
    let world = World::new();
    let served = world.serve().await;
    let client = client();
    let open = || client.get(served.url("/api/v1/stream")).bearer_auth(world.reader.reveal()).send();
    let mut readers = Vec::new();
    for _ in 0..64 {
        readers.push(open().await.unwrap());
    }
    assert!(readers.iter().all(|reader| reader.status() == 200));
    let refused = open().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(refused.json::<Value>().await.unwrap()["error"]["why"].as_str().unwrap().contains("64"));
    drop(readers.pop());
    // The server notices at its next write, at the latest at the next tick.
    let freed = async {
        while open().await.unwrap().status() != 200 {
            readers[0].chunk().await.unwrap();
        }
    };
    timeout(SOON, freed).await.expect("a place becomes free");
}

#[tokio::test]
async fn a_session_that_ends_takes_its_stream_along() {
    let world = World::new();
    let served = world.serve().await;
    let code = world.state.tokens.one_time_login();
    let client = crate::plain_http().unwrap().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let login = client.get(served.url(&format!("/login?code={}", code.reveal()))).send().await.unwrap();
    let cookie = login.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let answer = client.get(served.url("/api/v1/stream")).header("cookie", &cookie).send().await.unwrap();
    let mut reader = Reader::new(answer);
    reader.next_of("tick").await;
    // Sixty-four others come; the quietest, which this one is between two ticks, makes room.
    for _ in 0..64 {
        let code = world.state.tokens.one_time_login();
        world.state.tokens.sessions.redeem(code.reveal()).unwrap();
    }
    assert_eq!(reader.next_of("failure").await.2["code"], "unauthorized");
    assert_eq!(reader.next().await, None);
}
