//! From samples to a table that people read: medians, spread, ratio.

use std::fmt::Write as _;

use crate::row::{Measure, Side};

/// Everything measured of one row.
#[derive(Debug)]
pub struct Measured {
    pub title: String,
    pub theirs: &'static str,
    pub measures: Vec<Measure>,
    /// A run yields a value for each measure.
    pub ours: Vec<Vec<f64>>,
    pub others: Vec<Vec<f64>>,
    /// Why there is nothing, or not all.
    pub failed: Option<String>,
}

impl Measured {
    pub fn push(&mut self, side: Side, values: Vec<f64>) {
        match side {
            Side::Ours => self.ours.push(values),
            Side::Theirs => self.others.push(values),
        }
    }

    /// Aims that were missed, each with what holds it.
    pub fn missed(&self) -> Vec<String> {
        let each = self.measures.iter().enumerate().filter_map(|(nth, measure)| {
            let (ours, others) = (median(&column(&self.ours, nth))?, median(&column(&self.others, nth))?);
            let words = measure.aim?.missed(ours, others)?;
            Some(format!("{}, {}: {words}. {}", self.title, measure.name, measure.why))
        });
        each.collect()
    }
}

/// The table in Markdown, which is also how it is printed.
pub fn table(rows: &[Measured]) -> String {
    let head = ["what", "measure", "ours: median (spread)", "theirs: median (spread)", "aim", "ratio"];
    let mut lines = vec![head.map(str::to_owned)];
    for row in rows {
        for (nth, measure) in row.measures.iter().enumerate() {
            let (ours, others) = (column(&row.ours, nth), column(&row.others, nth));
            let ratio = match (median(&ours), median(&others)) {
                (Some(ours), Some(others)) => format!("{:.2} ×", ours / others),
                _ => "not measured".to_owned(),
            };
            lines.push([
                row.title.clone(),
                format!("{}, {}", measure.name, measure.unit),
                spread(&ours),
                format!("{} ({})", spread(&others), row.theirs),
                measure.aim.map_or_else(|| "–".to_owned(), |aim| aim.to_string()),
                ratio,
            ]);
        }
    }
    let widths: [usize; 6] =
        std::array::from_fn(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for (nth, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(widths) {
            // Writing to a String cannot fail.
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if nth == 0 {
            for width in widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    text
}

fn column(runs: &[Vec<f64>], nth: usize) -> Vec<f64> {
    runs.iter().filter_map(|values| values.get(nth).copied()).collect()
}

fn spread(values: &[f64]) -> String {
    match median(values) {
        Some(middle) => {
            let (least, most) =
                values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), &value| {
                    (least.min(value), most.max(value))
                });
            format!("{} ({}–{})", figure(middle), figure(least), figure(most))
        }
        None => "–".to_owned(),
    }
}

/// The middle one; between two, their mean.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// Three digits that count.
pub fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Aim;

    fn measured() -> Measured {
        let rate = Measure { name: "rate", unit: "MB/s", aim: Some(Aim::TimesAtLeast(1.0)), why: "Because." };
        Measured {
            title: "a file".into(),
            theirs: "dnsmasq",
            measures: vec![rate],
            ours: vec![vec![3.0], vec![1.0], vec![2.0]],
            others: vec![vec![4.0], vec![8.0]],
            failed: None,
        }
    }

    #[test]
    fn the_table_has_medians_spread_and_the_ratio_last() {
        let text = table(&[measured()]);
        let line = text.lines().nth(2).unwrap();
        for part in ["rate, MB/s", "2.00 (1.00–3.00)", "6.00 (4.00–8.00) (dnsmasq)", "≥ 1 ×"] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(line.trim_end_matches(['|', ' ']).ends_with("0.33 ×"), "{line}");
        assert_eq!(measured().missed(), ["a file, rate: 0.33 × instead of 1 × or more. Because."]);
    }

    #[test]
    fn a_side_without_samples_has_no_ratio() {
        let row = Measured { others: Vec::new(), ..measured() };
        assert!(table(&[row]).contains("not measured"));
    }

    #[test]
    fn figures_have_three_digits_that_count() {
        for (value, text) in [(1234.5, "1234"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.012")] {
            assert_eq!(figure(value), text);
        }
    }
}
