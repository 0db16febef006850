//! Which way a machine is to boot next: the fastest one known to work, one not tried yet if it should be faster, never
//! one that failed twice in a row. Pure: history in, a way and its reason out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    boot::{Boot, BootState, Phase},
    event::Body,
    status::{MachineStatus, median},
    way::Way,
};

/// Failures in a row after which a way is dropped: one may be a cable that was pulled, two are the way.
pub const FAILURES: u32 = 2;
/// Good boots kept for each way; older ones no longer tell how things are.
const KEPT: usize = 10;

/// What became of a way so far.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WayHistory {
    /// Seconds of the last good boots, newest last.
    pub seconds: Vec<f64>,
    /// Failures since the last good boot.
    pub failures: u32,
}

/// A way, and why it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub way: Way,
    pub why: String,
}

/// Chooses among the ways this machine could go, given in no order. `None` when it could go none.
pub fn choose(possible: &[Way], forced: Option<Way>, machine: &MachineStatus) -> Option<Choice> {
    if let Some(way) = forced {
        return Some(Choice { way, why: "a person asked for this way".into() });
    }
    let usable: Vec<Way> =
        possible.iter().copied().filter(|way| !machine.ways_dropped.contains_key(way)).collect();
    let known = |way: &Way| {
        let history = machine.ways.get(way)?;
        Some((*way, median(history.seconds.iter().copied())?, history.seconds.len()))
    };
    let best = usable.iter().filter_map(known).min_by(|one, other| one.1.total_cmp(&other.1));
    // The order of ways is that of their speed as measured elsewhere: only a way that stands before the best one is
    // worth a boot that may take longer.
    let untried = usable.iter().copied().filter(|way| known(way).is_none()).min();
    let choice = match (best, untried) {
        (Some((way, _, _)), Some(faster)) if faster < way => {
            Choice { way: faster, why: format!("not tried yet, and usually faster than {}", way.words()) }
        }
        (Some((way, seconds, 1)), _) => Choice { way, why: format!("it took {seconds:.1} s last time") },
        (Some((way, seconds, boots)), _) => {
            Choice { way, why: format!("the fastest that works: {seconds:.1} s, median of {boots} boots") }
        }
        (None, Some(way)) => Choice { way, why: "no boot of this machine is known yet".into() },
        // Everything was dropped. A machine that is offered nothing could never show that it is well again.
        (None, None) => {
            let way = *possible.iter().max()?;
            Choice { way, why: "every way has failed; this is the plainest".into() }
        }
    };
    Some(choice)
}

/// The way a boot really went, as the files that it fetched tell; `None` while they do not.
///
/// Firmware that could not boot by HTTP goes on with PXE by itself: what was offered is not what happened.
pub fn gone(boot: &Boot) -> Option<Way> {
    let mark = |name: &str| {
        let found = boot.phases.iter().flat_map(|span| &span.marks).find(|mark| mark.name == name)?;
        let text = |key: &str| found.detail.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
        Some((text("proto").to_owned(), text("path").to_owned()))
    };
    // A kernel that firmware itself can start, and no file before it: one image.
    if mark("kernel-asked").is_some_and(|(_, path)| path.ends_with(".efi")) {
        return Some(Way::Http);
    }
    if let Some((proto, path)) = mark("loader-asked") {
        return match (proto.as_str(), path.as_str()) {
            (_, "undionly.kpxe") => Some(Way::Bios),
            (_, path) if path.starts_with("shim") => Some(Way::Secure),
            ("http" | "https", _) => Some(Way::HttpIpxe),
            _ => Some(Way::Ipxe),
        };
    }
    let (_, script) = mark("script-asked")?;
    // GRUB on the machine's own disk and a ROM that is iPXE both begin with a script; only one reads GRUB's.
    Some(if script.ends_with(".cfg") { Way::Local } else { Way::Bios })
}

impl MachineStatus {
    /// Notes how its latest boot's way went, once that boot has ended.
    pub(crate) fn note_way(&mut self) {
        let Some(boot) = self.boot.as_ref().filter(|boot| !boot.is_running()) else { return };
        // Firmware forgets it before it follows it.
        self.armed = None;
        let went = gone(boot);
        match (boot.state, boot.seconds()) {
            (BootState::Good, Some(seconds)) => {
                if let Some(way) = went {
                    let history = self.ways.entry(way).or_default();
                    history.failures = 0;
                    history.seconds.push(seconds);
                    let more = history.seconds.len().saturating_sub(KEPT);
                    history.seconds.drain(..more);
                }
                // It arrived, by another way than the one it was offered: that one failed.
                if let Some(offered) = self.way.filter(|way| went.is_some_and(|went| !same(*way, went))) {
                    self.ways.entry(offered).or_default().failures += 1;
                }
            }
            (BootState::Failed, _) if is_the_ways_fault(boot, self.way) => {
                if let Some(way) = self.way {
                    self.ways.entry(way).or_default().failures += 1;
                }
            }
            _ => {}
        }
    }

    /// The way to be dropped now, and why.
    pub fn way_to_drop(&self) -> Option<Body> {
        let failed = |way: &Way| self.ways.get(way).is_some_and(|history| history.failures >= FAILURES);
        let way = self.way.filter(|way| failed(way) && !self.ways_dropped.contains_key(way))?;
        Some(Body::WayDropped { way, why: format!("it failed {FAILURES} times in a row") })
    }

    /// Every way may be tried again.
    pub(crate) fn retry_ways(&mut self) {
        self.ways_dropped.clear();
        self.ways.values_mut().for_each(|history| history.failures = 0);
    }
}

/// Whether two ways look the same on the wire: what the owner's programs did is PXE and iPXE too.
fn same(offered: Way, went: Way) -> bool {
    offered == went || (offered, went) == (Way::Owner, Way::Ipxe)
}

/// A kernel that panics does so by every way, and a machine without power too. What lies between is the way's; silence
/// is, where the way began with a change to the firmware's boot order.
fn is_the_ways_fault(boot: &Boot, way: Option<Way>) -> bool {
    match boot.phase() {
        Phase::Firmware => matches!(way, Some(Way::Http | Way::HttpIpxe | Way::Local)),
        Phase::Address | Phase::Loader | Phase::Kernel => true,
        Phase::Os | Phase::Service => false,
    }
}

/// Ways by name, for those who show them.
pub type WayHistories = BTreeMap<Way, WayHistory>;

#[cfg(test)]
mod tests;
