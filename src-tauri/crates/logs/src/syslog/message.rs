//! One syslog message: RFC 5424, RFC 3164, and what is sent under those names. Pure, never refuses anything.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Severities as the collector's parser writes them (reference 9.2).
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// A tag has at most 32 characters (RFC 3164, section 4.1.3), an APP-NAME 48 (RFC 5424, section 6.2.5).
const TAG: usize = 48;

/// A message; what it does not say is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Message<'a> {
    /// Facility × 8 + severity.
    pub priority: Option<u8>,
    /// Microseconds since 1970.
    pub time_us: Option<i64>,
    /// Without the suffix `.local`.
    pub host: Option<&'a str>,
    pub program: Option<&'a str>,
    pub text: &'a str,
}

impl<'a> Message<'a> {
    /// `now_us` says which year it is: the older format does not.
    pub fn read(message: &'a str, now_us: i64) -> Self {
        let message = message.trim_end_matches(['\n', '\r', '\0', ' ']);
        let (priority, rest) = priority(message).map_or((None, message), |(p, rest)| (Some(p), rest));
        let read = structured(rest).unwrap_or_else(|| traditional(rest, now_us));
        Self { priority, host: read.host.map(without_suffix), ..read }
    }

    /// Its severity's word; empty where it has none.
    pub fn level(&self) -> &'static str {
        self.priority.map_or("", |priority| SEVERITIES[usize::from(priority % 8)])
    }
}

/// `<PRI>`, at most 191 (RFC 5424, section 6.2.1).
fn priority(message: &str) -> Option<(u8, &str)> {
    let (digits, rest) = message.strip_prefix('<')?.split_once('>')?;
    let number = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let priority = digits.parse().ok().filter(|priority: &u8| number && *priority <= 191)?;
    Some((priority, rest))
}

/// `1 TIMESTAMP HOST APP PROCID MSGID STRUCTURED-DATA [text]` (RFC 5424, section 6).
fn structured(rest: &str) -> Option<Message<'_>> {
    let mut parts = rest.strip_prefix("1 ")?.splitn(6, ' ');
    let time = parts.next()?;
    let time_us = if time == "-" { None } else { Some(stamp(time)?) };
    let (host, program) = (parts.next()?, parts.next()?);
    let data = parts.nth(2)?;
    let text = match data.strip_prefix('-') {
        Some(text) => text,
        None => &data[end_of_data(data)?..],
    };
    let text = text.strip_prefix(' ').unwrap_or(text).trim_start_matches('\u{feff}');
    // rsyslog keeps the blank that stood behind the older format's tag.
    let text = text.strip_prefix(' ').unwrap_or(text);
    let given = |part: &'static str| move |said: &&str| *said != part;
    let given = given("-");
    Some(Message {
        priority: None,
        time_us,
        host: Some(host).filter(given),
        program: Some(program).filter(given),
        text,
    })
}

/// Behind the last `]` of the elements; within their quotes a bracket may stand (section 6.3.3).
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

/// `Mmm dd hh:mm:ss [HOST] TAG[pid]: text` (RFC 3164, section 4.1), each part perhaps missing, the time perhaps in ISO 8601.
fn traditional(rest: &str, now_us: i64) -> Message<'_> {
    let dated = month_first(rest, now_us).or_else(|| {
        let (time, rest) = rest.split_once(' ')?;
        Some((stamp(time)?, rest))
    });
    let Some((time_us, rest)) = dated else {
        let (program, text) = tagged(rest).map_or((None, rest), |(program, text)| (Some(program), text));
        return Message { program, text, ..Message::default() };
    };
    let time_us = Some(time_us);
    // Without a host's name the tag comes first, and ends otherwise than a name does.
    if let Some((program, text)) = tagged(rest) {
        return Message { time_us, program: Some(program), text, ..Message::default() };
    }
    let (host, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (program, text) = tagged(rest).map_or((None, rest), |(program, text)| (Some(program), text));
    Message { priority: None, time_us, host: Some(host).filter(|host| !host.is_empty()), program, text }
}

/// `TAG:` or `TAG[pid]:`, and what follows.
fn tagged(rest: &str) -> Option<(&str, &str)> {
    let end = rest.find([':', '[', ' ']).filter(|end| (1..=TAG).contains(end))?;
    let (tag, behind) = rest.split_at(end);
    let behind = match behind.strip_prefix('[') {
        Some(numbered) => numbered.split_once(']').filter(|(number, _)| number.len() <= TAG)?.1,
        None => behind,
    };
    let text = behind.strip_prefix(':')?;
    // A time or an IPv6 address is no tag.
    let named = tag.bytes().any(|byte| byte.is_ascii_alphabetic()) && !text.starts_with(':');
    named.then(|| (tag, text.strip_prefix(' ').unwrap_or(text)))
}

fn stamp(text: &str) -> Option<i64> {
    text.as_bytes().first().filter(|byte| byte.is_ascii_digit())?;
    text.parse().ok().map(|stamp: Timestamp| stamp.as_microsecond())
}

/// `Nov  2 13:49:17`, taken as UTC, in the year that brings it nearest to now.
fn month_first(rest: &str, now_us: i64) -> Option<(i64, &str)> {
    let (stamp, behind) = (rest.get(..15)?, rest.get(15..)?);
    let behind = behind.strip_prefix(' ').or_else(|| behind.is_empty().then_some(behind))?;
    let month = MONTHS.iter().position(|month| stamp.starts_with(month))? as i8 + 1;
    let part = |from: usize, to: usize| stamp.get(from..to)?.trim_start().parse::<i8>().ok();
    let separated = stamp.as_bytes()[3] == b' ' && stamp.as_bytes()[6] == b' ' && stamp.as_bytes()[9] == b':';
    let (day, hour, minute, second) = (part(4, 6)?, part(7, 9)?, part(10, 12)?, part(13, 15)?);
    let now = Timestamp::from_microsecond(now_us).ok()?;
    let year = now.to_zoned(TimeZone::UTC).year();
    let in_year = |year: i16| {
        let at = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond())
    };
    let nearest = (year - 1..=year + 1).filter_map(in_year).min_by_key(|at| at.abs_diff(now_us))?;
    separated.then_some((nearest, behind))
}

fn without_suffix(host: &str) -> &str {
    host.strip_suffix(".local").filter(|name| !name.is_empty()).unwrap_or(host)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
