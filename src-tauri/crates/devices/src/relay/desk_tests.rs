//! Any order of requests, on a board that loses lines and restarts: the rules hold, and every request ends once.

use proptest::prelude::*;

use super::*;

/// What can happen next.
#[derive(Debug, Clone)]
enum Happening {
    Press(u8, bool),
    Look,
    /// The board's next answers are lost.
    Mute(bool),
    Restart,
    LineLost,
    Pass(u16),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (1..=2_u8, any::<bool>()).prop_map(|(outlet, on)| Happening::Press(outlet, on)),
        2 => Just(Happening::Look),
        1 => any::<bool>().prop_map(Happening::Mute),
        1 => Just(Happening::Restart),
        1 => Just(Happening::LineLost),
        6 => (1..8000_u16).prop_map(Happening::Pass),
    ]
}

/// The desk and, in a few lines, the board behind it.
struct World {
    desk: Desk,
    now: Instant,
    on: [bool; CHANNELS],
    /// Outlet (from 0) → end and result of a press.
    pressing: BTreeMap<usize, (Instant, bool)>,
    mute: bool,
    sent: Option<Instant>,
    off_ended: BTreeMap<usize, Instant>,
    /// Requests without an answer yet, with the time they were made.
    open: BTreeMap<Ticket, Instant>,
    next: Ticket,
}

impl World {
    fn settle(&mut self) {
        let now = self.now;
        let on = &mut self.on;
        let off_ended = &mut self.off_ended;
        self.pressing.retain(|outlet, (end, state)| {
            if *end <= now {
                on[*outlet] = *state;
                if !*state {
                    off_ended.insert(*outlet, *end);
                }
            }
            *end > now
        });
    }

    /// Everything that is due at this moment.
    fn settle_desk(&mut self) -> Result<(), TestCaseError> {
        loop {
            let effects = self.desk.step(self.now);
            if effects.is_empty() {
                return Ok(());
            }
            for effect in effects {
                match effect {
                    Effect::Send(command) => self.obey(command)?,
                    Effect::Seen(ticket, _) | Effect::Pressed(ticket, _) => {
                        let made = self.open.remove(&ticket);
                        prop_assert!(made.is_some(), "ticket {ticket} was answered twice");
                        let waited = self.now - made.unwrap();
                        prop_assert!(waited <= Duration::from_secs(20), "{waited:?} for ticket {ticket}");
                    }
                }
            }
        }
    }

    fn obey(&mut self, command: Command) -> Result<(), TestCaseError> {
        if let Some(sent) = self.sent {
            prop_assert!(
                self.now - sent >= Duration::from_millis(50),
                "two commands within {:?}",
                self.now - sent
            );
        }
        self.sent = Some(self.now);
        self.settle();
        let (channel, target, length) = match command {
            Command::Status => {
                if !self.mute {
                    self.desk.heard(Line::Status(self.on), self.now);
                }
                return Ok(());
            }
            Command::On(channel) => (channel, true, 250),
            Command::Off(channel) => (channel, false, 5500),
        };
        let outlet = usize::from(channel.outlet()) - 1;
        prop_assert!(!self.pressing.contains_key(&outlet), "{command:?} while a press is under way");
        if target && let Some(ended) = self.off_ended.get(&outlet) {
            prop_assert!(
                self.now - *ended >= Duration::from_millis(1500),
                "no rest: {:?}",
                self.now - *ended
            );
        }
        if self.on[outlet] != target {
            self.pressing.insert(outlet, (self.now + Duration::from_millis(length), target));
        }
        Ok(())
    }

    fn pass(&mut self, duration: Duration) -> Result<(), TestCaseError> {
        let end = self.now + duration;
        for _ in 0..100_000 {
            self.settle_desk()?;
            match self.desk.wake() {
                Some(wake) if wake <= end => {
                    prop_assert!(wake > self.now, "it wakes for nothing");
                    self.now = wake;
                }
                _ => {
                    self.now = end;
                    return Ok(());
                }
            }
        }
        Err(TestCaseError::fail("it never sleeps"))
    }
}

proptest! {
    #[test]
    fn the_rules_hold_whatever_happens(happenings in proptest::collection::vec(happening(), 1..40)) {
        let mut world = World {
            desk: Desk::default(),
            now: Instant::now(),
            on: [false; CHANNELS],
            pressing: BTreeMap::new(),
            mute: false,
            sent: None,
            off_ended: BTreeMap::new(),
            open: BTreeMap::new(),
            next: 0,
        };
        for happening in happenings {
            match happening {
                Happening::Press(outlet, on) => {
                    let target = if on { PowerState::On } else { PowerState::Off };
                    world.open.insert(world.next, world.now);
                    world.desk.press(world.next, Channel::new(outlet, false).unwrap(), target, world.now);
                    world.next += 1;
                }
                Happening::Look => {
                    world.open.insert(world.next, world.now);
                    world.desk.look(world.next, world.now);
                    world.next += 1;
                }
                Happening::Mute(mute) => world.mute = mute,
                Happening::Restart => {
                    let before = world.desk.incarnation;
                    world.on = [false; CHANNELS];
                    world.pressing.clear();
                    world.off_ended.clear();
                    world.desk.heard(Line::Starting, world.now);
                    world.desk.heard(Line::Ready, world.now);
                    prop_assert_eq!(world.desk.incarnation, before + 1);
                }
                Happening::LineLost => {
                    world.desk.lost();
                    world.settle_desk()?;
                    prop_assert!(world.open.is_empty(), "left waiting: {:?}", world.open);
                    // The first pause before the line is opened again.
                    world.now += Duration::from_millis(250);
                    world.sent = None;
                    world.settle();
                }
                Happening::Pass(milliseconds) => world.pass(Duration::from_millis(milliseconds.into()))?,
            }
        }
        world.pass(Duration::from_secs(20))?;
        prop_assert!(world.open.is_empty(), "never answered: {:?}", world.open);
    }
}
