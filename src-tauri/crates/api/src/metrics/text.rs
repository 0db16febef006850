//! How numbers are written down.

use std::fmt::Write as _;

/// Rows of one name. A lab has a few dozen of whatever it has; a flood is cut off and counted.
const ROWS: usize = 256;
/// A label's value is a name, not a document.
const LONGEST: usize = 120;

/// Prometheus's own text format, or the one that was made a standard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// What the asker's `Accept` prefers; who says nothing gets what everybody reads.
    pub(crate) fn asked(accept: &str) -> Self {
        let open = accept.split(',').any(|kind| kind.trim().starts_with("application/openmetrics-text"));
        if open { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a number means when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Counter,
}

pub(super) struct Text {
    format: Format,
    out: String,
    cut: u64,
}

impl Text {
    pub(super) fn new(format: Format) -> Self {
        Self { format, out: String::new(), cut: 0 }
    }

    /// All rows of one name, which comes without `statusinator_` and, for counters, without `_total`. No row, no name.
    pub(super) fn family<'r>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Vec<(&'r str, String)>, Option<f64>)>,
    ) {
        let rows: Vec<_> = rows.into_iter().filter_map(|(labels, value)| Some((labels, value?))).collect();
        if rows.is_empty() {
            return;
        }
        let (word, suffix) = match kind {
            Kind::Gauge => ("gauge", ""),
            Kind::Counter => ("counter", "_total"),
        };
        // OpenMetrics names the family without the suffix of its rows, and its unit apart.
        let family = match self.format {
            Format::Prometheus => format!("statusinator_{name}{suffix}"),
            Format::OpenMetrics => format!("statusinator_{name}"),
        };
        let out = &mut self.out;
        let _ = writeln!(out, "# HELP {family} {help}");
        let _ = writeln!(out, "# TYPE {family} {word}");
        let unit = ["seconds", "bytes", "ratio", "celsius"].into_iter().find(|unit| name.ends_with(unit));
        if let (Some(unit), Format::OpenMetrics) = (unit, self.format) {
            let _ = writeln!(out, "# UNIT {family} {unit}");
        }
        self.cut += rows.len().saturating_sub(ROWS) as u64;
        for (labels, value) in rows.into_iter().take(ROWS) {
            let labels: Vec<_> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(out, "statusinator_{name}{suffix}{labels} {value}");
        }
    }

    /// One number without labels.
    pub(super) fn one(&mut self, kind: Kind, name: &str, help: &str, value: Option<f64>) {
        self.family(kind, name, help, [(Vec::new(), value)]);
    }

    pub(super) fn end(mut self) -> String {
        let cut = self.cut as f64;
        self.one(Kind::Gauge, "metrics_rows_left_out", "Rows that found no room in this answer.", Some(cut));
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

fn escaped(value: &str) -> String {
    let mut out = String::new();
    for char in value.chars().take(LONGEST) {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            char => out.push(char),
        }
    }
    out
}
