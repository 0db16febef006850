//! DHCP as a client speaks it: BOOTP's header (RFC 951, RFC 2131 §2) and the options of RFC 2132, 3004, 3046's
//! neighbours for PXE (RFC 4578). Pure: structures to bytes and back.

use std::net::Ipv4Addr;

/// Options begin after these four bytes (RFC 2131 §3).
const MAGIC: [u8; 4] = [99, 130, 83, 99];
/// The fixed header with `sname` and `file`, before the magic.
const HEADER: usize = 236;
/// RFC 1542 §2.1: a BOOTP message has at least 300 bytes, and old relays drop shorter ones.
const SHORTEST: usize = 300;

pub(super) const DISCOVER: u8 = 1;
pub(super) const OFFER: u8 = 2;
pub(super) const REQUEST: u8 = 3;
pub(super) const ACK: u8 = 5;
pub(super) const NAK: u8 = 6;

/// What a client sends.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) xid: u32,
    /// Seconds since the client began to ask.
    pub(super) secs: u16,
    /// The client cannot take unicast before it has its address (RFC 2131 §4.1).
    pub(super) broadcast: bool,
    pub(super) mac: [u8; 6],
    /// In the order they are to appear.
    pub(super) options: Vec<(u8, Vec<u8>)>,
}

impl Question {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0u8; HEADER];
        bytes[0] = 1; // BOOTREQUEST
        bytes[1] = 1; // Ethernet
        bytes[2] = 6; // with six-byte addresses
        bytes[4..8].copy_from_slice(&self.xid.to_be_bytes());
        bytes[8..10].copy_from_slice(&self.secs.to_be_bytes());
        bytes[10] = if self.broadcast { 0x80 } else { 0 };
        bytes[28..34].copy_from_slice(&self.mac);
        bytes.extend(MAGIC);
        for (code, value) in &self.options {
            // A longer value is split over several options of the same code (RFC 3396).
            let mut parts: Vec<&[u8]> = value.chunks(255).collect();
            if parts.is_empty() {
                parts.push(&[]);
            }
            for part in parts {
                bytes.push(*code);
                bytes.push(part.len() as u8);
                bytes.extend(part);
            }
        }
        bytes.push(255);
        bytes.resize(bytes.len().max(SHORTEST), 0);
        bytes
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) xid: u32,
    pub(super) yiaddr: Ipv4Addr,
    pub(super) siaddr: Ipv4Addr,
    pub(super) mac: [u8; 6],
    /// The boot file of the header, up to its first NUL.
    pub(super) file: Vec<u8>,
    /// Values of the same code are joined (RFC 3396).
    options: Vec<(u8, Vec<u8>)>,
}

/// Why a packet is no answer at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("{0} bytes are too few for a BOOTP message")]
    Short(usize),
    #[error("operation {0} is no BOOTREPLY")]
    Operation(u8),
    #[error("hardware type {0} with {1}-byte addresses is no Ethernet")]
    Hardware(u8, u8),
    #[error("the magic cookie of DHCP is missing")]
    Magic,
    #[error("option {0} runs past the end of the packet")]
    Overrun(u8),
}

impl Answer {
    pub(super) fn decode(bytes: &[u8]) -> Result<Answer, Malformed> {
        if bytes.len() < HEADER + MAGIC.len() {
            return Err(Malformed::Short(bytes.len()));
        }
        if bytes[0] != 2 {
            return Err(Malformed::Operation(bytes[0]));
        }
        if bytes[1..3] != [1, 6] {
            return Err(Malformed::Hardware(bytes[1], bytes[2]));
        }
        if bytes[HEADER..HEADER + 4] != MAGIC {
            return Err(Malformed::Magic);
        }
        let mut answer = Answer {
            xid: u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            yiaddr: address(&bytes[16..20]),
            siaddr: address(&bytes[20..24]),
            mac: [bytes[28], bytes[29], bytes[30], bytes[31], bytes[32], bytes[33]],
            file: until_nul(&bytes[108..236]),
            options: Vec::new(),
        };
        answer.read_options(&bytes[HEADER + 4..])?;
        // Option 52: the options go on in `file` (1), in `sname` (2), or in both (3); then there is no file there.
        let overload = answer.option(52).and_then(|value| value.first().copied()).unwrap_or(0);
        if overload & 1 != 0 {
            answer.file.clear();
            answer.read_options(&bytes[108..236])?;
        }
        if overload & 2 != 0 {
            answer.read_options(&bytes[44..108])?;
        }
        Ok(answer)
    }

    fn read_options(&mut self, mut rest: &[u8]) -> Result<(), Malformed> {
        while let Some((&code, after)) = rest.split_first() {
            match code {
                0 => rest = after,
                255 => break,
                _ => {
                    let (&length, after) = after.split_first().ok_or(Malformed::Overrun(code))?;
                    let value = after.get(..usize::from(length)).ok_or(Malformed::Overrun(code))?;
                    rest = &after[usize::from(length)..];
                    match self.options.iter_mut().find(|(known, _)| *known == code) {
                        Some((_, known)) => known.extend(value),
                        None => self.options.push((code, value.to_vec())),
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(known, _)| *known == code).map(|(_, value)| value.as_slice())
    }

    /// An option that holds one address, or several of which the first counts.
    pub(super) fn address_option(&self, code: u8) -> Option<Ipv4Addr> {
        self.option(code).filter(|value| value.len() >= 4).map(address)
    }

    /// Option 53.
    pub(super) fn kind(&self) -> Option<u8> {
        self.option(53).filter(|value| value.len() == 1).map(|value| value[0])
    }

    /// Whether iPXE's option 175 carries sub-option 176 (`no-pxedhcp`) with a value that is not zero.
    pub(super) fn no_proxy_dhcp(&self) -> bool {
        let mut rest = self.option(175).unwrap_or_default();
        while let [code, length, after @ ..] = rest {
            let Some(value) = after.get(..usize::from(*length)) else { return false };
            if *code == 176 {
                return value.iter().any(|byte| *byte != 0);
            }
            rest = &after[usize::from(*length)..];
        }
        false
    }
}

fn address(bytes: &[u8]) -> Ipv4Addr {
    Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])
}

pub(super) fn until_nul(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take_while(|byte| *byte != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    const MAC: [u8; 6] = [0x16, 0x09, 0x01, 0x1a, 0xf4, 0x30];

    #[test]
    fn a_question_has_the_bytes_of_the_rfc() {
        let question = Question {
            xid: 0x0102_0304,
            secs: 7,
            broadcast: true,
            mac: MAC,
            options: vec![(53, vec![DISCOVER]), (57, vec![0x05, 0xc0]), (93, vec![0, 7])],
        };
        let mut expected = hex("01 01 06 00  01 02 03 04  00 07 80 00
             00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
             16 09 01 1a f4 30 00 00 00 00 00 00 00 00 00 00");
        expected.resize(236, 0);
        expected.extend(hex("63 82 53 63  35 01 01  39 02 05 c0  5d 02 00 07  ff"));
        expected.resize(300, 0);
        assert_eq!(question.encode(), expected);
    }

    fn reply(options: &str) -> Vec<u8> {
        let mut bytes = hex("02 01 06 00  aa bb cc dd  00 00 00 00
             00 00 00 00  7f 7a 7a 0b  7f 7a 7a 03  00 00 00 00
             16 09 01 1a f4 30 00 00 00 00 00 00 00 00 00 00");
        bytes.resize(108, 0);
        bytes.extend(b"ipxe.efi");
        bytes.resize(236, 0);
        bytes.extend(hex("63825363"));
        bytes.extend(hex(options));
        bytes
    }

    #[test]
    fn an_answer_is_read_from_the_bytes_of_the_rfc() {
        let answer = Answer::decode(&reply(
            "350102  3604 7f7a7a03  00 00  3304 00015180  4304 69707865  4304 2e656669  af06 5501ff b00101 ff  0102",
        ))
        .unwrap();
        assert_eq!(answer.xid, 0xaabb_ccdd);
        assert_eq!(answer.mac, MAC);
        assert_eq!(answer.yiaddr, Ipv4Addr::new(127, 122, 122, 11));
        assert_eq!(answer.siaddr, Ipv4Addr::new(127, 122, 122, 3));
        assert_eq!(answer.file, b"ipxe.efi");
        assert_eq!(answer.kind(), Some(OFFER));
        assert_eq!(answer.address_option(54), Some(Ipv4Addr::new(127, 122, 122, 3)));
        assert_eq!(answer.option(67), Some(&b"ipxe.efi"[..]), "parts of one option are joined");
        assert!(answer.no_proxy_dhcp());
        assert_eq!(answer.option(1), None, "nothing counts after the end option");
    }

    #[test]
    fn options_may_go_on_in_the_file_field() {
        let mut bytes = reply("350105 340101 ff");
        bytes[108..116].copy_from_slice(&hex("4304 61622e63 ff 00"));
        let answer = Answer::decode(&bytes).unwrap();
        assert_eq!((answer.file.as_slice(), answer.option(67)), (&b""[..], Some(&b"ab.c"[..])));
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_reason() {
        let good = reply("350102 ff");
        let spoilt = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            Answer::decode(&bytes).unwrap_err()
        };
        assert_eq!(Answer::decode(&good[..239]).unwrap_err(), Malformed::Short(239));
        assert_eq!(spoilt(0, 1), Malformed::Operation(1));
        assert_eq!(spoilt(2, 8), Malformed::Hardware(1, 8));
        assert_eq!(spoilt(236, 0), Malformed::Magic);
        assert_eq!(Answer::decode(&reply("3605 7f7a7a03")).unwrap_err(), Malformed::Overrun(54));
        assert_eq!(Answer::decode(&reply("36")).unwrap_err(), Malformed::Overrun(54));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(options: Vec<u8>, noise: Vec<u8>) {
            let _ = Answer::decode(&noise);
            let mut bytes = reply("");
            bytes.extend(options);
            if let Ok(answer) = Answer::decode(&bytes) {
                answer.no_proxy_dhcp();
                answer.kind();
            }
        }

        #[test]
        fn long_values_are_split_so_that_a_server_can_join_them(value in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..700)) {
            let question = Question { xid: 1, secs: 0, broadcast: false, mac: MAC, options: vec![(77, value.clone())] };
            let mut bytes = question.encode();
            bytes[0] = 2;
            let read = Answer::decode(&bytes).unwrap();
            proptest::prop_assert_eq!(read.option(77), Some(value.as_slice()));
        }
    }
}
