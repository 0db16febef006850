use lab::counts::Counter;

use super::*;

const SAMPLE: &[u8] = include_bytes!("../tests/data/otelcol-sample.jsonl");
const EXPECTED: &str = include_str!("../tests/data/otelcol-sample.expected.json");

fn counted(profile: Profile, pieces: &[&[u8]]) -> Tally {
    let mut counting = Counting::new(profile);
    for piece in pieces {
        counting.push(piece);
    }
    counting.finish()
}

#[test]
fn the_sample_gives_what_is_expected_of_it() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!(counted(Profile::Labinator, &[SAMPLE]).to_json(), expected);
    let pieces: Vec<_> = SAMPLE.chunks(61).collect();
    assert_eq!(counted(Profile::Labinator, &pieces).to_json(), expected, "in small pieces");
}

/// The sample's deliberate oddities, and nothing else, are counted otherwise.
#[test]
fn the_corrected_profile_differs_where_its_table_says() {
    let (letter, corrected) =
        (counted(Profile::Labinator, &[SAMPLE]), counted(Profile::Corrected, &[SAMPLE]));
    let mut expected = letter.counts.clone();
    let difference =
        |counter: Counter| i128::from(corrected.counts.get(counter)) - i128::from(letter.counts.get(counter));
    for (counter, by) in [
        (Counter::Emergency, 1),
        (Counter::Info, -1),
        // `drop wwan in` and `reject wan in`.
        (Counter::FirewallWanInDrops, 2),
        (Counter::FirewallWanDrops, 2),
    ] {
        assert_eq!(difference(counter), by, "{}", counter.name());
    }
    expected.add(Counter::Emergency, 1);
    expected.add(Counter::FirewallWanInDrops, 2);
    expected.add(Counter::FirewallWanDrops, 2);
    let mut corrected = corrected.counts;
    corrected.add(Counter::Info, 1);
    assert_eq!(corrected, expected);
}

#[test]
fn several_files_are_sums_and_blank_lines_are_lines() {
    let once = counted(Profile::Labinator, &[SAMPLE]);
    let mut twice = once.clone();
    twice.merge(&once);
    assert_eq!(twice, counted(Profile::Labinator, &[SAMPLE, SAMPLE]));
    let blank = counted(Profile::Labinator, &[b"\n  \r\n{\"resourceLogs\":[]}\nx"]);
    let lines = (blank.lines, blank.blank_lines, blank.unparsed_lines, blank.records);
    assert_eq!(lines, (4, 2, 1, 0));
}

#[test]
fn a_line_beyond_the_limit_is_one_bad_line_and_the_next_is_read() {
    let long = vec![b'x'; otlp::LINE_MAX / 2 + 1];
    let first = SAMPLE.split_inclusive(|byte| *byte == b'\n').next().unwrap();
    let tally = counted(Profile::Labinator, &[first, &long, &long, b"\n", first]);
    assert_eq!((tally.lines, tally.unparsed_lines, tally.records), (3, 1, 2));
}
