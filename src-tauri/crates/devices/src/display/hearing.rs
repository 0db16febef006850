//! What the display says: complaints, and a few lines while it starts. Pure.
//!
//! A line of ours on the console of another computer would be a command to its shell. So whoever repeats what it is told, or
//! speaks like another device of the board, is no display.

use super::lines::READY;

/// Of what it says, so much is kept; it prints back whole lines that it could not read.
const WORDS_KEPT: usize = 120;
const COMPLAINTS: [&str; 4] =
    ["Invalid input!", "Not enough memory", "Deserialization failed", "gfx->begin() failed!"];

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub words: String,
    pub complaint: bool,
    /// Why it is no display.
    pub stranger: Option<&'static str>,
}

/// Puts lines together.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    line: Vec<u8>,
    /// The line before was a complaint: this one may be what it is about.
    quotes: bool,
}

impl Hearing {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                if self.line.len() < WORDS_KEPT {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let words: String = String::from_utf8_lossy(&line).chars().filter(|c| !c.is_control()).collect();
            let words = words.trim();
            if !words.is_empty() {
                let complaint = COMPLAINTS.iter().any(|complaint| words.starts_with(complaint));
                let stranger = if self.quotes || complaint { None } else { stranger(words) };
                self.quotes = complaint;
                heard.push(Heard { words: words.to_owned(), complaint, stranger });
            }
        }
        heard
    }
}

fn stranger(words: &str) -> Option<&'static str> {
    let relay =
        words.strip_prefix("status ").is_some_and(|rest| rest.bytes().all(|byte| b"01 ".contains(&byte)));
    if words.ends_with(READY.trim_end()) {
        Some("what is on the line repeats what it is told, as a console does, and is no display")
    } else if relay {
        Some("the relay board is on the display's line")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(text: &str) -> Vec<Heard> {
        Hearing::default().push(text.as_bytes())
    }

    #[test]
    fn complaints_are_told_from_what_it_says_while_it_starts() {
        let heard = heard("Startup delay: 1000\r\nSetting up\n\nInvalid input! x\nboss:ready\nhal");
        let told: Vec<_> =
            heard.iter().map(|heard| (heard.words.as_str(), heard.complaint, heard.stranger)).collect();
        let expected = [
            ("Startup delay: 1000", false, None),
            ("Setting up", false, None),
            ("Invalid input! x", true, None),
            ("boss:ready", false, None),
        ];
        assert_eq!(told, expected, "what it complains about may be quoted in the next line");
    }

    #[test]
    fn who_repeats_or_speaks_like_the_relay_board_is_no_display() {
        for (text, why) in [
            ("boss:ready\n", "console"),
            ("root@wally:~# boss:ready\r\n", "console"),
            ("status 1 0 0 0 0 0 1 0\n", "relay board"),
        ] {
            assert!(heard(text)[0].stranger.is_some_and(|stranger| stranger.contains(why)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_become_short_lines(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..10)) {
            let mut hearing = Hearing::default();
            for piece in pieces {
                for heard in hearing.push(&piece) {
                    prop_assert!(!heard.words.is_empty() && heard.words.chars().count() <= WORDS_KEPT);
                    prop_assert!(!heard.words.contains(char::is_control));
                }
            }
            prop_assert!(hearing.line.len() <= WORDS_KEPT);
        }
    }
}
