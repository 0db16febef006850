//! The firmware against its timeline and its pits, at speed 1 and in a time of the test's own.

use super::*;

/// A board on a bench: sends at given moments, remembers all it saw.
struct Bench {
    board: Firmware,
    seen: Vec<Emission>,
}

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

impl Bench {
    fn new() -> Bench {
        Bench { board: Firmware::power_on(1.0), seen: Vec::new() }
    }

    fn send(&mut self, at: f64, line: &str) {
        let out = self.board.receive(format!("{line}\r\n").as_bytes(), s(at));
        self.seen.extend(out);
    }

    fn wait(&mut self, until: f64) {
        let out = self.board.advance(s(until));
        self.seen.extend(out);
    }

    /// All text after `from`, without the noise of the ROM.
    fn text(&self, from: f64) -> String {
        let bytes = |e: &Emission| match &e.output {
            Output::Bytes(bytes) if e.at >= s(from) && bytes.is_ascii() => Some(bytes.clone()),
            _ => None,
        };
        String::from_utf8(self.seen.iter().filter_map(bytes).flatten().collect()).unwrap()
    }

    /// Moments in milliseconds at which the relay of `outlet` closed and opened.
    fn contact(&self, outlet: u8) -> Vec<(u128, bool)> {
        let of = |e: &Emission| match e.output {
            Output::Contact { outlet: o, closed } if o == outlet => Some((e.at.as_millis(), closed)),
            _ => None,
        };
        self.seen.iter().filter_map(of).collect()
    }

    /// Asks and gives the reply alone.
    fn status(&mut self, at: f64) -> String {
        self.send(at, "status");
        self.wait(at + 0.03);
        self.text(at)
    }
}

#[test]
fn the_reference_timeline() {
    let mut b = Bench::new();
    b.wait(0.0);
    assert_eq!(b.text(0.0), "starting\r\nready\r\n");
    assert_eq!(b.status(0.1), "status 0 0 0 0 0 0 0 0\n", "the press of 7 still runs");
    assert_eq!(b.status(1.0), "status 0 0 0 0 0 0 1 0\n");
    assert_eq!(b.contact(7), [(0, true), (250, false)]);
    b.send(2.0, "on 1");
    b.send(2.1, "off 1");
    b.send(2.15, "on 1");
    assert_eq!(b.status(2.3), "status 0 0 0 0 0 0 1 0\n", "the deadline moved to 2.40");
    assert_eq!(b.status(2.5), "status 1 0 0 0 0 0 1 0\n");
    assert_eq!(b.contact(1), [(2000, true), (2400, false)]);
    b.send(3.0, "off all");
    b.send(5.0, "on 1");
    assert_eq!(b.status(8.4), "status 1 0 0 0 0 0 1 0\n");
    assert_eq!(b.status(8.6), "status 0 0 0 0 0 0 1 0\n");
    assert_eq!(b.contact(1)[2..], [(3000, true), (8500, false)], "on during the press is lost, not queued");
    assert_eq!(b.contact(7).len(), 2, "all is 1 to 6");
    for (n, line) in ["on  1", "ON 1", "on 9", "foo"].iter().enumerate() {
        b.send(9.0 + n as f64 / 10.0, line);
    }
    b.wait(9.9);
    assert_eq!(b.text(8.7), "", "ignored without a word");
    b.send(10.0, "on x");
    b.wait(10.9);
    assert_eq!(b.text(10.0), "starting\r\nready\r\n");
    assert_eq!(
        b.contact(7)[2..],
        [(10_300, true), (10_550, false)],
        "the controller's button is pressed again"
    );
    assert_eq!(b.status(11.0), "status 0 0 0 0 0 0 1 0\n");
}

#[test]
fn a_crash_in_a_press_opens_the_contact_and_forgets_all_states() {
    let mut b = Bench::new();
    b.send(1.0, "on 2");
    b.send(2.0, "off 2");
    b.send(3.0, "on  ");
    assert_eq!(b.status(4.0), "status 0 0 0 0 0 0 1 0\n");
    assert_eq!(b.contact(2), [(1000, true), (1250, false), (2000, true), (3000, false)]);
}

#[test]
fn on_all_and_off_all_leave_the_controller_alone() {
    let mut b = Bench::new();
    b.send(1.0, "on 3");
    b.send(2.0, "on all");
    b.wait(3.0);
    assert_eq!(b.contact(3).len(), 2, "an outlet that is on is not pressed");
    assert_eq!(b.status(3.0), "status 1 1 1 1 1 1 1 0\n");
    b.send(4.0, "off all");
    assert_eq!(b.status(10.0), "status 0 0 0 0 0 0 1 0\n");
    b.send(11.0, "off 7");
    b.wait(17.0);
    assert_eq!(b.contact(7)[2..], [(11_000, true), (16_500, false)], "nothing in the firmware protects it");
}

#[test]
fn repeated_on_turns_a_short_press_into_a_long_one() {
    let mut b = Bench::new();
    for n in 0..30 {
        b.send(1.0 + f64::from(n) * 0.2, "on 1");
    }
    b.wait(9.0);
    assert_eq!(b.contact(1), [(1000, true), (7050, false)]);
}

#[test]
fn overlong_lines_are_cut_not_refused() {
    let mut b = Bench::new();
    // 63 characters fit, so neither the digit nor the words after them are seen.
    b.send(1.0, &format!("on {}12", "0".repeat(59)));
    b.send(2.0, &format!("on {}2 and more words", "0".repeat(59)));
    assert_eq!(b.status(3.0), "status 1 1 0 0 0 0 1 0\n");
}

#[test]
fn carriage_returns_are_dropped_and_a_line_feed_is_enough() {
    let mut b = Bench::new();
    b.wait(1.0);
    let out = b.board.receive(b"sta\rtus\n", s(1.0));
    b.seen.extend(out);
    b.wait(1.1);
    assert_eq!(b.text(1.0), "status 0 0 0 0 0 0 1 0\n");
}

#[test]
fn lines_in_one_burst_wait_for_each_redraw() {
    let mut b = Bench::new();
    b.wait(0.9);
    b.send(1.0, "on 1\r\non 2\r\nstatus");
    b.wait(1.2);
    assert_eq!(b.contact(1)[0], (1000, true));
    assert_eq!(b.contact(2)[0], (1025, true));
    let reply = b.seen.iter().rfind(|e| matches!(e.output, Output::Bytes(_))).unwrap();
    assert_eq!(reply.at.as_millis(), 1075, "printed after the third redraw");
}

#[test]
fn more_than_the_uart_holds_is_lost_and_counted() {
    let mut b = Bench::new();
    b.wait(0.9);
    b.send(1.0, "ready");
    let out = b.board.receive(&[b'x'; 400], s(1.01));
    b.seen.extend(out);
    assert_eq!(b.board.overruns, 400 - 256);
}

#[test]
fn without_its_display_the_board_hangs_and_presses_nothing() {
    let mut b = Bench::new();
    b.wait(1.0);
    b.board.set_display_dead(true);
    let out = b.board.reset(s(1.0));
    b.seen.extend(out);
    b.wait(2.0);
    assert_eq!(b.text(1.0), "starting\r\nSSD1306 allocation failed\r\n");
    assert_eq!(b.status(3.0), "");
    assert_eq!(b.contact(7).len(), 2, "only the press of the first start");
    assert_eq!(b.board.next_event(), None);
}

#[test]
fn the_boards_own_button_toggles_any_outlet() {
    let mut b = Bench::new();
    let out = b.board.toggle_locally(8, s(1.0));
    b.seen.extend(out);
    assert_eq!(b.status(2.0), "status 0 0 0 0 0 0 1 1\n");
    let out = b.board.toggle_locally(8, s(3.0));
    b.seen.extend(out);
    b.wait(9.0);
    assert_eq!(b.contact(8), [(1000, true), (1250, false), (3000, true), (8500, false)]);
}

#[test]
fn a_press_across_the_millis_wrap_ends_at_once_but_counts_as_done() {
    let mut b = Bench::new();
    let almost = MILLIS_WRAP_MS as f64 / 1000.0 - 0.1;
    b.send(almost, "on 1");
    let reply = b.status(almost + 0.05);
    assert_eq!(reply, "status 1 0 0 0 0 0 1 0\n");
    let contact = b.contact(1);
    assert!(contact[1].0 - contact[0].0 < 30, "{contact:?}");
}

#[test]
fn speed_divides_the_presses() {
    let mut board = Firmware::power_on(20.0);
    board.advance(s(1.0));
    let mut out = board.receive(b"on 1\n", s(1.0));
    out.extend(board.advance(s(2.0)));
    let times: Vec<_> = out.iter().map(|e| e.at.as_micros()).collect();
    assert_eq!(times, [1_000_000, 1_012_500]);
}

proptest::proptest! {
    /// Whatever arrives whenever: no panic, contacts alternate, and time never runs backwards.
    #[test]
    fn random_bytes_never_break_it(
        chunks in proptest::collection::vec((proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80), 0u64..3000), 0..40)
    ) {
        let mut board = Firmware::power_on(1.0);
        let mut now = Duration::ZERO;
        let mut closed = [false; 8];
        let mut last = Duration::ZERO;
        let spice: &[&[u8]] = &[b"on 1\n", b"off all\n", b"status\n", b"on x\n", b"on all\n"];
        for (bytes, gap) in chunks {
            now += Duration::from_millis(gap);
            let extra = spice[gap as usize % spice.len()];
            let mut out = board.receive(&bytes, now);
            out.extend(board.receive(extra, now));
            for e in out {
                assert!(e.at >= last && e.at <= now);
                last = e.at;
                if let Output::Contact { outlet, closed: c } = e.output {
                    let slot = &mut closed[usize::from(outlet) - 1];
                    assert_ne!(*slot, c, "a contact changed to what it was");
                    *slot = c;
                }
            }
            assert!(board.next_event().is_none_or(|at| at >= now), "work left undone");
        }
    }
}
