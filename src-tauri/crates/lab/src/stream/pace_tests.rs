use proptest::prelude::*;

use super::*;

/// Feeds pauses as an engine would: each that is a silence is counted. Nothing is explained, so all are learnt.
fn silences(pace: &mut Pace, pauses: impl IntoIterator<Item = f64>) -> usize {
    let mut count = 0;
    for pause in pauses {
        count += usize::from(pace.is_silent(pause));
        pace.saw(pause);
    }
    count
}

fn learnt(pauses: impl IntoIterator<Item = f64>) -> Pace {
    let mut pace = Pace::default();
    silences(&mut pace, pauses);
    pace
}

#[test]
fn nothing_is_expected_before_enough_was_seen() {
    let mut pace = Pace::default();
    for _ in 0..7 {
        pace.saw(10.0);
        assert!(!pace.is_silent(1e6), "too little was seen");
    }
    for _ in 0..2 {
        pace.saw(10.0);
    }
    assert!(pace.is_silent(30.0) && !pace.is_silent(20.0), "{:?}", pace.usual());
}

#[test]
fn bursts_do_not_make_its_pauses_look_like_silence() {
    // A hundred items in a row, then a minute of nothing.
    let day = (0..200).flat_map(|_| std::iter::repeat_n(0.5, 100).chain([60.0]));
    assert!(silences(&mut Pace::default(), day) <= 3, "the third such pause is its habit");
}

#[test]
fn one_odd_pause_changes_nothing() {
    let mut pace = learnt(std::iter::repeat_n(5.0, 100));
    let before = pace.usual();
    pace.saw(300.0);
    assert_eq!(pace.usual(), before);
    pace.saw(300.0);
    assert_eq!(pace.usual(), before);
}

#[test]
fn a_habit_that_ended_is_forgotten() {
    let mut pace = learnt(std::iter::repeat_n(60.0, 100));
    assert!(pace.usual().unwrap() >= 60.0);
    silences(&mut pace, std::iter::repeat_n(1.0, 4 * 3600));
    assert_eq!(pace.usual(), Some(SHORTEST_S), "after four hours of an item a second");
}

#[test]
fn deadlines_of_its_own_are_respected() {
    let mut pace = Pace::at_least(12.0);
    silences(&mut pace, std::iter::repeat_n(1.0, 100));
    assert_eq!(pace.usual(), Some(12.0));
    assert!(!pace.is_silent(32.0) && pace.is_silent(33.0));
}

#[test]
fn nonsense_is_not_learnt() {
    let mut pace = Pace::default();
    for pause in [f64::NAN, f64::INFINITY, -1.0] {
        pace.saw(pause);
    }
    assert_eq!(pace, Pace::default());
    pace.saw(1e12);
    assert!(pace.counts[BUCKETS - 1] > 0.9, "and what is beyond all buckets is in the last");
}

proptest! {
    /// Whatever its period and however it wavers: a stream that keeps going is never called silent, and one that stops is
    /// within three times what it was expected at.
    #[test]
    fn a_steady_stream_is_never_silent_and_a_stopped_one_always_is(
        period in 0.01f64..20_000.0,
        jitter in proptest::collection::vec(0.5f64..1.5, 20..200),
    ) {
        let mut pace = Pace::default();
        let false_alarms = silences(&mut pace, jitter.iter().map(|share| period * share));
        prop_assert_eq!(false_alarms, 0);
        let usual = pace.usual().expect("it was seen often enough");
        prop_assert!(usual >= SHORTEST_S);
        prop_assert!(usual <= (1.5 * period * STEP).max(SHORTEST_S) * 1.001, "{usual} s for a period of {period} s");
        prop_assert!(pace.is_silent(3.0 * usual) && !pace.is_silent(2.0 * usual));
    }

    /// A stream that slows down for good, by any factor, is called silent a few times and then no more.
    #[test]
    fn another_pace_is_learnt_soon(fast in 0.01f64..60.0, factor in 1.0f64..500.0) {
        let mut pace = learnt(std::iter::repeat_n(fast, 300));
        let told = silences(&mut pace, std::iter::repeat_n(fast * factor, 300));
        prop_assert!(told <= 3, "{told} silences");
    }

    /// Items that come by chance (a Poisson stream, by its inverse distribution) flap hardly ever.
    #[test]
    fn chance_is_no_silence(mean in 0.1f64..600.0, draws in proptest::collection::vec(1e-9f64..1.0, 1000)) {
        let told = silences(&mut Pace::default(), draws.iter().map(|draw| -mean * draw.ln()));
        prop_assert!(told <= 3, "{told} silences in a thousand items");
    }
}
