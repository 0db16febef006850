//! The relay driver's rules against the simulated board and PCs, in virtual time: random histories of orders, resets, delays
//! and hands. The firmware and the PCs know nothing of the driver; both follow the description of the real gear.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use devices::relay::{
    codec::{Assembler, Channel, Refusal},
    desk::{Desk, Effect},
};
use lab::{
    PowerState,
    ports::{Hold, Nature, PowerReading},
    power::{Known, plan},
};
use proptest::prelude::*;
use sim::relay::{
    firmware::{Emission, Firmware, Output},
    pc::{Happened, Pc, PcEvent},
};

/// Histories, each of some twenty happenings.
const HISTORIES: u32 = 10_000;
/// The controller's own outlet.
const BOSS: u8 = 7;
/// Between two presses of one order, as the engine rests.
const REST: Duration = Duration::from_millis(1500);
/// An order of three presses ends within this.
const ORDER: Duration = Duration::from_secs(40);

#[derive(Debug, Clone)]
enum Happening {
    /// An order to switch a machine, planned as the engine plans it. `seen`: it knows what the machine is.
    Switch {
        outlet: u8,
        on: bool,
        seen: bool,
    },
    /// The board restarts by itself.
    Reset,
    /// Answers come so much later, in ms.
    Delay(u64),
    /// Somebody presses the machine's own button, for so many ms.
    Finger {
        outlet: u8,
        ms: u64,
    },
    /// Somebody holds the board's own button: the outlet toggles.
    Local(u8),
    /// A look, as the watcher does each second.
    Look,
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let outlet = || prop_oneof![8 => 1..=6_u8, 1 => 0..=9_u8];
    prop_oneof![
        6 => (outlet(), any::<bool>(), prop_oneof![4 => Just(true), 1 => Just(false)])
            .prop_map(|(outlet, on, seen)| Happening::Switch { outlet, on, seen }),
        1 => Just(Happening::Reset),
        1 => (0..600_u64).prop_map(Happening::Delay),
        1 => (1..=6_u8, 100..6000_u64).prop_map(|(outlet, ms)| Happening::Finger { outlet, ms }),
        1 => (1..=6_u8).prop_map(Happening::Local),
        3 => Just(Happening::Look),
        4 => (1..12_000_u64).prop_map(Happening::Pass),
    ]
}

/// An order under way.
#[derive(Debug)]
struct Order {
    outlet: u8,
    want: bool,
    left: VecDeque<Hold>,
    /// When the next press may begin, or the ticket of the one that runs.
    next: Result<Duration, u64>,
    since: Duration,
    /// What happened to its PC meanwhile.
    events: Vec<PcEvent>,
    /// Somebody else had a hand in it: a finger, the board's button, a reset.
    disturbed: bool,
    /// One short press on a machine that was seen off.
    simple: bool,
}

struct World {
    base: Instant,
    now: Duration,
    desk: Desk,
    board: Firmware,
    pcs: BTreeMap<u8, Pc>,
    delay: Duration,
    /// Bytes on their way to the host.
    wire: VecDeque<(Duration, Vec<u8>)>,
    lines: Assembler,
    fingers: BTreeMap<u8, Duration>,
    orders: BTreeMap<u8, Order>,
    ticket: u64,
    /// Contact closures of the controller's outlet beside those of the board's own starts.
    boss: u64,
    /// What the last look showed.
    seen: Option<PowerReading>,
    good: u64,
}

impl World {
    fn new(obeys: Option<u64>) -> Self {
        let obeys = obeys.map(Duration::from_millis);
        let mut world = Self {
            base: Instant::now(),
            now: Duration::ZERO,
            desk: Desk::default(),
            board: Firmware::power_on(1.0),
            pcs: (1..=6).map(|outlet| (outlet, Pc::new(obeys))).collect(),
            delay: Duration::ZERO,
            wire: VecDeque::new(),
            lines: Assembler::default(),
            fingers: BTreeMap::new(),
            orders: BTreeMap::new(),
            ticket: 0,
            boss: 0,
            seen: None,
            good: 0,
        };
        // Long enough for the board to have started, and to have let go of the controller's button.
        world.pass(Duration::from_secs(2));
        world
    }

    fn instant(&self) -> Instant {
        self.base + self.now
    }

    fn emitted(&mut self, emissions: Vec<Emission>) {
        for emission in emissions {
            match emission.output {
                Output::Bytes(bytes) => self.wire.push_back((emission.at + self.delay, bytes)),
                Output::Contact { outlet: BOSS, closed } => self.boss += u64::from(closed),
                Output::Contact { outlet, closed } => {
                    if let Some(pc) = self.pcs.get_mut(&outlet) {
                        let happened = pc.relay(closed, emission.at);
                        self.happened(outlet, &happened);
                    }
                }
            }
        }
    }

    fn happened(&mut self, outlet: u8, happened: &[Happened]) {
        if let Some(order) = self.orders.get_mut(&outlet) {
            order.events.extend(happened.iter().map(|happened| happened.event));
        }
    }

    fn disturb(&mut self, outlet: Option<u8>) {
        for (at, order) in &mut self.orders {
            order.disturbed |= outlet.is_none_or(|outlet| outlet == *at);
        }
    }

    /// Everything that is due now, and the moment of what comes next.
    fn settle(&mut self) -> Option<Duration> {
        let emissions = self.board.advance(self.now);
        self.emitted(emissions);
        let over: Vec<u8> =
            self.fingers.iter().filter(|(_, until)| **until <= self.now).map(|(at, _)| *at).collect();
        for outlet in over {
            self.fingers.remove(&outlet);
            let happened = self.pcs.get_mut(&outlet).unwrap().finger(false, self.now);
            self.happened(outlet, &happened);
        }
        for outlet in 1..=6 {
            let happened = self.pcs.get_mut(&outlet).unwrap().advance(self.now);
            self.happened(outlet, &happened);
        }
        while let Some((_, bytes)) = self.wire.front().filter(|(at, _)| *at <= self.now).cloned() {
            self.wire.pop_front();
            for line in self.lines.push(&bytes).into_iter().flatten() {
                self.desk.heard(line, self.instant());
            }
        }
        self.begin();
        let effects = self.desk.step(self.instant());
        for effect in effects {
            match effect {
                Effect::Send(command) => {
                    let line = command.line();
                    assert!(!line.contains('7') && !line.contains('8'), "said {line:?}");
                    let emissions = self.board.receive(line.as_bytes(), self.now);
                    self.emitted(emissions);
                }
                Effect::Seen(_, reading) => self.seen = reading.ok(),
                Effect::Pressed(ticket, result) => self.pressed(ticket, result.is_ok()),
            }
        }
        let wake = self.desk.wake().map(|at| at.saturating_duration_since(self.base));
        let orders = self.orders.values().filter_map(|order| order.next.as_ref().ok().copied());
        let pcs = self.pcs.values().filter_map(Pc::next_event);
        let wire = self.wire.front().map(|(at, _)| *at);
        let fingers = self.fingers.values().copied();
        [wake, wire, self.board.next_event()]
            .into_iter()
            .flatten()
            .chain(orders)
            .chain(pcs)
            .chain(fingers)
            .min()
    }

    /// Next presses of orders.
    fn begin(&mut self) {
        let (now, instant) = (self.now, self.instant());
        for order in self.orders.values_mut() {
            let Ok(due) = order.next else { continue };
            let Some(hold) = order.left.front().filter(|_| due <= now) else { continue };
            let target = if *hold == Hold::Short { PowerState::On } else { PowerState::Off };
            self.ticket += 1;
            order.next = Err(self.ticket);
            self.desk.press(self.ticket, Channel::new(order.outlet, false).unwrap(), target, instant);
        }
    }

    fn pressed(&mut self, ticket: u64, ok: bool) {
        let Some((outlet, order)) = self.orders.iter_mut().find(|(_, order)| order.next == Err(ticket))
        else {
            return;
        };
        let outlet = *outlet;
        order.left.pop_front();
        if ok && !order.left.is_empty() {
            order.next = Ok(self.now + REST);
            return;
        }
        let order = self.orders.remove(&outlet).unwrap();
        let pc = &self.pcs[&outlet];
        if order.simple && !order.disturbed {
            let opposite =
                order.events.iter().any(|event| matches!(event, PcEvent::AskedDown | PcEvent::Killed));
            assert!(!opposite, "an order to switch on did the opposite: {order:?}");
        }
        if ok && !order.disturbed {
            self.good += 1;
            assert_eq!(pc.is_on(), order.want, "{order:?}");
        }
    }

    fn pass(&mut self, by: Duration) {
        let end = self.now + by;
        // Bounded: a world that does not move on is a fault of its own.
        for _ in 0..100_000 {
            match self.settle() {
                Some(next) if next <= end => self.now = next.max(self.now + Duration::from_micros(100)),
                _ => {
                    self.now = end;
                    self.settle();
                    return;
                }
            }
        }
        panic!("time stands still at {:?}", self.now);
    }

    fn switch(&mut self, outlet: u8, on: bool, seen: bool) {
        match Channel::new(outlet, false) {
            Err(refusal) => {
                assert_eq!(refusal == Refusal::Boss, outlet == BOSS);
                return;
            }
            Ok(_) if self.orders.contains_key(&outlet) => return,
            Ok(_) => {}
        }
        let pc = &self.pcs[&outlet];
        // One that has been asked to go down is neither: the engine would see it silent, and say unknown.
        let seen = seen && !pc.is_going_down() && !self.fingers.contains_key(&outlet);
        let state = |on: bool| if on { PowerState::On } else { PowerState::Off };
        let known = Known {
            nature: Nature::Button,
            memory: state(self.board.stored()[usize::from(outlet) - 1]),
            observed: if seen { state(pc.is_on()) } else { PowerState::Unknown },
        };
        let Ok(plan) = plan(state(on), known) else {
            assert!(on && (!seen || pc.is_on()), "only a short press that may do harm is refused");
            return;
        };
        if plan.presses.is_empty() {
            return;
        }
        let simple = plan.presses == [Hold::Short];
        // A contact that is closed by somebody else right now has its hand in it.
        let disturbed = self.board.closed()[usize::from(outlet) - 1] || self.fingers.contains_key(&outlet);
        let order = Order {
            outlet,
            want: on,
            left: plan.presses.into(),
            next: Ok(self.now),
            since: self.now,
            events: Vec::new(),
            disturbed,
            simple,
        };
        self.orders.insert(outlet, order);
    }

    fn apply(&mut self, happening: &Happening) {
        match happening {
            Happening::Switch { outlet, on, seen } => self.switch(*outlet, *on, *seen),
            Happening::Reset => {
                self.disturb(None);
                let emissions = self.board.reset(self.now);
                self.emitted(emissions);
            }
            Happening::Delay(ms) => self.delay = Duration::from_millis(*ms),
            Happening::Finger { outlet, ms } => {
                self.disturb(Some(*outlet));
                self.fingers.insert(*outlet, self.now + Duration::from_millis(*ms));
                let happened = self.pcs.get_mut(outlet).unwrap().finger(true, self.now);
                self.happened(*outlet, &happened);
            }
            Happening::Local(outlet) => {
                self.disturb(Some(*outlet));
                let emissions = self.board.toggle_locally(*outlet, self.now);
                self.emitted(emissions);
            }
            Happening::Look => {
                self.ticket += 1;
                self.desk.look(self.ticket, self.instant());
            }
            Happening::Pass(ms) => self.pass(Duration::from_millis(*ms)),
        }
        self.settle();
        let stuck = self.orders.values().find(|order| self.now > order.since + ORDER);
        assert!(stuck.is_none(), "an order that does not end: {stuck:?}");
    }
}

/// What a history came to.
fn live(happenings: &[Happening], obeys: Option<u64>) -> World {
    let mut world = World::new(obeys);
    for happening in happenings {
        world.apply(happening);
    }
    // Everything ends, and a last look tells the truth.
    world.delay = Duration::ZERO;
    world.pass(ORDER);
    assert!(world.orders.is_empty(), "{:?}", world.orders);
    world.seen = None;
    world.ticket += 1;
    world.desk.look(world.ticket, world.instant());
    world.pass(Duration::from_secs(3));
    let seen = world.seen.take().expect("a board that runs answers a look");
    for (outlet, stored) in (1..=8_u8).zip(world.board.stored()) {
        let truth = if stored { PowerState::On } else { PowerState::Off };
        assert_eq!(seen.outlets[&outlet].commanded, truth, "outlet {outlet}");
    }
    assert_eq!(world.boss, world.board.starts, "nobody but the board itself pressed the controller's button");
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: HISTORIES, ..ProptestConfig::default() })]

    #[test]
    fn no_press_does_the_opposite_of_what_was_asked(
        happenings in prop::collection::vec(happening(), 1..40),
        obeys in prop::option::of(500..8000_u64),
    ) {
        live(&happenings, obeys);
    }
}

#[test]
fn undisturbed_orders_reach_their_aim() {
    let on = |outlet| Happening::Switch { outlet, on: true, seen: true };
    let off = |outlet| Happening::Switch { outlet, on: false, seen: false };
    let world = live(
        &[
            on(1),
            on(2),
            Happening::Pass(3000),
            on(1),
            off(2),
            Happening::Pass(9000),
            off(3),
            Happening::Pass(12_000),
        ],
        Some(2000),
    );
    assert_eq!(world.good, 4);
    let on: Vec<bool> = world.pcs.values().map(Pc::is_on).collect();
    assert_eq!(on, [true, false, false, false, false, false]);
}
