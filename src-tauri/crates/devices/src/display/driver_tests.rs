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
            sockets.0.lock().unwrap().pop().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
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
    state.wait_for(|state| state.why.is_some()).await.unwrap();

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
    assert_eq!(state.borrow().opened, 2);
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
        state.wait_for(|state| state.why.as_deref().is_some_and(|why| why.contains("no more bytes"))),
    );
    lost.await.expect("it is noticed").unwrap();
}
