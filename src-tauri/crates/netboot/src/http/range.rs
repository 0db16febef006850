//! Which part of a body is wanted, and whether any is.

/// What to send of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it: 200.
    Whole,
    /// From the first to the last byte, both included: 206.
    Range(u64, u64),
    /// Nothing of what was asked exists: 416.
    Beyond,
}

/// Judges Range and If-Range (RFC 9110, sections 14.2 and 13.1.5). `tag` is the strong entity tag, without quotes.
///
/// Several ranges at once get the whole body, which the RFC allows; no boot client asks for them.
pub fn part(range: Option<&str>, if_range: Option<&str>, tag: &str, length: u64) -> Part {
    let Some(range) = range else { return Part::Whole };
    // A date, a weak tag or another content: what the client has does not fit what we would send.
    if if_range.is_some_and(|wanted| unquoted(wanted) != Some(tag)) {
        return Part::Whole;
    }
    let Some(spec) = range.strip_prefix("bytes=") else { return Part::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Part::Whole };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Part::Whole,
        (Some(first), _) if last.is_empty() || number(last).is_some() => {
            if first >= length {
                return Part::Beyond;
            }
            Part::Range(first, number(last).unwrap_or(u64::MAX).min(length - 1))
        }
        (None, Some(suffix)) if first.is_empty() => {
            if suffix == 0 || length == 0 {
                return Part::Beyond;
            }
            Part::Range(length.saturating_sub(suffix), length - 1)
        }
        _ => Part::Whole,
    }
}

/// Whether If-None-Match names what we have (RFC 9110, section 13.1.2): then 304.
pub fn is_known(if_none_match: Option<&str>, tag: &str) -> bool {
    let Some(tags) = if_none_match else { return false };
    tags.split(',').map(str::trim).any(|one| {
        // Weak comparison: W/"x" matches "x".
        one == "*" || unquoted(one.strip_prefix("W/").unwrap_or(one)) == Some(tag)
    })
}

fn unquoted(tag: &str) -> Option<&str> {
    tag.trim().strip_prefix('"')?.strip_suffix('"')
}

fn number(text: &str) -> Option<u64> {
    // `parse` alone would take "+1".
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_cut_as_the_rfc_says() {
        for (range, length, expected) in [
            ("bytes=0-9", 100, Part::Range(0, 9)),
            ("bytes=90-", 100, Part::Range(90, 99)),
            ("bytes=90-1000", 100, Part::Range(90, 99)),
            ("bytes=-10", 100, Part::Range(90, 99)),
            ("bytes=-1000", 100, Part::Range(0, 99)),
            ("bytes=99-99", 100, Part::Range(99, 99)),
            ("bytes=100-", 100, Part::Beyond),
            ("bytes=-0", 100, Part::Beyond),
            ("bytes=0-", 0, Part::Beyond),
            ("bytes=-5", 0, Part::Beyond),
            ("bytes=9-0", 100, Part::Whole),
            ("bytes=0-1,5-6", 100, Part::Whole),
            ("bytes=", 100, Part::Whole),
            ("bytes=-", 100, Part::Whole),
            ("bytes=+1-2", 100, Part::Whole),
            ("bytes=99999999999999999999-", 100, Part::Whole),
            ("lines=1-2", 100, Part::Whole),
        ] {
            assert_eq!(part(Some(range), None, "t", length), expected, "{range} of {length}");
        }
        assert_eq!(part(None, None, "t", 100), Part::Whole);
    }

    #[test]
    fn a_range_of_something_else_is_not_sent() {
        let cut = |if_range| part(Some("bytes=5-"), Some(if_range), "t", 100);
        assert_eq!(cut("\"t\""), Part::Range(5, 99));
        for other in ["\"u\"", "W/\"t\"", "t", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(cut(other), Part::Whole, "{other}");
        }
    }

    #[test]
    fn known_tags_are_recognised() {
        for tags in ["\"t\"", "\"a\", \"t\"", "W/\"t\"", "*"] {
            assert!(is_known(Some(tags), "t"), "{tags}");
        }
        for tags in ["", "t", "\"a\""] {
            assert!(!is_known(Some(tags), "t"), "{tags}");
        }
        assert!(!is_known(None, "t"));
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(range in "bytes=[0-9]{0,3}-[0-9]{0,3}", length in 0u64..500) {
            if let Part::Range(first, last) = part(Some(&range), None, "t", length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
