//! The board in numbers, for Prometheus: its text format 0.0.4 and OpenMetrics 1.0. Pure.
//!
//! What is unknown has no row, which is not the same as zero. Rows of one name are bounded, whatever the board reports.

mod families;
mod text;

use lab::{Board, live::Snapshot};

pub(crate) use text::Format;

use crate::desks::CountersNow;

/// All numbers of one moment.
pub(crate) fn render(
    format: Format,
    board: &Board,
    seen: &Snapshot,
    counters: Option<&CountersNow>,
) -> String {
    let mut text = text::Text::new(format);
    families::program(&mut text, board, seen);
    families::machines(&mut text, board, seen);
    families::gear(&mut text, seen);
    families::streams(&mut text, seen);
    families::certificates(&mut text, seen);
    families::health(&mut text, seen);
    if let Some(counters) = counters {
        families::counters(&mut text, counters);
    }
    text.end()
}

#[cfg(test)]
#[path = "metrics/metrics_tests.rs"]
mod tests;
