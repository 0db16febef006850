//! TFTP's packets (RFC 1350) with options (RFC 2347), as a client reads and writes them.

pub(super) const ILLEGAL_OPERATION: u16 = 4;
pub(super) const OPTION_REFUSED: u16 = 8;

/// What a server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    Data {
        block: u16,
        data: &'a [u8],
    },
    Error {
        code: u16,
        message: String,
    },
    /// The options the server accepts, names in lower case (RFC 2347: names know no case).
    Oack(Vec<(String, String)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("{0} bytes are too few for a TFTP packet")]
    Short(usize),
    #[error("operation {0} is nothing a server sends")]
    Operation(u16),
    #[error("an option or its value does not end")]
    Unterminated,
}

/// A request to read `file` in octet mode.
pub(super) fn read_request(file: &str, options: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = vec![0, 1];
    let mut word = |text: &str| {
        bytes.extend(text.bytes().filter(|byte| *byte != 0));
        bytes.push(0);
    };
    word(file);
    word("octet");
    for (name, value) in options {
        word(name);
        word(value);
    }
    bytes
}

pub(super) fn acknowledge(block: u16) -> Vec<u8> {
    let [high, low] = block.to_be_bytes();
    vec![0, 4, high, low]
}

pub(super) fn error(code: u16, message: &str) -> Vec<u8> {
    let [high, low] = code.to_be_bytes();
    let mut bytes = vec![0, 5, high, low];
    bytes.extend(message.bytes());
    bytes.push(0);
    bytes
}

impl Packet<'_> {
    pub(super) fn decode(bytes: &[u8]) -> Result<Packet<'_>, Malformed> {
        let [high, low, rest @ ..] = bytes else { return Err(Malformed::Short(bytes.len())) };
        let number = |rest: &[u8]| match rest {
            [high, low, ..] => Ok(u16::from_be_bytes([*high, *low])),
            _ => Err(Malformed::Short(bytes.len())),
        };
        match u16::from_be_bytes([*high, *low]) {
            3 => Ok(Packet::Data { block: number(rest)?, data: &rest[2..] }),
            5 => {
                let code = number(rest)?;
                let text = rest[2..].split(|byte| *byte == 0).next().unwrap_or_default();
                Ok(Packet::Error { code, message: String::from_utf8_lossy(text).into_owned() })
            }
            6 => options(rest).map(Packet::Oack),
            other => Err(Malformed::Operation(other)),
        }
    }
}

fn options(rest: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = rest.strip_suffix(&[0]) else { return Err(Malformed::Unterminated) };
    let words: Vec<String> =
        rest.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    if !words.len().is_multiple_of(2) {
        return Err(Malformed::Unterminated);
    }
    Ok(words.chunks(2).map(|pair| (pair[0].to_ascii_lowercase(), pair[1].clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_the_bytes_of_the_rfc() {
        assert_eq!(
            read_request("ipxe.efi", &[("tsize", "0"), ("blksize", "1468")]),
            b"\0\x01ipxe.efi\0octet\0tsize\x000\0blksize\x001468\0"
        );
        assert_eq!(acknowledge(0x0102), [0, 4, 1, 2]);
        assert_eq!(error(8, "User aborted"), b"\0\x05\0\x08User aborted\0");
        let oack = b"\0\x06TSize\x001024\0blksize\x001468\0";
        let pairs = vec![("tsize".to_owned(), "1024".to_owned()), ("blksize".into(), "1468".into())];
        assert_eq!(Packet::decode(oack), Ok(Packet::Oack(pairs)));
        assert_eq!(Packet::decode(b"\0\x03\x01\0abc"), Ok(Packet::Data { block: 256, data: b"abc" }));
        let refusal = Packet::Error { code: 1, message: "File not found".into() };
        assert_eq!(Packet::decode(b"\0\x05\0\x01File not found\0"), Ok(refusal));
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        assert_eq!(Packet::decode(b"\0"), Err(Malformed::Short(1)));
        assert_eq!(Packet::decode(b"\0\x03\x01"), Err(Malformed::Short(3)));
        assert_eq!(Packet::decode(b"\0\x01f\0octet\0"), Err(Malformed::Operation(1)));
        assert_eq!(Packet::decode(b"\0\x06tsize\x001024"), Err(Malformed::Unterminated));
        assert_eq!(Packet::decode(b"\0\x06tsize\0"), Err(Malformed::Unterminated));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(noise: Vec<u8>, operation in 0u8..8) {
            let _ = Packet::decode(&noise);
            let _ = Packet::decode(&[&[0, operation][..], &noise].concat());
        }
    }
}
