//! One log record, whatever brought it, and how records are asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::counts::Counts;

/// Severity by syslog's eight words (RFC 5424, section 6.2.1), the worst first; `Unknown` where a record says none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
    Unknown,
}

impl Level {
    pub const ALL: [Self; 9] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Info,
        Self::Debug,
        Self::Unknown,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Alert => "alert",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Unknown => "unknown",
        }
    }

    /// The number under which it is stored; 0 is the worst, as in syslog.
    pub fn number(self) -> u8 {
        self as u8
    }

    pub fn from_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Unknown)
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }
}

/// One record. Its text is safe to show: one line or several, without control characters but for line ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The input that brought it: see [`crate::stream`] for their names.
    pub stream: String,
    /// When it says it was, in microseconds since 1970; `None` when it says nothing.
    pub time_us: Option<i64>,
    /// When it was read here.
    pub seen_us: i64,
    /// `host.name`: a machine, a node, `boss`, `wally`, `ipxe`; empty when unknown.
    pub node: String,
    /// `service.name`: a systemd unit, a program.
    pub service: String,
    pub level: Level,
    pub message: String,
}

/// A record with its number in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    pub id: i64,
    #[serde(flatten)]
    pub record: Record,
}

/// How far a file was read: stored with the records that came from it, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// Path of the file as it was configured.
    pub path: String,
    pub device: u64,
    pub inode: u64,
    /// The next byte to read.
    pub offset: u64,
    /// SHA-256 (hexadecimal) of the first bytes, up to 1024 of them and never beyond `offset`: an inode number may come back
    /// for another file.
    pub head: String,
    /// How many bytes `head` covers.
    pub head_len: u64,
}

/// What is written together or not at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    pub records: Vec<Record>,
    /// What these records (and what our own services saw) add to the counters.
    pub counts: Counts,
    /// By stream; replaces what was stored of that stream before.
    pub offsets: BTreeMap<String, Vec<Offset>>,
}

/// Which records are asked for. All that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Names of nodes, any of them.
    pub nodes: Vec<String>,
    pub service: Option<String>,
    pub stream: Option<String>,
    /// This level or worse; records without a level are as `info`.
    pub level: Option<Level>,
    /// Words that all occur in the message, in any order, whole or as beginnings of words.
    pub grep: Option<String>,
    /// Not older or newer than this (`seen_us`).
    pub since_us: Option<i64>,
    pub until_us: Option<i64>,
}

impl Filter {
    /// Whether a record passes; the same answer as the store gives, for records that are just arriving.
    pub fn takes(&self, record: &Record) -> bool {
        let level = |limit: Level| effective(record.level) <= limit;
        let node = self.nodes.is_empty() || self.nodes.contains(&record.node);
        node && self.service.as_ref().is_none_or(|service| *service == record.service)
            && self.stream.as_ref().is_none_or(|stream| *stream == record.stream)
            && self.level.is_none_or(level)
            && self.since_us.is_none_or(|since| record.seen_us >= since)
            && self.until_us.is_none_or(|until| record.seen_us <= until)
            && self.grep.as_deref().is_none_or(|grep| greps(grep, &record.message))
    }
}

/// A record that says no level is as good as an informational one.
pub fn effective(level: Level) -> Level {
    if level == Level::Unknown { Level::Info } else { level }
}

/// Words as a full-text index cuts them: runs of letters and digits, without regard to case.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn greps(grep: &str, message: &str) -> bool {
    let have: Vec<String> = words(message).collect();
    words(grep).all(|wanted| have.iter().any(|word| word.starts_with(&wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(level: Level, message: &str) -> Record {
        Record {
            stream: "collector".into(),
            time_us: None,
            seen_us: 5,
            node: "node1".into(),
            service: "kernel".into(),
            level,
            message: message.into(),
        }
    }

    #[test]
    fn a_filter_takes_what_fits_in_everything() {
        let warned = record(Level::Warning, "Link is Down on eth0");
        let takes = |filter: Filter| filter.takes(&warned);
        assert!(takes(Filter::default()));
        assert!(takes(Filter { nodes: vec!["node2".into(), "node1".into()], ..Filter::default() }));
        assert!(!takes(Filter { nodes: vec!["node2".into()], ..Filter::default() }));
        assert!(takes(Filter { level: Some(Level::Notice), ..Filter::default() }));
        assert!(!takes(Filter { level: Some(Level::Error), ..Filter::default() }));
        assert!(takes(Filter { grep: Some("down ETH".into()), ..Filter::default() }));
        assert!(
            !takes(Filter { grep: Some("own".into()), ..Filter::default() }),
            "not the beginning of a word"
        );
        assert!(!takes(Filter { since_us: Some(6), ..Filter::default() }));
    }

    #[test]
    fn a_record_without_a_level_is_informational() {
        let mute = record(Level::Unknown, "");
        assert!(Filter { level: Some(Level::Info), ..Filter::default() }.takes(&mute));
        assert!(!Filter { level: Some(Level::Notice), ..Filter::default() }.takes(&mute));
    }

    #[test]
    fn levels_come_back_from_their_numbers_and_words() {
        for level in Level::ALL {
            assert_eq!(Level::from_number(level.number()), level);
            assert_eq!(Level::parse(level.word()), Some(level));
        }
    }
}
