//! What should keep coming and does not is named in time, with its cause, and once.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use common::{Memory, Running, World, start};
use engine::Observation;
use lab::{
    Body, Code, Failure,
    health::Health,
    ports::Clues,
    stream::{COLLECTOR, CauseKind, Clue, HEALTH, StreamReading},
};

/// What is found when somebody looks; it can be changed.
#[derive(Default)]
struct Found(Mutex<Vec<Clue>>);

impl Found {
    fn set(&self, kind: CauseKind, bad: bool, says: &str) {
        *self.0.lock().unwrap() = vec![Clue { kind, bad, says: says.into() }];
    }
}

#[async_trait]
impl Clues for Found {
    async fn look(&self, _: &str) -> Vec<Clue> {
        self.0.lock().unwrap().clone()
    }
}

/// A stream that brings an item every `pause` while it is on, and reports itself each second whether or not.
struct Source {
    on: Arc<AtomicBool>,
}

impl Source {
    fn start(world: &Arc<World>, pause: Duration, reading: StreamReading) -> Self {
        let on = Arc::new(AtomicBool::new(true));
        let (world, flag) = (world.clone(), on.clone());
        tokio::spawn(async move {
            let mut reading = reading;
            let mut item = tokio::time::interval(pause);
            let mut report = tokio::time::interval(Duration::from_secs(1));
            loop {
                tokio::select! {
                    biased;
                    _ = item.tick() => if flag.load(Ordering::SeqCst) {
                        reading.items += 1;
                        reading.newest = Some(world.now());
                    },
                    _ = report.tick() => {
                        world.put(Observation::Streams { stamp: world.now(), readings: vec![reading.clone()] });
                    }
                }
            }
        });
        Self { on }
    }

    fn set(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
    }
}

fn collector() -> StreamReading {
    StreamReading { name: COLLECTOR.into(), title: "the collector's file".into(), ..StreamReading::default() }
}

async fn secs(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Silences and recoveries told of a stream: its cause, or that it was heard.
fn told(journal: &Memory, name: &str) -> Vec<Option<CauseKind>> {
    let of = |body: &Body| match body {
        Body::StreamSilent { stream, silence } if stream == name => Some(Some(silence.cause)),
        Body::StreamHeard { stream, .. } if stream == name => Some(None),
        _ => None,
    };
    journal.events().iter().filter_map(|event| of(event.body())).collect()
}

async fn silent(running: &Running, name: &str, cause: CauseKind) {
    running
        .until("the silence", |s| {
            s.status.watched.silent.get(name).is_some_and(|silence| silence.cause == cause)
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_collector_is_named_within_three_paces_with_its_cause() {
    for pause in [Duration::from_millis(100), Duration::from_secs(10)] {
        let (world, journal) = (World::new(), Arc::new(Memory::default()));
        let found = Arc::new(Found::default());
        *world.clues.lock().unwrap() = Some(found.clone());
        let running = start(&world, &journal, true).await;
        let source = Source::start(&world, pause, collector());
        tokio::time::sleep(pause * 30 + Duration::from_secs(30)).await;
        assert_eq!(told(&journal, COLLECTOR), [], "nothing is said of a stream that keeps coming");
        let live = running.handle.snapshot().live.streams[COLLECTOR].clone();
        let (pace, rate) = (live.pace_s.unwrap(), live.rate.unwrap());
        let expected = 1.0 / pause.as_secs_f64();
        assert!(
            (expected * 0.5..expected * 1.5 + 0.1).contains(&rate),
            "{rate} items a second, not {expected}"
        );

        found.set(CauseKind::Process, true, "no process named otelcol runs");
        source.set(false);
        silent(&running, COLLECTOR, CauseKind::Process).await;
        let newest = running.handle.snapshot().live.streams[COLLECTOR].reading.newest.clone().unwrap();
        let after = world.now().seconds_since(&newest).unwrap();
        assert!(after <= 3.0 * pace, "named {after} s after the last item, of a pace of {pace} s");
        assert!(after >= 2.0 * pace, "and not in haste: {after} s");
        let silence = running.handle.snapshot().status.watched.silent[COLLECTOR].clone();
        assert_eq!(silence.failure.why, "no process named otelcol runs");
        assert_eq!(silence.since_us, Some(newest.wall_us));
        assert!(silence.failure.remedy.contains("systemctl restart otelcol"));

        // The same cause found again is no news; another is.
        secs(120).await;
        assert_eq!(told(&journal, COLLECTOR).len(), 1);
        found.set(CauseKind::File, true, "its disk is full");
        silent(&running, COLLECTOR, CauseKind::File).await;

        source.set(true);
        running.until("it is heard", |s| s.status.watched.silent.is_empty()).await;
        tokio::time::sleep(pause * 30 + Duration::from_secs(300)).await;
        assert_eq!(told(&journal, COLLECTOR), [Some(CauseKind::Process), Some(CauseKind::File), None]);
        let again = running.handle.snapshot().live.streams[COLLECTOR].pace_s.unwrap();
        assert!((again - pace).abs() < 1e-9, "an explained silence is no habit: {again} s, before {pace} s");
        let silent_s = journal.events().iter().find_map(|event| match event.body() {
            Body::StreamHeard { silent_s, .. } => *silent_s,
            _ => None,
        });
        assert!(silent_s.is_some_and(|s| s > 120.0), "{silent_s:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cause_that_is_not_found_is_told_with_what_is_fine() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let found = Arc::new(Found::default());
    found.set(CauseKind::Process, false, "otelcol runs");
    *world.clues.lock().unwrap() = Some(found.clone());
    let running = start(&world, &journal, true).await;
    let source = Source::start(&world, Duration::from_secs(1), collector());
    secs(60).await;
    source.set(false);
    silent(&running, COLLECTOR, CauseKind::Unknown).await;
    let failure = running.handle.snapshot().status.watched.silent[COLLECTOR].failure.clone();
    assert_eq!(failure.why, "nothing wrong was found: otelcol runs");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_named_at_once_and_what_may_be_silent_never() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    let failure = Failure::new(Code::Busy, "take syslog", "port 601 is held by rsyslogd", "end it");
    let put = |name: &str, failure: Option<Failure>, optional: bool| {
        let readings =
            vec![StreamReading { name: name.into(), failure, optional, ..StreamReading::default() }];
        world.put(Observation::Streams { stamp: world.now(), readings });
    };
    put("syslog-tcp", Some(failure.clone()), false);
    put("talos", None, true);
    let began = world.now();
    silent(&running, "syslog-tcp", CauseKind::Port).await;
    assert!(world.now().seconds_since(&began).unwrap() < 1.0, "at once");
    assert_eq!(running.handle.snapshot().status.watched.silent["syslog-tcp"].failure, failure);
    // What it cannot read it does not name again and again; once it can, that is told.
    secs(120).await;
    assert_eq!(told(&journal, "syslog-tcp"), [Some(CauseKind::Port)]);
    put("syslog-tcp", None, true);
    running.until("it can be read", |s| s.status.watched.silent.is_empty()).await;
    secs(600).await;
    assert_eq!(told(&journal, "talos"), [], "nobody has connected yet");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_came_is_named_after_a_minute() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    let source = Source::start(&world, Duration::from_secs(1), collector());
    source.set(false);
    // The first item is on its way already when a source starts; this one brings none.
    world.put(Observation::Streams {
        stamp: world.now(),
        readings: vec![StreamReading { name: "otlp".into(), ..StreamReading::default() }],
    });
    secs(55).await;
    assert_eq!(told(&journal, "otlp"), []);
    silent(&running, "otlp", CauseKind::Unknown).await;
    assert_eq!(running.handle.snapshot().status.watched.silent["otlp"].since_us, None);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_hangs_is_named() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    for _ in 0..20 {
        world.put(Observation::Health { stamp: world.now(), health: Health::default() });
        secs(2).await;
    }
    let began = world.now();
    silent(&running, HEALTH, CauseKind::Process).await;
    assert!(world.now().seconds_since(&began).unwrap() < 10.0);
    let snapshot = running.handle.snapshot();
    assert!(snapshot.status.watched.silent[HEALTH].failure.why.contains("hangs"));
    for own in ["power", "links", "pace"] {
        assert!(snapshot.live.streams[own].pace_s.is_some(), "{own} is learnt like any other stream");
        assert_eq!(told(&journal, own), []);
    }
    world.put(Observation::Health { stamp: world.now(), health: Health::default() });
    running.until("it looks again", |s| s.status.watched.silent.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_device_is_not_named_twice() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    secs(30).await;
    world.absent.store(true, Ordering::SeqCst);
    running.until("the loss", |s| s.status.devices.get("power").is_some_and(|d| !d.present)).await;
    secs(300).await;
    assert_eq!(told(&journal, "power"), [], "a look that fails is a look");
}

#[tokio::test(start_paused = true)]
async fn a_computer_that_slept_names_nobody() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    let _source = Source::start(&world, Duration::from_secs(1), collector());
    secs(60).await;
    // Time passes, and nothing runs meanwhile.
    tokio::time::advance(Duration::from_secs(7200)).await;
    secs(60).await;
    assert_eq!(told(&journal, COLLECTOR), []);
    assert_eq!(told(&journal, "power"), []);
    let pace = running.handle.snapshot().live.streams[COLLECTOR].pace_s.unwrap();
    assert!(pace < 5.0, "sleep is no habit: {pace} s");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_once_and_its_end_too() {
    let (world, journal) = (World::new(), Arc::new(Memory::default()));
    let running = start(&world, &journal, true).await;
    let look = async |free: u64| {
        for _ in 0..6 {
            let health =
                Health { disk_free: Some(free), disk_total: Some(64_000_000_000), ..Health::default() };
            world.put(Observation::Health { stamp: world.now(), health });
            secs(2).await;
        }
    };
    look(100_000_000).await;
    running.until("trouble", |s| s.status.troubles.contains_key("disk")).await;
    look(90_000_000).await;
    look(50_000_000_000).await;
    running.until("its end", |s| !s.status.troubles.contains_key("disk")).await;
    let kinds = journal.kinds();
    let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    assert_eq!((count("service-troubled"), count("service-recovered")), (1, 1));
    assert!(running.handle.snapshot().live.health.is_some());
}
