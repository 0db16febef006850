//! The cables from the outlets to the power buttons: which relay really closes which button, and who else presses it.
//!
//! Buttons live with the board and not with the machines, because how long a press lasted must come from one clock: a
//! process that gets the processor late would otherwise turn a short press into a long one.

use std::time::Duration;

use tokio::sync::mpsc;

use super::RelayView;
use super::button::{PowerButton, Press};
use super::firmware::{Emission, Output};
use crate::config::OUTLETS;

const PLACES: usize = OUTLETS as usize;
/// Where the controller itself hangs.
const BOSS: u8 = 7;

/// The cable from one outlet to one machine.
pub(crate) struct Wiring {
    pub(crate) outlet: u8,
    pub(crate) machine: mpsc::Sender<Press>,
}

struct Place {
    machine: Option<mpsc::Sender<Press>>,
    button: PowerButton,
    /// A finger is on it until then.
    finger: Option<Duration>,
}

/// All buttons, in the order of the outlets that they belong to.
pub(super) struct Places {
    places: Vec<Place>,
    /// What the firmware does with each relay.
    driven: [bool; PLACES],
    stuck: [Option<bool>; PLACES],
    /// The place that each outlet's wires lead to.
    leads_to: [usize; PLACES],
    speed: f64,
    view: RelayView,
    /// Presses that a machine's full queue could not take.
    pub(super) dropped: u64,
}

impl Places {
    pub(super) fn new(wiring: Vec<Wiring>, speed: f64, view: RelayView) -> Places {
        let place = |outlet: u8| Place {
            machine: wiring.iter().find(|wire| wire.outlet == outlet).map(|wire| wire.machine.clone()),
            button: PowerButton::new(speed),
            finger: None,
        };
        Places {
            places: (1..=OUTLETS).map(place).collect(),
            driven: [false; PLACES],
            stuck: [None; PLACES],
            leads_to: std::array::from_fn(|index| index),
            speed,
            view,
            dropped: 0,
        }
    }

    pub(super) fn next_event(&self) -> Option<Duration> {
        let next = |place: &Place| [place.button.next_event(), place.finger].into_iter().flatten().min();
        self.places.iter().filter_map(next).min()
    }

    /// The firmware moved a relay.
    pub(super) fn carry(&mut self, emission: &Emission) {
        if let Output::Contact { outlet, closed } = emission.output
            && let Some(index) = index(outlet)
        {
            tracing::debug!(outlet, closed, "contact");
            self.lift_fingers(emission.at);
            self.driven[index] = closed;
            self.settle(emission.at);
        }
    }

    pub(super) fn advance(&mut self, now: Duration) {
        self.lift_fingers(now);
        for place in 0..self.places.len() {
            let presses = self.places[place].button.advance(now);
            self.tell(place, presses);
        }
    }

    pub(super) fn stick(&mut self, outlet: u8, closed: Option<bool>, now: Duration) {
        if let Some(index) = index(outlet) {
            self.stuck[index] = closed;
            self.settle(now);
        }
    }

    pub(super) fn swap(&mut self, one: u8, other: u8, now: Duration) {
        if let (Some(one), Some(other)) = (index(one), index(other)) {
            self.leads_to.swap(one, other);
            self.settle(now);
        }
    }

    pub(super) fn finger(&mut self, outlet: u8, hold: Duration, now: Duration) {
        if let Some(index) = index(outlet) {
            self.places[index].finger = Some(now + hold.div_f64(self.speed));
            self.settle(now);
        }
    }

    fn lift_fingers(&mut self, now: Duration) {
        while let Some(at) = self.places.iter().filter_map(|place| place.finger).min().filter(|at| *at <= now)
        {
            for place in &mut self.places {
                place.finger = place.finger.filter(|until| *until > at);
            }
            self.settle(at);
        }
    }

    /// Tells each button whether it is held down, by a relay or by a finger.
    fn settle(&mut self, at: Duration) {
        for place in 0..self.places.len() {
            let by_relay = (0..PLACES).any(|outlet| {
                self.leads_to[outlet] == place && self.stuck[outlet].unwrap_or(self.driven[outlet])
            });
            let closed = by_relay || self.places[place].finger.is_some();
            let presses = self.places[place].button.contact(closed, at);
            self.tell(place, presses);
        }
    }

    fn tell(&mut self, place: usize, presses: Vec<Press>) {
        for press in presses {
            if Some(place) == index(BOSS) {
                self.view.boss(press);
            }
            let Some(machine) = &self.places[place].machine else { continue };
            if machine.try_send(press).is_err() {
                self.dropped += 1;
                tracing::warn!(outlet = place + 1, "a machine did not take a press of its power button");
            }
        }
    }
}

fn index(outlet: u8) -> Option<usize> {
    (1..=OUTLETS).contains(&outlet).then(|| usize::from(outlet) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Press::{Down, Held, Up};

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    struct Bench {
        places: Places,
        one: mpsc::Receiver<Press>,
        two: mpsc::Receiver<Press>,
        view: RelayView,
    }

    fn bench() -> Bench {
        let ((one_in, one), (two_in, two)) = (mpsc::channel(8), mpsc::channel(8));
        let wiring = vec![Wiring { outlet: 1, machine: one_in }, Wiring { outlet: 2, machine: two_in }];
        let view = RelayView::default();
        Bench { places: Places::new(wiring, 1.0, view.clone()), one, two, view }
    }

    impl Bench {
        fn relay(&mut self, outlet: u8, from: f64, to: f64) {
            for (at, closed) in [(s(from), true), (s(to), false)] {
                self.places.carry(&Emission { at, output: Output::Contact { outlet, closed } });
            }
        }

        fn felt(&mut self) -> (Vec<Press>, Vec<Press>) {
            let all =
                |queue: &mut mpsc::Receiver<Press>| std::iter::from_fn(|| queue.try_recv().ok()).collect();
            (all(&mut self.one), all(&mut self.two))
        }
    }

    #[test]
    fn a_relay_that_sticks_open_presses_nothing() {
        let mut b = bench();
        b.places.stick(1, Some(false), s(0.0));
        b.relay(1, 1.0, 1.25);
        assert_eq!(b.felt(), (vec![], vec![]));
        b.places.stick(1, None, s(2.0));
        b.relay(1, 3.0, 3.25);
        assert_eq!(b.felt(), (vec![Down, Up], vec![]));
    }

    #[test]
    fn a_relay_that_sticks_closed_holds_the_button_down() {
        let mut b = bench();
        b.relay(1, 1.0, 1.1);
        b.places.stick(1, Some(true), s(2.0));
        b.relay(1, 2.5, 2.75);
        b.places.advance(s(7.0));
        assert_eq!(b.felt(), (vec![Down, Up, Down, Held], vec![]));
        b.places.stick(1, None, s(8.0));
        assert_eq!(b.felt(), (vec![], vec![]), "letting go after that says nothing");
    }

    #[test]
    fn swapped_wires_press_the_other_machine_until_they_are_swapped_back() {
        let mut b = bench();
        b.places.swap(1, 2, s(0.0));
        b.relay(1, 1.0, 1.25);
        assert_eq!(b.felt(), (vec![], vec![Down, Up]));
        b.places.swap(1, 2, s(2.0));
        b.relay(1, 3.0, 3.25);
        assert_eq!(b.felt(), (vec![Down, Up], vec![]));
    }

    #[test]
    fn a_finger_presses_without_the_board_and_together_with_it() {
        let mut b = bench();
        b.places.finger(2, s(0.3), s(1.0));
        assert_eq!(b.places.next_event(), Some(s(1.05)));
        b.places.advance(s(1.05));
        assert_eq!(b.places.next_event(), Some(s(1.3)));
        b.places.advance(s(2.0));
        assert_eq!(b.felt(), (vec![], vec![Down, Up]));
        // The finger keeps the button down after the relay has let go.
        b.places.finger(2, s(5.0), s(3.0));
        b.relay(2, 3.1, 3.35);
        b.places.advance(s(9.0));
        assert_eq!(b.felt(), (vec![], vec![Down, Held]));
        for outlet in [0, 9, 255] {
            b.places.finger(outlet, s(1.0), s(10.0));
            b.places.swap(outlet, 1, s(10.0));
            b.places.stick(outlet, Some(true), s(10.0));
        }
        b.places.advance(s(20.0));
        assert_eq!(b.felt(), (vec![], vec![]), "there is nothing to press there");
    }

    #[test]
    fn presses_of_the_controllers_button_are_counted() {
        let mut b = bench();
        b.relay(7, 0.0, 0.25);
        assert_eq!((b.view.boss_presses(), b.view.boss_kills()), (1, 0));
        b.relay(7, 1.0, 6.5);
        assert_eq!((b.view.boss_presses(), b.view.boss_kills()), (2, 1));
        b.places.swap(1, 7, s(7.0));
        b.relay(1, 8.0, 8.25);
        assert_eq!(b.view.boss_presses(), 3, "whatever wire it came by");
    }
}
