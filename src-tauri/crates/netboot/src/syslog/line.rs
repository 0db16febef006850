//! From datagrams to lines. Pure.

/// Characters of a line that are kept; more is noise on a screen.
pub const LONGEST: usize = 1000;
/// Lines of one datagram.
const MOST_LINES: usize = 16;

/// A line, safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// 0 (emergency) to 7 (debug), where the line has one.
    pub severity: Option<u8>,
    /// What it says, without what the protocol put before it.
    pub text: String,
}

/// A datagram of RFC 3164 (as iPXE writes it, more or less) or RFC 5424. One without a priority is a line all the same
/// (RFC 3164, section 4.3.3); `None` where nothing is left to read.
pub fn syslog(bytes: &[u8]) -> Option<Line> {
    let text = printable(bytes);
    let (priority, rest) = priority(&text).map_or((None, text.as_str()), |(p, rest)| (Some(p), rest));
    let said = structured(rest).unwrap_or_else(|| without_timestamp(rest)).trim();
    (!said.is_empty()).then(|| Line { severity: priority.map(|p| p % 8), text: cut(said) })
}

/// A datagram of the kernel's netconsole: several lines perhaps, each plain, or with the kernel's own level (`<6>text`),
/// or extended (`6,416,1758426,-;text`, with ` KEY=value` lines behind that are left out).
pub fn netconsole(bytes: &[u8]) -> Vec<Line> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| line.first() != Some(&b' '));
    let read = |line: &[u8]| {
        let text = printable(line);
        let (severity, said) = extended(&text)
            .or_else(|| priority(&text))
            .map_or((None, text.as_str()), |(priority, rest)| (Some(priority % 8), rest));
        let said = said.trim();
        (!said.is_empty()).then(|| Line { severity, text: cut(said) })
    };
    lines.filter_map(read).take(MOST_LINES).collect()
}

/// `<PRI>`: 8 × facility + severity, at most 191.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
    let digits = !number.is_empty() && number.len() <= 3 && number.bytes().all(|b| b.is_ascii_digit());
    let priority = number.parse().ok().filter(|p: &u8| digits && *p <= 191)?;
    Some((priority, rest))
}

/// RFC 5424: `1 TIMESTAMP HOST APP PROCESS MESSAGE-ID STRUCTURED-DATA text`. The program's name is kept.
fn structured(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix("1 ")?;
    let mut parts = rest.splitn(6, ' ');
    let timestamp = parts.next()?;
    let dated = timestamp == "-" || timestamp.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let data = parts.nth(4).filter(|_| dated)?;
    let text = match data.strip_prefix('-') {
        Some(text) => text,
        None => &data[end_of_data(data)?..],
    };
    Some(text.trim_start().trim_start_matches('\u{feff}'))
}

/// Where `[id key="value"][…]` ends; a bracket within a value is escaped by a backslash.
fn end_of_data(data: &str) -> Option<usize> {
    let (mut quoted, mut escaped, mut inside) = (false, false, false);
    for (at, byte) in data.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if inside => quoted = !quoted,
            b'[' if !inside => inside = true,
            b']' if inside && !quoted => {
                inside = false;
                if data.as_bytes().get(at + 1) != Some(&b'[') {
                    return Some(at + 1);
                }
            }
            _ if !inside => return None,
            _ => {}
        }
    }
    None
}

/// RFC 3164: `Mmm dd hh:mm:ss ` before the rest. Ours is the clock that counts.
fn without_timestamp(rest: &str) -> &str {
    let bytes = rest.as_bytes();
    let dated = bytes.len() > 16
        && rest.is_char_boundary(16)
        && bytes[..3].iter().all(u8::is_ascii_alphabetic)
        && bytes[3] == b' '
        && [bytes[9], bytes[12]] == [b':', b':']
        && bytes[15] == b' ';
    if dated { &rest[16..] } else { rest }
}

/// Documentation/networking/netconsole.rst: `level,sequence,microseconds,flags;text`.
fn extended(text: &str) -> Option<(u8, &str)> {
    let (head, said) = text.split_once(';')?;
    let mut fields = head.split(',');
    let level = fields.next()?.parse().ok()?;
    let numbers = [fields.next()?, fields.next()?];
    let numeric = |n: &&str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    (numbers.iter().all(numeric) && fields.next().is_some()).then_some((level, said))
}

/// Colours and cursor movements away, every other control character a blank.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len().min(LONGEST * 4));
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                // ECMA-48: parameters, then one byte from @ to ~ that ends the sequence.
                chars.next();
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            // What turns the direction of writing could make a line read as another one.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(severity: impl Into<Option<u8>>, text: &str) -> Line {
        Line { severity: severity.into(), text: text.into() }
    }

    #[test]
    fn syslog_in_its_forms() {
        let table: [(&[u8], Line); 7] = [
            (
                b"<14>ipxe: http://192.168.122.3/boot.ipxe... ok\n",
                line(6, "ipxe: http://192.168.122.3/boot.ipxe... ok"),
            ),
            (b"<30>Oct  1 22:14:15 node1 dhcpd[3]: bound", line(6, "node1 dhcpd[3]: bound")),
            (b"<165>1 2026-10-11T22:14:15.003Z node1 app - ID47 - \xef\xbb\xbfstarted", line(5, "started")),
            (b"<165>1 - - - - - [a@1 k=\"]\\\"]\"][b@1] started", line(5, "started")),
            (b"no priority at all", line(None, "no priority at all")),
            (b"<999>not a priority", line(None, "<999>not a priority")),
            (b"<3>\x1b[31mred\x1b[0m\tand\x07rung", line(3, "red and rung")),
        ];
        for (bytes, expected) in table {
            assert_eq!(syslog(bytes), Some(expected), "{}", String::from_utf8_lossy(bytes));
        }
        for nothing in [&b""[..], b"<13>", b"<13> \r\n", b"<165>1 - - - - - -"] {
            assert_eq!(syslog(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn netconsole_in_its_forms() {
        let two = b"[    0.000000] Linux version 6.1\n<3>disk gone\n";
        assert_eq!(netconsole(two), [line(None, "[    0.000000] Linux version 6.1"), line(3, "disk gone")]);
        let extended =
            b"6,416,1758426,-,ncfrag=0/33;the 8139too driver\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:01.0\n";
        assert_eq!(netconsole(extended), [line(6, "the 8139too driver")]);
        assert_eq!(netconsole(b"a;b"), [line(None, "a;b")]);
    }

    #[test]
    fn long_lines_are_cut_and_many_are_bounded() {
        let long = syslog("ü".repeat(3000).as_bytes()).unwrap();
        assert_eq!(long.text.chars().count(), LONGEST + 1);
        assert_eq!(netconsole(&b"x\n".repeat(1000)).len(), MOST_LINES);
    }

    proptest! {
        #[test]
        fn any_bytes_make_safe_lines(bytes: Vec<u8>) {
            for line in syslog(&bytes).into_iter().chain(netconsole(&bytes)) {
                prop_assert!(!line.text.chars().any(char::is_control));
                prop_assert!(line.text.chars().count() <= LONGEST + 1);
                prop_assert!(line.severity.is_none_or(|s| s < 8));
            }
        }
    }
}
