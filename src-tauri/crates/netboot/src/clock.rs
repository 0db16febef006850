//! The two clocks a sighting is stamped with.

use nix::time::{ClockId, clock_gettime};

/// One moment on both clocks, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// CLOCK_BOOTTIME: durations are differences of this one. It goes on counting while the host sleeps.
    pub mono_us: i64,
    /// CLOCK_REALTIME since 1970: for people.
    pub wall_us: i64,
}

/// Now, on both clocks.
pub fn now() -> Stamp {
    Stamp { mono_us: micros(ClockId::CLOCK_BOOTTIME), wall_us: micros(ClockId::CLOCK_REALTIME) }
}

/// Now, on the clock that durations are measured with.
pub fn mono_us() -> i64 {
    micros(ClockId::CLOCK_BOOTTIME)
}

fn micros(clock: ClockId) -> i64 {
    // Both clocks exist on every kernel since 2.6.39, and the call has no other way to fail: 0 would be seen at once.
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_run() {
        let (first, second) = (now(), now());
        assert!(first.mono_us > 0 && second.mono_us >= first.mono_us);
        assert!(first.wall_us > 1_700_000_000_000_000, "wall time is in microseconds since 1970");
    }
}
