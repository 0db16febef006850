//! Bytes of a file or connection into lines, however they were cut. Pure.

use memchr::memchr;

/// Room kept for the next half line; what one long line needed beyond that is given back.
const KEEP: usize = 1 << 20;

/// What a cutter finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line without its end (LF or CR LF); never blank.
    Line(&'a [u8]),
    /// A line longer than the limit was skipped.
    Overlong,
}

/// Keeps the half line at the end of what came until the rest comes. Needs at most the limit of memory.
#[derive(Debug, Clone)]
pub struct Cutter {
    carry: Vec<u8>,
    limit: usize,
    /// Inside a line that is too long: all up to its end is thrown away.
    skipping: bool,
    position: u64,
    end: u64,
    blank_lines: u64,
}

impl Cutter {
    /// Starts at a byte of a file that is the first of a line.
    pub fn new(limit: usize, start: u64) -> Self {
        Self { carry: Vec::new(), limit, skipping: false, position: start, end: start, blank_lines: 0 }
    }

    /// The next byte that is wanted.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Behind the last line that was given out: from here everything can be read once more.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The line whose end has not come yet; empty while an overlong one is skipped.
    pub fn remainder(&self) -> &[u8] {
        &self.carry
    }

    /// Lines of nothing but blanks, which are not given out.
    pub fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// Forgets the half line, to read it once more.
    pub fn rewind(&mut self) {
        *self = Self::new(self.limit, self.end);
    }

    pub fn push(&mut self, bytes: &[u8], take: &mut dyn FnMut(Piece<'_>)) {
        let mut rest = bytes;
        while let Some(at) = memchr(b'\n', rest) {
            let (head, tail) = (&rest[..at], &rest[at + 1..]);
            self.position += at as u64 + 1;
            self.finish(head, take);
            rest = tail;
        }
        self.position += rest.len() as u64;
        self.hold(rest);
    }

    /// Takes what is there for a whole line: nothing will follow.
    pub fn flush(&mut self, take: &mut dyn FnMut(Piece<'_>)) {
        if self.skipping || !self.carry.is_empty() {
            self.finish(&[], take);
        }
    }

    /// Without copying, where a line came in one piece.
    fn finish(&mut self, head: &[u8], take: &mut dyn FnMut(Piece<'_>)) {
        self.end = self.position;
        if self.skipping || self.carry.len() + head.len() > self.limit {
            take(Piece::Overlong);
        } else if self.carry.is_empty() {
            self.blank_lines += u64::from(!give(head, take));
        } else {
            self.carry.extend_from_slice(head);
            self.blank_lines += u64::from(!give(&self.carry, take));
        }
        self.skipping = false;
        self.carry.clear();
        self.carry.shrink_to(KEEP);
    }

    fn hold(&mut self, half: &[u8]) {
        if self.skipping || self.carry.len() + half.len() > self.limit {
            self.skipping = true;
            self.carry = Vec::new();
        } else {
            self.carry.extend_from_slice(half);
        }
    }
}

/// Whether there was something on the line.
fn give(line: &[u8], take: &mut dyn FnMut(Piece<'_>)) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_blank = line.trim_ascii().is_empty();
    if !is_blank {
        take(Piece::Line(line));
    }
    !is_blank
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(limit: usize, chunks: &[&[u8]]) -> (Vec<Option<Vec<u8>>>, Cutter) {
        let mut cutter = Cutter::new(limit, 0);
        let mut pieces = Vec::new();
        for chunk in chunks {
            cutter.push(chunk, &mut |piece| {
                pieces.push(match piece {
                    Piece::Line(line) => Some(line.to_vec()),
                    Piece::Overlong => None,
                });
            });
        }
        (pieces, cutter)
    }

    #[test]
    fn a_line_is_whole_when_its_end_has_come() {
        let (pieces, cutter) = cut(10, &[b"one\nt", b"w", b"o\r\n\n \nthr"]);
        assert_eq!(pieces, [Some(b"one".to_vec()), Some(b"two".to_vec())]);
        assert_eq!((cutter.end(), cutter.position(), cutter.remainder()), (12, 15, b"thr".as_slice()));
    }

    #[test]
    fn an_overlong_line_is_one_piece_and_the_next_is_read() {
        let (pieces, cutter) = cut(4, &[b"1234\n12345\n", b"123", b"456", b"7\nok\n"]);
        assert_eq!(pieces, [Some(b"1234".to_vec()), None, None, Some(b"ok".to_vec())]);
        assert_eq!(cutter.end(), cutter.position());
    }

    #[test]
    fn sixty_four_megabytes_and_more_cost_no_memory_beyond_the_limit() {
        let mut cutter = Cutter::new(64 << 20, 0);
        let block = vec![b'x'; 1 << 20];
        let mut pieces = Vec::new();
        for n in 0..200 {
            cutter.push(&block, &mut |piece| pieces.push(piece == Piece::Overlong));
            assert!(cutter.carry.capacity() <= 129 << 20, "after {n} MB");
        }
        assert_eq!(cutter.carry.capacity(), 0);
        cutter.push(b"\n{}\n", &mut |piece| pieces.push(piece == Piece::Overlong));
        assert_eq!(pieces, [true, false]);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(text in "[ab\n]{0,200}", cuts in prop::collection::vec(0usize..200, 0..20)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let whole = cut(5, &[bytes]);
            let pieces = cut(5, &chunks);
            prop_assert_eq!(&whole.0, &pieces.0);
            prop_assert_eq!(whole.1.end(), pieces.1.end());
            prop_assert_eq!(pieces.1.end() as usize, bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        }
    }
}
