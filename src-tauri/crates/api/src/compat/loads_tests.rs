use super::*;

fn name(frame: &str) -> Name {
    Name::parse(frame).unwrap()
}

fn hits(ok: u64, nok: u64) -> Hits {
    Hits { ok, nok }
}

#[test]
fn frames_are_read_as_pods_write_them() {
    assert_eq!(name("server:a-1"), Name { kind: Kind::Server, pod: "a-1".into() });
    assert_eq!(name("client:a").kind, Kind::Client);
    assert_eq!(name("anything:a").kind, Kind::Client, "any other word is a client");
    for bad in ["", "server", "server:", "a:b:c", "server:a\nb", &format!("server:{}", "x".repeat(254))] {
        assert_eq!(Name::parse(bad), None, "{bad:?}");
    }
    assert_eq!(Hits::parse("12,3"), Some(hits(12, 3)));
    for bad in ["", "12", "12,", "-1,0", "1,2,3", "a,b", "99999999999999999999,0"] {
        assert_eq!(Hits::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn a_pod_that_reconnects_adds_only_what_is_new() {
    let mut loads = Loads::default();
    let pod = name("client:counterclient-1");
    assert!(loads.open(&pod) && loads.frame(&pod, hits(1000, 10)));
    loads.close(&pod);
    assert!(loads.wire().clients.is_empty(), "gone from the table");
    assert!(loads.open(&pod) && loads.frame(&pod, hits(1200, 11)));
    assert!(!loads.tick(TICK), "what it counted while it was away is no pace");
    let wire = loads.wire();
    assert_eq!((wire.total_client_ok, wire.total_client_nok), (1200, 11), "its history counts once");
    assert_eq!(wire.clients["counterclient-1"], hits(1200, 11));
    assert_eq!(wire.total_server_ok, 0);
}

#[test]
fn a_pod_whose_process_started_anew_counts_from_nothing() {
    let mut loads = Loads::default();
    let pod = name("server:s");
    loads.open(&pod);
    loads.frame(&pod, hits(500, 0));
    loads.frame(&pod, hits(20, 0));
    assert_eq!(loads.wire().total_server_ok, 520);
    assert!(!loads.frame(&pod, hits(20, 0)), "the same again is no news");
}

#[test]
fn a_steady_rate_is_shown_as_it_is_and_ends_when_the_load_ends() {
    let mut loads = Loads::default();
    let pod = name("client:c");
    loads.open(&pod);
    loads.frame(&pod, hits(1_000_000, 0));
    loads.tick(TICK);
    assert_eq!(loads.wire().client_ok_rate, 0, "what came before is no pace");
    for second in 1..=10_u64 {
        // Three in a second: truncation would show none of them.
        for tenth in 0..10 {
            if tenth % 4 == 0 {
                loads.frame(&pod, hits(1_000_000 + (second - 1) * 3 + tenth / 4 + 1, 0));
            }
            loads.tick(TICK);
        }
    }
    let rate = loads.clients.ok_rate;
    assert!((1.5..5.5).contains(&rate), "about 3 a second: {rate}");
    for _ in 0..100 {
        loads.tick(TICK);
    }
    assert_eq!(loads.clients.ok_rate, 0.0);
    assert!(!loads.tick(TICK), "nothing changes any more");
}

#[test]
fn one_late_tick_weighs_as_those_it_stands_for() {
    let (mut often, mut late) = (Side::default(), Side::default());
    for _ in 0..5 {
        often.moved.ok = 10;
        often.tick(TICK);
    }
    late.moved.ok = 50;
    late.tick(TICK * 5);
    assert!((often.ok_rate - late.ok_rate).abs() < 1e-9, "{} {}", often.ok_rate, late.ok_rate);
}

#[test]
fn after_a_reset_counting_goes_on_from_there() {
    let mut loads = Loads::default();
    let pod = name("client:c");
    loads.open(&pod);
    loads.frame(&pod, hits(700, 7));
    loads.reset();
    loads.frame(&pod, hits(705, 7));
    assert_eq!((loads.wire().total_client_ok, loads.wire().total_client_nok), (5, 0));
}

#[test]
fn pods_are_bounded_and_the_one_gone_longest_makes_room() {
    let mut loads = Loads::default();
    let pods: Vec<Name> = (0..PODS).map(|number| name(&format!("client:p{number}"))).collect();
    assert!(pods.iter().all(|pod| loads.open(pod)));
    let late = name("client:late");
    assert!(!loads.open(&late), "all of them are here");
    assert_eq!(loads.refused, 1);
    loads.close(&pods[7]);
    loads.close(&pods[3]);
    assert!(loads.open(&late));
    assert_eq!(loads.pods.len(), PODS);
    assert!(!loads.pods.contains_key(&pods[7]) && loads.pods.contains_key(&pods[3]));
}
