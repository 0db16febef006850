//! Paths as clients write them, made safe before anybody looks for a file.

use crate::Malformed;

/// Longer than any path a boot needs; RFC 1350 requests end at 512 bytes anyway.
const LONGEST: usize = 400;

/// A relative path without empty parts, `.` and `..`: `/assets//kernel` becomes `assets/kernel`.
///
/// Backslashes separate too, since old PXE ROMs write them. A path that climbs (`..`) or carries control characters
/// is refused rather than repaired: no boot asks for one.
pub fn clean(raw: &str) -> Result<String, Malformed> {
    if raw.len() > LONGEST {
        return Err(Malformed("path too long"));
    }
    if raw.chars().any(char::is_control) {
        return Err(Malformed("control character in path"));
    }
    let mut path = String::with_capacity(raw.len());
    for part in raw.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => return Err(Malformed("path climbs out of its root")),
            part => {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(part);
            }
        }
    }
    Ok(path)
}

/// Undoes percent-encoding (RFC 3986, section 2.1), once.
pub fn percent_decode(raw: &str) -> Result<String, Malformed> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
        match (digit(), digit()) {
            // Two hex digits make at most 255.
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(Malformed("bad percent-encoding")),
        }
    }
    String::from_utf8(bytes).map_err(|_| Malformed("path is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cleans_what_boots_ask_for() {
        for (raw, path) in [
            ("ipxe.efi", "ipxe.efi"),
            ("/ipxe.efi", "ipxe.efi"),
            ("\\Boot\\ipxe.efi", "Boot/ipxe.efi"),
            ("//assets/./kernel", "assets/kernel"),
            ("/", ""),
            ("a/..b/...", "a/..b/..."),
        ] {
            assert_eq!(clean(raw).unwrap(), path, "{raw:?}");
        }
    }

    #[test]
    fn refuses_what_climbs() {
        for raw in ["..", "/..", "a/../b", "a\\..\\..\\etc/passwd", "a\0b", "a\nb", &"x".repeat(401)] {
            assert!(clean(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn decodes_once() {
        assert_eq!(percent_decode("a%20b%2Fc").unwrap(), "a b/c");
        assert_eq!(percent_decode("%252e%252e").unwrap(), "%2e%2e", "decoding twice would let it climb");
        for raw in ["%", "%2", "%zz", "%+1", "%ff"] {
            assert!(percent_decode(raw).is_err(), "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn no_clean_path_climbs(raw in "[a./\\\\%2eE]{0,40}") {
            if let Ok(path) = percent_decode(&raw).and_then(|raw| clean(&raw)) {
                prop_assert!(!path.starts_with('/'));
                prop_assert!(path.split('/').all(|part| part != ".." && part != "."));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(raw in any::<String>()) {
            let _ = percent_decode(&raw).and_then(|raw| clean(&raw));
        }
    }
}
