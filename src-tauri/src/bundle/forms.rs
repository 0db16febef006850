//! The forms in which a value travels through files and protocols. Pure.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Below this a piece of base64 is a chance find.
const PIECE: usize = 6;

/// The value itself, in quotes of JSON and TOML, in a URL, in hexadecimal, and in base64 wherever it stands in there.
pub(super) fn of(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let hex = hex::encode(bytes);
    let mut forms = vec![value.to_owned(), hex.to_uppercase(), hex];
    let json = serde_json::Value::from(value).to_string();
    forms.push(json[1..json.len() - 1].to_owned());
    forms.push(json[1..json.len() - 1].chars().map(ascii).collect());
    // JSON within JSON: a log record that holds a request.
    let twice = serde_json::Value::from(json[1..json.len() - 1].to_owned()).to_string();
    forms.push(twice[1..twice.len() - 1].to_owned());
    forms.push(value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"));
    for keep in [&b"-._~"[..], b"-._~!$'()*+,;:@/?", b""] {
        forms.push(percent(bytes, keep, false));
        forms.push(percent(bytes, keep, true));
        forms.push(percent(bytes, keep, false).replace("%20", "+"));
    }
    for text in [of_base64(bytes, 0), of_base64(bytes, 1), of_base64(bytes, 2)] {
        // Within a longer text both ends mix with what stands beside.
        if text.len() >= PIECE {
            forms.push(text.replace('+', "-").replace('/', "_"));
            forms.push(text);
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// As programs write JSON that keep to ASCII (RFC 8259 section 7).
fn ascii(char: char) -> String {
    if char.is_ascii() {
        return char.to_string();
    }
    char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn percent(bytes: &[u8], keep: &[u8], lower: bool) -> String {
    let one = |byte: &u8| match byte {
        byte if byte.is_ascii_alphanumeric() || keep.contains(byte) => char::from(*byte).to_string(),
        byte if lower => format!("%{byte:02x}"),
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect()
}

/// The digits that depend on these bytes alone when `before` bytes stand before them (modulo three).
fn of_base64(bytes: &[u8], before: usize) -> String {
    let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
    let bits = padded.len() * 8;
    let digit = |at: usize| {
        let byte = |at: usize| u32::from(padded.get(at).copied().unwrap_or(0));
        let group = at / 4 * 3;
        let word = byte(group) << 16 | byte(group + 1) << 8 | byte(group + 2);
        BASE64[(word >> (18 - 6 * (at % 4)) & 63) as usize]
    };
    // The first digit that none of the bytes before takes part in, to the last that is whole.
    let (first, last) = ((before * 8).div_ceil(6), bits / 6);
    (first..last).map(|at| char::from(digit(at))).collect()
}

/// Whole groups of four digits.
pub(super) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for group in text.chunks_exact(4) {
        let mut word = 0_u32;
        for digit in group.iter().filter(|digit| **digit != b'=') {
            word = word << 6 | BASE64.iter().position(|known| known == digit)? as u32;
        }
        bytes.extend([(word >> 16) as u8, (word >> 8) as u8, word as u8]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base64(bytes: &[u8]) -> String {
        let mut text = of_base64(bytes, 0);
        if !bytes.len().is_multiple_of(3) {
            // The last digit is mixed with zeros.
            let mut padded = bytes.to_vec();
            padded.extend([0, 0]);
            text = of_base64(&padded, 0)[..(bytes.len() * 8).div_ceil(6)].to_owned();
            text.extend(std::iter::repeat_n('=', 3 - bytes.len() % 3));
        }
        text
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        // RFC 4648 section 10.
        let table =
            [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (text, wanted) in table {
            assert_eq!(base64(text.as_bytes()), wanted);
        }
        assert_eq!(from_base64(b"Zm9vYmFy").unwrap(), b"foobar");
    }

    #[test]
    fn a_value_is_found_in_the_ways_that_it_travels() {
        let forms = of("p&ss w\"rd/+é");
        for wanted in [
            "p&ss w\"rd/+é",
            "p%26ss%20w%22rd%2F%2B%C3%A9",
            "p%26ss+w%22rd%2F%2B%C3%A9",
            "p&ss w\\\"rd/+é",
            "7026737320772272642f2bc3a9",
            "p&amp;ss w&quot;rd/+é",
        ] {
            assert!(forms.iter().any(|form| form == wanted), "{wanted} is not in {forms:?}");
        }
    }

    #[test]
    fn wherever_it_stands_in_base64_it_is_found() {
        for value in ["8 digits", "a longer one, ?~/+", "\u{1f511} of nine"] {
            let forms = of(value);
            for (before, after) in (0..7).flat_map(|before| (0..7).map(move |after| (before, after))) {
                let (before, after) = ([b'~'; 7][..before].to_vec(), [b'>'; 7][..after].to_vec());
                let text = base64(&[&before[..], value.as_bytes(), &after[..]].concat());
                assert!(forms.iter().any(|form| text.contains(form.as_str())), "{value} in {text}");
            }
        }
    }
}
