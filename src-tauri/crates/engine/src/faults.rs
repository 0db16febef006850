//! Faults that a person puts in: the port does it first, then it is recorded; they end with the engine.

use std::time::Duration;

use lab::{Body, Code, Draft, Failure, fault::Fault, ports::PortError, status::BOARD};
use tokio::{sync::oneshot, task::JoinSet};

use crate::{handle::Outcome, turn::Engine};

/// Changes under way at the same time. Each takes milliseconds, but for a server that must start.
const UNDER_WAY: usize = 16;
/// Drivers end within their own limits; this is for one that does not.
const LIMIT: Duration = Duration::from_secs(60);

/// Changes that the port is making.
pub(crate) type Changes = JoinSet<Change>;

/// A change that the port has made, or not.
pub(crate) struct Change {
    machine: String,
    fault: Fault,
    on: bool,
    actor: String,
    reason: Option<String>,
    answer: oneshot::Sender<Result<Outcome, Failure>>,
    result: Result<(), PortError>,
}

/// What is asked for.
pub(crate) struct Wish {
    pub(crate) machine: String,
    pub(crate) fault: Fault,
    pub(crate) on: bool,
    pub(crate) actor: String,
    pub(crate) reason: Option<String>,
}

fn words(fault: Fault, machine: &str, on: bool) -> String {
    if on {
        format!("put the fault {} into {machine}", fault.word())
    } else {
        format!("take the fault {} out of {machine}", fault.word())
    }
}

impl Engine {
    /// Begins a change, or refuses it at once.
    pub(crate) fn set_fault(&mut self, wish: Wish, answer: oneshot::Sender<Result<Outcome, Failure>>) {
        let Wish { machine, fault, on, actor, reason } = wish;
        let what = words(fault, &machine, on);
        let port = match self.may_set(&machine, fault, &what) {
            Ok(port) => port,
            Err(failure) => return self.refuse(what, failure, actor, reason, answer),
        };
        self.changes.spawn(async move {
            let late = || PortError {
                what,
                why: format!("no end within {} s", LIMIT.as_secs()),
                remedy: "restart the program: all faults end with it".into(),
                absent: false,
            };
            let set = tokio::time::timeout(LIMIT, port.set(&machine, fault, on)).await;
            let result = set.unwrap_or_else(|_| Err(late()));
            Change { machine, fault, on, actor, reason, answer, result }
        });
    }

    fn may_set(
        &self,
        machine: &str,
        fault: Fault,
        what: &str,
    ) -> Result<std::sync::Arc<dyn lab::ports::Faults>, Failure> {
        self.core.writable()?;
        let no = |code, why: String, remedy: &str| Err(Failure::new(code, what, why, remedy));
        let board = &self.config.board;
        if fault.is_of_gear() != (machine == BOARD) {
            let why = match fault.is_of_gear() {
                true => "it is a fault of the board's gear, not of a machine",
                false => "it is a fault of a machine",
            };
            return no(Code::BadRequest, why.into(), "`statusinator fault list` says which is which");
        }
        if machine != BOARD && !board.machines.iter().any(|known| known.name == machine) {
            let why = "this board has no such machine".into();
            return no(Code::UnknownMachine, why, "ask for the list of machines");
        }
        let Some(port) = &self.config.ports.faults else {
            let why = "faults are put into simulated and virtual boards only".into();
            return no(
                Code::Forbidden,
                why,
                "start `statusinator serve --board virtual` or `--board simulated`",
            );
        };
        if !port.possible().contains(&fault) {
            let kind = board.board.kind.word();
            let why = format!("a {kind} board cannot do that, or is still being built");
            return no(Code::BadRequest, why, "`statusinator fault list` says what it can do");
        }
        if self.changes.len() >= UNDER_WAY {
            return no(Code::Busy, "other faults are being set".into(), "try again in a second");
        }
        Ok(port.clone())
    }

    /// Records what the port has done; what changed nothing is no event.
    pub(crate) fn fault_set(&mut self, change: Change) {
        let Change { machine, fault, on, actor, reason, answer, result } = change;
        if let Err(error) = result {
            return self.refuse(words(fault, &machine, on), error.into(), actor, reason, answer);
        }
        let known = match machine == BOARD {
            true => self.core.ahead.gear_faults.contains(&fault),
            false => self.core.ahead.machines.get(&machine).is_some_and(|m| m.faults.contains(&fault)),
        };
        if known != on {
            let draft = self.core.draft(&machine, Body::FaultSet { fault, on });
            self.core.record(Draft { actor, reason, ..draft });
        }
        self.answers.push((answer, Ok(Outcome::Recorded)));
    }

    pub(crate) fn refuse(
        &mut self,
        command: String,
        failure: Failure,
        actor: String,
        reason: Option<String>,
        answer: oneshot::Sender<Result<Outcome, Failure>>,
    ) {
        let draft = self.core.draft("board", Body::CommandRefused { command, failure: failure.clone() });
        self.core.record(Draft { actor, reason, ..draft });
        self.answers.push((answer, Err(failure)));
    }

    /// Faults live in this process and in what it made; what an earlier engine had put in is gone.
    pub(crate) fn faults_are_gone(&mut self) {
        let machines = self.core.ahead.machines.iter();
        let gone: Vec<(String, Fault)> = machines
            .flat_map(|(name, machine)| machine.faults.iter().map(|fault| (name.clone(), *fault)))
            .collect();
        let gear = self.core.ahead.gear_faults.iter().map(|fault| (BOARD.to_owned(), *fault));
        for (machine, fault) in gone.into_iter().chain(gear.collect::<Vec<_>>()) {
            let draft = self.core.draft(&machine, Body::FaultSet { fault, on: false });
            let reason = Some("faults end with the engine that put them in".into());
            self.core.record(Draft { reason, ..draft });
        }
    }
}
