use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

fn options(blksize: u16, windowsize: u16) -> Options {
    Options { blksize: Some(blksize), windowsize: Some(windowsize), ..Options::default() }
}

fn ack(block: u16) -> Input<'static> {
    Input::Packet(Packet::Ack(block))
}

fn blocks(first: u64, count: u16, again: u16) -> Action {
    Action::SendBlocks { first, count, again }
}

#[test]
fn plain_requests_get_block_one_at_once() {
    let (mut transfer, first) = Transfer::begin(&Options::default(), 1000);
    assert_eq!(first, blocks(1, 1, 0));
    assert_eq!(transfer.span(1), (0, 512));
    assert_eq!(transfer.step(&ack(1)), blocks(2, 1, 0));
    assert_eq!(transfer.span(2), (512, 488));
    assert_eq!(transfer.step(&ack(2)), Action::End(End::Complete));
    assert_eq!(transfer.acknowledged(), 1000);
}

#[test]
fn a_file_of_whole_blocks_ends_with_an_empty_one_and_so_does_an_empty_file() {
    let (mut transfer, _) = Transfer::begin(&Options::default(), 512);
    assert_eq!(transfer.step(&ack(1)), blocks(2, 1, 0));
    assert_eq!(transfer.span(2), (512, 0));
    assert_eq!(transfer.step(&ack(2)), Action::End(End::Complete));
    let (mut transfer, first) = Transfer::begin(&Options::default(), 0);
    assert_eq!((first, transfer.span(1)), (blocks(1, 1, 0), (0, 0)));
    assert_eq!(transfer.step(&ack(1)), Action::End(End::Complete));
}

#[test]
fn wishes_are_granted_within_bounds() {
    let wishes = Options { blksize: Some(65464), timeout: Some(200), tsize: Some(0), windowsize: Some(200) };
    let (_, first) = Transfer::begin(&wishes, 9);
    let granted = Options { blksize: Some(1468), timeout: None, tsize: Some(9), windowsize: Some(64) };
    assert_eq!(first, Action::SendOptions(granted));
    let (transfer, _) = Transfer::begin(&Options { timeout: Some(3), ..Options::default() }, 9);
    assert_eq!(transfer.wait(), Duration::from_secs(3));
}

#[test]
fn an_abort_after_the_options_ends_it() {
    // EDK2 learns the size so: request with tsize, options, error, then the real request.
    let (mut transfer, _) = Transfer::begin(&Options { tsize: Some(0), ..Options::default() }, 9);
    let error = Input::Packet(Packet::Error { code: 8, text: "" });
    assert_eq!(transfer.step(&error), Action::End(End::Aborted(8)));
    assert_eq!(transfer.step(&ack(0)), Action::End(End::Aborted(8)), "over is over");
}

#[test]
fn a_gap_sends_the_window_from_there_once() {
    let (mut transfer, _) = Transfer::begin(&options(8, 4), 1000);
    assert_eq!(transfer.step(&ack(0)), blocks(1, 4, 0));
    // Block 2 was lost: the client acknowledges 1, and again for each of 3 and 4 that it cannot use.
    assert_eq!(transfer.step(&ack(1)), blocks(2, 4, 3));
    assert_eq!(transfer.step(&ack(1)), Action::Wait);
    assert_eq!(transfer.step(&ack(1)), Action::Wait);
    assert_eq!(transfer.step(&Input::Timeout), blocks(2, 4, 4));
    assert_eq!(transfer.step(&ack(5)), blocks(6, 4, 0));
    // The first block of a window was lost: only a repeat of the last ACK tells.
    assert_eq!(transfer.step(&ack(5)), blocks(6, 4, 4));
    assert_eq!(transfer.step(&ack(5)), Action::Wait);
}

#[test]
fn repeated_acks_never_double_a_lockstep_transfer() {
    let (mut transfer, _) = Transfer::begin(&Options::default(), 5000);
    assert_eq!(transfer.step(&ack(1)), blocks(2, 1, 0));
    assert_eq!(transfer.step(&ack(1)), Action::Wait);
    assert_eq!(transfer.step(&ack(0)), Action::Wait);
    assert_eq!(transfer.step(&ack(9)), Action::Wait, "nobody has block 9");
    assert_eq!(transfer.step(&ack(2)), blocks(3, 1, 0));
}

#[test]
fn silence_ends_it_after_a_bounded_number_of_tries() {
    for wishes in [Options::default(), options(512, 4)] {
        let (mut transfer, first) = Transfer::begin(&wishes, 5000);
        let mut sent = 1;
        loop {
            match transfer.step(&Input::Timeout) {
                Action::End(end) => break assert_eq!(end, End::Silent),
                Action::SendBlocks { first: 1, again: 1, .. } | Action::SendOptions(_) => sent += 1,
                other => panic!("{other:?} after {first:?}"),
            }
        }
        assert_eq!(sent, TRIES);
    }
}

#[test]
fn a_repeated_request_gets_the_first_packet_again() {
    let (mut transfer, first) = Transfer::begin(&options(8, 4), 1000);
    assert_eq!(transfer.step(&Input::Repeated), first);
    assert!(!transfer.is_met());
    transfer.step(&ack(0));
    assert!(transfer.is_met());
    // It took our options already: blocks would be misread as an answer without them.
    assert_eq!(transfer.step(&Input::Repeated), Action::Wait);
    let (mut transfer, _) = Transfer::begin(&Options::default(), 1000);
    assert_eq!(transfer.step(&Input::Repeated), blocks(1, 1, 1));
}

#[test]
fn block_numbers_go_round() {
    let total = 8 * 140_000 + 3;
    let (mut transfer, _) = Transfer::begin(&options(8, 16), total);
    let mut action = transfer.step(&ack(0));
    let mut received = 0;
    while let Action::SendBlocks { first, count, again: 0 } = action {
        assert_eq!(first, received + 1);
        received += u64::from(count);
        action = transfer.step(&ack(received as u16));
    }
    assert_eq!((action, received), (Action::End(End::Complete), 140_001));
}

proptest! {
    /// A client behind a wire that loses packets both ways gets the whole file, or the sender gives up; it never
    /// believes in a file that did not arrive.
    #[test]
    fn whole_or_not_at_all(
        total in 0u64..3000,
        blksize in 8u16..600,
        window in 1u16..8,
        losses in prop::collection::vec(any::<bool>(), 0..300),
    ) {
        let mut losses = losses.into_iter().chain(std::iter::repeat(false));
        let (mut transfer, mut action) = Transfer::begin(&options(blksize, window), total);
        let mut wire: VecDeque<u64> = VecDeque::new();
        let (mut expected, mut unacknowledged, mut greeted) = (1u64, 0, false);
        let last = total / u64::from(blksize.min(LARGEST_BLOCK)) + 1;
        for _ in 0..20_000 {
            let mut input = None;
            match action {
                Action::End(End::Complete) => {
                    prop_assert_eq!(expected, last + 1);
                    return Ok(());
                }
                Action::End(end) => {
                    prop_assert_eq!(end, End::Silent);
                    return Ok(());
                }
                Action::SendOptions(_) => {
                    if !losses.next().unwrap_or(false) {
                        greeted = true;
                        input = (!losses.next().unwrap_or(false)).then_some(0);
                    }
                }
                Action::SendBlocks { first, count, again } => {
                    prop_assert!(again <= count && count <= window);
                    prop_assert!(greeted);
                    wire.extend(first..first + u64::from(count));
                }
                Action::Wait => {}
            }
            while input.is_none() && let Some(block) = wire.pop_front() {
                if losses.next().unwrap_or(false) {
                    continue;
                }
                if block == expected {
                    (expected, unacknowledged) = (expected + 1, unacknowledged + 1);
                }
                if block + 1 != expected || unacknowledged == window || block == last {
                    unacknowledged = 0;
                    input = (!losses.next().unwrap_or(false)).then_some(expected - 1);
                }
            }
            let input = input.map_or(Input::Timeout, |block| ack(block as u16));
            action = transfer.step(&input);
        }
        prop_assert!(false, "neither end came");
    }
}
