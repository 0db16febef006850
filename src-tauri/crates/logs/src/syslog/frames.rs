//! Messages on a connection (RFC 6587): counted octets, or lines. Pure. Senders disagree, so each frame is looked at anew.

use memchr::memchr2;

/// The longest message that is read. RFC 5424, section 6.1, asks for 2048 bytes at least.
pub const LONGEST: usize = 64 << 10;
/// A count beyond this is nonsense, and there is no way to find the next message behind it.
const NONSENSE: usize = 16 << 20;
/// Digits of a count.
const DIGITS: usize = 8;

/// What a connection said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    Message(&'a [u8]),
    /// Longer than [`LONGEST`], and passed over.
    TooLong,
}

/// Why a connection cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of {0} bytes was announced")]
pub struct Nonsense(usize);

/// Cuts what a connection says.
#[derive(Debug, Default)]
pub struct Frames {
    held: Vec<u8>,
    passing: Passing,
}

/// What is thrown away at the moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Passing {
    #[default]
    Nothing,
    Octets(usize),
    Line,
}

/// What stands at the beginning of what is held.
enum Next {
    /// A message from here to there, and where the next one begins.
    Message(usize, usize, usize),
    Long(Passing, usize),
    /// The rest has not come.
    Incomplete,
}

impl Frames {
    pub fn push(&mut self, bytes: &[u8], take: &mut dyn FnMut(Frame<'_>)) -> Result<(), Nonsense> {
        let bytes = self.pass(bytes);
        self.held.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            while self.held.get(at).is_some_and(|byte| matches!(byte, b'\n' | b'\r' | b'\0' | b' ')) {
                at += 1;
            }
            match next(&self.held[at..])? {
                Next::Message(from, to, next) => {
                    take(Frame::Message(&self.held[at + from..at + to]));
                    at += next;
                }
                Next::Long(passing, from) => {
                    take(Frame::TooLong);
                    self.passing = passing;
                    let rest = self.held.split_off(at + from);
                    let rest = self.pass(&rest).to_vec();
                    (self.held, at) = (rest, 0);
                }
                Next::Incomplete => break,
            }
        }
        self.held.drain(..at);
        Ok(())
    }

    /// The connection has ended: a last line needs no end.
    pub fn finish(&mut self, take: &mut dyn FnMut(Frame<'_>)) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() && counted(&held).is_none() {
            take(Frame::Message(&held));
        }
    }

    /// Throws away what belongs to a message that is too long.
    fn pass<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match self.passing {
            Passing::Nothing => bytes,
            Passing::Octets(left) => {
                let now = left.min(bytes.len());
                self.passing = if now < left { Passing::Octets(left - now) } else { Passing::Nothing };
                &bytes[now..]
            }
            Passing::Line => match memchr2(b'\n', b'\0', bytes) {
                Some(end) => {
                    self.passing = Passing::Nothing;
                    &bytes[end + 1..]
                }
                None => &[],
            },
        }
    }
}

fn next(held: &[u8]) -> Result<Next, Nonsense> {
    match counted(held) {
        Some(Count::Incomplete) => Ok(Next::Incomplete),
        Some(Count::Is(_, octets)) if octets > NONSENSE => Err(Nonsense(octets)),
        Some(Count::Is(from, octets)) if octets > LONGEST => Ok(Next::Long(Passing::Octets(octets), from)),
        Some(Count::Is(from, octets)) if held.len() >= from + octets => {
            Ok(Next::Message(from, from + octets, from + octets))
        }
        Some(Count::Is(..)) => Ok(Next::Incomplete),
        // OpenWrt can end its messages with NUL.
        None => match memchr2(b'\n', b'\0', held) {
            Some(end) if end <= LONGEST => Ok(Next::Message(0, end, end + 1)),
            Some(_) => Ok(Next::Long(Passing::Line, 0)),
            None if held.len() > LONGEST => Ok(Next::Long(Passing::Line, 0)),
            None => Ok(Next::Incomplete),
        },
    }
}

enum Count {
    Incomplete,
    /// Where the message begins, and its length.
    Is(usize, usize),
}

/// `MSG-LEN SP <`: a line may begin with a number too, but a message begins with its priority.
fn counted(held: &[u8]) -> Option<Count> {
    let digits = held.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > DIGITS || held[0] == b'0' {
        return None;
    }
    match (held.get(digits), held.get(digits + 1)) {
        (None, _) | (Some(b' '), None) => Some(Count::Incomplete),
        (Some(b' '), Some(b'<')) => {
            let octets = std::str::from_utf8(&held[..digits]).ok()?.parse().ok()?;
            Some(Count::Is(digits + 1, octets))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&[u8]]) -> Result<Vec<String>, Nonsense> {
        let (mut frames, mut said) = (Frames::default(), Vec::new());
        let mut take = |frame: Frame<'_>| {
            said.push(match frame {
                Frame::Message(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Frame::TooLong => "too long".to_owned(),
            });
        };
        for chunk in chunks {
            frames.push(chunk, &mut take)?;
        }
        frames.finish(&mut take);
        Ok(said)
    }

    #[test]
    fn counted_and_ended_messages_may_alternate() {
        let said = cut(&[b"6 <13>a\n<14>b\n8 <15>c\nd\xff<16>e\0<17>f\r\n12 monkeys\n<18>g"]).unwrap();
        assert_eq!(said, ["<13>a\n", "<14>b", "<15>c\nd\u{fffd}", "<16>e", "<17>f\r", "12 monkeys", "<18>g"]);
    }

    #[test]
    fn a_long_message_is_passed_over_in_either_framing() {
        let long = "x".repeat(LONGEST + 1);
        let counted = format!("{} <1>{long}<13>next\n", long.len() + 3);
        assert_eq!(cut(&[counted.as_bytes()]).unwrap(), ["too long", "<13>next"]);
        let line = format!("<1>{long}\n<13>next\n");
        assert_eq!(cut(&[line.as_bytes()]).unwrap(), ["too long", "<13>next"]);
        let (first, second) = line.as_bytes().split_at(LONGEST + 2);
        assert_eq!(cut(&[first, second]).unwrap(), ["too long", "<13>next"]);
        assert_eq!(cut(&[b"99999999 <1>x"]), Err(Nonsense(99_999_999)));
    }

    proptest! {
        #[test]
        fn how_it_is_cut_does_not_matter(text in "([1-9] )?[<a0\n]{0,40}", cuts in prop::collection::vec(0usize..40, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(cut(&chunks), cut(&[bytes]));
        }

        #[test]
        fn noise_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = cut(&[&bytes]);
        }
    }
}
