//! The driver over an invented line, on paused time.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream, duplex};

use super::*;
use crate::display::pace::REPEAT_US;

/// Lines that wait to be opened; without one the device is missing.
#[derive(Clone, Default)]
struct Sockets(Arc<Mutex<Vec<DuplexStream>>>);

impl Sockets {
    /// Plugs a display in, and returns its end.
    fn plug(&self) -> BufReader<DuplexStream> {
        let (ours, theirs) = duplex(4096);
        self.0.lock().unwrap().push(ours);
        BufReader::new(theirs)
    }

    fn display(&self) -> Display {
        let sockets = self.clone();
        Display::over(move || {
            sockets.0.lock().unwrap().pop().ok_or_else(|| PortError {
                what: "open it".into(),
                why: "there is none".into(),
                remedy: "plug it in".into(),
                absent: true,
            })
        })
    }
}

/// The next line that is not empty; a minute of paused time is a failure.
async fn line(end: &mut BufReader<DuplexStream>) -> String {
    let read = async {
        loop {
            let mut text = String::new();
            assert_ne!(end.read_line(&mut text).await.unwrap(), 0, "the line was closed");
            if text != "\n" {
                return text;
            }
        }
    };
    timeout(Duration::from_secs(60), read).await.expect("a line")
}

fn step(step: &str) -> Picture {
    Picture { step: step.into(), ..Picture::default() }
}

#[tokio::test(start_paused = true)]
async fn a_display_that_comes_late_and_goes_is_told_what_is_now() {
    let sockets = Sockets::default();
    let display = sockets.display();
    display.show(&step("first"));
    display.show(&step("second"));
    let mut state = display.state();
    state.wait_for(|state| state.trouble.is_some()).await.unwrap();

    let mut end = sockets.plug();
    assert_eq!(line(&mut end).await, lines::READY);
    assert!(line(&mut end).await.contains("second"));
    assert!(display.log("boss", "info", "a", "b"));
    assert_eq!(line(&mut end).await, "log:boss [info] a: b\n");
    drop(end);
    state.wait_for(|state| !state.present).await.unwrap();
    display.show(&step("third"));

    let mut end = sockets.plug();
    assert_eq!(line(&mut end).await, lines::READY);
    assert!(line(&mut end).await.contains("third"));
    let before = Instant::now();
    assert!(line(&mut end).await.contains("third"), "it is repeated");
    assert_eq!(before.elapsed().as_micros() as u64 / 100_000, REPEAT_US / 100_000);
    assert_eq!((state.borrow().opened, state.borrow().trouble.as_ref()), (2, None));
    assert!(state.borrow().since.elapsed() > Duration::from_micros(REPEAT_US), "since it came back");
    display.close().await;
    assert_eq!(line(&mut end).await, SHUTDOWN);
}

#[tokio::test(start_paused = true)]
async fn what_it_complains_about_is_kept() {
    let sockets = Sockets::default();
    let mut end = sockets.plug();
    let display = sockets.display();
    assert_eq!(line(&mut end).await, lines::READY);
    end.get_mut().write_all(b"Startup delay: 1000\nInvalid input!\nstat\x07us:{\n").await.unwrap();
    let mut state = display.state();
    let seen =
        timeout(Duration::from_secs(60), state.wait_for(|state| state.words.as_deref() == Some("status:{")));
    assert_eq!(seen.await.expect("its words").unwrap().complaints, 1);
}

#[tokio::test(start_paused = true)]
async fn a_display_that_takes_nothing_is_let_go_of() {
    let sockets = Sockets::default();
    let (ours, _stuck) = duplex(1);
    sockets.0.lock().unwrap().push(ours);
    let display = sockets.display();
    let mut state = display.state();
    let lost = timeout(
        Duration::from_secs(60),
        state.wait_for(|state| state.trouble.as_ref().is_some_and(|it| it.why.contains("no more bytes"))),
    );
    lost.await.expect("it is noticed").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_line_that_dies_at_once_is_not_opened_again_and_again() {
    let display = Display::over(|| Ok(duplex(64).0));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let opened = display.state().borrow().opened;
    assert!((5..20).contains(&opened), "{opened} times in a minute");
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_greeting_is_said_to_who_repeats_it() {
    let sockets = Sockets::default();
    let mut end = sockets.plug();
    let display = sockets.display();
    display.show(&step("first"));
    display.log("boss", "info", "a", "`reboot`");
    assert_eq!(line(&mut end).await, lines::READY);
    end.get_mut().write_all(b"root@wally:~# boss:ready\r\n").await.unwrap();
    let mut state = display.state();
    let seen =
        state.wait_for(|state| state.trouble.as_ref().is_some_and(|it| it.why.contains("as a console does")));
    let trouble = timeout(Duration::from_secs(60), seen)
        .await
        .expect("it is noticed")
        .unwrap()
        .trouble
        .clone()
        .unwrap();
    assert!(trouble.remedy.contains("path") && !trouble.absent, "{trouble:?}");
    let mut rest = String::new();
    end.read_line(&mut rest).await.unwrap();
    assert_eq!(rest, "", "the line was let go of");
}

#[tokio::test(start_paused = true)]
async fn log_lines_that_nobody_saw_are_counted() {
    let sockets = Sockets::default();
    let display = sockets.display();
    for _ in 0..200 {
        display.log("boss", "info", "a", "b");
    }
    let mut state = display.state();
    // 136 find no room on the way, and of the 64 that do, those that the panel has room for twice over are kept.
    let counted = timeout(Duration::from_secs(60), state.wait_for(|state| state.dropped == 136 + 40));
    counted.await.expect("all of them").unwrap();
}

/// Random numbers that are the same each time (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn picture(&mut self) -> Picture {
        let mut number = || if self.below(4) == 0 { u64::MAX } else { self.below(10_000_000) };
        let share = lines::Share { done: number(), of: number() };
        let counters = std::array::from_fn(|_| number());
        let packets =
            lines::Packets { wan_in: number(), wan_out: number(), lan_in: number(), lan_out: number() };
        Picture {
            lab: "\"hybrid\\ → 2".repeat(self.below(4) as usize),
            step: "booting-hypervisors".into(),
            failed: self.below(2) == 0,
            hypervisors: share,
            nodes: share,
            pods: share,
            power: [self.below(2) == 0; 8],
            ports: [self.below(2) == 0; 8],
            counters,
            packets,
        }
    }
}

/// When lines of one kind came.
#[derive(Default)]
struct Rate {
    times: std::collections::VecDeque<Instant>,
    count: u64,
}

impl Rate {
    fn came(&mut self, most_in_a_second: usize) {
        let now = Instant::now();
        self.count += 1;
        self.times.push_back(now);
        if self.times.len() > most_in_a_second {
            let first = self.times.pop_front().unwrap();
            assert!(
                now - first >= Duration::from_secs(1),
                "{} lines in {:?}",
                most_in_a_second + 1,
                now - first
            );
        }
    }
}

/// What comes to the display until it is unplugged.
async fn watch_lines(mut end: BufReader<DuplexStream>, rates: Arc<Mutex<[Rate; 2]>>) {
    let mut last = Instant::now();
    loop {
        let mut line = String::new();
        if end.read_line(&mut line).await.unwrap() == 0 {
            return;
        }
        assert!(line.len() <= 2048 && line.is_ascii() && line.ends_with('\n'), "{line}");
        let mut rates = rates.lock().unwrap();
        if let Some(json) = line.strip_prefix("status:") {
            assert!(json.trim_end().len() <= lines::LONGEST_STATUS);
            assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{json}");
            assert!(
                last.elapsed() <= Duration::from_micros(REPEAT_US) + Duration::from_secs(1),
                "{:?}",
                last.elapsed()
            );
            last = Instant::now();
            rates[0].came(10);
        } else if let Some(text) = line.strip_prefix("log:") {
            assert!(text.trim_end().len() <= lines::LONGEST_LOG);
            rates[1].came(20);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_of_updates_keeps_its_bounds() {
    let (sockets, rates, mut dice) = (Sockets::default(), Arc::<Mutex<[Rate; 2]>>::default(), Dice(7));
    let display = sockets.display();
    display.show(&dice.picture());
    let end = Instant::now() + Duration::from_secs(24 * 3600);
    let mut plugged = AbortOnDropHandle::new(tokio::spawn(watch_lines(sockets.plug(), Arc::clone(&rates))));
    let mut unplugged = 0;
    while Instant::now() < end {
        for _ in 0..dice.below(40) {
            match dice.below(3) {
                0 => display.show(&dice.picture()),
                _ => {
                    display.log(
                        "node",
                        "info",
                        "service",
                        &"ü€\nboss:shutdown ".repeat(dice.below(12) as usize),
                    );
                }
            }
            tokio::time::sleep(Duration::from_millis(dice.below(60))).await;
        }
        if dice.below(100) == 0 {
            unplugged += 1;
            plugged.abort();
            plugged = AbortOnDropHandle::new(tokio::spawn(watch_lines(sockets.plug(), Arc::clone(&rates))));
        }
        assert!(!plugged.is_finished(), "what came was wrong");
        tokio::time::sleep(Duration::from_millis(dice.below(30_000))).await;
    }
    let counts = { rates.lock().unwrap().each_ref().map(|rate| rate.count) };
    assert!(counts[0] > 24 * 3600 / 5 && counts[1] > 10_000 && unplugged > 10, "{counts:?}, {unplugged}");
}
