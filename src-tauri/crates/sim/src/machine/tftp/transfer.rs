//! One transfer as a pure machine: a packet in, what to send and whether that was the end out.

use super::codec::{self, ILLEGAL_OPERATION, Malformed, OPTION_REFUSED, Packet};

/// Fits an Ethernet frame with IP, UDP and TFTP headers, without fragments.
pub(super) const BLOCK_SIZE: usize = 1468;
/// A server that does not know the option sends blocks of this size (RFC 1350).
const PLAIN_BLOCK_SIZE: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Learn the size from option `tsize` (RFC 2349), then break off.
    Size,
    Body,
}

/// What a packet leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Send(Vec<u8>),
    /// The last packet to send, and the bytes the file has; `None` when only the size was asked and not told.
    Done(Vec<u8>, Option<u64>),
    Failed(Failure),
    Ignore,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the server says: {message} (code {code})")]
    Told { code: u16, message: String },
    #[error("the server accepts option {0}, which was not asked for or not with that value")]
    Option(String),
    #[error("a data block holds {got} bytes where at most {most} were agreed")]
    Oversize { got: usize, most: usize },
}

#[derive(Debug)]
pub(super) struct Transfer {
    purpose: Purpose,
    block_size: usize,
    /// The block awaited next; wraps after 65535 as servers do.
    awaited: u16,
    begun: bool,
    received: u64,
}

impl Transfer {
    pub(super) fn new(purpose: Purpose) -> Transfer {
        Transfer { purpose, block_size: PLAIN_BLOCK_SIZE, awaited: 1, begun: false, received: 0 }
    }

    pub(super) fn request(&self, file: &str) -> Vec<u8> {
        match self.purpose {
            Purpose::Size => codec::read_request(file, &[("tsize", "0")]),
            Purpose::Body => codec::read_request(file, &[("blksize", &BLOCK_SIZE.to_string())]),
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Step, Malformed> {
        Ok(match Packet::decode(bytes)? {
            Packet::Error { code, message } => Step::Failed(Failure::Told { code, message }),
            Packet::Oack(options) => self.agree(&options),
            Packet::Data { .. } if self.purpose == Purpose::Size => {
                Step::Done(codec::error(ILLEGAL_OPERATION, "only the size was wanted"), None)
            }
            Packet::Data { data, .. } if data.len() > self.block_size => {
                Step::Failed(Failure::Oversize { got: data.len(), most: self.block_size })
            }
            Packet::Data { block, data } if block == self.awaited => {
                self.begun = true;
                self.awaited = block.wrapping_add(1);
                self.received += data.len() as u64;
                let acknowledgement = codec::acknowledge(block);
                if data.len() < self.block_size {
                    Step::Done(acknowledgement, Some(self.received))
                } else {
                    Step::Send(acknowledgement)
                }
            }
            // Our acknowledgement was lost: say it again. Any other block is a stray (RFC 1123 §4.2.3.1 forbids more).
            Packet::Data { block, .. } if self.begun && block == self.awaited.wrapping_sub(1) => {
                Step::Send(codec::acknowledge(block))
            }
            Packet::Data { .. } => Step::Ignore,
        })
    }

    fn agree(&mut self, options: &[(String, String)]) -> Step {
        if self.begun {
            return Step::Ignore;
        }
        let mut size = None;
        for (name, value) in options {
            match (self.purpose, name.as_str(), value.parse::<u64>()) {
                (Purpose::Size, "tsize", Ok(bytes)) => size = Some(bytes),
                // A server may only lower the block size (RFC 2348).
                (Purpose::Body, "blksize", Ok(bytes @ 8..)) if bytes <= BLOCK_SIZE as u64 => {
                    self.block_size = bytes as usize;
                }
                _ => return Step::Failed(Failure::Option(format!("{name}={value}"))),
            }
        }
        match self.purpose {
            // EDK2 breaks off with this very packet, and a server has to forget the transfer.
            Purpose::Size => Step::Done(codec::error(OPTION_REFUSED, "User aborted the transfer"), size),
            Purpose::Body => Step::Send(codec::acknowledge(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(block: u16, length: usize) -> Vec<u8> {
        let mut bytes = vec![0, 3];
        bytes.extend(block.to_be_bytes());
        bytes.resize(4 + length, 7);
        bytes
    }

    #[test]
    fn the_size_is_asked_and_the_transfer_broken_off() {
        let mut transfer = Transfer::new(Purpose::Size);
        assert_eq!(transfer.request("f"), b"\0\x01f\0octet\0tsize\x000\0");
        let done = transfer.take(b"\0\x06tsize\x00982016\0").unwrap();
        assert_eq!(done, Step::Done(b"\0\x05\0\x08User aborted the transfer\0".to_vec(), Some(982_016)));
    }

    #[test]
    fn a_file_comes_in_large_blocks_and_a_short_one_ends_it() {
        let mut transfer = Transfer::new(Purpose::Body);
        assert_eq!(transfer.request("f"), b"\0\x01f\0octet\0blksize\x001468\0");
        assert_eq!(transfer.take(b"\0\x06blksize\x001468\0").unwrap(), Step::Send(vec![0, 4, 0, 0]));
        assert_eq!(transfer.take(&data(1, 1468)).unwrap(), Step::Send(vec![0, 4, 0, 1]));
        assert_eq!(transfer.take(&data(1, 1468)).unwrap(), Step::Send(vec![0, 4, 0, 1]), "said again");
        assert_eq!(transfer.take(&data(7, 1468)).unwrap(), Step::Ignore);
        assert_eq!(transfer.take(&data(2, 0)).unwrap(), Step::Done(vec![0, 4, 0, 2], Some(1468)));
    }

    #[test]
    fn a_server_without_options_sends_plain_blocks() {
        let mut transfer = Transfer::new(Purpose::Body);
        assert_eq!(transfer.take(&data(1, 512)).unwrap(), Step::Send(vec![0, 4, 0, 1]));
        assert_eq!(transfer.take(&data(2, 3)).unwrap(), Step::Done(vec![0, 4, 0, 2], Some(515)));
        let oversize = Failure::Oversize { got: 1468, most: 512 };
        assert_eq!(Transfer::new(Purpose::Body).take(&data(1, 1468)).unwrap(), Step::Failed(oversize));
    }

    #[test]
    fn what_was_not_asked_for_is_refused() {
        for oack in [&b"\0\x06blksize\x001469\0"[..], b"\0\x06windowsize\x004\0", b"\0\x06blksize\x00x\0"] {
            let step = Transfer::new(Purpose::Body).take(oack).unwrap();
            assert!(matches!(step, Step::Failed(Failure::Option(_))), "{step:?}");
        }
        let told = Failure::Told { code: 1, message: "File not found".into() };
        let step = Transfer::new(Purpose::Size).take(b"\0\x05\0\x01File not found\0").unwrap();
        assert_eq!(step, Step::Failed(told));
    }

    #[test]
    fn block_numbers_wrap() {
        let mut transfer = Transfer::new(Purpose::Body);
        for block in 1..=70_000u32 {
            let step = transfer.take(&data(block as u16, 512)).unwrap();
            assert!(matches!(step, Step::Send(_)), "block {block}: {step:?}");
        }
        assert_eq!(transfer.received, 70_000 * 512);
    }

    proptest::proptest! {
        #[test]
        fn no_sequence_of_packets_breaks_it(packets: Vec<(u8, Vec<u8>)>, body: bool) {
            let mut transfer = Transfer::new(if body { Purpose::Body } else { Purpose::Size });
            for (operation, rest) in packets {
                let _ = transfer.take(&[&[0, operation % 8][..], &rest].concat());
            }
        }
    }
}
