//! The least PC that can stand behind a power button, for tests of many histories. Pure: contacts and time in, what
//! happened out.

use std::time::Duration;

use super::button::{PowerButton, Press};

/// What happened to the PC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PcEvent {
    /// It was off and the button started it.
    Started,
    /// It was on and a short press asked its system to shut down.
    AskedDown,
    /// Its system obeyed, or its cord was pulled.
    WentDown,
    /// The button was held until the chipset cut the power.
    Killed,
}

/// An event and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happened {
    pub at: Duration,
    pub event: PcEvent,
}

/// A PC: off or on, and perhaps on its way down.
#[derive(Debug, Clone)]
pub struct Pc {
    /// How long its system takes to go down when a short press asks; `None` ignores the question.
    obeys_after: Option<Duration>,
    on: bool,
    going_down: Option<Duration>,
    relay: bool,
    finger: bool,
    button: PowerButton,
    /// The press that runs is the one that started it.
    starting: bool,
}

impl Pc {
    /// One that is off, in a world at speed 1.
    pub fn new(obeys_after: Option<Duration>) -> Pc {
        Pc {
            obeys_after,
            on: false,
            going_down: None,
            relay: false,
            finger: false,
            button: PowerButton::new(1.0),
            starting: false,
        }
    }

    pub fn is_on(&self) -> bool {
        self.on
    }

    /// It is on and has been asked to go down.
    pub fn is_going_down(&self) -> bool {
        self.going_down.is_some()
    }

    /// The relay across the button closed or opened.
    pub fn relay(&mut self, closed: bool, at: Duration) -> Vec<Happened> {
        let mut happened = self.advance(at);
        self.relay = closed;
        self.settle(at, &mut happened);
        happened
    }

    /// Somebody pushes the front button or lets it go.
    pub fn finger(&mut self, down: bool, at: Duration) -> Vec<Happened> {
        let mut happened = self.advance(at);
        self.finger = down;
        self.settle(at, &mut happened);
        happened
    }

    /// The cord is pulled and put back.
    pub fn cut(&mut self, at: Duration) -> Vec<Happened> {
        let mut happened = self.advance(at);
        self.go_off(at, PcEvent::WentDown, &mut happened);
        happened
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Duration) -> Vec<Happened> {
        let mut happened = Vec::new();
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            if self.going_down.is_some_and(|due| due <= at) {
                self.go_off(at, PcEvent::WentDown, &mut happened);
            }
            let presses = self.button.advance(at);
            self.feel(presses, at, &mut happened);
        }
        happened
    }

    /// When `advance` has something to do, if nobody touches anything.
    pub fn next_event(&self) -> Option<Duration> {
        [self.button.next_event(), self.going_down].into_iter().flatten().min()
    }

    fn settle(&mut self, at: Duration, happened: &mut Vec<Happened>) {
        let presses = self.button.contact(self.relay || self.finger, at);
        self.feel(presses, at, happened);
    }

    fn feel(&mut self, presses: Vec<Press>, at: Duration, happened: &mut Vec<Happened>) {
        for press in presses {
            match press {
                Press::Down if !self.on => {
                    (self.on, self.starting) = (true, true);
                    happened.push(Happened { at, event: PcEvent::Started });
                }
                Press::Down => self.starting = false,
                Press::Up if self.on && !std::mem::take(&mut self.starting) => {
                    happened.push(Happened { at, event: PcEvent::AskedDown });
                    if self.going_down.is_none() {
                        self.going_down = self.obeys_after.map(|after| at + after);
                    }
                }
                Press::Up => {}
                Press::Held => self.go_off(at, PcEvent::Killed, happened),
            }
        }
    }

    fn go_off(&mut self, at: Duration, event: PcEvent, happened: &mut Vec<Happened>) {
        (self.going_down, self.starting) = (None, false);
        if std::mem::take(&mut self.on) {
            happened.push(Happened { at, event });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PcEvent::{AskedDown, Killed, Started, WentDown};
    use super::*;
    use crate::relay::firmware::{Firmware, Output};

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn press(pc: &mut Pc, from: f64, length: f64) -> Vec<(u128, PcEvent)> {
        let mut happened = pc.relay(true, s(from));
        happened.extend(pc.relay(false, s(from + length)));
        happened.iter().map(|h| (h.at.as_millis(), h.event)).collect()
    }

    #[test]
    fn a_short_press_toggles_and_a_long_one_kills() {
        let mut pc = Pc::new(Some(s(3.0)));
        assert_eq!(press(&mut pc, 1.0, 0.02), [], "bouncing");
        assert_eq!(press(&mut pc, 2.0, 0.25), [(2050, Started)]);
        assert_eq!(press(&mut pc, 5.0, 0.25), [(5250, AskedDown)]);
        assert_eq!(press(&mut pc, 6.0, 0.25), [(6250, AskedDown)], "asked twice");
        assert_eq!(pc.advance(s(9.0)), [Happened { at: s(8.25), event: WentDown }]);
        assert_eq!(press(&mut pc, 10.0, 0.25), [(10_050, Started)]);
        assert_eq!(press(&mut pc, 11.0, 5.5), [(15_000, Killed)]);
        assert!(!pc.is_on());
    }

    #[test]
    fn a_system_may_ignore_the_button_and_never_the_long_press() {
        let mut pc = Pc::new(None);
        press(&mut pc, 1.0, 0.25);
        assert_eq!(press(&mut pc, 2.0, 0.25), [(2250, AskedDown)]);
        assert!(pc.is_on() && !pc.is_going_down() && pc.next_event().is_none());
        assert_eq!(press(&mut pc, 3.0, 4.5), [(7000, Killed)]);
        assert_eq!(press(&mut pc, 8.0, 5.5), [(8050, Started), (12_000, Killed)], "held from off");
    }

    #[test]
    fn a_finger_and_a_relay_are_one_press() {
        let mut pc = Pc::new(Some(s(1.0)));
        pc.finger(true, s(1.0));
        pc.relay(true, s(3.0));
        assert_eq!(pc.finger(false, s(3.1)), []);
        assert_eq!(pc.relay(false, s(6.0)), [Happened { at: s(5.0), event: Killed }]);
        pc.relay(true, s(7.0));
        pc.relay(false, s(7.1));
        assert_eq!(pc.cut(s(8.0)), [Happened { at: s(8.0), event: WentDown }]);
    }

    #[test]
    fn firmware_and_pc_run_an_hour_in_no_time() {
        let (mut board, mut pc) = (Firmware::power_on(1.0), Pc::new(Some(s(5.0))));
        let mut story = Vec::new();
        for round in 0..100u64 {
            let now = Duration::from_secs(round * 36);
            let line: &[u8] = if round % 2 == 0 { b"on 1\r\n" } else { b"off 1\r\n" };
            let mut out = board.receive(line, now);
            out.extend(board.advance(now + s(30.0)));
            for emission in out {
                if let Output::Contact { outlet: 1, closed } = emission.output {
                    story.extend(pc.relay(closed, emission.at).iter().map(|h| h.event));
                }
            }
            assert_eq!((pc.is_on(), board.stored()[0]), (round % 2 == 0, round % 2 == 0));
        }
        assert_eq!(story, [Started, Killed].repeat(50));
        assert_eq!((board.starts, board.closed()), (1, [false; 8]));
    }
}
