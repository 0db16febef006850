//! The controller's touch screens, as the kernel lists them: one that fell off its USB port is missed here.

use std::time::Duration;

use engine::{Observation, ObservationSink};
use lab::BoardKind;
use tokio_util::sync::CancellationToken;

const PERIOD: Duration = Duration::from_secs(5);
/// Input devices with their capabilities (input.h: `ABS=` is a bitmap of axes).
const LIST: &str = "/proc/bus/input/devices";
/// ABS_MT_POSITION_X: fingers, and not a mouse.
const FINGERS: u32 = 0x35;

/// Tells which there are, whenever that changes.
pub(super) async fn watch(kind: BoardKind, sink: ObservationSink, stop: CancellationToken) {
    // Screens of a developer's laptop belong to no board.
    if kind != BoardKind::Labinator {
        return;
    }
    let mut pace = tokio::time::interval(PERIOD);
    let mut known = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        let list = tokio::fs::read_to_string(LIST).await.unwrap_or_default();
        let panels = panels(&list);
        if known.as_ref() != Some(&panels) {
            sink.put(Observation::TouchPanels(panels.clone()));
            known = Some(panels);
        }
    }
}

/// Name and port of each input device that knows fingers. Pure.
fn panels(list: &str) -> Vec<String> {
    let block = |block: &str| {
        let line = |start: &str| block.lines().find_map(|line| line.strip_prefix(start));
        let touch = line("B: ABS=").is_some_and(has_fingers);
        let name = line("N: Name=")?.trim_matches('"').to_owned();
        let port = line("P: Phys=").unwrap_or_default();
        touch.then(|| if port.is_empty() { name.clone() } else { format!("{name} ({port})") })
    };
    list.split("\n\n").filter_map(block).collect()
}

/// The bitmap is written in words of the kernel's own width, highest first.
fn has_fingers(bitmap: &str) -> bool {
    let mut words = bitmap.split_whitespace().rev();
    let word = words.nth((FINGERS / u64::BITS) as usize).and_then(|word| u64::from_str_radix(word, 16).ok());
    word.is_some_and(|word| word >> (FINGERS % u64::BITS) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingers_are_told_from_mice() {
        let list = "I: Bus=0003 Vendor=0eef\nN: Name=\"eGalax Touch\"\nP: Phys=usb-0000:00:14.0-2/input0\nB: PROP=2\n\
                    B: ABS=260800000000003\n\nI: Bus=0003\nN: Name=\"Mouse\"\nP: Phys=usb-1\nB: REL=3\n\n\
                    I: Bus=0003\nN: Name=\"Tablet\"\nB: ABS=3\n";
        assert_eq!(panels(list), ["eGalax Touch (usb-0000:00:14.0-2/input0)"]);
        assert!(panels("").is_empty());
    }
}
