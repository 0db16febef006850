//! Which numbers there are.

use lab::{
    Board,
    counts::{Counter, Served, Source},
    live::Snapshot,
    power::PowerState,
};

use super::text::{
    Kind::{Counter as Count, Gauge},
    Text,
};
use crate::desks::CountersNow;

type Row<'a> = (Vec<(&'a str, String)>, Option<f64>);

fn row<'a>(name: &'a str, value: &str, number: Option<f64>) -> Row<'a> {
    (vec![(name, value.to_owned())], number)
}

/// One row for the state that holds, as in `{machine="pc1",state="on"} 1`.
fn state<'a>(name: &'a str, who: &str, state: &str) -> Row<'a> {
    (vec![(name, who.to_owned()), ("state", state.to_owned())], Some(1.0))
}

fn flag(is: bool) -> Option<f64> {
    Some(f64::from(u8::from(is)))
}

fn seconds(us: i64) -> Option<f64> {
    Some(us as f64 / 1e6)
}

fn count(number: u64) -> Option<f64> {
    Some(number as f64)
}

pub(super) fn program(text: &mut Text, board: &Board, seen: &Snapshot) {
    let status = &seen.status;
    let version = row("version", &status.engine.version, Some(1.0));
    text.family(Gauge, "build_info", "Version of the program.", [version]);
    let about = vec![("board", board.board.name.clone()), ("kind", board.board.kind.word().to_owned())];
    text.family(Gauge, "board_info", "The board that is watched.", [(about, Some(1.0))]);
    let started = status.engine.started.as_ref().and_then(|stamp| seconds(stamp.wall_us));
    text.one(Gauge, "start_timestamp_seconds", "When the engine started, in seconds since 1970.", started);
    text.one(Count, "events", "Events recorded since the board's history began.", count(status.seq));
    text.one(Count, "runs", "Runs of labs since the board's history began.", count(status.last_run));
    text.one(Count, "boots", "Boots of machines since the board's history began.", count(status.last_boot));
    if let Some(run) = &status.run {
        let labels = vec![("lab", run.lab.clone()), ("state", run.state.word().to_owned())];
        text.family(Gauge, "run_state", "The latest run.", [(labels, Some(1.0))]);
    }
    let ready = seen.live.services.iter().map(|service| row("service", &service.name, flag(service.ready)));
    text.family(Gauge, "service_ready", "Whether a service of the engine is ready.", ready);
    let troubled = status.troubles.keys().map(|service| row("service", service, Some(1.0)));
    text.family(Gauge, "service_troubled", "Services that do not keep what they promise.", troubled);
    let storage = seen.live.storage.as_ref();
    text.one(Gauge, "storage_failed", "Whether events cannot be written.", flag(storage.is_some()));
    let waiting = count(storage.map_or(0, |trouble| trouble.waiting as u64));
    text.one(Gauge, "storage_waiting", "Events that wait to be written.", waiting);
    // Of our boot services, and what found no room in a queue.
    let told = seen.live.counters.iter().map(|(name, value)| row("counter", name, count(*value)));
    text.family(Count, "engine", "What the boot services and the engine count.", told);
}

pub(super) fn machines(text: &mut Text, board: &Board, seen: &Snapshot) {
    let all = || {
        let known = board.machines.iter();
        known.map(|machine| (machine.name.as_str(), seen.status.machines.get(&machine.name)))
    };
    let observed = |machine: Option<&lab::status::MachineStatus>| {
        machine.map_or(PowerState::Unknown, |machine| machine.observed).word()
    };
    let rows = all().map(|(name, machine)| state("machine", name, observed(machine)));
    text.family(Gauge, "machine_power_state", "A machine's power as it is observed.", rows);
    let rows = all()
        .filter_map(|(name, machine)| Some(state("machine", name, machine?.boot.as_ref()?.state.word())));
    text.family(Gauge, "machine_boot_state", "How a machine's latest boot stands.", rows);
    let rows =
        all().map(|(name, machine)| row("machine", name, flag(machine.is_some_and(|m| m.verdict.is_some()))));
    text.family(
        Gauge,
        "machine_explained",
        "Whether a machine's latest boot has an explanation of a fault.",
        rows,
    );
    let rows = all()
        .map(|(name, machine)| row("machine", name, flag(machine.is_some_and(|m| m.held_back.is_some()))));
    text.family(
        Gauge,
        "machine_held_back",
        "Whether a machine began again too often and gets nothing.",
        rows,
    );
    let rows = all().map(|(name, machine)| row("machine", name, machine.and_then(|m| m.link).and_then(flag)));
    text.family(Gauge, "machine_link_up", "Whether a machine's network port has a link.", rows);
    let rows = all().map(|(name, machine)| row("machine", name, machine.and_then(|m| count(m.link_losses))));
    text.family(Count, "machine_link_losses", "Links lost since the engine started.", rows);
    let heard =
        seen.live.heard.iter().map(|(name, heard)| row("machine", name, seconds(heard.stamp.wall_us)));
    text.family(Gauge, "machine_heard_timestamp_seconds", "When a machine was last heard.", heard);
    let strangers = count(seen.live.unknown.len() as u64);
    text.one(Gauge, "strangers", "Machines on the network that the board file does not know.", strangers);
}

pub(super) fn gear(text: &mut Text, seen: &Snapshot) {
    let devices = || seen.status.devices.iter();
    let rows = devices().map(|(name, device)| row("device", name, flag(device.present)));
    text.family(Gauge, "device_present", "Whether a device answers.", rows);
    let rows = devices().map(|(name, device)| row("device", name, count(device.losses)));
    text.family(Count, "device_losses", "Times that a device was lost since the engine started.", rows);
}

pub(super) fn streams(text: &mut Text, seen: &Snapshot) {
    let all = || seen.live.streams.iter();
    let rows = all().map(|(name, stream)| row("stream", name, count(stream.reading.items)));
    text.family(Count, "stream_items", "Items that came since the engine started.", rows);
    let rows = all().map(|(name, stream)| row("stream", name, count(stream.reading.dropped)));
    text.family(Count, "stream_dropped", "Items that found no room.", rows);
    let rows = all().map(|(name, stream)| row("stream", name, count(stream.reading.bad)));
    text.family(Count, "stream_bad", "Items that could not be read.", rows);
    let rows = all().map(|(name, stream)| row("stream", name, stream.rate));
    text.family(Gauge, "stream_rate", "Items a second over the last ten seconds.", rows);
    let rows = all().map(|(name, stream)| {
        row("stream", name, stream.reading.newest.as_ref().and_then(|newest| seconds(newest.wall_us)))
    });
    text.family(Gauge, "stream_newest_timestamp_seconds", "When the newest item came.", rows);
    let rows =
        all().map(|(name, _)| row("stream", name, flag(seen.status.watched.silent.contains_key(name))));
    text.family(Gauge, "stream_silent", "Whether a stream fell silent.", rows);
}

pub(super) fn certificates(text: &mut Text, seen: &Snapshot) {
    let all = || seen.live.certificates.iter().flat_map(|live| &live.list);
    let rows = all().map(|judged| state("certificate", &judged.reading.name, judged.state.word()));
    text.family(Gauge, "certificate_state", "What a certificate is worth now.", rows);
    let rows = all().map(|judged| {
        let end = judged.reading.facts.as_ref().and_then(|facts| seconds(facts.not_after_us));
        row("certificate", &judged.reading.name, end)
    });
    text.family(Gauge, "certificate_not_after_timestamp_seconds", "When a certificate ends.", rows);
    let rows = all().map(|judged| row("certificate", &judged.reading.name, judged.due_us.and_then(seconds)));
    text.family(Gauge, "certificate_due_timestamp_seconds", "When a certificate is to be renewed.", rows);
    if let Some(clock) = &seen.status.watched.clock {
        let trust = row("trust", clock.trust.word(), Some(1.0));
        text.family(Gauge, "clock_trust", "How far the wall clock is believed.", [trust]);
        text.one(Gauge, "clock_ahead_seconds", "By how much the wall clock is wrong.", clock.ahead_s);
    }
}

pub(super) fn health(text: &mut Text, seen: &Snapshot) {
    let Some((health, _)) = &seen.live.health else { return };
    let bytes = |number: Option<u64>| number.and_then(count);
    text.one(Gauge, "host_cpu_ratio", "Share of all processors in use.", health.cpu);
    text.one(Gauge, "host_softirq_ratio", "Share spent on network interrupts.", health.softirq);
    text.one(Gauge, "host_memory_used_bytes", "Memory in use.", bytes(health.memory_used));
    text.one(Gauge, "host_memory_bytes", "Memory.", bytes(health.memory_total));
    text.one(Gauge, "host_disk_free_bytes", "Room on the data folder's disk.", bytes(health.disk_free));
    text.one(Gauge, "host_disk_bytes", "Size of the data folder's disk.", bytes(health.disk_total));
    text.one(Gauge, "host_temperature_celsius", "The hottest sensor.", health.celsius);
    let help = "Datagrams dropped by full sockets between the last two looks.";
    text.one(Gauge, "host_socket_drops", help, bytes(health.socket_drops));
    let help = "Frames dropped before the network stack between the last two looks.";
    text.one(Gauge, "host_backlog_drops", help, bytes(health.backlog_drops));
}

/// The owner's counters, by the owner's names. Whom nobody tells has no row.
pub(super) fn counters(text: &mut Text, now: &CountersNow) {
    let told = |source: Source| match source {
        Source::Absent => None,
        Source::Log => Some("log"),
        Source::Engine => Some("engine"),
    };
    let labels = |name: &'static str, of: &str, source: &str| {
        vec![(name, of.to_owned()), ("source", source.to_owned())]
    };
    let rows = Counter::ALL.into_iter().filter_map(|counter| {
        let source = told(now.sources.of(counter))?;
        Some((labels("counter", counter.name(), source), count(now.counts.get(counter))))
    });
    text.family(Count, "lab", "The lab's counters, by their names on its status page.", rows);
    let rows = Served::ALL.into_iter().filter_map(|map| {
        let source = told(now.sources.of_map(map))?;
        Some((labels("map", map.name(), source), count(now.counts.served(map).values().sum())))
    });
    text.family(Count, "lab_served", "What was served, all addresses together.", rows);
}
