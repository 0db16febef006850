//! The controller's own health, read from its kernel's tables.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use engine::{Observation, ObservationSink};
use lab::health::{Health, parse};
use nix::sys::statvfs::statvfs;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// Load and drops are seen while they happen; reading costs less than a millisecond.
const PERIOD: Duration = Duration::from_secs(2);

/// What the look before counted.
#[derive(Default)]
struct Before {
    cpu: Option<parse::CpuTicks>,
    sockets: Option<u64>,
    backlog: Option<u64>,
}

/// Reads it until told to stop. `folder` is on the disk that must not become full.
pub(super) async fn watch(folder: PathBuf, sink: ObservationSink, stop: CancellationToken) {
    let mut pace = tokio::time::interval(PERIOD);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = Before::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        let stamp = clock::now();
        let folder = folder.clone();
        // A disk that hangs must not hold up everybody else.
        let look = tokio::task::spawn_blocking(move || {
            let health = look(&folder, &mut before);
            (health, before)
        });
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = look => looked,
        };
        let Ok((health, now)) = looked else { return };
        before = now;
        sink.put(Observation::Health { stamp, health });
    }
}

fn look(folder: &Path, before: &mut Before) -> Health {
    let text = |path: &str| fs::read_to_string(path).ok();
    let mut health = Health::default();
    let cpu = text("/proc/stat").and_then(|text| parse::cpu_ticks(&text));
    if let Some((used, softirq)) = cpu.zip(before.cpu).and_then(|(now, before)| now.shares(&before)) {
        health.cpu = Some(used);
        health.softirq = Some(softirq);
    }
    let memory = text("/proc/meminfo").and_then(|text| parse::memory(&text));
    (health.memory_total, health.memory_used) = memory.unzip();
    if let Ok(disk) = statvfs(folder) {
        // What this user may still write, not what root has in reserve.
        health.disk_free = Some(disk.blocks_available() * disk.fragment_size());
        health.disk_total = Some(disk.blocks() * disk.fragment_size());
    }
    health.celsius = hottest();
    let sockets = text("/proc/net/snmp").and_then(|text| parse::socket_drops(&text));
    let backlog = text("/proc/net/softnet_stat").and_then(|text| parse::backlog_drops(&text));
    let since = |now: Option<u64>, before: Option<u64>| now?.checked_sub(before?);
    health.socket_drops = since(sockets, before.sockets);
    health.backlog_drops = since(backlog, before.backlog);
    *before = Before { cpu: cpu.or(before.cpu), sockets, backlog };
    health
}

/// The hottest of all sensors, in both places where the kernel has them.
fn hottest() -> Option<f64> {
    let zones = files("/sys/class/thermal", |name| name == "temp");
    let sensors = files("/sys/class/hwmon", |name| name.starts_with("temp") && name.ends_with("_input"));
    let read = |path: PathBuf| parse::celsius(&fs::read_to_string(path).ok()?);
    zones.chain(sensors).filter_map(read).max_by(f64::total_cmp)
}

fn files(class: &str, wanted: fn(&str) -> bool) -> impl Iterator<Item = PathBuf> {
    let devices = fs::read_dir(class).into_iter().flatten().flatten();
    let inside = devices.flat_map(|device| fs::read_dir(device.path()).into_iter().flatten().flatten());
    inside.filter(move |file| file.file_name().to_str().is_some_and(wanted)).map(|file| file.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_has_a_health() {
        let mut before = Before::default();
        let first = look(Path::new("/"), &mut before);
        assert!(
            first.cpu.is_none() && first.socket_drops.is_none(),
            "the first look has nothing to compare with"
        );
        let health = look(Path::new("/"), &mut before);
        assert!(
            health.memory_total > Some(1 << 20) && health.memory_used < health.memory_total,
            "{health:?}"
        );
        assert!(health.disk_total > Some(0) && health.disk_free <= health.disk_total, "{health:?}");
        assert!(health.socket_drops.is_some(), "{health:?}");
    }
}
