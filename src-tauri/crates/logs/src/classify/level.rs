//! Severity words: which counter, and which level a record is stored with.

use lab::{counts::Counter, gear::Profile, log::Level};

/// The counter of a word in lower case. What is not in the table counts as information, an empty word too.
pub(super) fn counter(profile: Profile, word: &str) -> Counter {
    match word {
        "emergency" | "fatal" => Counter::Emergency,
        // The collector's syslog parser says `emerg` for severity 0, which the owner's table does not know; `panic` is the
        // same severity's old name (syslog(3)).
        "emerg" | "panic" if profile == Profile::Corrected => Counter::Emergency,
        "alert" => Counter::Alert,
        "critical" | "crit" => Counter::Critical,
        "error" | "err" => Counter::Error,
        "warning" | "warn" => Counter::Warn,
        "notice" => Counter::Notice,
        "debug" => Counter::Debug,
        _ => Counter::Info,
    }
}

/// The level of a stored record, by its word or, where that says nothing, by OTLP's number.
pub(crate) fn stored(word: &str, severity: Option<u8>) -> Level {
    match word {
        "emergency" | "emerg" | "panic" | "fatal" => Level::Emergency,
        "alert" => Level::Alert,
        "critical" | "crit" => Level::Critical,
        "error" | "err" => Level::Error,
        "warning" | "warn" => Level::Warning,
        "notice" => Level::Notice,
        "info" | "information" | "informational" => Level::Info,
        "debug" | "trace" => Level::Debug,
        _ => severity.map_or(Level::Unknown, numbered),
    }
}

/// OpenTelemetry's log data model, "Mapping of SeverityNumber"; its appendix B puts syslog's words at these numbers.
fn numbered(severity: u8) -> Level {
    match severity {
        1..=8 => Level::Debug,
        9 => Level::Info,
        10..=12 => Level::Notice,
        13..=16 => Level::Warning,
        17 => Level::Error,
        18 | 20 => Level::Critical,
        19 => Level::Alert,
        21..=24 => Level::Emergency,
        _ => Level::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_words_divide_the_profiles() {
        for word in
            ["emergency", "fatal", "alert", "crit", "err", "warn", "notice", "info", "debug", "trace", ""]
        {
            assert_eq!(counter(Profile::Labinator, word), counter(Profile::Corrected, word), "{word}");
        }
        for word in ["emerg", "panic"] {
            assert_eq!(counter(Profile::Labinator, word), Counter::Info, "{word}");
            assert_eq!(counter(Profile::Corrected, word), Counter::Emergency, "{word}");
        }
    }

    #[test]
    fn a_number_speaks_where_no_word_does() {
        assert_eq!(stored("", Some(17)), Level::Error);
        assert_eq!(stored("err", Some(9)), Level::Error, "the word first");
        assert_eq!(stored("", None), Level::Unknown);
        assert_eq!(stored("", Some(0)), Level::Unknown);
        assert_eq!(stored("emerg", None), Level::Emergency);
    }
}
