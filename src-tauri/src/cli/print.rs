//! Output for people and for programs. The only place that writes to stdout.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

/// One line for a person.
pub(super) fn line(text: &str) -> Result<()> {
    ignore_closed_pipe(writeln!(io::stdout().lock(), "{text}"))
}

/// One JSON object on one line.
pub(super) fn json<T: Serialize>(value: &T) -> Result<()> {
    line(&serde_json::to_string(value)?)
}

/// A reader that has seen enough (`| head`) is no failure.
fn ignore_closed_pipe(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// What is not known.
pub(super) fn none() -> String {
    "–".to_owned()
}

/// `41.2 s`, or `4:12` from a minute on.
pub(super) fn seconds(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(s) if s < 60.0 => format!("{s:.1} s"),
        Some(s) => format!("{}:{:02}", s as u64 / 60, s as u64 % 60),
    }
}

/// The time of day of a stamp on the wire, in the user's zone.
pub(super) fn clock(at: &str) -> String {
    let Ok(stamp) = at.parse::<jiff::Timestamp>() else { return at.to_owned() };
    stamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_read_like_a_stopwatch() {
        let said = [None, Some(0.25), Some(59.94), Some(252.0)].map(seconds);
        assert_eq!(said, ["–", "0.2 s", "59.9 s", "4:12"]);
    }
}
