//! OTLP as JSON lines: what the OpenTelemetry collector's file exporter writes, one object a line (reference 9.2), and what
//! an OTLP sender posts with `application/json`.
//!
//! - `json`: a cursor over JSON text.
//! - `values`: OTLP's values as text (9.3).
//! - `object`: from one object to its records.
//!
//! A line is cut where its writer was killed, and the next writer's object is glued behind it without a line end: the object
//! that broke is given up as a whole, the next one is found and read, and the line counts once as bad.

mod json;
mod object;
mod values;

use json::Broken;
use memchr::memmem;

use crate::View;

/// Bytes of a line that are looked at. The collector's exporter drops batches above its file size, which is 10 MB.
pub const LINE_MAX: usize = 16 * 1024 * 1024;

/// How every object of the file begins: its writer puts no blanks.
const BEGINNING: &[u8] = b"{\"resourceLogs\"";

/// How often a line may be read over in search of a good object. A hostile line could begin a million objects that all
/// break at its end.
const READ_OVER: usize = 16;

/// Why a line, or a part of one, could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("longer than {} MiB", LINE_MAX >> 20)]
    TooLong,
    #[error("not UTF-8")]
    NotUtf8,
    #[error("values more than {} deep inside each other", json::DEEPEST)]
    TooDeep,
    #[error("more than {} records in one object", object::MOST_RECORDS)]
    TooMany,
    #[error("no JSON object, or one that is cut off")]
    NotJson,
}

/// What a line held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineOutcome {
    /// Records that were read.
    pub records: u64,
    /// What was wrong with it, or with the first part of it that was wrong.
    pub fault: Option<Fault>,
    /// Nothing but blanks.
    pub blank: bool,
}

/// Reads a line, without its line end or with it, and hands out each of its records.
pub fn read_line(line: &[u8], each: &mut impl FnMut(View<'_>)) -> LineOutcome {
    let mut outcome = LineOutcome::default();
    if line.len() > LINE_MAX {
        return LineOutcome { fault: Some(Fault::TooLong), ..outcome };
    }
    let mut budget = line.len() * READ_OVER;
    let mut reading = Reading { line, at: 0, text: Valid::default() };
    reading.blanks();
    outcome.blank = reading.at == line.len();
    while reading.at < line.len() {
        let from = reading.at;
        match reading.object(each) {
            Ok(records) => outcome.records += records,
            Err((fault, end)) => {
                outcome.fault.get_or_insert(fault);
                budget = budget.saturating_sub((end - from).max(1));
                // Not at its own beginning again.
                match memmem::find(&line[from + 1..], BEGINNING) {
                    Some(next) if budget > 0 => reading.at = from + 1 + next,
                    _ => break,
                }
            }
        }
        reading.blanks();
    }
    outcome
}

struct Reading<'a> {
    line: &'a [u8],
    at: usize,
    text: Valid<'a>,
}

/// A part of the line that is UTF-8. Looked at once: a line may be begun a million times.
#[derive(Default)]
struct Valid<'a> {
    from: usize,
    text: &'a str,
}

impl Reading<'_> {
    fn blanks(&mut self) {
        while self.line.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    /// Reads the object that begins here and goes behind it; or why and where it broke.
    fn object(&mut self, each: &mut impl FnMut(View<'_>)) -> Result<u64, (Fault, usize)> {
        if self.at >= self.text.from + self.text.text.len() {
            let rest = &self.line[self.at..];
            let valid = std::str::from_utf8(rest).map_or_else(|error| error.valid_up_to(), |_| rest.len());
            let text = std::str::from_utf8(&rest[..valid]).unwrap_or_default();
            self.text = Valid { from: self.at, text };
        }
        let Valid { from, text } = self.text;
        // The place is behind the end of an object or at a brace: never inside a character.
        let mut cursor = json::Cursor::new(text.get(self.at - from..).unwrap_or_default());
        let read = object::read(&mut cursor, each);
        let end = self.at + cursor.at();
        let is_cut_off = cursor.is_at_end() && from + text.len() < self.line.len();
        match read {
            Ok(records) => {
                self.at = end;
                Ok(records)
            }
            Err(Broken::TooDeep) => Err((Fault::TooDeep, end)),
            Err(Broken::TooMany) => Err((Fault::TooMany, end)),
            Err(Broken::Grammar) if is_cut_off => Err((Fault::NotUtf8, end)),
            Err(Broken::Grammar) => Err((Fault::NotJson, end)),
        }
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
