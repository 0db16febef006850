//! What is asked of the relay board, what it said, and which command may go out when. Pure: no line, no clock.
//!
//! The rules come from what the board does with commands: a repeated one lengthens the press (a short press becomes a
//! power-off), an opposite one is lost, states change only when a press ends. So: look before pressing, one press an
//! outlet at a time, never repeat, and believe only a status line that shows the target.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use lab::ports::{OutletReading, PowerReading};
use lab::power::PowerState;

use super::codec::{CHANNELS, Channel, Command, Line};

/// The board handles one line a loop and redraws its display in between.
const GAP: Duration = Duration::from_millis(50);
/// A short press takes 250 ms, a long one 5.5 s; the rest is for a slow reply.
const ON_LIMIT: Duration = Duration::from_secs(2);
const OFF_LIMIT: Duration = Duration::from_secs(8);
/// Some machines ignore a short press right after a long one.
const REST: Duration = Duration::from_millis(1500);
/// A look while a press is under way.
const POLL: Duration = Duration::from_millis(150);
/// The reply can be late by a redraw; after this it is lost.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How long a look may take before the last known state is given instead.
const LOOK_LIMIT: Duration = Duration::from_millis(1200);
/// What was heard before this is no knowledge any more.
const STALE: Duration = Duration::from_secs(5);

/// Tells one request from another.
pub type Ticket = u64;

/// Why a request came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("another press of this outlet is under way")]
    Busy,
    /// It would ignore the order: whoever gave it believed something else of it.
    #[error("the relay board remembers this outlet as {} already, and nothing was pressed", .0.word())]
    Already(PowerState),
    #[error("the relay board does not answer")]
    Silent,
    #[error("the relay board's own display failed, which makes it hang")]
    Hung,
    #[error("the relay board still shows the old state after {} s", .0.as_secs())]
    NotReached(Duration),
    #[error("the relay board restarted meanwhile and has forgotten all states")]
    Restarted,
    #[error("the serial line was lost meanwhile")]
    Lost,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Send(Command),
    /// The answer to a look.
    Seen(Ticket, Result<PowerReading, Failure>),
    /// The end of a press.
    Pressed(Ticket, Result<(), Failure>),
}

#[derive(Debug)]
struct Look {
    ticket: Ticket,
    since: Instant,
    /// How many questions had gone out before: only the answer to a later one counts.
    after: u64,
}

#[derive(Debug)]
struct Press {
    ticket: Ticket,
    target: PowerState,
    since: Instant,
    after: u64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// An earlier press, whose end we could not see, may still be under way.
    Held(Instant),
    /// Waiting for a status line, to see whether there is anything to do.
    Looking,
    /// There is; waiting for the moment.
    Due(Instant),
    /// The command is out; waiting for the state to change.
    Sent(Instant),
}

#[derive(Debug, Default)]
pub struct Desk {
    known: Option<[bool; CHANNELS]>,
    heard: Option<Instant>,
    hung: bool,
    incarnation: u64,
    /// `starting` was seen, its `ready` not yet.
    starting: bool,
    looks: Vec<Look>,
    presses: BTreeMap<Channel, Press>,
    off_ended: BTreeMap<Channel, Instant>,
    /// Presses that were under way when the line was lost end by then at the latest.
    held: BTreeMap<Channel, Instant>,
    /// When the last command went out, and when the last question did.
    sent: Option<Instant>,
    asked: Option<Instant>,
    /// How many questions have gone out.
    questions: u64,
    effects: VecDeque<Effect>,
}

impl Desk {
    pub fn look(&mut self, ticket: Ticket, now: Instant) {
        self.looks.push(Look { ticket, since: now, after: self.questions });
    }

    pub fn press(&mut self, ticket: Ticket, channel: Channel, target: PowerState, now: Instant) {
        if self.presses.contains_key(&channel) {
            self.effects.push_back(Effect::Pressed(ticket, Err(Failure::Busy)));
            return;
        }
        let phase =
            self.held.remove(&channel).filter(|until| *until > now).map_or(Phase::Looking, Phase::Held);
        let press = Press { ticket, target, since: now, after: self.questions, phase };
        self.presses.insert(channel, press);
    }

    /// The board said something.
    pub fn heard(&mut self, line: Line, now: Instant) {
        self.hung = false;
        match line {
            Line::Status(state) => self.status(state, now),
            Line::Starting => {
                self.starting = true;
                self.restarted();
            }
            // The second half of one restart, unless the first was lost in the noise.
            Line::Ready if self.starting => self.starting = false,
            Line::Ready => self.restarted(),
            Line::Hung => {
                self.hung = true;
                self.known = None;
                self.heard = None;
            }
        }
    }

    fn status(&mut self, state: [bool; CHANNELS], now: Instant) {
        self.known = Some(state);
        self.heard = Some(now);
        // A line that was on its way before we asked answers an older question.
        let questions = self.questions;
        let reading = self.reading();
        self.looks.retain(|look| {
            let answered = questions > look.after;
            if answered {
                self.effects.push_back(Effect::Seen(look.ticket, Ok(reading.clone())));
            }
            !answered
        });
        let mut ended: Vec<(Channel, Result<(), Failure>)> = Vec::new();
        for (channel, press) in &mut self.presses {
            let reached = state[usize::from(channel.outlet()) - 1] == (press.target == PowerState::On);
            match press.phase {
                Phase::Looking if questions <= press.after => {}
                Phase::Looking if reached => ended.push((*channel, Err(Failure::Already(press.target)))),
                Phase::Sent(_) if reached => {
                    if press.target == PowerState::Off {
                        self.off_ended.insert(*channel, now);
                    }
                    ended.push((*channel, Ok(())));
                }
                Phase::Looking => {
                    let rested = self.off_ended.get(channel).map_or(now, |ended| *ended + REST);
                    let due = if press.target == PowerState::On { rested.max(now) } else { now };
                    press.phase = Phase::Due(due);
                }
                Phase::Held(_) | Phase::Due(_) | Phase::Sent(_) => {}
            }
        }
        for (channel, result) in ended {
            self.end(channel, result);
        }
    }

    /// All states are forgotten, and no press of ours is under way any more.
    fn restarted(&mut self) {
        self.incarnation += 1;
        self.known = None;
        self.off_ended.clear();
        self.held.clear();
        self.fail_presses(Failure::Restarted);
    }

    /// The serial line is gone. What is known stays known until it is stale.
    pub fn lost(&mut self) {
        for (channel, press) in &self.presses {
            match press.phase {
                // Until then the board would ignore or lengthen, and show the old state.
                Phase::Sent(sent) => self.held.insert(*channel, sent + limit(press.target)),
                Phase::Held(until) => self.held.insert(*channel, until),
                Phase::Looking | Phase::Due(_) => None,
            };
        }
        self.fail_presses(Failure::Lost);
        for look in std::mem::take(&mut self.looks) {
            self.effects.push_back(Effect::Seen(look.ticket, Err(Failure::Lost)));
        }
        self.sent = None;
        self.asked = None;
    }

    fn fail_presses(&mut self, failure: Failure) {
        for press in std::mem::take(&mut self.presses).into_values() {
            self.effects.push_back(Effect::Pressed(press.ticket, Err(failure)));
        }
    }

    fn end(&mut self, channel: Channel, result: Result<(), Failure>) {
        if let Some(press) = self.presses.remove(&channel) {
            self.effects.push_back(Effect::Pressed(press.ticket, result));
        }
    }

    fn silence(&self) -> Failure {
        if self.hung { Failure::Hung } else { Failure::Silent }
    }

    fn reading(&self) -> PowerReading {
        let state = |at: usize| match self.known.map(|known| known[at]) {
            Some(true) => PowerState::On,
            Some(false) => PowerState::Off,
            None => PowerState::Unknown,
        };
        let outlets = (1_u8..).zip(0..CHANNELS);
        let outlets =
            outlets.map(|(outlet, at)| (outlet, OutletReading { commanded: state(at), observed: None }));
        PowerReading { outlets: outlets.collect(), incarnation: self.incarnation, ..PowerReading::default() }
    }

    /// Everything that is to be done now. At most one command a call, and none before its gap is over.
    pub fn step(&mut self, now: Instant) -> VecDeque<Effect> {
        for press in self.presses.values_mut() {
            if let Phase::Held(until) = press.phase
                && now >= until
            {
                (press.phase, press.since, press.after) = (Phase::Looking, now, self.questions);
            }
        }
        self.expire(now);
        if self.sent.is_none_or(|sent| now >= sent + GAP)
            && let Some(command) = self.next_command(now)
        {
            self.sent = Some(now);
            if command == Command::Status {
                self.asked = Some(now);
                self.questions += 1;
            }
            self.effects.push_back(Effect::Send(command));
        }
        std::mem::take(&mut self.effects)
    }

    fn expire(&mut self, now: Instant) {
        let silence = self.silence();
        // A reply that is late by a redraw is no reason to forget what was said a second ago.
        let known = self.heard.is_some_and(|heard| now < heard + STALE);
        let reading = self.reading();
        self.looks.retain(|look| {
            let over = now >= look.since + LOOK_LIMIT;
            if over {
                let result = if known { Ok(reading.clone()) } else { Err(silence) };
                self.effects.push_back(Effect::Seen(look.ticket, result));
            }
            !over
        });
        let over: Vec<(Channel, Failure)> = self
            .presses
            .iter()
            .filter(|(_, press)| deadline(press).is_some_and(|deadline| now >= deadline))
            .map(|(channel, press)| match press.phase {
                // Not a single line since the command: then it is the line, not the contact.
                Phase::Sent(sent) if self.heard.is_some_and(|heard| heard > sent) => {
                    (*channel, Failure::NotReached(limit(press.target)))
                }
                _ => (*channel, silence),
            })
            .collect();
        for (channel, failure) in over {
            self.end(channel, Err(failure));
        }
    }

    fn next_command(&mut self, now: Instant) -> Option<Command> {
        for (channel, press) in &mut self.presses {
            if let Phase::Due(due) = press.phase
                && now >= due
            {
                press.phase = Phase::Sent(now);
                let on = press.target == PowerState::On;
                return Some(if on { Command::On(*channel) } else { Command::Off(*channel) });
            }
        }
        self.question_due().is_some_and(|due| now >= due).then_some(Command::Status)
    }

    /// When the next status question should go out, if anybody wants to know.
    fn question_due(&self) -> Option<Instant> {
        let again = |since: Instant, after: u64| match self.asked {
            Some(asked) if self.questions > after => asked + ASK_AGAIN,
            _ => since,
        };
        let poll = |sent: Instant| self.asked.map_or(sent, |asked| asked.max(sent)) + POLL;
        let looks = self.looks.iter().map(|look| again(look.since, look.after));
        let presses = self.presses.values().filter_map(|press| match press.phase {
            Phase::Looking => Some(again(press.since, press.after)),
            Phase::Held(_) | Phase::Due(_) => None,
            Phase::Sent(sent) => Some(poll(sent)),
        });
        looks.chain(presses).min()
    }

    /// When `step` has something to do again.
    pub fn wake(&self) -> Option<Instant> {
        let gap = self.sent.map(|sent| sent + GAP);
        let after_gap = |due: Instant| gap.map_or(due, |gap| gap.max(due));
        let commands = self.presses.values().filter_map(|press| match press.phase {
            Phase::Due(due) => Some(after_gap(due)),
            Phase::Held(until) => Some(until),
            _ => None,
        });
        let limits = self.presses.values().filter_map(deadline);
        let looks = self.looks.iter().map(|look| look.since + LOOK_LIMIT);
        commands.chain(limits).chain(looks).chain(self.question_due().map(after_gap)).min()
    }
}

fn limit(target: PowerState) -> Duration {
    if target == PowerState::On { ON_LIMIT } else { OFF_LIMIT }
}

/// A press that only waits for its moment has no limit but that moment.
fn deadline(press: &Press) -> Option<Instant> {
    match press.phase {
        Phase::Looking => Some(press.since + ON_LIMIT),
        Phase::Held(_) | Phase::Due(_) => None,
        Phase::Sent(sent) => Some(sent + limit(press.target)),
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
