//! The driver against a board written from the board's own description, with its real timings on paused time.

use std::collections::VecDeque;
use std::sync::Mutex;

use lab::power::PowerState::{Off, On};
use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream, duplex};

use super::*;

/// The far side. Written from the board's description, knowing nothing of our codec.
#[derive(Default)]
struct Board {
    /// What the board remembers, by outlet from 1.
    on: [bool; 9],
    /// Presses under way: outlet, end, what the state will be.
    presses: Vec<(usize, Instant, bool)>,
    /// Everything said to it, with the time.
    said: Vec<(Instant, String)>,
    /// When a contact was closed, and for what.
    closed: Vec<(usize, bool, Instant)>,
    mute: bool,
    /// Lines to say before the next answer.
    noise: VecDeque<Vec<u8>>,
    /// Commands that get lost on the way.
    deaf_to: Option<&'static str>,
}

type Shared = Arc<Mutex<Board>>;

impl Board {
    fn settle(&mut self) {
        let now = Instant::now();
        for (outlet, _, state) in self.presses.extract_if(.., |press| press.1 <= now) {
            self.on[outlet] = state;
        }
    }

    fn obey(&mut self, line: &str) -> Vec<u8> {
        self.settle();
        let now = Instant::now();
        self.said.push((now, line.to_owned()));
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["status"] if self.mute => Vec::new(),
            ["status"] => {
                let mut answer: Vec<u8> = self.noise.drain(..).flatten().collect();
                answer.extend(b"status");
                for on in &self.on[1..] {
                    answer.extend(if *on { b" 1" } else { b" 0" });
                }
                answer.push(b'\n');
                answer
            }
            [word @ ("on" | "off"), number] => {
                if self.deaf_to == Some(word) {
                    return Vec::new();
                }
                // What the firmware does with anything else is crash.
                let outlet: usize = number.parse().expect("a number, or the board would crash");
                assert!((1..=8).contains(&outlet));
                let target = word == "on";
                if self.on[outlet] != target {
                    let length = Duration::from_millis(if target { 250 } else { 5500 });
                    assert!(
                        self.presses.iter().all(|press| press.0 != outlet),
                        "a second press lengthens the first"
                    );
                    self.presses.push((outlet, now + length, target));
                    self.closed.push((outlet, target, now));
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn restart(&mut self) -> &'static [u8] {
        self.on = [false; 9];
        self.on[7] = true;
        self.presses.clear();
        b"\xfe\x80starting\r\nready\r\n"
    }
}

async fn run_board(board: Shared, line: DuplexStream, mut say: mpsc::Receiver<Vec<u8>>) {
    let (read, mut write) = tokio::io::split(line);
    let mut lines = BufReader::new(read).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                let answer = board.lock().unwrap().obey(&line);
                if write.write_all(&answer).await.is_err() { return }
            }
            bytes = say.recv() => match bytes {
                Some(bytes) => { let _ = write.write_all(&bytes).await; }
                None => return,
            },
        }
    }
}

struct Bench {
    relay: Relay,
    board: Shared,
    /// Lets the board speak unasked; dropped, its line is gone.
    say: Arc<Mutex<Option<mpsc::Sender<Vec<u8>>>>>,
}

/// A driver on a board that is already running. Every opening of the line reaches the same board.
fn bench() -> Bench {
    let board = Shared::default();
    board.lock().unwrap().on[7] = true;
    let say = Arc::new(Mutex::new(None));
    let (far, far_say) = (board.clone(), say.clone());
    let open = move || {
        let (near, line) = duplex(256);
        let (sender, receiver) = mpsc::channel(4);
        *far_say.lock().unwrap() = Some(sender);
        tokio::spawn(run_board(far.clone(), line, receiver));
        Ok(near)
    };
    Bench { relay: Relay::over(open, false), board, say }
}

impl Bench {
    async fn state(&self, outlet: u8) -> PowerState {
        self.relay.read().await.unwrap().outlets[&outlet].commanded
    }

    async fn board_says(&self, bytes: &[u8]) {
        let sender = self.say.lock().unwrap().clone().unwrap();
        sender.send(bytes.to_vec()).await.unwrap();
    }

    fn commands(&self) -> Vec<String> {
        let said = self.board.lock().unwrap().said.iter().map(|(_, line)| line.clone()).collect::<Vec<_>>();
        said.into_iter().filter(|line| line.starts_with('o')).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_press_returns_when_the_board_says_that_it_has_ended() {
    let bench = bench();
    assert_eq!(bench.state(1).await, Off);
    let start = Instant::now();
    bench.relay.on(1).await.unwrap();
    let short = start.elapsed();
    assert!((250..700).contains(&short.as_millis()), "a short press took {short:?}");
    assert_eq!(bench.state(1).await, On);

    let start = Instant::now();
    bench.relay.off(1).await.unwrap();
    let long = start.elapsed();
    assert!((5500..6000).contains(&long.as_millis()), "a long press took {long:?}");
    assert_eq!(bench.state(1).await, Off);
    assert_eq!(bench.commands(), ["on 1", "off 1"], "each said once");
    assert_eq!(bench.relay.read().await.unwrap().outlets[&1].observed, None, "nothing is measured");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_pressed_when_the_state_is_reached_already() {
    let bench = bench();
    // Whoever asks believes something else of the outlet: that is told, since no success stands for a press.
    assert!(bench.relay.off(2).await.unwrap_err().why.contains("as off already"));
    bench.relay.on(2).await.unwrap();
    assert!(bench.relay.on(2).await.unwrap_err().why.contains("nothing was pressed"));
    assert_eq!(bench.commands(), ["on 2"]);
}

#[tokio::test(start_paused = true)]
async fn the_boss_is_refused_and_so_are_the_spare_and_what_does_not_exist() {
    let bench = bench();
    for outlet in [0, 7, 8, 9, 255] {
        for result in [bench.relay.on(outlet).await, bench.relay.off(outlet).await] {
            let error = result.unwrap_err();
            assert!(!error.absent && error.what.contains(&outlet.to_string()), "{error:?}");
        }
    }
    assert!(bench.relay.off(7).await.unwrap_err().why.contains("controller"));
    assert!(bench.commands().is_empty());
}

#[tokio::test(start_paused = true)]
async fn six_machines_are_pressed_at_the_same_time_with_gaps_between_commands() {
    let bench = bench();
    let start = Instant::now();
    for target in [On, Off] {
        let presses = (1..=6).map(|outlet| bench.relay.press(outlet, target));
        for result in futures::future::join_all(presses).await {
            result.unwrap();
        }
    }
    assert!(
        start.elapsed() < Duration::from_secs(9),
        "one after the other it would be 35 s: {:?}",
        start.elapsed()
    );
    let board = bench.board.lock().unwrap();
    assert_eq!(board.closed.len(), 12);
    for pair in board.said.windows(2).filter(|pair| !pair[0].1.is_empty()) {
        let gap = pair[1].0 - pair[0].0;
        assert!(gap >= Duration::from_millis(50), "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_rests_between_off_and_on() {
    let bench = bench();
    bench.relay.on(3).await.unwrap();
    bench.relay.off(3).await.unwrap();
    bench.relay.on(3).await.unwrap();
    let closed = bench.board.lock().unwrap().closed.clone();
    let off_end = closed[1].2 + Duration::from_millis(5500);
    assert!(closed[2].2 - off_end >= Duration::from_millis(1500), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_second_press_of_the_same_outlet_is_refused_while_the_first_runs() {
    let bench = bench();
    let (first, second) = tokio::join!(bench.relay.on(4), bench.relay.off(4));
    first.unwrap();
    assert!(second.unwrap_err().why.contains("under way"));
    assert_eq!(bench.commands(), ["on 4"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_command_ends_at_its_limit() {
    let bench = bench();
    bench.board.lock().unwrap().deaf_to = Some("on");
    let start = Instant::now();
    let error = bench.relay.on(1).await.unwrap_err();
    assert!(error.why.contains("still shows the old state after 2 s"), "{error}");
    assert!((2000..2300).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    bench.board.lock().unwrap().deaf_to = None;
    bench.relay.on(1).await.unwrap();
    bench.board.lock().unwrap().deaf_to = Some("off");
    let start = Instant::now();
    bench.relay.off(1).await.unwrap_err();
    assert!((8000..8300).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn silence_is_the_last_state_for_five_seconds_and_then_absence() {
    let bench = bench();
    bench.relay.on(5).await.unwrap();
    bench.board.lock().unwrap().mute = true;
    assert_eq!(bench.state(5).await, On, "late is not gone");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let error = bench.relay.read().await.unwrap_err();
    assert!(error.absent, "{error:?}");
    assert!(bench.relay.off(5).await.unwrap_err().absent);
    assert_eq!(bench.commands(), ["on 5"], "nothing is pressed on a guess");
    bench.board.lock().unwrap().mute = false;
    assert_eq!(bench.state(5).await, On, "back again");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_board_has_forgotten_everything() {
    let bench = bench();
    bench.relay.on(6).await.unwrap();
    let before = bench.relay.read().await.unwrap().incarnation;
    let press = bench.relay.off(6);
    let restart = async {
        // In the middle of the long press.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let notice = bench.board.lock().unwrap().restart();
        bench.board.lock().unwrap().mute = true;
        bench.board_says(notice).await;
    };
    let (result, ()) = tokio::join!(press, restart);
    assert!(result.unwrap_err().why.contains("restarted"));
    assert_eq!(bench.state(6).await, PowerState::Unknown, "not the states of the former life");
    bench.board.lock().unwrap().mute = false;
    let after = bench.relay.read().await.unwrap();
    assert_eq!(after.incarnation, before + 1, "starting and ready are one restart");
    assert_eq!(after.outlets[&6].commanded, Off);
}

#[tokio::test(start_paused = true)]
async fn noise_is_counted_and_believed_in_no_part() {
    let bench = bench();
    assert_eq!(bench.state(1).await, Off);
    let noise: [&[u8]; 3] = [b"status 1 1 1\n", b"sta\xfftus 1 1 1 1 1 1 1 1\n", b"\x00\x80\xf8\n"];
    bench.board.lock().unwrap().noise.extend(noise.map(<[u8]>::to_vec));
    assert_eq!(bench.state(1).await, Off);
    assert_eq!(bench.relay.counters().garbage, 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_line_is_opened_again() {
    let bench = bench();
    bench.relay.on(1).await.unwrap();
    let press = bench.relay.off(1);
    let cut = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.say.lock().unwrap().take();
    };
    let (result, ()) = tokio::join!(press, cut);
    assert!(result.unwrap_err().absent, "the press was not seen to end");
    // While it is closed, the answer comes at once.
    let start = Instant::now();
    assert!(bench.relay.read().await.unwrap_err().absent);
    assert!(start.elapsed() < Duration::from_millis(50));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(bench.state(1).await, Off, "the board went on by itself");
    assert_eq!(bench.relay.counters().opened, 2);
}

#[tokio::test(start_paused = true)]
async fn a_press_whose_end_was_not_seen_is_waited_for() {
    let bench = bench();
    bench.relay.on(1).await.unwrap();
    let cut = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.say.lock().unwrap().take();
    };
    let (lost, ()) = tokio::join!(bench.relay.off(1), cut);
    lost.unwrap_err();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The board still shows "on": at once, this would be taken for done, and the machine would be off a moment later.
    bench.relay.on(1).await.unwrap();
    assert_eq!(bench.commands(), ["on 1", "off 1", "on 1"]);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.state(1).await, On);
}

#[tokio::test(start_paused = true)]
async fn a_missing_board_is_an_error_that_says_where_to_look_and_is_found_later() {
    let there = Arc::new(Mutex::new(false));
    let (seen, board) = (there.clone(), Shared::default());
    let open = move || {
        if !*seen.lock().unwrap() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no such device"));
        }
        let (near, line) = duplex(256);
        let (sender, receiver) = mpsc::channel(1);
        // Kept for ever: this board never leaves.
        std::mem::forget(sender);
        tokio::spawn(run_board(board.clone(), line, receiver));
        Ok(near)
    };
    let relay = Relay::over(open, true);
    let error = relay.read().await.unwrap_err();
    assert!(error.absent && error.remedy.contains("dialout"), "{error:?}");
    *there.lock().unwrap() = true;
    tokio::time::sleep(Duration::from_secs(6)).await;
    relay.on(8).await.unwrap();
}

/// The real line: a pseudo terminal, opened as a device, in real time.
#[tokio::test]
async fn a_device_is_opened_raw_and_quiet() {
    use std::os::fd::AsFd;

    let pty = nix::pty::openpty(None, None).unwrap();
    let path = nix::unistd::ttyname(&pty.slave).unwrap();
    let board = Shared::default();
    let far = board.clone();
    let mut master = std::fs::File::from(pty.master);
    let mut reader = master.try_clone().unwrap();
    // The board ends with the test: reading fails once both ends are closed.
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut line, mut byte) = (Vec::new(), [0]);
        while reader.read(&mut byte).is_ok_and(|length| length == 1) {
            if byte[0] != b'\n' {
                line.push(byte[0]);
                continue;
            }
            let answer = far.lock().unwrap().obey(std::str::from_utf8(&line).unwrap());
            line.clear();
            if master.write_all(&answer).is_err() {
                return;
            }
        }
    });
    let relay = Relay::start(RelayConfig { path: path.clone(), allow_8: false });
    relay.on(2).await.unwrap();
    assert_eq!(relay.read().await.unwrap().outlets[&2].commanded, On);
    assert_eq!(board.lock().unwrap().said[0].1, "", "half a word of an earlier program is ended first");
    let settings = nix::sys::termios::tcgetattr(pty.slave.as_fd()).unwrap();
    use nix::sys::termios::{ControlFlags, LocalFlags, OutputFlags};
    assert!(!settings.control_flags.contains(ControlFlags::HUPCL), "closing would touch DTR");
    assert!(!settings.local_flags.intersects(LocalFlags::ECHO | LocalFlags::ICANON));
    assert!(!settings.output_flags.contains(OutputFlags::OPOST));
    let again = serial2_tokio::SerialPort::open(&path, serial2_tokio::KeepSettings).unwrap();
    assert_eq!(again.get_configuration().unwrap().get_baud_rate().unwrap(), 9600);
}
