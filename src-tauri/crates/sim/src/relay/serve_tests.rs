//! The relay board through its pty, as a driver meets it.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use super::*;
use crate::relay::Press;

/// Far longer than anything here takes at speed 50.
const DEADLINE: Duration = Duration::from_secs(10);

struct Rig {
    link: PathBuf,
    presses: mpsc::Receiver<Press>,
    view: RelayView,
    knobs: mpsc::Sender<RelayKnob>,
    path: watch::Receiver<Option<PathBuf>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

fn rig(speed: f64) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("relay-board");
    let port = Port::open("relay board", Some(link.clone())).unwrap();
    let (path_in, path) = watch::channel(port.path().map(Into::into));
    let (machine, presses) = mpsc::channel(32);
    let (knobs, knob) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let view = RelayView::default();
    let board = Board::new(port, path_in, vec![Wiring { outlet: 1, machine }], speed, 1, view.clone());
    let task = tokio::spawn(board.run(knob, stop.clone()));
    Rig { link, presses, view, knobs, path, stop, task, _folder: folder }
}

fn open(path: &Path) -> File {
    let options = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    File::options().read(true).write(true).custom_flags(options.bits()).open(path).unwrap()
}

/// Reads until the text ends with a line end, or gives what came until the deadline.
async fn line(tty: &mut File, deadline: Duration) -> Result<Vec<u8>, ErrorKind> {
    let mut text = Vec::new();
    let end = Instant::now() + deadline;
    let mut byte = [0u8; 1];
    while Instant::now() < end && text.last() != Some(&b'\n') {
        match tty.read(&mut byte) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof),
            Ok(_) => text.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => return Err(error.kind()),
        }
    }
    Ok(text)
}

/// Asks for the status; a port that is open while the board starts hears its first words before.
async fn status(tty: &mut File) -> String {
    tty.write_all(b"status\r\n").unwrap();
    loop {
        let text = line(tty, DEADLINE).await.unwrap();
        assert!(!text.is_empty(), "no status within the deadline");
        if text.starts_with(b"status") {
            return String::from_utf8(text).unwrap();
        }
    }
}

#[tokio::test]
async fn presses_reach_the_button_and_the_status_follows_only_when_they_end() {
    // The long press takes a second, so that there is time to ask while it runs.
    let mut rig = rig(5.0);
    let mut tty = open(&rig.link);
    let quiet = loop {
        let text = status(&mut tty).await;
        if text.ends_with(" 1 0\n") {
            break text;
        }
    };
    assert_eq!(quiet, "status 0 0 0 0 0 0 1 0\n");
    tty.write_all(b"on 1\r\n").unwrap();
    assert_eq!(rig.presses.recv().await, Some(Press::Down));
    assert_eq!(rig.presses.recv().await, Some(Press::Up));
    assert_eq!(status(&mut tty).await, "status 1 0 0 0 0 0 1 0\n");
    let began = Instant::now();
    tty.write_all(b"off 1\r\n").unwrap();
    assert_eq!(rig.presses.recv().await, Some(Press::Down));
    assert_eq!(status(&mut tty).await, "status 1 0 0 0 0 0 1 0\n", "the press still runs");
    assert_eq!(rig.presses.recv().await, Some(Press::Held));
    while status(&mut tty).await != "status 0 0 0 0 0 0 1 0\n" {
        assert!(began.elapsed() < DEADLINE, "the press ends");
    }
    assert!(began.elapsed() >= Duration::from_millis(5500 / 5), "and not before its time");
}

#[tokio::test]
async fn the_port_survives_being_closed_and_opened_again_and_again() {
    let rig = rig(50.0);
    for round in 0..5 {
        let mut tty = open(&rig.link);
        let reply = status(&mut tty).await;
        assert!(reply.starts_with("status 0 0 0"), "round {round}: {reply:?}");
    }
    rig.stop.cancel();
    tokio::time::timeout(DEADLINE, rig.task).await.expect("ends in time").unwrap();
    assert!(!rig.link.exists() && std::fs::read_link(&rig.link).is_err(), "the link goes with the board");
}

#[tokio::test]
async fn silence_garbage_and_delay() {
    let rig = rig(50.0);
    let mut tty = open(&rig.link);
    status(&mut tty).await;
    rig.knobs.send(RelayKnob::Garbage(true)).await.unwrap();
    wait_taken(&rig.knobs).await;
    tty.write_all(b"status\n").unwrap();
    let noise = line(&mut tty, DEADLINE).await.unwrap();
    assert_eq!(noise.len(), "status 0 0 0 0 0 0 1 0\n".len());
    assert!(String::from_utf8(noise).is_err(), "not a word of it is readable");
    rig.knobs.send(RelayKnob::Garbage(false)).await.unwrap();
    rig.knobs.send(RelayKnob::Delay(Duration::from_millis(300))).await.unwrap();
    wait_taken(&rig.knobs).await;
    let asked = Instant::now();
    assert!(status(&mut tty).await.starts_with("status"));
    assert!(asked.elapsed() >= Duration::from_millis(300));
    rig.knobs.send(RelayKnob::Delay(Duration::ZERO)).await.unwrap();
    rig.knobs.send(RelayKnob::Silence(true)).await.unwrap();
    wait_taken(&rig.knobs).await;
    tty.write_all(b"status\n").unwrap();
    assert_eq!(line(&mut tty, Duration::from_millis(200)).await, Ok(Vec::new()));
}

/// The knobs are turned once the queue is empty again and the board has gone round once more.
async fn wait_taken(knobs: &mpsc::Sender<RelayKnob>) {
    let taken = async {
        while knobs.capacity() < knobs.max_capacity() {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
    };
    tokio::time::timeout(DEADLINE, taken).await.expect("the board turns its knobs");
}

#[tokio::test]
async fn unplugging_hangs_up_and_plugging_in_finds_the_states_kept() {
    let mut rig = rig(50.0);
    let mut tty = open(&rig.link);
    tty.write_all(b"on 1\n").unwrap();
    assert_eq!(rig.presses.recv().await, Some(Press::Down));
    assert_eq!(rig.presses.recv().await, Some(Press::Up));
    rig.knobs.send(RelayKnob::Unplugged(true)).await.unwrap();
    tokio::time::timeout(DEADLINE, rig.path.wait_for(Option::is_none)).await.unwrap().unwrap();
    let end = line(&mut tty, DEADLINE).await;
    assert!(end.is_err(), "a reader notices: {end:?}");
    assert!(std::fs::read_link(&rig.link).is_err(), "the link is gone");
    rig.knobs.send(RelayKnob::Unplugged(false)).await.unwrap();
    tokio::time::timeout(DEADLINE, rig.path.wait_for(Option::is_some)).await.unwrap().unwrap();
    let mut tty = open(&rig.link);
    assert_eq!(status(&mut tty).await, "status 1 0 0 0 0 0 1 0\n", "the board itself kept its power");
}

#[tokio::test]
async fn a_reboot_is_announced_and_loses_the_states() {
    let mut rig = rig(50.0);
    let mut tty = open(&rig.link);
    status(&mut tty).await;
    tty.write_all(b"on 1\n").unwrap();
    assert_eq!(rig.presses.recv().await, Some(Press::Down));
    assert_eq!(rig.presses.recv().await, Some(Press::Up));
    rig.knobs.send(RelayKnob::Reboot).await.unwrap();
    let first = line(&mut tty, DEADLINE).await.unwrap();
    assert!(first.ends_with(b"starting\r\n") && first.len() > 10, "noise, then the word: {first:?}");
    assert_eq!(line(&mut tty, DEADLINE).await.unwrap(), b"ready\r\n");
    let end = Instant::now() + DEADLINE;
    while status(&mut tty).await != "status 0 0 0 0 0 0 1 0\n" {
        assert!(Instant::now() < end, "the states are lost");
    }
}

#[tokio::test]
async fn nothing_protects_the_controller_and_its_presses_are_counted() {
    let rig = rig(50.0);
    let mut tty = open(&rig.link);
    let until = async |text: &str, tty: &mut File| {
        let end = Instant::now() + DEADLINE;
        while status(tty).await != text {
            assert!(Instant::now() < end, "{text:?} does not come");
        }
    };
    until("status 0 0 0 0 0 0 1 0\n", &mut tty).await;
    assert_eq!((rig.view.starts(), rig.view.boss_presses(), rig.view.boss_kills()), (1, 1, 0));
    tty.write_all(b"off 7\r\n").unwrap();
    until("status 0 0 0 0 0 0 0 0\n", &mut tty).await;
    assert_eq!((rig.view.boss_presses(), rig.view.boss_kills()), (2, 1));
    // A number that is none crashes the board, and its start presses the controller's button again.
    tty.write_all(b"on one\r\n").unwrap();
    assert!(line(&mut tty, DEADLINE).await.unwrap().ends_with(b"starting\r\n"));
    assert_eq!(line(&mut tty, DEADLINE).await.unwrap(), b"ready\r\n");
    until("status 0 0 0 0 0 0 1 0\n", &mut tty).await;
    assert_eq!((rig.view.starts(), rig.view.boss_presses(), rig.view.boss_kills()), (2, 3, 1));
}

#[tokio::test]
async fn a_stuck_relay_changes_the_boards_memory_and_nothing_else() {
    let mut rig = rig(50.0);
    let mut tty = open(&rig.link);
    rig.knobs.send(RelayKnob::Stuck { outlet: 1, closed: Some(false) }).await.unwrap();
    wait_taken(&rig.knobs).await;
    tty.write_all(b"on 1\n").unwrap();
    let end = Instant::now() + DEADLINE;
    while !status(&mut tty).await.starts_with("status 1 ") {
        assert!(Instant::now() < end, "the memory changes");
    }
    assert!(rig.presses.try_recv().is_err(), "the button was not touched");
    rig.knobs.send(RelayKnob::Finger { outlet: 1, hold: Duration::from_millis(300) }).await.unwrap();
    assert_eq!(rig.presses.recv().await, Some(Press::Down));
    assert_eq!(rig.presses.recv().await, Some(Press::Up));
}
