use super::*;
use crate::stream::{COLLECTOR, SYSLOG_TCP};

fn clue(kind: CauseKind, bad: bool, says: &str) -> Clue {
    Clue { kind, bad, says: says.into() }
}

#[test]
fn the_fault_that_hides_others_is_named() {
    let bad = |kind| clue(kind, true, &format!("{kind:?} is bad"));
    // Backwards: the order of the clues must not matter.
    let mut clues: Vec<Clue> = ORDER.into_iter().rev().map(bad).collect();
    for expected in ORDER {
        let (kind, failure) = cause(COLLECTOR, "the collector's file", &clues);
        assert_eq!(kind, expected);
        assert_eq!(failure.why, format!("{expected:?} is bad"), "only this cause's evidence");
        assert!(!failure.remedy.is_empty());
        clues.pop();
    }
    assert_eq!(cause(COLLECTOR, "x", &clues).0, CauseKind::Unknown);
}

#[test]
fn evidence_of_one_kind_is_told_together() {
    let clues = [
        clue(CauseKind::Process, false, "otelcol runs"),
        clue(CauseKind::File, true, "a.jsonl was last written 40 s ago"),
        clue(CauseKind::File, true, "its disk is full"),
    ];
    let (kind, failure) = cause(COLLECTOR, "the collector's file", &clues);
    assert_eq!(kind, CauseKind::File);
    assert_eq!(failure.what, "hear the collector's file");
    assert_eq!(failure.why, "a.jsonl was last written 40 s ago; its disk is full");
}

#[test]
fn where_nothing_is_wrong_it_says_what_is_fine() {
    let clues =
        [clue(CauseKind::Port, false, "port 601 listens"), clue(CauseKind::Network, false, "wally answers")];
    let (kind, failure) = cause(SYSLOG_TCP, "the router's syslog", &clues);
    assert_eq!(kind, CauseKind::Unknown);
    assert_eq!(failure.why, "nothing wrong was found: port 601 listens; wally answers");
    assert!(cause(SYSLOG_TCP, "x", &[]).1.why.contains("nothing is known"));
}

#[test]
fn certificates_are_found_on_a_streams_way() {
    assert!(on_the_way(COLLECTOR, "otelcol", "log stream"));
    assert!(on_the_way(COLLECTOR, "loki", "Log stream to Loki"));
    assert!(!on_the_way(COLLECTOR, "grafana-server", "pages"));
    assert!(on_the_way(SYSLOG_TCP, SYSLOG_TCP, "syslog over TLS"));
    assert!(!on_the_way(SYSLOG_TCP, "otelcol", "log stream"));
}
