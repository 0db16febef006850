//! A PC's front-panel power button, seen by the PC: when does a closed contact mean something?

use std::time::Duration;

/// Chipsets ignore shorter closures as bouncing.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// Held this long the chipset cuts the power, whatever the software wants (ACPI's power button override).
const OVERRIDE: Duration = Duration::from_secs(4);

/// What the PC notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// The contact has been closed for longer than bouncing lasts.
    Down,
    /// It opened again before the override.
    Up,
    /// It was held until the override.
    Held,
}

/// The button with the chipset's own timing behind it.
#[derive(Debug, Clone)]
pub struct PowerButton {
    debounce: Duration,
    hold: Duration,
    closed_since: Option<Duration>,
    down: bool,
    held: bool,
}

impl PowerButton {
    /// `speed` divides its times.
    pub fn new(speed: f64) -> PowerButton {
        PowerButton {
            debounce: DEBOUNCE.div_f64(speed),
            hold: OVERRIDE.div_f64(speed),
            closed_since: None,
            down: false,
            held: false,
        }
    }

    /// The relay changed at `at`, by the relay board's own clock: how long a press lasted does not depend on when this
    /// process got the processor.
    pub fn contact(&mut self, closed: bool, at: Duration) -> Vec<Press> {
        let mut presses = self.advance(at);
        match (closed, self.closed_since) {
            (true, None) => self.closed_since = Some(at),
            (false, Some(_)) => {
                if self.down && !self.held {
                    presses.push(Press::Up);
                }
                (self.closed_since, self.down, self.held) = (None, false, false);
            }
            _ => {}
        }
        presses
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Duration) -> Vec<Press> {
        let mut presses = Vec::new();
        if let Some(since) = self.closed_since {
            if !self.down && now >= since + self.debounce {
                self.down = true;
                presses.push(Press::Down);
            }
            if !self.held && now >= since + self.hold {
                self.held = true;
                presses.push(Press::Held);
            }
        }
        presses
    }

    /// When `advance` has something to say, if the contact stays as it is.
    pub fn next_event(&self) -> Option<Duration> {
        match (self.closed_since, self.down, self.held) {
            (Some(since), false, _) => Some(since + self.debounce),
            (Some(since), true, false) => Some(since + self.hold),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_means_what_its_length_says() {
        use Press::{Down, Held, Up};
        let table: [(u64, &[Press]); 5] =
            [(10, &[]), (50, &[Down, Up]), (250, &[Down, Up]), (3999, &[Down, Up]), (5500, &[Down, Held])];
        for (length, expected) in table {
            let mut button = PowerButton::new(1.0);
            assert_eq!(button.contact(true, Duration::from_secs(1)), []);
            let opened = Duration::from_secs(1) + Duration::from_millis(length);
            assert_eq!(button.contact(false, opened), expected, "{length} ms");
            assert_eq!(button.next_event(), None);
        }
    }

    #[test]
    fn the_override_fires_while_the_button_is_still_held() {
        let mut button = PowerButton::new(100.0);
        button.contact(true, Duration::ZERO);
        assert_eq!(button.next_event(), Some(Duration::from_micros(500)));
        assert_eq!(button.advance(Duration::from_micros(500)), [Press::Down]);
        assert_eq!(button.next_event(), Some(Duration::from_millis(40)));
        assert_eq!(button.advance(Duration::from_millis(40)), [Press::Held]);
        assert_eq!(button.contact(false, Duration::from_millis(55)), [], "letting go says nothing more");
    }
}
