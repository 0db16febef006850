//! Which presses make a machine what was asked, and whether one of them would do the opposite. Pure.
//!
//! A relay board cannot be told "press": `on` presses briefly and only while it remembers the outlet as off, `off` holds
//! the button and only while it remembers it as on. A held button switches any machine off, whatever it was; a short one
//! starts it or asks it to shut down, depending on what it is. So `off` can always be reached, and `on` only from off.

use super::PowerState;
use crate::ports::{Hold, Nature};

/// What is known of an outlet and of the machine behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub nature: Nature,
    /// What the device remembers, which decides what it will do.
    pub memory: PowerState,
    /// What the machine is, by evidence.
    pub observed: PowerState,
}

/// Presses in their order, each after the one before has ended and a rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub presses: Vec<Hold>,
    /// For the record: why these.
    pub why: &'static str,
}

/// Why nothing is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    #[error("whether it is on is not known, and a short press would ask a running system to shut down")]
    Unknown,
    #[error("it is on, and a short press would ask it to shut down")]
    AlreadyOn,
    #[error("the device does not say what it would do")]
    Memory,
}

/// What to press so that the machine becomes `want`. An empty plan: it is that already.
pub fn plan(want: PowerState, known: Known) -> Result<Plan, Unsafe> {
    let presses = |presses: &[Hold], why| Ok(Plan { presses: presses.to_vec(), why });
    match (known.nature, want, known.observed) {
        (_, PowerState::Unknown, _) => presses(&[], "nothing was asked"),
        (_, PowerState::Off, PowerState::Off) => presses(&[], "it is off"),
        (Nature::Managed | Nature::Wake, PowerState::On, PowerState::On) => presses(&[], "it is on"),
        (Nature::Managed | Nature::Supply | Nature::Wake, PowerState::On, _) => {
            presses(&[Hold::Short], "its control does what it is told")
        }
        (Nature::Managed | Nature::Supply | Nature::Wake, PowerState::Off, _) => {
            presses(&[Hold::Long], "its control does what it is told")
        }
        (Nature::Button, PowerState::On, PowerState::On) => Err(Unsafe::AlreadyOn),
        (Nature::Button, PowerState::On, PowerState::Unknown) => Err(Unsafe::Unknown),
        (Nature::Button, PowerState::On, PowerState::Off) => match known.memory {
            PowerState::Off => presses(&[Hold::Short], "it is off and its outlet remembers off"),
            PowerState::On => {
                presses(&[Hold::Long, Hold::Short], "it is off although its outlet remembers on")
            }
            PowerState::Unknown => Err(Unsafe::Memory),
        },
        (Nature::Button, PowerState::Off, _) => match known.memory {
            PowerState::On => presses(&[Hold::Long], "a long press switches it off, whatever it does"),
            PowerState::Off => presses(
                &[Hold::Short, Hold::Long],
                "its outlet remembers off: only after a short press it can be held",
            ),
            PowerState::Unknown => Err(Unsafe::Memory),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use PowerState::{Off, On, Unknown};

    /// A PC and the memory of its relay, as the reference describes both.
    fn press(hold: Hold, memory: &mut bool, pc: &mut bool) {
        match (hold, *memory) {
            (Hold::Short, false) => {
                *memory = true;
                // A running system may or may not obey; here it obeys at once, which is the worse case.
                *pc = !*pc;
            }
            (Hold::Long, true) => {
                *memory = false;
                *pc = false;
            }
            _ => {}
        }
    }

    fn state(on: bool) -> PowerState {
        if on { On } else { Off }
    }

    proptest! {
        /// Whatever a relay remembers and whatever is known of the machine: a plan ends where it was meant to, and an
        /// order to switch on never ends in off.
        #[test]
        fn a_plan_ends_where_it_was_meant_to(memory: bool, pc: bool, seen: bool, want: bool) {
            let observed = if seen { state(pc) } else { Unknown };
            let known = Known { nature: Nature::Button, memory: state(memory), observed };
            let (mut end_memory, mut end) = (memory, pc);
            match plan(state(want), known) {
                Ok(plan) => {
                    for hold in plan.presses {
                        press(hold, &mut end_memory, &mut end);
                    }
                    prop_assert_eq!(end, want);
                }
                Err(_) => prop_assert!(want && (!seen || pc)),
            }
        }
    }

    #[test]
    fn nothing_is_pressed_while_the_device_is_silent_about_itself() {
        let known = |observed| Known { nature: Nature::Button, memory: Unknown, observed };
        assert_eq!(plan(Off, known(On)), Err(Unsafe::Memory));
        assert_eq!(plan(On, known(Off)), Err(Unsafe::Memory));
    }

    #[test]
    fn controls_that_know_are_told_directly() {
        for nature in [Nature::Managed, Nature::Supply] {
            let known = Known { nature, memory: Unknown, observed: Unknown };
            assert_eq!(plan(On, known).unwrap().presses, [Hold::Short]);
            assert_eq!(plan(Off, known).unwrap().presses, [Hold::Long]);
        }
    }
}
