use proptest::prelude::*;

use super::*;

fn reading(source: ClockSource, name: &str, ahead_s: Option<f64>) -> ClockReading {
    let floor = matches!(source, ClockSource::Store | ClockSource::Certificate | ClockSource::Build);
    let says = if floor { format!("the {name}") } else { String::new() };
    ClockReading { source, name: name.into(), ahead_s, synced: None, floor, says }
}

fn ntp(ahead_s: Option<f64>, synced: bool) -> ClockReading {
    ClockReading { synced: Some(synced), ..reading(ClockSource::Ntp, "chrony", ahead_s) }
}

const DAY: f64 = 86_400.0;

#[test]
fn every_mix_of_sources_has_its_words() {
    use ClockSource::{Build, Certificate, Router, Store};
    let event = |ahead| reading(Store, "newest event", Some(ahead));
    let router = |ahead| reading(Router, "wally", Some(ahead));
    let table: Vec<(Vec<ClockReading>, Trust, &str)> = vec![
        (vec![], Trust::Unconfirmed, "nobody outside confirms it; nothing contradicts it"),
        (vec![event(3600.0)], Trust::Unconfirmed, "nobody outside confirms it; nothing contradicts it"),
        (vec![ntp(Some(0.004), true), event(9.0)], Trust::Good, "in step with chrony (4 ms)"),
        (vec![ntp(None, true)], Trust::Good, "in step with chrony"),
        (vec![ntp(None, false)], Trust::Unconfirmed, "nobody outside confirms it; nothing contradicts it"),
        (
            vec![ntp(Some(0.0), false), event(-5.2 * DAY)],
            Trust::Behind,
            "at least 5 d behind the newest event",
        ),
        (vec![event(-119.0)], Trust::Unconfirmed, "nobody outside confirms it; nothing contradicts it"),
        (
            vec![event(-300.0), reading(Certificate, "CA", Some(-400.0))],
            Trust::Behind,
            "at least 6 min behind the CA",
        ),
        (vec![router(0.4)], Trust::Good, "agrees with wally (400 ms)"),
        (vec![router(12.3)], Trust::Unconfirmed, "12 s ahead of wally; which is right is not known"),
        (vec![router(-7300.0)], Trust::Off, "2 h behind wally"),
        (vec![router(-3.0), ntp(Some(-0.2), true)], Trust::Good, "in step with chrony (200 ms)"),
        (
            vec![router(400.0), ntp(Some(0.2), true)],
            Trust::Good,
            "in step with chrony (200 ms); the clock of wally is wrong",
        ),
        // Its own clock stands days before our newest event: it was off as well, and says nothing of ours.
        (
            vec![router(9.0 * DAY), event(60.0)],
            Trust::Unconfirmed,
            "nobody outside confirms it; nothing contradicts it",
        ),
        (vec![ntp(Some(-90.0), true)], Trust::Off, "90 s behind chrony"),
        (vec![ntp(Some(5.0), true)], Trust::Unconfirmed, "5 s ahead of chrony, being corrected"),
        // The clock ran ahead once; a time service says that it is right now.
        (
            vec![ntp(Some(0.001), true), event(-30.0 * DAY)],
            Trust::Good,
            "in step with chrony (1 ms); the newest event was dated ahead",
        ),
        // No time service is believed against the day of the build.
        (
            vec![ntp(Some(0.001), true), reading(Build, "build", Some(-9.0 * DAY))],
            Trust::Behind,
            "at least 9 d behind the build",
        ),
        // Set back under a running service: the events know by how much.
        (
            vec![ntp(Some(-5.0 * DAY), true), event(-5.0 * DAY)],
            Trust::Behind,
            "at least 5 d behind the newest event",
        ),
    ];
    for (readings, trust, says) in table {
        let state = judge(&readings);
        assert_eq!((state.trust, state.says.as_str()), (trust, says), "{readings:?}");
        assert!(
            state.trust.usable() || !state.remedy.is_empty(),
            "what cannot be used has a remedy: {state:?}"
        );
    }
}

proptest! {
    /// Set back by any time beyond the slack, with nobody outside: never usable, and told by how much.
    #[test]
    fn a_clock_before_what_has_happened_is_never_used(back in 121.0f64..1e9, others in proptest::collection::vec(-1e9f64..1e9, 0..4)) {
        let mut readings = vec![reading(ClockSource::Store, "newest event", Some(-back))];
        readings.extend(others.into_iter().map(|ahead| reading(ClockSource::Build, "build", Some(ahead))));
        let state = judge(&readings);
        prop_assert_eq!(state.trust, Trust::Behind);
        prop_assert!(state.ahead_s.is_some_and(|ahead| ahead <= -back));
    }
}
