//! dnsmasq's lines: what they say behind their prefixes, and which of them are copies.
//!
//! Started with `--no-daemon`, dnsmasq writes each message to its standard error, with a prefix, and to syslog, without one,
//! and the journal keeps both (9.5). Started in another way it writes one of the two. Which way it is cannot be told from a
//! line, so a line counts unless it is the other form of one that counted shortly before.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};

/// Lines that may come between the two copies. They are written one after the other; the journal mixes the two streams by
/// a few milliseconds, in which a busy name server says some hundred lines.
const APART: usize = 512;

/// A line without prefix and transaction number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bare<'a> {
    pub(super) text: &'a str,
    is_prefixed: bool,
}

/// Takes the prefix off: `dnsmasq: `, `dnsmasq-dhcp: `, with or without a process number.
pub(super) fn bare(message: &str) -> Bare<'_> {
    let message = message.trim_end();
    let unprefixed = message.strip_prefix("dnsmasq").and_then(|rest| {
        let rest = rest.strip_prefix("-dhcp").unwrap_or(rest);
        let rest = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((number, rest)) if is_number(number) => rest,
            _ => rest,
        };
        rest.strip_prefix(": ")
    });
    let text = unprefixed.unwrap_or(message);
    // `--log-dhcp` begins each line with the transaction's number.
    let said = text.split_once(' ').filter(|(number, _)| is_number(number)).map(|(_, said)| said);
    Bare { text: said.unwrap_or(text), is_prefixed: unprefixed.is_some() }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Lines that counted and whose copy may still come.
#[derive(Debug, Clone, Default)]
pub(super) struct Copies {
    waiting: VecDeque<(u64, bool)>,
}

impl Copies {
    /// Whether this line is the copy of one that was seen; if it is not, its own copy is waited for.
    pub(super) fn is_copy(&mut self, message: &str, bare: Bare<'_>) -> bool {
        let mut hasher = DefaultHasher::new();
        // With the number: a second offer is another line.
        let numbered = message.trim_end();
        let end = numbered.find(": ").filter(|_| bare.is_prefixed).map_or(0, |colon| colon + 2);
        hasher.write(&numbered.as_bytes()[end..]);
        let line = hasher.finish();
        let other = self.waiting.iter().position(|waits| *waits == (line, !bare.is_prefixed));
        if let Some(other) = other {
            self.waiting.remove(other);
            return true;
        }
        if self.waiting.len() == APART {
            self.waiting.pop_front();
        }
        self.waiting.push_back((line, bare.is_prefixed));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_numbers_come_off() {
        for (line, text, is_prefixed) in [
            (
                "dnsmasq: query[A] boss.local from 192.168.122.11",
                "query[A] boss.local from 192.168.122.11",
                true,
            ),
            ("query[A] boss.local from 192.168.122.11", "query[A] boss.local from 192.168.122.11", false),
            (
                "dnsmasq-dhcp: 305419896 DHCPOFFER(eth0) 192.168.122.11 16:09:01:1a:f4:30 ",
                "DHCPOFFER(eth0) 192.168.122.11 16:09:01:1a:f4:30",
                true,
            ),
            (
                "305419896 DHCPOFFER(eth0) 192.168.122.11 16:09:01:1a:f4:30 ",
                "DHCPOFFER(eth0) 192.168.122.11 16:09:01:1a:f4:30",
                false,
            ),
            (
                "dnsmasq-dhcp[812]: DHCPDISCOVER(eth0) 16:09:01:1a:f4:30 ",
                "DHCPDISCOVER(eth0) 16:09:01:1a:f4:30",
                true,
            ),
            ("dnsmasq-dhcp:", "dnsmasq-dhcp:", false),
            ("dnsmasq", "dnsmasq", false),
            ("", "", false),
        ] {
            assert_eq!(bare(line), Bare { text, is_prefixed }, "{line}");
        }
    }

    fn counted(copies: &mut Copies, lines: &[&str]) -> Vec<bool> {
        lines.iter().map(|line| !copies.is_copy(line, bare(line))).collect()
    }

    #[test]
    fn a_line_and_its_copy_count_once_in_any_order() {
        let (a, b) = ("query[A] x from 1.2.3.4", "dnsmasq: query[A] x from 1.2.3.4");
        assert_eq!(counted(&mut Copies::default(), &[a, b, b, a]), [true, false, true, false]);
        assert_eq!(counted(&mut Copies::default(), &[a, a, b, b]), [true, true, false, false]);
        assert_eq!(counted(&mut Copies::default(), &[a, a, a]), [true; 3], "only one form is written");
        assert_eq!(counted(&mut Copies::default(), &[b, b]), [true; 2]);
    }

    #[test]
    fn offers_of_two_transactions_are_two() {
        let lines = ["1 DHCPOFFER(e) 1.2.3.4 m", "dnsmasq-dhcp: 2 DHCPOFFER(e) 1.2.3.4 m "];
        assert_eq!(counted(&mut Copies::default(), &lines), [true, true]);
    }

    #[test]
    fn what_is_waited_for_is_bounded() {
        let mut copies = Copies::default();
        for n in 0..3 * APART {
            let line = format!("query[A] {n} from 1.2.3.4");
            assert!(!copies.is_copy(&line, bare(&line)));
        }
        assert_eq!(copies.waiting.len(), APART);
    }
}
