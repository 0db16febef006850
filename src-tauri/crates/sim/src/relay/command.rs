//! One line as the relay board's firmware reads it, with its pits.

/// Which outlets a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    One(u8),
    /// Outlets 1 to 6. The controller's own (7) and the spare one (8) are never part of "all".
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Status,
    Ready,
    Unready,
    On(Target),
    Off(Target),
    /// Ignored without a word.
    Nothing,
    /// The second word goes through a conversion that throws and nothing catches it.
    Crash,
}

/// Splits at every single blank; only what stands before a blank or is not empty is a word. So a trailing blank is
/// harmless, while a leading one or two in a row make an empty word more.
fn words(line: &[u8]) -> Vec<&[u8]> {
    let mut words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    if words.last().is_some_and(|word| word.is_empty()) {
        words.pop();
    }
    words
}

/// C++'s `std::stoi` on a 32-bit int: leading white space, a sign, digits, then anything. `None` is its exception.
fn stoi(word: &[u8]) -> Option<i32> {
    let start = word.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r'))?;
    let (negative, digits) = match word[start..].split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, &word[start..]),
    };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let mut value: i64 = 0;
    for digit in &digits[..length] {
        value = value * 10 + i64::from(digit - b'0');
        if value > i64::from(i32::MAX) + 1 {
            return None;
        }
    }
    i32::try_from(if negative { -value } else { value }).ok()
}

impl Command {
    /// `line` without its line end. Words are compared with case.
    pub(crate) fn read(line: &[u8]) -> Command {
        match words(line).as_slice() {
            [b"status"] => Command::Status,
            [b"ready"] => Command::Ready,
            [b"unready"] => Command::Unready,
            [b"on", which] => Command::switch(which, Command::On),
            [b"off", which] => Command::switch(which, Command::Off),
            _ => Command::Nothing,
        }
    }

    fn switch(which: &[u8], command: fn(Target) -> Command) -> Command {
        if which == b"all" {
            return command(Target::All);
        }
        match stoi(which) {
            Some(outlet @ 1..=8) => command(Target::One(outlet as u8)),
            Some(_) => Command::Nothing,
            None => Command::Crash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_the_boards_own_strictness() {
        use Command::{Crash, Nothing, Off, On, Ready, Status, Unready};
        use Target::{All, One};
        let table: [(&str, Command); 32] = [
            ("status", Status),
            ("status ", Status),
            (" status", Nothing),
            ("status x", Nothing),
            ("Status", Nothing),
            ("ready", Ready),
            ("unready", Unready),
            ("on 1", On(One(1))),
            ("on 8", On(One(8))),
            ("off 7", Off(One(7))),
            ("on 1 ", On(One(1))),
            ("on 1  ", Nothing),
            ("on  1", Nothing),
            (" on 1", Nothing),
            ("ON 1", Nothing),
            ("on all", On(All)),
            ("off all", Off(All)),
            ("on ALL", Crash),
            ("on 0", Nothing),
            ("on 9", Nothing),
            ("on -1", Nothing),
            ("on +3", On(One(3))),
            ("on 3abc", On(One(3))),
            ("on \t3", On(One(3))),
            ("on x", Crash),
            ("off x", Crash),
            ("on  ", Crash),
            ("on ", Nothing),
            ("on 2147483647", Nothing),
            ("on 2147483648", Crash),
            ("on -2147483648", Nothing),
            ("", Nothing),
        ];
        for (line, command) in table {
            assert_eq!(Command::read(line.as_bytes()), command, "{line:?}");
        }
        assert_eq!(Command::read(b"foo x"), Nothing, "only on and off convert their second word");
        assert_eq!(
            Command::read(b"on 99999999999999999999999999"),
            Crash,
            "too large for any integer of ours"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(line: Vec<u8>) {
            Command::read(&line);
        }
    }
}
