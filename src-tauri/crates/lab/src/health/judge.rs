//! When the controller itself is in trouble: thresholds, and further ones at which the trouble is over.

use super::Health;
use crate::failure::{Code, Failure};

/// Names of these troubles among the services.
pub const DISK: &str = "disk";
pub const MEMORY: &str = "memory";
pub const TEMPERATURE: &str = "temperature";
pub const SOCKETS: &str = "sockets";

const MB: u64 = 1_000_000;
/// Looks in a row that have to agree: one look is a moment's accident.
const AGREE: u32 = 3;

/// Remembers what stands, so that a value on the threshold does not flap.
#[derive(Debug, Clone, Default)]
pub struct HealthJudge {
    disk: Standing,
    memory: Standing,
    temperature: Standing,
    sockets: Standing,
}

#[derive(Debug, Clone, Default)]
struct Standing {
    bad: bool,
    /// Looks in a row that say otherwise.
    otherwise: u32,
}

/// What one look says of one thing.
enum Look {
    Bad,
    /// Between both thresholds: as it was.
    Between,
    Well,
}

impl Standing {
    fn saw(&mut self, look: &Look) -> bool {
        let otherwise = matches!((look, self.bad), (Look::Bad, false) | (Look::Well, true));
        self.otherwise = if otherwise { self.otherwise + 1 } else { 0 };
        if self.otherwise >= AGREE {
            self.bad = !self.bad;
            self.otherwise = 0;
        }
        self.bad
    }
}

impl HealthJudge {
    /// What is in trouble after this look, and what is not; what cannot be read is left as it was.
    pub fn judge(&mut self, health: &Health) -> Vec<(&'static str, Option<Failure>)> {
        let disk = health.disk_free.zip(health.disk_total);
        let memory = health.memory_used.zip(health.memory_total);
        let drops = [health.socket_drops, health.backlog_drops];
        let dropped: Option<u64> = drops.iter().any(Option::is_some).then(|| drops.iter().flatten().sum());
        let looks = [
            (
                DISK,
                &mut self.disk,
                disk.map(|(free, total)| (disk_look(free, total), disk_full(free, total))),
            ),
            (MEMORY, &mut self.memory, memory.map(|(used, total)| memory_look(used, total))),
            (
                TEMPERATURE,
                &mut self.temperature,
                health.celsius.map(|celsius| (heat_look(celsius), too_hot(celsius))),
            ),
            (SOCKETS, &mut self.sockets, dropped.map(|dropped| (drops_look(dropped), dropping(dropped)))),
        ];
        let judged = looks.into_iter().filter_map(|(name, standing, look)| {
            let (look, failure) = look?;
            Some((name, standing.saw(&look).then_some(failure)))
        });
        judged.collect()
    }
}

fn between(bad: bool, well: bool) -> Look {
    match (bad, well) {
        (true, _) => Look::Bad,
        (false, true) => Look::Well,
        (false, false) => Look::Between,
    }
}

/// Bad below 500 MB, and below 5 % where that is less than 5 GB: a twentieth of a large disk is plenty. Small disks are judged
/// by the share alone: of a tmpfs of 256 MB 500 MB can never be free.
fn disk_look(free: u64, total: u64) -> Look {
    let small = total < 4_000 * MB;
    let share = |of_hundred: u64| free < total / 100 * of_hundred && free < of_hundred * 1_000 * MB;
    let less = |of_hundred: u64, mb: u64| share(of_hundred) || (!small && free < mb * MB);
    between(less(5, 500), !less(7, 700))
}

fn disk_full(free: u64, total: u64) -> Failure {
    Failure::new(
        Code::Storage,
        "keep events and logs",
        format!("{} of {} are free on the disk of the data folder", size(free), size(total)),
        "delete old images, backups or logs there; `du -xh --max-depth=2` shows what is large",
    )
}

fn memory_look(used: u64, total: u64) -> (Look, Failure) {
    let free = total.saturating_sub(used);
    let less = |share: u64| free < total / 100 * share;
    let failure = Failure::new(
        Code::Busy,
        "have memory to work in",
        format!("{} of {} are free", size(free), size(total)),
        "end programs that are not needed; `ps aux --sort=-rss | head` shows the largest",
    );
    (between(less(5), !less(8)), failure)
}

/// Small PCs slow themselves down from about 90 °C on.
fn heat_look(celsius: f64) -> Look {
    between(celsius > 85.0, celsius < 80.0)
}

fn too_hot(celsius: f64) -> Failure {
    Failure::new(
        Code::Busy,
        "keep cool",
        format!("the hottest sensor of the controller says {celsius:.0} °C"),
        "give it air: clean its fan and its slots, take it off other warm gear",
    )
}

fn drops_look(dropped: u64) -> Look {
    between(dropped > 0, dropped == 0)
}

fn dropping(dropped: u64) -> Failure {
    Failure::new(
        Code::Busy,
        "take every packet",
        format!(
            "the kernel drops packets because nobody fetches them in time: {dropped} since the look before"
        ),
        "end what loads the controller; raise net.core.rmem_max and net.core.netdev_max_backlog with sysctl",
    )
}

fn size(bytes: u64) -> String {
    match bytes {
        b if b < 1_000 * MB => format!("{} MB", b / MB),
        b => format!("{:.1} GB", b as f64 / 1e9),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
