#![no_main]
//! A datagram on port 69 or on a transfer's own port. What can be read can be written and read again, and whatever a
//! client sends, a transfer asks for blocks of its file only.

use libfuzzer_sys::fuzz_target;
use netboot::tftp::packet::{Options, Packet, decode, encode};
use netboot::tftp::transfer::{Action, Input, Transfer};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(packet) = decode(bytes) {
        let again = encode(&packet);
        assert_eq!(decode(&again).as_ref(), Ok(&packet));
    }
    // The same bytes as a conversation: two for each step.
    let total = 5000;
    let wishes = Options { blksize: Some(8), windowsize: Some(4), ..Options::default() };
    let (mut transfer, _) = Transfer::begin(&wishes, total);
    for step in bytes.chunks_exact(2) {
        let number = u16::from_be_bytes([step[0], step[1]]);
        let input = match step[0] {
            255 => Input::Timeout,
            254 => Input::Repeated,
            253 => Input::Packet(Packet::Error { code: number, text: "" }),
            _ => Input::Packet(Packet::Ack(number)),
        };
        if let Action::SendBlocks { first, count, again } = transfer.step(&input) {
            assert!(again <= count && (1..=4).contains(&count));
            for block in first..first + u64::from(count) {
                let (offset, length) = transfer.span(block);
                assert!(offset + length as u64 <= total);
            }
        }
    }
});
