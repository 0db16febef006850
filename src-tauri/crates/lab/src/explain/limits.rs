//! How long is too long: a fixed limit for a machine without history, three times its own median with some.

use crate::{
    board::Limits,
    boot::{Boot, Phase},
    event::Stamp,
    status::{BootTimes, median},
};

/// Good boots from which on a machine's own median counts.
pub const HISTORY_NEEDED: usize = 5;
/// A phase that took this many times its median is a fault.
const TIMES_USUAL: f64 = 3.0;
/// A phase of a tenth of a second is no fault at three tenths: a busy controller or one lost packet makes as much.
const SHORTEST: f64 = 5.0;

/// After how long a phase is a fault, and what is usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    pub seconds: f64,
    /// Median, and of how many boots; `None` while the fixed limit counts.
    pub usual: Option<(f64, usize)>,
}

/// The lengths of a phase in good boots, in seconds. A boot that began with the machine's first sign has no firmware phase
/// whose length could be known.
pub fn lengths(history: &[BootTimes], phase: Phase) -> impl Iterator<Item = f64> {
    let known = history.iter().filter(move |times| times.pressed || phase != Phase::Firmware);
    known.filter_map(move |times| times.phases.get(phase as usize).copied())
}

/// The limit of a phase for a machine with this history.
pub fn limit(history: &[BootTimes], phase: Phase, limits: &Limits) -> Limit {
    let boots = lengths(history, phase).count();
    match median(lengths(history, phase)).filter(|_| boots >= HISTORY_NEEDED) {
        Some(usual) => Limit { seconds: (TIMES_USUAL * usual).max(SHORTEST), usual: Some((usual, boots)) },
        None => Limit { seconds: fixed(phase, limits) as f64, usual: None },
    }
}

fn fixed(phase: Phase, limits: &Limits) -> u64 {
    match phase {
        Phase::Firmware => limits.firmware_silent_s,
        Phase::Address => limits.address_s,
        Phase::Loader => limits.loader_s,
        Phase::Kernel => limits.kernel_s,
        Phase::Os => limits.os_s,
        Phase::Service => limits.service_s,
    }
}

/// The phase that a boot is in, against what is usual.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    pub phase: Phase,
    pub started: Stamp,
    /// Median of any history at all, however short.
    pub usual: Option<f64>,
    /// When the phase has usually ended; it is late from here on.
    pub expected: Option<Stamp>,
    pub limit: f64,
    /// When it is a fault.
    pub overdue: Stamp,
}

/// `None` once the boot has ended.
pub fn due(boot: &Boot, history: &[BootTimes], limits: &Limits) -> Option<Due> {
    let span = boot.phases.last().filter(|_| boot.is_running())?;
    let usual = median(lengths(history, span.phase));
    let limit = limit(history, span.phase, limits).seconds;
    Some(Due {
        phase: span.phase,
        started: span.started.clone(),
        usual,
        expected: usual.map(|usual| span.started.after(usual)),
        limit,
        overdue: span.started.after(limit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(pressed: bool, firmware: f64) -> BootTimes {
        BootTimes { boot: 1, pressed, phases: vec![firmware, 0.01, 1.0, 1.0, 5.0, 1.0], seconds: 20.0 }
    }

    #[test]
    fn history_counts_from_five_good_boots_on() {
        let limits = Limits::default();
        let four = vec![times(true, 9.0); 4];
        assert_eq!(limit(&four, Phase::Firmware, &limits), Limit { seconds: 60.0, usual: None });
        let five = vec![times(true, 9.0); 5];
        assert_eq!(limit(&five, Phase::Firmware, &limits), Limit { seconds: 27.0, usual: Some((9.0, 5)) });
        assert_eq!(limit(&five, Phase::Address, &limits).seconds, SHORTEST, "jitter is no fault");
    }

    #[test]
    fn a_boot_that_nobody_pressed_tells_nothing_about_firmware() {
        let mut history = vec![times(true, 9.0); 4];
        history.extend(vec![times(false, 0.0); 9]);
        let limits = Limits::default();
        assert_eq!(limit(&history, Phase::Firmware, &limits).usual, None);
        assert_eq!(limit(&history, Phase::Os, &limits).usual, Some((5.0, 13)));
    }
}
