//! What Go's libraries do where Rust's do otherwise, as far as it shows in matchbox's answers.

use serde_json::Value;

/// `net.ParseMAC` and its `String`: 6, 8 or 20 bytes, with colons, hyphens, dots between pairs, or nothing.
pub(super) fn mac(text: &[u8]) -> Option<String> {
    let separator = match text {
        [_, _, b':' | b'-', ..] => Some((2, text[2])),
        [_, _, _, _, b'.', ..] => Some((4, b'.')),
        _ => None,
    };
    let digits: Vec<u8> = match separator {
        None => text.to_vec(),
        Some((width, sign)) => {
            let mut groups = text.split(|byte| *byte == sign);
            if groups.clone().any(|group| group.len() != width) {
                return None;
            }
            groups.by_ref().flatten().copied().collect()
        }
    };
    if !matches!(digits.len(), 12 | 16 | 40) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    // Hexadecimal digits are ASCII.
    let pairs: Vec<String> =
        digits.chunks(2).map(|pair| pair.iter().map(|d| char::from(*d)).collect()).collect();
    Some(pairs.join(":"))
}

/// `url.QueryUnescape`: `+` is a space; `None` where a percent sign is not followed by two digits.
pub(super) fn query_unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                // Two hex digits make at most 255.
                (high * 16 + low) as u8
            }
            byte => byte,
        };
        bytes.push(byte);
    }
    Some(bytes)
}

/// `strings.ToUpper`: letter by letter, so that ß stays, and each byte that is not UTF-8 becomes U+FFFD.
pub(super) fn upper(text: &[u8]) -> String {
    let mut upper = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let mut letters = letter.to_uppercase();
            match (letters.next(), letters.next()) {
                (Some(one), None) => upper.push(one),
                _ => upper.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|_| upper.push(char::REPLACEMENT_CHARACTER));
    }
    upper
}

/// `%v` of a `float64`: the shortest digits that read back the same, with an exponent below 0.0001 and from a million on.
pub(super) fn float(value: f64) -> String {
    // Rust's shortest digits are Go's; only the layout differs.
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{value}"),
    }
}

/// The value behind a key of a JSON object, as `encoding/json` finds it: in any case, the last one counts.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = value.as_object()?.iter();
    fields
        .filter(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null())
        .map(|(_, v)| v)
        .next_back()
}

/// A JSON document: Go takes each byte that is not UTF-8 for U+FFFD.
pub(super) fn json(bytes: &[u8]) -> Result<Value, String> {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| text.push(char::REPLACEMENT_CHARACTER));
    }
    serde_json::from_str(&text).map_err(|error| format!("it is no JSON: {error}"))
}

/// A string, or why it is none. A missing one and `null` are empty.
pub(super) fn string(value: &Value, name: &str) -> Result<String, String> {
    match field(value, name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("\"{name}\" should be a text and is {}", kind(other))),
    }
}

/// A kind of JSON value, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "yes or no",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn macs_are_read_as_go_reads_them() {
        for text in ["52:DA:00:89:d8:10", "52-da-00-89-d8-10", "52da.0089.d810", "52da0089d810"] {
            assert_eq!(mac(text.as_bytes()).as_deref(), Some("52:da:00:89:d8:10"), "{text}");
        }
        assert_eq!(mac(b"02-00-5e-10-00-00-00-01").as_deref(), Some("02:00:5e:10:00:00:00:01"));
        for text in [
            "",
            "52:da:00:89:d8",
            "52:da-00:89:d8:10",
            "5g:da:00:89:d8:10",
            "52da.0089.d81",
            "52da00-89d810",
            "${mac}",
        ] {
            assert_eq!(mac(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn numbers_look_as_go_prints_them() {
        for (value, text) in [
            (0.0, "0"),
            (-1.5, "-1.5"),
            (123_456.0, "123456"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (123_456_789_012.0, "1.23456789012e+11"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1e21, "1e+21"),
            (1e100, "1e+100"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn letters_grow_one_by_one() {
        assert_eq!(upper("aß.é-ÿ".as_bytes()), "Aß.É-Ÿ");
        assert_eq!(upper(b"a\xe2\x82z"), "A\u{fffd}\u{fffd}Z");
    }

    #[test]
    fn keys_are_found_in_any_case_and_the_last_counts() {
        let value = json(br#"{"ID": "a", "id": "b", "name": null}"#).unwrap();
        assert_eq!(string(&value, "id").unwrap(), "b");
        assert_eq!(string(&value, "name").unwrap(), "");
        assert!(string(&json(br#"{"id": 7}"#).unwrap(), "id").unwrap_err().contains("a number"));
    }

    proptest! {
        #[test]
        fn a_mac_is_its_own_normal_form(text in "[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}") {
            if let Some(normal) = mac(text.as_bytes()) {
                let again = mac(normal.as_bytes());
                prop_assert_eq!(again, Some(normal));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "\\PC{0,40}") {
            let _ = mac(&bytes);
            let _ = upper(&bytes);
            let _ = json(&bytes);
            let _ = query_unescape(&text);
        }

        #[test]
        fn what_is_printed_reads_back(value: f64) {
            prop_assume!(value.is_finite());
            prop_assert_eq!(float(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}
