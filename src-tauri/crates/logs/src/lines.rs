//! Bytes cut into lines. A partial line waits for its rest; one that is too long is passed over in bounded memory.

use memchr::memchr;

use crate::otlp::LINE_MAX;

/// Cuts bytes as they come. Feed it pieces of any size.
#[derive(Debug, Default)]
pub struct Lines {
    /// What came since the last line end.
    held: Vec<u8>,
    /// How many bytes of a line that is too long were passed over so far.
    passed: u64,
}

/// A line, without its line end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Whole(&'a [u8]),
    /// Longer than [`LINE_MAX`]; so many bytes were passed over.
    TooLong(u64),
}

impl Lines {
    /// Hands out every line that ends in these bytes.
    pub fn push(&mut self, mut bytes: &[u8], each: &mut impl FnMut(Line<'_>)) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.passed == 0 && self.held.is_empty() && line.len() <= LINE_MAX {
                each(Line::Whole(line));
                continue;
            }
            self.hold(line);
            self.hand_out(each);
        }
        self.hold(bytes);
    }

    /// Hands out what came behind the last line end, for a source that ends there.
    pub fn finish(&mut self, each: &mut impl FnMut(Line<'_>)) {
        if self.held_bytes() > 0 {
            self.hand_out(each);
        }
    }

    /// Bytes that wait for their line end: a reader's place is so many bytes further on than what was handed out.
    pub fn held_bytes(&self) -> u64 {
        self.passed + self.held.len() as u64
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        (self.held, self.passed) = (Vec::new(), 0);
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.passed > 0 || self.held.len() + bytes.len() > LINE_MAX {
            self.passed += (self.held.len() + bytes.len()) as u64;
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    fn hand_out(&mut self, each: &mut impl FnMut(Line<'_>)) {
        match std::mem::take(&mut self.passed) {
            0 => each(Line::Whole(&self.held)),
            passed => each(Line::TooLong(passed)),
        }
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<Result<Vec<u8>, u64>> {
        let (mut lines, mut got) = (Lines::default(), Vec::new());
        let mut each = |line: Line<'_>| match line {
            Line::Whole(line) => got.push(Ok(line.to_vec())),
            Line::TooLong(length) => got.push(Err(length)),
        };
        for piece in pieces {
            lines.push(piece, &mut each);
        }
        lines.finish(&mut each);
        got
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_is_whole() {
        let long = vec![b'x'; LINE_MAX / 2 + 1];
        let got = cut(&[b"a\n", &long, &long, b"y\nb\n", b"c"]);
        let length = 2 * long.len() as u64 + 1;
        assert_eq!(got, [Ok(b"a".to_vec()), Err(length), Ok(b"b".to_vec()), Ok(b"c".to_vec())]);
        let longest = vec![b'x'; LINE_MAX];
        assert_eq!(cut(&[&longest, b"\n"]), [Ok(longest.clone())], "the longest that is taken");
        assert_eq!(
            cut(&[&[&longest[..], b"x\nz"].concat()]),
            [Err(longest.len() as u64 + 1), Ok(b"z".to_vec())]
        );
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_lines(text in "[a\n]{0,60}", cuts in prop::collection::vec(0..60_usize, 0..8)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            let mut expected: Vec<_> = text.split('\n').map(|line| Ok(line.as_bytes().to_vec())).collect();
            if text.is_empty() || text.ends_with('\n') {
                expected.pop();
            }
            prop_assert_eq!(cut(&pieces), expected);
        }
    }
}
