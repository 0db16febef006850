//! What there is to draw of a boot: every moment as seconds since it began, every gap in knowledge by its name.

use jiff::{Timestamp, tz::TimeZone};
use lab::{
    Boot, BootState, Phase, Stamp,
    boot::{Cause, Mark, PhaseSpan},
};

use crate::words;

/// A boot as its drawing shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sketch {
    pub(crate) machine: String,
    /// "boot 214 · 2026-11-22 14:05:58 UTC · good after 41.2 s".
    pub(crate) summary: String,
    /// Why it ended, where that is no matter of course.
    pub(crate) why: Option<String>,
    pub(crate) state: BootState,
    pub(crate) rows: Vec<Row>,
    /// Seconds that the axis must hold.
    pub(crate) longest: f64,
    pub(crate) has_usual: bool,
    pub(crate) marks_dropped: u32,
}

/// One phase.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) phase: Phase,
    pub(crate) span: Span,
    /// Begin and end in the usual boot.
    pub(crate) usual: Option<(f64, f64)>,
    pub(crate) marks: Vec<Moment>,
}

/// What is known of a phase's time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Span {
    Timed {
        from: f64,
        to: f64,
    },
    /// It runs, or the boot's end is not known; `seen` is the last moment of it that is.
    Open {
        from: f64,
        seen: f64,
    },
    /// Nobody pressed, so nobody knows when the machine came on.
    Unseen,
    /// The host restarted meanwhile, and its clock began anew.
    Unknown,
    NotReached,
}

/// A mark at its time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moment {
    pub(crate) at: f64,
    pub(crate) says: String,
}

impl Sketch {
    pub(crate) fn new(boot: &Boot, usual: Option<&[f64]>, zone: &TimeZone) -> Self {
        let usual = usual.map(usual_spans).unwrap_or_default();
        let rows: Vec<Row> =
            Phase::ALL.iter().map(|phase| row(boot, *phase, usual.get(*phase as usize).copied())).collect();
        let longest = rows.iter().map(Row::latest).chain(boot.seconds()).fold(0.0, f64::max);
        let usual_total = usual.last().filter(|_| usual.len() == Phase::ALL.len()).map(|(_, end)| *end);
        Self {
            machine: boot.machine.clone(),
            summary: summary(boot, usual_total, zone),
            why: boot.why.clone().filter(|_| boot.state != BootState::Good),
            state: boot.state,
            rows,
            longest,
            has_usual: !usual.is_empty(),
            marks_dropped: boot.marks_dropped,
        }
    }

    /// Everything that is seen, in sentences, for those who do not see it.
    pub(crate) fn description(&self) -> String {
        let mut sentences = vec![format!("{}, {}.", self.machine, self.summary)];
        sentences.extend(self.why.iter().map(|why| format!("It ended because: {why}.")));
        for row in &self.rows {
            let usual = row.usual_words().map(|usual| format!(" ({usual})")).unwrap_or_default();
            let marks: Vec<String> =
                row.marks.iter().map(|m| format!("{} at {}", m.says, words::duration(m.at))).collect();
            let marks = if marks.is_empty() { String::new() } else { format!(": {}", marks.join(", ")) };
            sentences.push(format!("Phase {} {}{usual}{marks}.", row.phase.word(), row.span.sentence()));
        }
        if self.marks_dropped > 0 {
            sentences.push(format!("{} further marks were not kept.", self.marks_dropped));
        }
        sentences.join(" ")
    }
}

impl Row {
    pub(crate) fn usual_words(&self) -> Option<String> {
        self.usual.map(|(from, to)| format!("usual {}", words::duration(to - from)))
    }

    fn latest(&self) -> f64 {
        let own = match self.span {
            Span::Timed { to, .. } => to,
            Span::Open { seen, .. } => seen,
            Span::Unseen | Span::Unknown | Span::NotReached => 0.0,
        };
        let usual = self.usual.map(|(_, to)| to);
        self.marks.iter().map(|m| m.at).chain(usual).fold(own, f64::max)
    }
}

impl Span {
    /// The words beside the bar.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Timed { from, to } => words::duration(to - from),
            Self::Open { .. } => "not ended".into(),
            Self::Unseen => "not seen".into(),
            Self::Unknown => "unknown".into(),
            Self::NotReached => "not reached".into(),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Timed { from, to } => {
                format!("took {} from {}", words::duration(to - from), words::duration(*from))
            }
            Self::Open { from, .. } => format!("began at {} and has not ended", words::duration(*from)),
            Self::Unseen => "was not seen, nobody pressed".into(),
            Self::Unknown => "has no known length, the host restarted meanwhile".into(),
            Self::NotReached => "was not reached".into(),
        }
    }
}

fn summary(boot: &Boot, usual: Option<f64>, zone: &TimeZone) -> String {
    let mut parts = vec![format!("boot {}", boot.id), wall(&boot.started, zone)];
    parts.push(match (boot.state, boot.seconds()) {
        (BootState::Running, _) => format!("running, in {}", boot.phase().word()),
        (BootState::Good, Some(seconds)) => format!("good after {}", words::duration(seconds)),
        (state, Some(seconds)) => {
            format!("{} in {} after {}", state.word(), boot.phase().word(), words::duration(seconds))
        }
        (state, None) => state.word().to_owned(),
    });
    parts.extend(usual.map(|usual| format!("usual {}", words::duration(usual))));
    parts.join(" · ")
}

fn wall(stamp: &Stamp, zone: &TimeZone) -> String {
    match Timestamp::from_microsecond(stamp.wall_us) {
        Ok(moment) => moment.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => "at an unknown time".to_owned(),
    }
}

fn row(boot: &Boot, phase: Phase, usual: Option<(f64, f64)>) -> Row {
    let found = boot.phases.iter().find(|span| span.phase == phase);
    let marks =
        found.map(|span| span.marks.iter().filter_map(|m| moment(boot, m)).collect()).unwrap_or_default();
    Row { phase, span: span(boot, phase, found), usual, marks }
}

fn span(boot: &Boot, phase: Phase, found: Option<&PhaseSpan>) -> Span {
    let Some(found) = found else { return Span::NotReached };
    if phase == Phase::Firmware && boot.cause == Cause::FirstSign {
        return Span::Unseen;
    }
    match (offset(boot, &found.started), &found.ended) {
        (Some(from), None) => {
            let marks = found.marks.iter().filter_map(|m| offset(boot, &m.stamp));
            Span::Open { from, seen: marks.fold(from, f64::max) }
        }
        (Some(from), Some(end)) => match offset(boot, end) {
            Some(to) => Span::Timed { from, to: to.max(from) },
            None => Span::Unknown,
        },
        (None, _) => Span::Unknown,
    }
}

fn offset(boot: &Boot, stamp: &Stamp) -> Option<f64> {
    stamp.seconds_since(&boot.started).map(|seconds| seconds.max(0.0))
}

fn moment(boot: &Boot, mark: &Mark) -> Option<Moment> {
    let name = mark.name.replace('-', " ");
    let bytes = mark.detail.get("bytes").and_then(serde_json::Value::as_u64).map(words::bytes);
    let says = [Some(name), bytes].into_iter().flatten().collect::<Vec<_>>().join(", ");
    offset(boot, &mark.stamp).map(|at| Moment { at, says })
}

/// Lengths one after the other; what is no length ends the claim.
fn usual_spans(lengths: &[f64]) -> Vec<(f64, f64)> {
    let mut from = 0.0;
    let honest =
        lengths.iter().take(Phase::ALL.len()).take_while(|length| length.is_finite() && **length >= 0.0);
    honest
        .map(|length| {
            let span = (from, from + length);
            from = span.1;
            span
        })
        .collect()
}
