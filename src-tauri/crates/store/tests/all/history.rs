//! Random histories that the fold allows: dice become drafts, and what the fold refuses is left out.

use lab::{
    Body, Code, Draft, Event, Failure, PowerState, RunState, Stamp, Status,
    boot::{BootState, Cause},
    event::SCHEMA,
    facts::Facts,
    run::{StepPlan, TaskKey, TaskPlan},
};
use serde_json::json;

const MACHINES: [&str; 3] = ["node1", "node2", "node3"];
const STEPS: [&str; 3] = ["check", "power-up", "boot"];

/// A legal history and what it folds to.
pub(crate) struct History {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) status: Status,
}

/// Throws the dice one by one. Always begins with an engine's start.
pub(crate) fn legal(dice: &[(u8, u8, u16)]) -> History {
    let mut history = History { drafts: Vec::new(), status: Status::default() };
    history.try_add(engine_started(1), 0);
    for (what, who, much) in dice {
        let machine = MACHINES[usize::from(*who) % MACHINES.len()];
        let (run, boot, subject, body) = next(&history.status, *what, machine, *much);
        let draft = Draft { run, boot, subject, body, ..blank() };
        history.try_add(draft, *much);
    }
    history
}

impl History {
    fn try_add(&mut self, mut draft: Draft, wait: u16) {
        let n = self.drafts.len() as i64;
        let mono_us = self.drafts.last().map_or(0, |d| d.stamp.mono_us) + i64::from(wait) * 997 + 1;
        draft.stamp = Stamp {
            wall_us: 1_795_000_000_000_000 + mono_us,
            mono_us,
            host_boot: format!("host-{}", n / 200),
        };
        let event = Event { seq: self.status.seq + 1, draft: draft.clone(), schema: SCHEMA };
        let mut after = self.status.clone();
        if after.apply(&event).is_ok() {
            self.status = after;
            self.drafts.push(draft);
        }
    }
}

pub(crate) fn blank() -> Draft {
    Draft {
        stamp: Stamp::default(),
        run: None,
        boot: None,
        actor: "engine".into(),
        reason: None,
        subject: "board".into(),
        body: Body::EngineStopped { reason: "stop".into() },
    }
}

pub(crate) fn engine_started(speed: u32) -> Draft {
    Draft { body: Body::EngineStarted { version: "0.1.0".into(), board: "small".into(), speed }, ..blank() }
}

pub(crate) fn boot_started(id: u64, machine: &str) -> Draft {
    Draft {
        boot: Some(id),
        subject: machine.into(),
        body: Body::BootStarted { cause: Cause::Press },
        ..blank()
    }
}

fn failure() -> Failure {
    Failure::new(Code::TimedOut, "wait for \"node\"", "30 s passed", "look at its screen")
}

/// Mostly what comes next for this machine or the run, sometimes something out of turn.
fn next(status: &Status, what: u8, machine: &str, much: u16) -> (Option<u64>, Option<u64>, String, Body) {
    let run = status.live_run();
    let boot = status.machines.get(machine).and_then(|m| m.boot.as_ref()).filter(|b| b.is_running());
    let (run_id, boot_id) = (run.map(|r| r.id), boot.map(|b| b.id));
    let own = machine.to_owned();
    let board = "board".to_owned();
    match what % 16 {
        0..=5 => {
            let (id, body) = match boot {
                None => (Some(status.last_boot + 1), Body::BootStarted { cause: Cause::FirstSign }),
                Some(boot) if much.is_multiple_of(11) => {
                    (Some(boot.id), Body::BootEnded { state: BootState::Abandoned, why: "again".into() })
                }
                Some(boot) => match boot.phase().next() {
                    Some(phase) => (Some(boot.id), Body::PhaseEntered { phase }),
                    None => {
                        (Some(boot.id), Body::BootEnded { state: BootState::Good, why: "reported".into() })
                    }
                },
            };
            (run_id, id, own, body)
        }
        6 | 7 => {
            let detail = json!({ "z": much, "a": f64::from(much) / 7.0, "path": "kernel\u{0}\"é" });
            (run_id, boot_id, own, Body::Marked { mark: format!("mark-{}", much % 5), detail })
        }
        8..=11 => match run {
            None => (Some(status.last_run + 1), None, board, run_started(much)),
            Some(run) => match run.running().next().map(|t| t.key.clone()) {
                Some(key) if much.is_multiple_of(9) => {
                    (run_id, None, key.subject, Body::TaskFailed { step: key.step, failure: failure() })
                }
                Some(key) if much.is_multiple_of(7) => {
                    (run_id, None, key.subject, Body::TaskUndone { step: key.step, why: "crash".into() })
                }
                Some(key) => {
                    let output = json!({ "seconds": f64::from(much) / 3.0, "b": [null, much] });
                    (run_id, None, key.subject, Body::TaskFinished { step: key.step, output })
                }
                None => match run.ready().first() {
                    Some(key) => {
                        let body = Body::TaskStarted { step: key.step.clone(), attempt: u32::from(much) };
                        (run_id, None, key.subject.clone(), body)
                    }
                    None => {
                        let states = [RunState::Done, RunState::Failed, RunState::Cancelled];
                        let state = states[usize::from(much) % 3];
                        (run_id, None, board, Body::RunEnded { state, why: "over".into() })
                    }
                },
            },
        },
        12 if much.is_multiple_of(4) => (run_id, None, board, Body::CancelRequested { why: "enough".into() }),
        12 => (
            run_id,
            boot_id,
            own,
            Body::FactsReported { facts: Box::new(Facts { simulated: true, ..Facts::default() }) },
        ),
        13 => {
            let to = if much.is_multiple_of(2) { PowerState::On } else { PowerState::Off };
            let body = match much % 3 {
                0 => Body::PowerCommanded { outlet: 1, to, evidence: "lab".into() },
                1 => Body::PowerFailed { outlet: 1, to, failure: failure() },
                _ => Body::PowerObserved { state: to, evidence: "packet".into() },
            };
            (run_id, boot_id, own, body)
        }
        14 => {
            let device = format!("device-{}", much % 2);
            let lost = Body::DeviceLost { device: device.clone(), failure: failure() };
            (
                None,
                None,
                device.clone(),
                if much.is_multiple_of(3) { lost } else { Body::DeviceFound { device } },
            )
        }
        _ if much.is_multiple_of(5) => (None, None, board, engine_started(u32::from(much % 3)).body),
        _ => (None, None, board, Body::StorageFailed { why: "full".into() }),
    }
}

fn run_started(much: u16) -> Body {
    let step =
        |id: &str| StepPlan { id: id.into(), words: id.into(), tells: id.into(), limit_s: 30, undo: None };
    let machines = &MACHINES[..1 + usize::from(much) % MACHINES.len()];
    let task = |machine: &str, at: usize| TaskPlan {
        key: TaskKey::new(STEPS[at], machine),
        needs: at.checked_sub(1).map(|before| TaskKey::new(STEPS[before], machine)).into_iter().collect(),
    };
    Body::RunStarted {
        lab: "rehearsal".into(),
        machines: machines.iter().map(|m| (*m).to_owned()).collect(),
        steps: STEPS.iter().map(|id| step(id)).collect(),
        tasks: machines.iter().flat_map(|m| (0..STEPS.len()).map(move |at| task(m, at))).collect(),
    }
}
