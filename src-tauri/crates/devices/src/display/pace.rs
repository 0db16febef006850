//! When which line may go out. Pure: time comes in as microseconds.
//!
//! The display redraws its whole panel for each line, so there are limits. Of pictures only the newest counts; log lines wait in
//! a bounded queue. The picture is repeated, because a display that was plugged in again shows nothing until it is told.

use std::collections::VecDeque;

use super::lines::READY;

/// Ten pictures and twenty log lines a second are what the display keeps up with.
pub const STATUS_PAUSE_US: u64 = 100_000;
pub const LOG_PAUSE_US: u64 = 50_000;
/// A picture that did not change is told again.
pub const REPEAT_US: u64 = 5_000_000;
/// The panel has room for twelve log lines; what is older than these nobody would see.
const LOGS_WAITING: usize = 24;

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Write this line.
    Write(String),
    /// Nothing before this moment.
    Wait(u64),
    /// Nothing until something new is to be shown.
    Idle,
}

/// The lines of one display.
#[derive(Debug, Default)]
pub struct Pace {
    connected: bool,
    ready_told: bool,
    picture: Option<String>,
    /// The picture was not told yet.
    fresh: bool,
    told_picture: Option<u64>,
    logs: VecDeque<String>,
    told_log: Option<u64>,
    dropped: u64,
}

impl Pace {
    /// The line was opened: whoever is there may just have started.
    pub fn connected(&mut self) {
        self.connected = true;
        self.ready_told = false;
        self.fresh = self.picture.is_some();
    }

    /// The line is gone. Pictures and log lines wait for the next one.
    pub fn lost(&mut self) {
        self.connected = false;
    }

    /// The newest picture; one that waits is replaced.
    pub fn picture(&mut self, line: String) {
        if self.picture.as_ref() != Some(&line) {
            self.picture = Some(line);
            self.fresh = true;
        }
    }

    /// A log line; the oldest goes when too many wait.
    pub fn log(&mut self, line: String) {
        if self.logs.len() == LOGS_WAITING {
            self.logs.pop_front();
            self.dropped += 1;
        }
        self.logs.push_back(line);
    }

    /// A log line that was given out went nowhere.
    pub fn missed(&mut self) {
        self.dropped += 1;
    }

    /// Log lines that nobody saw.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Decides, and takes it as done when there is something to write.
    pub fn next(&mut self, now_us: u64) -> Next {
        if !self.connected {
            return Next::Idle;
        }
        if !self.ready_told {
            self.ready_told = true;
            return Next::Write(READY.to_owned());
        }
        let picture_at = self.picture_due();
        if let (Some(line), Some(at)) = (&self.picture, picture_at)
            && at <= now_us
        {
            let line = line.clone();
            self.fresh = false;
            self.told_picture = Some(now_us);
            return Next::Write(line);
        }
        let log_at = self.told_log.map_or(0, |told| told + LOG_PAUSE_US);
        if log_at <= now_us
            && let Some(line) = self.logs.pop_front()
        {
            self.told_log = Some(now_us);
            return Next::Write(line);
        }
        let log_at = (!self.logs.is_empty()).then_some(log_at);
        match (picture_at, log_at) {
            (None, None) => Next::Idle,
            (one, other) => Next::Wait(one.into_iter().chain(other).min().unwrap_or(now_us)),
        }
    }

    fn picture_due(&self) -> Option<u64> {
        self.picture.as_ref()?;
        let pause = if self.fresh { STATUS_PAUSE_US } else { REPEAT_US };
        Some(self.told_picture.map_or(0, |told| told + pause))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(line: &str) -> Next {
        Next::Write(line.to_owned())
    }

    #[test]
    fn a_display_that_comes_back_is_told_all_anew() {
        let mut pace = Pace::default();
        pace.picture("status:1\n".into());
        assert_eq!(pace.next(0), Next::Idle, "nobody is there");
        pace.connected();
        assert_eq!(pace.next(0), write(READY));
        assert_eq!(pace.next(1), write("status:1\n"));
        assert_eq!(pace.next(2), Next::Wait(1 + REPEAT_US));
        pace.lost();
        assert_eq!(pace.next(3), Next::Idle);
        pace.connected();
        assert_eq!(pace.next(4), write(READY));
        assert_eq!(pace.next(5), Next::Wait(1 + STATUS_PAUSE_US), "plugged in and out in a moment");
        assert_eq!(pace.next(1 + STATUS_PAUSE_US), write("status:1\n"));
    }

    #[test]
    fn the_newest_picture_wins_and_one_that_stays_is_repeated() {
        let mut pace = Pace::default();
        pace.connected();
        pace.next(0);
        assert_eq!(pace.next(0), Next::Idle);
        pace.picture("status:1\n".into());
        assert_eq!(pace.next(0), write("status:1\n"));
        pace.picture("status:2\n".into());
        pace.picture("status:3\n".into());
        assert_eq!(pace.next(1), Next::Wait(STATUS_PAUSE_US));
        assert_eq!(pace.next(STATUS_PAUSE_US), write("status:3\n"));
        pace.picture("status:3\n".into());
        assert_eq!(pace.next(STATUS_PAUSE_US + 1), Next::Wait(STATUS_PAUSE_US + REPEAT_US));
        assert_eq!(pace.next(STATUS_PAUSE_US + REPEAT_US), write("status:3\n"));
    }

    #[test]
    fn a_burst_of_log_lines_keeps_its_newest() {
        let mut pace = Pace::default();
        pace.connected();
        pace.next(0);
        for n in 0..100 {
            pace.log(format!("log:{n}\n"));
        }
        assert_eq!(pace.dropped(), 76);
        assert_eq!(pace.next(0), write("log:76\n"));
        assert_eq!(pace.next(1), Next::Wait(LOG_PAUSE_US));
    }

    /// What happens to a display within a day of simulated time.
    #[derive(Debug, Clone)]
    enum Turn {
        Picture(u8),
        Log(u8),
        Replug,
        Later(u64),
    }

    fn turn() -> impl Strategy<Value = Turn> {
        prop_oneof![
            any::<u8>().prop_map(Turn::Picture),
            any::<u8>().prop_map(Turn::Log),
            Just(Turn::Replug),
            (1..10_000_000_u64).prop_map(Turn::Later),
        ]
    }

    proptest! {
        #[test]
        fn the_rates_are_kept_whatever_happens(turns in prop::collection::vec(turn(), 1..400)) {
            let mut pace = Pace::default();
            let (mut now, mut pictures, mut logs) = (0_u64, Vec::new(), Vec::new());
            pace.connected();
            for turn in turns {
                match turn {
                    Turn::Picture(n) => pace.picture(format!("status:{n}\n")),
                    Turn::Log(n) => pace.log(format!("log:{n}\n")),
                    Turn::Replug => {
                        pace.lost();
                        pace.connected();
                    }
                    Turn::Later(us) => now += us,
                }
                let mut steps = 0;
                while let Next::Write(line) = pace.next(now) {
                    if line.starts_with("status:") { pictures.push(now) }
                    if line.starts_with("log:") { logs.push(now) }
                    steps += 1;
                    prop_assert!(steps < 10, "it never comes to rest");
                }
            }
            prop_assert!(pictures.windows(2).all(|pair| pair[1] - pair[0] >= STATUS_PAUSE_US));
            prop_assert!(logs.windows(2).all(|pair| pair[1] - pair[0] >= LOG_PAUSE_US));
        }
    }
}
