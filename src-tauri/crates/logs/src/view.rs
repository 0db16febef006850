//! One log record as it was said, borrowed from the bytes that brought it; whatever input that was.

use std::borrow::Cow;

use lab::log::{Level, Record};

use crate::classify::level;

/// Bytes of a message that are kept. A stack trace or a Kubernetes object fits; a binary blob does not.
pub const MESSAGE_KEPT: usize = 64 * 1024;
/// Bytes of a node's or a service's name that are kept.
pub const NAME_KEPT: usize = 256;

/// A record, normalised as the reference does it (9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View<'a> {
    /// `host.name`, empty when unknown.
    pub node: &'a str,
    /// `service.name`, empty when unknown.
    pub service: &'a str,
    /// The severity's word, in lower case, empty when there is none.
    pub level: &'a str,
    /// OTLP's severity number, 1 to 24, where there is one.
    pub severity: Option<u8>,
    /// The body as text.
    pub message: &'a str,
    /// The attribute `message`, where there is one: Talos records carry what was said there, and raw JSON as their body.
    pub said: Option<&'a str>,
    /// What a web server was asked for, and by whom.
    pub uri: Option<&'a str>,
    pub remote: Option<&'a str>,
    /// Microseconds since 1970.
    pub time_us: Option<i64>,
}

impl<'a> View<'a> {
    /// What a person should read.
    pub fn text(&self) -> &'a str {
        self.said.filter(|said| !said.is_empty()).unwrap_or(self.message)
    }

    /// How bad it is, whichever profile counts it.
    pub fn level(&self) -> Level {
        level::stored(self.level, self.severity)
    }

    /// The record to keep and to show: without control characters, and bounded.
    pub fn to_record(&self, stream: &str, seen_us: i64) -> Record {
        Record {
            stream: stream.to_owned(),
            time_us: self.time_us,
            seen_us,
            node: name(self.node),
            service: name(self.service),
            level: self.level(),
            message: message(self.text()),
        }
    }
}

/// Safe to show, at most [`MESSAGE_KEPT`] bytes and a mark.
pub fn message(text: &str) -> String {
    let whole = text.trim_end();
    let kept = cut(whole, MESSAGE_KEPT);
    let mut safe = safe(kept).into_owned();
    if kept.len() < whole.len() {
        safe.push_str(&format!(" … ({} bytes more)", whole.len() - kept.len()));
    }
    safe
}

fn name(text: &str) -> String {
    safe(cut(text.trim(), NAME_KEPT)).replace('\n', " ")
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Line ends stay; colours go (ECMA-48, 5.4); anything else that could move a cursor, or turn the direction of what is
/// read, becomes U+FFFD.
fn safe(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => safe.push('\n'),
            '\t' => safe.push(' '),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' => safe.push('\n'),
            '\u{1b}' if rest.peek() == Some(&'[') => {
                rest.next();
                while rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
                rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
            }
            c if c.is_control() || turns(c) => safe.push(char::REPLACEMENT_CHARACTER),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Characters that turn the direction of text (UAX 9), by which a line can show other than it says.
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
