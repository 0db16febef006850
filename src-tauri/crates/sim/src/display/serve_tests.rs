//! The display through its pty, as a driver meets it.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

struct Rig {
    link: PathBuf,
    view: DisplayView,
    knobs: mpsc::Sender<DisplayKnob>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

fn rig(speed: f64) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("display");
    let port = Port::open("status display", Some(link.clone())).unwrap();
    let (path, _) = watch::channel(port.path().map(Into::into));
    let (knobs, knob) = mpsc::channel(8);
    let (view, stop) = (DisplayView::default(), CancellationToken::new());
    let display = Display::new(port, path, view.clone(), Pace::new(speed), 1);
    let task = tokio::spawn(display.run(knob, stop.clone()));
    Rig { link, view, knobs, stop, task, _folder: folder }
}

fn open(path: &Path) -> File {
    let options = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    File::options().read(true).write(true).custom_flags(options.bits()).open(path).unwrap()
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Reads until the text has come.
async fn hears(tty: &mut File, wanted: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0u8; 256];
    until(&format!("{wanted:?} does not come"), || {
        match tty.read(&mut buffer) {
            Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        text.contains(wanted)
    })
    .await;
    text
}

#[tokio::test]
async fn it_starts_takes_what_waited_and_complains() {
    let mut rig = rig(20.0);
    let mut tty = open(&rig.link);
    tty.write_all(b"boss:ready\nlog:hello\n").unwrap();
    let said = hears(&mut tty, "Setting up\r\n").await;
    assert!(said.contains("Startup delay: 1000\r\n"), "{said}");
    until("the log line", || rig.view.shown() == Shown::Ready).await;
    assert_eq!((rig.view.lines(), rig.view.complaints()), (2, 0));
    tty.write_all(b"what is this\n").unwrap();
    hears(&mut tty, "Invalid input!\r\nwhat is this\r\n").await;
    tty.write_all(b"status:{\"power\":\n").unwrap();
    hears(&mut tty, "Deserialization failed\r\n{\"power\":\r\n").await;
    assert_eq!((rig.view.lines(), rig.view.complaints()), (4, 2));
    assert_eq!(&rig.view.png()[..4], b"\x89PNG");
    rig.stop.cancel();
    tokio::time::timeout(DEADLINE, &mut rig.task).await.unwrap().unwrap();
    assert!(std::fs::read_link(&rig.link).is_err(), "the link goes with the display");
}

#[tokio::test]
async fn it_forgets_when_it_reboots_and_when_its_cable_was_out() {
    let rig = rig(100.0);
    let mut tty = open(&rig.link);
    tty.write_all(b"log:hello\n").unwrap();
    until("the log line", || rig.view.shown() == Shown::Ready).await;
    rig.knobs.send(DisplayKnob::Reboot).await.unwrap();
    until("a new start", || rig.view.starts() == 2).await;
    assert_eq!(rig.view.shown(), Shown::Boot);
    tty.write_all(b"log:again\n").unwrap();
    until("the log line", || rig.view.shown() == Shown::Ready).await;
    rig.knobs.send(DisplayKnob::Unplugged(true)).await.unwrap();
    until("the link is gone", || std::fs::read_link(&rig.link).is_err()).await;
    rig.knobs.send(DisplayKnob::Unplugged(false)).await.unwrap();
    until("a third start", || rig.view.starts() == 3).await;
    let mut tty = open(&rig.link);
    hears(&mut tty, "Setting up").await;
    assert_eq!(rig.view.shown(), Shown::Boot);
}

#[tokio::test]
async fn a_silent_one_takes_what_its_buffer_holds_and_no_more() {
    let rig = rig(100.0);
    let mut tty = open(&rig.link);
    hears(&mut tty, "Setting up").await;
    rig.knobs.send(DisplayKnob::Silence(true)).await.unwrap();
    until("the knob is turned", || rig.knobs.capacity() == rig.knobs.max_capacity()).await;
    let line = format!("log:{}\n", "x".repeat(95));
    let mut sent = 0;
    let mut full = None;
    until("its buffers are full", || match tty.write(line.as_bytes()) {
        Ok(count) => {
            (sent, full) = (sent + count, None);
            assert!(sent < 100_000, "something takes it all");
            false
        }
        // Still full after a while: nobody takes any of it.
        Err(_) => full.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(50),
    })
    .await;
    assert_eq!(rig.view.lines(), 0);
    rig.knobs.send(DisplayKnob::Silence(false)).await.unwrap();
    until("it takes what waited", || rig.view.lines() >= 20).await;
}

#[tokio::test]
async fn lines_come_late_or_as_noise() {
    let rig = rig(100.0);
    let mut tty = open(&rig.link);
    hears(&mut tty, "Setting up").await;
    rig.knobs.send(DisplayKnob::Delay(Duration::from_millis(150))).await.unwrap();
    until("the knob is turned", || rig.knobs.capacity() == rig.knobs.max_capacity()).await;
    let sent = Instant::now();
    tty.write_all(b"log:late\n").unwrap();
    until("the log line", || rig.view.lines() == 1).await;
    assert!(sent.elapsed() >= Duration::from_millis(150));
    rig.knobs.send(DisplayKnob::Delay(Duration::ZERO)).await.unwrap();
    rig.knobs.send(DisplayKnob::Garbage(true)).await.unwrap();
    until("the knobs are turned", || rig.knobs.capacity() == rig.knobs.max_capacity()).await;
    tty.write_all(b"log:noise\n").unwrap();
    hears(&mut tty, "Invalid input!\r\n").await;
    assert_eq!(rig.view.firmware().logs().collect::<Vec<_>>(), ["late"]);
}
