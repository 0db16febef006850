//! The host's clocks as stamps.

use std::sync::{
    OnceLock,
    atomic::{AtomicI64, Ordering},
};

use lab::Stamp;

/// When this program was built, in microseconds since 1970, rounded down to the day: no clock is right before that.
pub fn built_us() -> Option<i64> {
    env!("STATUSINATOR_BUILT")
        .parse::<i64>()
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(|seconds| seconds * 1_000_000)
}

/// By how much wall time is taken to be ahead of the host's, in microseconds: of a simulated board, to see what a wrong clock
/// does.
static OFFSET_US: AtomicI64 = AtomicI64::new(0);

/// Sets the wall clock of this program alone, once, before anything is stamped.
pub fn set_offset(seconds: i64) {
    OFFSET_US.store(seconds.saturating_mul(1_000_000), Ordering::Relaxed);
}

/// By how much it was set, in seconds.
pub fn offset_s() -> f64 {
    OFFSET_US.load(Ordering::Relaxed) as f64 / 1e6
}

/// The kernel's name for this boot of the host; monotonic readings of two boots are never compared.
fn host_boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default()
    })
}

/// Now, on both clocks.
pub fn now() -> Stamp {
    stamp(netboot::clock::now())
}

/// A stamp of the boot services in the vocabulary's words.
pub fn stamp(seen: netboot::clock::Stamp) -> Stamp {
    let wall_us = seen.wall_us + OFFSET_US.load(Ordering::Relaxed);
    Stamp { wall_us, mono_us: seen.mono_us, host_boot: host_boot().to_owned() }
}
