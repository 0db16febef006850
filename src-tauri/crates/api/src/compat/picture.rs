//! The engine's picture in the owner's words. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use engine::{ROUTER_DEVICE, SWITCH_DEVICE};
use lab::{
    Board, PowerState, Run, RunState, Status,
    counts::{Counter, Served, Source},
    live::{Live, Snapshot},
    ports::Outlet,
    run::{Task, TaskState},
};

use crate::desks::CountersNow;

use super::{
    labstatus::{Callbacks, Initializer, LabStatus, Outlets, Packets, Ports},
    steps,
};

pub(super) fn lab_status(
    board: &Board,
    picture: &Snapshot,
    callbacks: Callbacks,
    counters: &CountersNow,
) -> LabStatus {
    LabStatus {
        initializer: picture.status.run.as_ref().map(initializer).unwrap_or_default(),
        power: outlets(board, &picture.status),
        switch: ports(picture),
        openwrt: packets(picture),
        callbacks,
        logs: log_stats(counters),
        ..LabStatus::default()
    }
}

/// The 27 counters and the four maps under their names. Zero would say that nothing happened; what nobody tells is null.
pub(super) fn log_stats(now: &CountersNow) -> Value {
    let number = |counter: Counter| match now.sources.of(counter) {
        Source::Absent => Value::Null,
        Source::Log | Source::Engine => json!(now.counts.get(counter)),
    };
    let map = |map: Served| match now.sources.of_map(map) {
        Source::Absent => Value::Null,
        Source::Log | Source::Engine => json!(now.counts.served(map)),
    };
    let numbers = Counter::ALL.into_iter().map(|counter| (counter.name().to_owned(), number(counter)));
    let maps = Served::ALL.into_iter().map(|served| (served.name().to_owned(), map(served)));
    Value::Object(numbers.chain(maps).collect())
}

pub(super) fn initializer(run: &Run) -> Initializer {
    let nodes = run.machines.len() as u64;
    let up = |task: &&Task| task.key.step == steps::NODE_IS_UP && task.state == TaskState::Done;
    let current_step = match run.state {
        RunState::Done => steps::DONE.to_owned(),
        // What was begun is undone; upstream's word for that is none.
        RunState::Cancelled => String::new(),
        RunState::Running | RunState::Cancelling | RunState::Failed => {
            run.current_step().map(|step| steps::wire_name(&step.id).to_owned()).unwrap_or_default()
        }
    };
    Initializer {
        lab_name: run.lab.clone(),
        num_nodes: nodes,
        initialized_nodes: run.tasks.iter().filter(up).count() as u64,
        current_step,
        failed: run.state == RunState::Failed,
        time_spent: time_spent(run),
        ..Initializer::default()
    }
}

/// A step lasts from the end of the one before until its own last task has ended.
fn time_spent(run: &Run) -> Option<BTreeMap<String, u64>> {
    let mut spent: BTreeMap<String, f64> = BTreeMap::new();
    let mut began = &run.started;
    for step in &run.steps {
        let own = || run.tasks.iter().filter(|task| task.key.step == step.id);
        if own().any(|task| task.state != TaskState::Done) {
            break;
        }
        let Some(ended) = own().filter_map(|task| task.ended.as_ref()).max_by_key(|at| at.mono_us) else {
            break;
        };
        let seconds = ended.seconds_since(began).unwrap_or(0.0).max(0.0);
        *spent.entry(steps::wire_name(&step.id).to_owned()).or_default() += seconds;
        began = ended;
    }
    // Of a name that two of our steps share only whole ones count.
    let whole: BTreeMap<String, u64> = spent.into_iter().map(|(name, s)| (name, s as u64)).collect();
    (!whole.is_empty()).then_some(whole)
}

/// On is what was observed, never what was commanded. The controller asks, so it is on.
fn outlets(board: &Board, status: &Status) -> Outlets {
    let on = |number: Outlet| {
        super::targets::machine_at(board, number)
            .and_then(|machine| status.machines.get(&machine.name))
            .is_some_and(|known| known.observed == PowerState::On)
    };
    // Nothing of ours is behind outlet 8; all there is, is what its relay remembers.
    let spare = || {
        let known = status.machines.get("outlet8").is_some_and(|known| known.memory == PowerState::On);
        on(8) || known
    };
    Outlets { p1: on(1), p2: on(2), p3: on(3), p4: on(4), p5: on(5), p6: on(6), p7: true, p8: spare() }
}

fn present(picture: &Snapshot, device: &str) -> bool {
    picture.status.devices.get(device).is_some_and(|known| known.present)
}

/// A switch that does not answer has no ports that are on: these pages know no third word.
fn ports(picture: &Snapshot) -> Ports {
    let Live { switch, .. } = &picture.live;
    let seen = switch.as_ref().filter(|_| present(picture, SWITCH_DEVICE));
    let on = |number: u32| {
        seen.and_then(|switch| switch.reading.ports.get(&number)).is_some_and(|p| p.enabled == Some(true))
    };
    Ports {
        port1: on(1),
        port2: on(2),
        port3: on(3),
        port4: on(4),
        port5: on(5),
        port6: on(6),
        port7: on(7),
        port8: on(8),
    }
}

fn packets(picture: &Snapshot) -> Packets {
    let Some(router) = picture.live.router.as_ref().filter(|_| present(picture, ROUTER_DEVICE)) else {
        return Packets::default();
    };
    let reading = &router.reading;
    Packets {
        num_wan_in: reading.wan_in.unwrap_or_default(),
        num_wan_out: reading.wan_out.unwrap_or_default(),
        num_lan_in: reading.lan_in.unwrap_or_default(),
        num_lan_out: reading.lan_out.unwrap_or_default(),
    }
}
