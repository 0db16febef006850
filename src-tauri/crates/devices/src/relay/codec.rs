//! The words of the relay board. Pure.
//!
//! The board's reader is fragile: a second word that is no number makes it crash and restart, which forgets all
//! states and presses the controller's own power button. So nothing but the commands below can be put into words.

/// How many contacts the board has.
pub const CHANNELS: usize = 8;

/// The controller's own power button: a long press there ends the program, and the board with it.
const BOSS: u8 = 7;
/// A spare, wired to nothing on most boards.
const SPARE: u8 = 8;

/// A contact that may be pressed. There is no way to make one for the controller's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel(u8);

/// Why a contact may not be pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the relay board has outlets 1 to {CHANNELS}")]
    NoSuch,
    #[error("outlet {BOSS} is the controller's own power button")]
    Boss,
    #[error("outlet {SPARE} is a spare, and the configuration does not allow it")]
    Spare,
}

impl Channel {
    pub fn new(outlet: u8, allow_spare: bool) -> Result<Self, Refusal> {
        match outlet {
            BOSS => Err(Refusal::Boss),
            SPARE if !allow_spare => Err(Refusal::Spare),
            1..=SPARE => Ok(Self(outlet)),
            _ => Err(Refusal::NoSuch),
        }
    }

    /// As printed on the board, from 1.
    pub fn outlet(self) -> u8 {
        self.0
    }
}

/// What can be said to the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Status,
    /// A short press.
    On(Channel),
    /// A long press.
    Off(Channel),
}

impl Command {
    /// With its line end. The board drops carriage returns, so there is none.
    pub fn line(self) -> String {
        match self {
            Self::Status => "status\n".to_owned(),
            Self::On(Channel(number)) => format!("on {number}\n"),
            Self::Off(Channel(number)) => format!("off {number}\n"),
        }
    }
}

/// What the board says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// What was commanded last, by channel from 1.
    Status([bool; CHANNELS]),
    /// The board has just started.
    Starting,
    /// The board has finished starting.
    Ready,
    /// The board's own little display did not start; it will never answer again.
    Hung,
}

/// A line that is none of these: noise, or cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line that the relay board never says")]
pub struct Garbage;

impl Line {
    /// One line without its LF.
    pub fn parse(line: &[u8]) -> Result<Self, Garbage> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(fields) = line.strip_prefix(b"status ") {
            return fields_of(fields).map(Self::Status).ok_or(Garbage);
        }
        match line {
            b"ready" => Ok(Self::Ready),
            b"SSD1306 allocation failed" => Ok(Self::Hung),
            // The chip's own boot text comes at another speed, and its noise may stick to the first word.
            _ if line.ends_with(b"starting") => Ok(Self::Starting),
            _ => Err(Garbage),
        }
    }
}

/// Exactly eight fields, `0` or `1`, single blanks between: 15 bytes.
fn fields_of(text: &[u8]) -> Option<[bool; CHANNELS]> {
    if text.len() != 2 * CHANNELS - 1 {
        return None;
    }
    let mut out = [false; CHANNELS];
    for (at, byte) in text.iter().enumerate() {
        match (at % 2, byte) {
            (0, b'0') | (1, b' ') => {}
            (0, b'1') => out[at / 2] = true,
            _ => return None,
        }
    }
    Some(out)
}

/// Puts lines together from whatever pieces a serial line delivers.
#[derive(Debug, Default)]
pub struct Assembler {
    line: Vec<u8>,
    /// The current line is too long already; the rest of it is skipped.
    skipping: bool,
}

/// The longest word of the board has 25 bytes; noise before a line end may be of any length.
const LONGEST: usize = 128;

impl Assembler {
    /// Every line that `bytes` completes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Result<Line, Garbage>> {
        let mut out = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.skipping => {
                    self.skipping = false;
                    out.push(Err(Garbage));
                }
                b'\n' => {
                    // An empty line is what is left of a line end, not noise.
                    if !matches!(self.line.as_slice(), b"" | b"\r") {
                        out.push(Line::parse(&self.line));
                    }
                    self.line.clear();
                }
                _ if self.skipping => {}
                byte => self.line.push(*byte),
            }
            if self.line.len() > LONGEST {
                self.line.clear();
                self.skipping = true;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_sane_commands_can_be_said() {
        let channel = Channel::new(3, false).unwrap();
        assert_eq!(Command::On(channel).line(), "on 3\n");
        assert_eq!(Command::Off(channel).line(), "off 3\n");
        assert_eq!(Command::Status.line(), "status\n");
        for (outlet, allow, expected) in [
            (0, true, Some(Refusal::NoSuch)),
            (6, false, None),
            (7, false, Some(Refusal::Boss)),
            (7, true, Some(Refusal::Boss)),
            (8, false, Some(Refusal::Spare)),
            (8, true, None),
            (9, true, Some(Refusal::NoSuch)),
        ] {
            assert_eq!(
                Channel::new(outlet, allow).err(),
                expected,
                "outlet {outlet}, spare allowed: {allow}"
            );
        }
    }

    #[test]
    fn lines_as_the_board_says_them() {
        let on = |outlets: &[usize]| {
            let mut state = [false; CHANNELS];
            for outlet in outlets {
                state[outlet - 1] = true;
            }
            Ok(Line::Status(state))
        };
        let cases: [(&[u8], Result<Line, Garbage>); 17] = [
            (b"status 0 0 0 0 0 0 1 0", on(&[7])),
            (b"status 1 0 0 0 0 0 1 0", on(&[1, 7])),
            (b"status 1 1 1 1 1 1 1 0", on(&[1, 2, 3, 4, 5, 6, 7])),
            (b"starting\r", Ok(Line::Starting)),
            (b"\xf0\x81\x00starting\r", Ok(Line::Starting)),
            (b"ready\r", Ok(Line::Ready)),
            (b"SSD1306 allocation failed\r", Ok(Line::Hung)),
            (b"status", Err(Garbage)),
            (b"status ", Err(Garbage)),
            (b"status 1 1 1 1 1 1 1", Err(Garbage)),
            (b"status 1 1 1 1 1 1 1 1 0", Err(Garbage)),
            (b"status 1 1 1 1 1 1 1 2", Err(Garbage)),
            (b"status 1  1 1 1 1 1 1 1", Err(Garbage)),
            (b"status 1 1 1 1 1 1 1 0 ", Err(Garbage)),
            (b"tatus 1 1 1 1 1 1 1 0", Err(Garbage)),
            (b"not ready", Err(Garbage)),
            (b"", Err(Garbage)),
        ];
        for (line, expected) in cases {
            assert_eq!(Line::parse(line), expected, "{:?}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn pieces_make_the_same_lines_however_they_are_cut(
            states in proptest::collection::vec(any::<[bool; CHANNELS]>(), 0..5),
            cut in 1..20_usize,
        ) {
            let mut bytes = Vec::new();
            for state in &states {
                let fields: Vec<&str> = state.iter().map(|on| if *on { "1" } else { "0" }).collect();
                bytes.extend(format!("status {}\n", fields.join(" ")).bytes());
            }
            let mut assembler = Assembler::default();
            let lines: Vec<_> = bytes.chunks(cut).flat_map(|piece| assembler.push(piece)).collect();
            prop_assert_eq!(lines, states.into_iter().map(|state| Ok(Line::Status(state))).collect::<Vec<_>>());
        }

        #[test]
        fn noise_is_bounded_and_ends_with_the_line(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut assembler = Assembler::default();
            assembler.push(&noise);
            prop_assert!(assembler.line.len() <= LONGEST);
            assembler.push(b"\n");
            prop_assert_eq!(assembler.push(b"ready\r\n"), vec![Ok(Line::Ready)]);
        }
    }
}
