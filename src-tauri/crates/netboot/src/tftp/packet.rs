//! TFTP packets.

use crate::Malformed;

/// Smallest and largest block of RFC 2348.
const BLKSIZE: std::ops::RangeInclusive<u64> = 8..=65464;

/// The error codes of RFC 1350 and 2347 that are used here.
pub mod code {
    /// See the text.
    pub const OTHER: u16 = 0;
    /// There is no such file.
    pub const NOT_FOUND: u16 = 1;
    /// Nobody writes here.
    pub const ACCESS: u16 = 2;
}

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Read request.
    Rrq(Ask<'a>),
    /// Write request.
    Wrq(Ask<'a>),
    /// A block of the file.
    Data {
        /// Its number, which starts at 1 and goes round.
        block: u16,
        /// Its content; shorter than the block size in the last one.
        data: &'a [u8],
    },
    /// Everything up to this block has arrived.
    Ack(u16),
    /// The transfer is over.
    Error {
        /// Which error.
        code: u16,
        /// For people.
        text: &'a str,
    },
    /// The options that are accepted.
    Oack(Options),
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The file, as the client writes it.
    pub file: &'a str,
    /// Whether the mode is `octet`; `netascii` is for printers.
    pub octet: bool,
    /// What it wishes. Options we do not know, and values that make no sense, are left out: RFC 2347 has servers ignore them.
    pub options: Options,
}

/// The options of RFC 2348, 2349 and 7440.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Bytes in a block.
    pub blksize: Option<u16>,
    /// Seconds until a retransmission.
    pub timeout: Option<u8>,
    /// Size of the file; 0 in a read request.
    pub tsize: Option<u64>,
    /// Blocks between acknowledgements.
    pub windowsize: Option<u16>,
}

impl Options {
    /// Whether there is anything to acknowledge.
    pub fn is_empty(&self) -> bool {
        *self == Options::default()
    }

    fn take(&mut self, name: &str, value: &str) {
        let Ok(value) = value.parse::<u64>() else { return };
        // The first of its name counts; `get_or_insert` keeps it.
        if name.eq_ignore_ascii_case("blksize") && BLKSIZE.contains(&value) {
            self.blksize.get_or_insert(value as u16);
        } else if name.eq_ignore_ascii_case("timeout") && (1..=255).contains(&value) {
            self.timeout.get_or_insert(value as u8);
        } else if name.eq_ignore_ascii_case("tsize") {
            self.tsize.get_or_insert(value);
        } else if name.eq_ignore_ascii_case("windowsize") && (1..=65535).contains(&value) {
            self.windowsize.get_or_insert(value as u16);
        }
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        let named = [
            ("blksize", self.blksize.map(u64::from)),
            ("timeout", self.timeout.map(u64::from)),
            ("tsize", self.tsize),
            ("windowsize", self.windowsize.map(u64::from)),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                put_text(bytes, name);
                put_text(bytes, &value.to_string());
            }
        }
    }
}

/// Reads one datagram.
pub fn decode(datagram: &[u8]) -> Result<Packet<'_>, Malformed> {
    let (opcode, rest) = number(datagram)?;
    match opcode {
        1 => Ok(Packet::Rrq(ask(rest)?)),
        2 => Ok(Packet::Wrq(ask(rest)?)),
        3 => number(rest).map(|(block, data)| Packet::Data { block, data }),
        4 => number(rest).map(|(block, _)| Packet::Ack(block)),
        5 => {
            let (code, rest) = number(rest)?;
            // Some ROMs leave the text out, or its NUL. The code alone ends the transfer.
            let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
            Ok(Packet::Error { code, text: std::str::from_utf8(&rest[..end]).unwrap_or("") })
        }
        6 => options(rest).map(Packet::Oack),
        _ => Err(Malformed("unknown TFTP operation")),
    }
}

/// Writes one datagram.
pub fn encode(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut ask = |opcode: u16, ask: &Ask<'_>| {
        bytes.extend(opcode.to_be_bytes());
        put_text(&mut bytes, ask.file);
        put_text(&mut bytes, if ask.octet { "octet" } else { "netascii" });
        ask.options.put(&mut bytes);
    };
    match packet {
        Packet::Rrq(request) => ask(1, request),
        Packet::Wrq(request) => ask(2, request),
        Packet::Data { block, data } => {
            bytes.reserve(4 + data.len());
            bytes.extend(3u16.to_be_bytes());
            bytes.extend(block.to_be_bytes());
            bytes.extend_from_slice(data);
        }
        Packet::Ack(block) => {
            bytes.extend(4u16.to_be_bytes());
            bytes.extend(block.to_be_bytes());
        }
        Packet::Error { code, text } => {
            bytes.extend(5u16.to_be_bytes());
            bytes.extend(code.to_be_bytes());
            put_text(&mut bytes, text);
        }
        Packet::Oack(options) => {
            bytes.extend(6u16.to_be_bytes());
            options.put(&mut bytes);
        }
    }
    bytes
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.bytes().filter(|&byte| byte != 0));
    bytes.push(0);
}

fn number(bytes: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    let (head, rest) = bytes.split_first_chunk().ok_or(Malformed("TFTP packet too short"))?;
    Ok((u16::from_be_bytes(*head), rest))
}

fn ask(bytes: &[u8]) -> Result<Ask<'_>, Malformed> {
    let (file, rest) = text(bytes)?;
    let (mode, rest) = text(rest)?;
    if file.is_empty() {
        return Err(Malformed("TFTP request without file name"));
    }
    let octet = mode.eq_ignore_ascii_case("octet");
    if !octet && !mode.eq_ignore_ascii_case("netascii") {
        return Err(Malformed("unknown TFTP mode"));
    }
    Ok(Ask { file, octet, options: options(rest)? })
}

fn options(mut bytes: &[u8]) -> Result<Options, Malformed> {
    let mut options = Options::default();
    // Some ROMs pad a request with NULs to a fixed size: an empty name ends the list.
    while !bytes.is_empty() && bytes[0] != 0 {
        let (name, rest) = text(bytes)?;
        let (value, rest) = text(rest)?;
        options.take(name, value);
        bytes = rest;
    }
    Ok(options)
}

fn text(bytes: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let end = bytes.iter().position(|&byte| byte == 0).ok_or(Malformed("TFTP text without end"))?;
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Malformed("TFTP text is not UTF-8"))?;
    Ok((text, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_firmware_sends() {
        // EDK2, asking for the size first.
        let bytes = b"\0\x01ipxe.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0";
        let Packet::Rrq(ask) = decode(bytes).unwrap() else { panic!("no read request") };
        assert_eq!((ask.file, ask.octet), ("ipxe.efi", true));
        let options =
            Options { blksize: Some(1468), tsize: Some(0), windowsize: Some(4), ..Options::default() };
        assert_eq!(ask.options, options);
        // Values that make no sense are as if they were not there; so are names nobody knows. Case does not matter.
        let bytes =
            b"\0\x01a\0OCTET\0blksize\x004\0windowsize\x000\0timeout\x00x\0multicast\0\0TSIZE\x000\0\0\0\0";
        let Packet::Rrq(ask) = decode(bytes).unwrap() else { panic!("no read request") };
        assert_eq!(ask.options, Options { tsize: Some(0), ..Options::default() });
        assert_eq!(decode(b"\0\x05\0\x08").unwrap(), Packet::Error { code: 8, text: "" });
    }

    #[test]
    fn what_is_no_packet_is_named() {
        let cases: [(&[u8], &str); 8] = [
            (b"", "too short"),
            (b"\0", "too short"),
            (b"\0\x04\0", "too short"),
            (b"\0\x07\0\0", "operation"),
            (b"\0\x01ipxe.efi", "without end"),
            (b"\0\x01\0octet\0", "without file name"),
            (b"\0\x01a\0mail\0", "mode"),
            (b"\0\x01\xff\0octet\0", "UTF-8"),
        ];
        for (bytes, word) in cases {
            let fault = decode(bytes).expect_err(word);
            assert!(fault.0.contains(word), "{fault}");
        }
    }

    fn any_options() -> impl Strategy<Value = Options> {
        (
            prop::option::of(8u16..65465),
            prop::option::of(1u8..),
            prop::option::of(any::<u64>()),
            prop::option::of(1u16..),
        )
            .prop_map(|(blksize, timeout, tsize, windowsize)| Options {
                blksize,
                timeout,
                tsize,
                windowsize,
            })
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn requests_come_back(file in "[a-z/.\\-]{1,60}", octet: bool, options in any_options(), write: bool) {
            let ask = Ask { file: &file, octet, options };
            let packet = if write { Packet::Wrq(ask) } else { Packet::Rrq(ask) };
            let bytes = encode(&packet);
            prop_assert_eq!(decode(&bytes).unwrap(), packet);
        }

        #[test]
        fn the_rest_comes_back(
            number: u16,
            data in prop::collection::vec(any::<u8>(), 0..600),
            text in "[ -~]{0,40}",
            options in any_options(),
        ) {
            for packet in [
                Packet::Data { block: number, data: &data },
                Packet::Ack(number),
                Packet::Error { code: number, text: &text },
                Packet::Oack(options),
            ] {
                let bytes = encode(&packet);
            prop_assert_eq!(decode(&bytes).unwrap(), packet);
            }
        }
    }
}
