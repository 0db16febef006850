//! What it was measured on: numbers without their machine say nothing.

use std::fs;

use jiff::Zoned;

/// One line.
pub fn words() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| {
            line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned())
        })
        .unwrap_or_else(|| "unnamed processor".to_owned());
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // The part of the version that is the kernel's own; what builders append says nothing about speed.
    let release = release.trim().split('-').next().unwrap_or_default().to_owned();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    let date = Zoned::now().strftime("%Y-%m-%d").to_string();
    format!("{date}, {cores} cores ({model}), Linux {release}, load {load} before the first run")
}
