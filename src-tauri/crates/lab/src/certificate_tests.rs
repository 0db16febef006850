use super::*;

const DAY: i64 = 86_400_000_000;

fn reading(ours: bool) -> CertificateReading {
    let facts = CertificateFacts { not_before_us: 0, not_after_us: DAY, ..CertificateFacts::default() };
    CertificateReading { name: "otelcol".into(), facts: Some(facts), ours, ..CertificateReading::default() }
}

fn state(reading: &CertificateReading, at: i64) -> CertificateState {
    judge(reading, at, Trust::Good).state
}

#[test]
fn a_day_long_life() {
    let ours = reading(true);
    for (hours, expected) in [
        (-1, CertificateState::NotYetValid),
        (0, CertificateState::Good),
        (16, CertificateState::Good),
        (17, CertificateState::Good),
        (18, CertificateState::Late),
        (23, CertificateState::Late),
        (24, CertificateState::Expired),
    ] {
        assert_eq!(state(&ours, hours * DAY / 24), expected, "after {hours} h");
    }
    assert_eq!(state(&reading(false), 23 * DAY / 24), CertificateState::Good, "nobody renews it here");
}

#[test]
fn a_wrong_clock_judges_nothing() {
    for trust in [Trust::Off, Trust::Behind] {
        let judged = judge(&reading(true), 5 * DAY, trust);
        assert_eq!(judged.state, CertificateState::Unknown);
        assert!(judged.says.contains("clock"), "{}", judged.says);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let with = |change: fn(&mut CertificateFacts)| {
        let mut reading = reading(true);
        change(reading.facts.as_mut().unwrap());
        state(&reading, DAY / 2)
    };
    assert_eq!(with(|f| f.key_matches = Some(false)), CertificateState::Unusable);
    assert_eq!(with(|f| f.chain = Some("another root".into())), CertificateState::ChainBroken);
    assert_eq!(with(|f| f.missing_names = vec!["boss.local".into()]), CertificateState::WrongName);
    assert_eq!(with(|f| f.warning = Some("its key can be read by others".into())), CertificateState::Good);
}

#[test]
fn the_worst_leads_and_among_equals_the_soonest() {
    let judged = |name: &str, end: i64, at: i64| {
        let mut reading = reading(false);
        reading.name = name.into();
        reading.facts.as_mut().unwrap().not_after_us = end;
        judge(&reading, at, Trust::Good)
    };
    let list = [judged("long", 9 * DAY, DAY), judged("soon", 2 * DAY, DAY)];
    assert_eq!(worst(&list).unwrap().reading.name, "soon");
    let list = [judged("soon", 2 * DAY, DAY), judged("gone", DAY, DAY)];
    assert_eq!(worst(&list).unwrap().reading.name, "gone");
    assert!(worst(&[]).is_none());
}
