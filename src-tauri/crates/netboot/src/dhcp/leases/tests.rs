use proptest::prelude::*;

use super::super::config::tests::board;
use super::*;

const MINUTE: i64 = 60_000_000;

fn who(last: u8) -> (Identity, Mac) {
    let mac = Mac([2, 0, 0, 0, 0, last]);
    (Identity::of(mac, None), mac)
}

fn find(leases: &Leases, last: u8, wish: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
    let (identity, mac) = who(last);
    leases.find(&identity, mac, wish)
}

#[test]
fn a_machine_keeps_its_address_and_a_full_pool_says_so() {
    let mut leases = Leases::new(&board());
    for last in 0..4 {
        let address = find(&leases, last, None).unwrap();
        leases.bind(address, who(last), MINUTE, 0);
        assert_eq!(find(&leases, last, None), Some(address));
    }
    assert_eq!(find(&leases, 4, None), None);
    leases.expire(MINUTE);
    assert_eq!(leases.free(), 4, "expired leases are free");
    let (first, second) = (find(&leases, 4, None).unwrap(), find(&leases, 0, None).unwrap());
    leases.bind(second, who(0), MINUTE, MINUTE);
    assert_eq!(find(&leases, 0, None), Some(second), "who comes back gets what it had");
    assert!(find(&leases, 4, Some(first)).is_some_and(|address| address != second));
}

#[test]
fn an_address_in_use_is_left_alone_and_returns() {
    let mut leases = Leases::new(&board());
    let address = find(&leases, 1, None).unwrap();
    leases.bind(address, who(1), MINUTE, 0);
    let until = leases.taken(address, 0);
    leases.expire(2 * MINUTE);
    assert!(!leases.is_free(address), "left alone longer than the lease was");
    assert_ne!(find(&leases, 1, Some(address)), Some(address));
    leases.expire(until);
    assert!(leases.is_free(address));
}

#[test]
fn a_repeated_offer_does_not_shorten_a_lease() {
    let mut leases = Leases::new(&board());
    let address = Ipv4Addr::new(192, 168, 122, 200);
    leases.bind(address, who(1), 100 * MINUTE, 0);
    leases.offer(address, who(1), MINUTE);
    leases.expire(99 * MINUTE);
    assert_eq!(leases.held_by(&who(1).0), Some(address));
}

#[test]
fn what_was_probed_is_given_first_and_only_for_a_while() {
    let mut leases = Leases::new(&board());
    assert_eq!(leases.unprobed(2, 0).len(), 2);
    let sound = Ipv4Addr::new(192, 168, 122, 203);
    leases.stocked(sound, 0);
    for last in 0..20 {
        assert_eq!(find(&leases, last, Some(Ipv4Addr::new(192, 168, 122, 200))), Some(sound));
    }
    assert_eq!(leases.unprobed(4, 0).len(), 3, "what is known is not asked for again");
    assert_eq!(leases.unprobed(4, PROBED_US).len(), 4, "until it is old");
}

#[test]
fn a_restart_remembers_and_a_strange_clock_does_no_harm() {
    let day: i64 = 86_400_000_000;
    let lease = |last: u8, until_wall_us, state| Lease {
        address: Ipv4Addr::new(192, 168, 122, 200 + last),
        mac: who(last).1,
        client_id: None,
        until_wall_us,
        state,
    };
    let stored = vec![
        lease(0, 5 * MINUTE, LeaseState::Bound),
        lease(1, -5 * MINUTE, LeaseState::Bound),
        lease(2, 900 * day, LeaseState::Bound),
        lease(3, 0, LeaseState::Released),
    ];
    let mut leases = Leases::new(&board());
    leases.restore(stored, 1, |until_wall_us| until_wall_us.min(day));
    let held = |leases: &Leases, last| leases.held_by(&who(last).0).is_some();
    assert!(held(&leases, 0) && !held(&leases, 1) && held(&leases, 2) && !held(&leases, 3));
    assert_eq!(find(&leases, 1, None), Some(Ipv4Addr::new(192, 168, 122, 201)), "what it had is its own");
    leases.expire(1 + day);
    assert!(
        !held(&leases, 2),
        "never longer than a lease lasts, whatever the wall clock said when it was given"
    );
}

#[test]
fn another_pool_keeps_what_is_in_both() {
    let mut config = board();
    let mut leases = Leases::new(&config);
    for last in 0..4 {
        leases.bind(Ipv4Addr::new(192, 168, 122, 200 + last), who(last), MINUTE, 0);
    }
    config.pool = (Ipv4Addr::new(192, 168, 122, 202), Ipv4Addr::new(192, 168, 122, 205));
    leases.retarget(&config);
    assert_eq!(leases.held_by(&who(0).0), None);
    assert_eq!(leases.held_by(&who(3).0), Some(Ipv4Addr::new(192, 168, 122, 203)));
    assert_eq!(leases.free(), 2);
}

proptest! {
    /// Whatever is bound, released, taken in whatever order: one holder an address, one address a holder, no growth.
    #[test]
    fn nobody_shares(steps in prop::collection::vec((0u8..12, 0u8..6, 0i64..3), 0..80)) {
        let (mut leases, mut now) = (Leases::new(&board()), 0);
        for (last, what, minutes) in steps {
            now += minutes * MINUTE;
            leases.expire(now);
            match (what, find(&leases, last, None)) {
                (0, Some(address)) => leases.offer(address, who(last), now),
                (1, Some(address)) => leases.bind(address, who(last), 5 * MINUTE, now),
                (2, Some(address)) => { leases.taken(address, now); }
                (3, _) => { leases.release(&who(last).0, now); }
                (4, Some(address)) => leases.stocked(address, now),
                (5, Some(address)) => leases.unbind(address, &who(last).0, now),
                _ => {}
            }
            let mut held: Vec<_> = (0..12).filter_map(|last| leases.held_by(&who(last).0)).collect();
            let holders = held.len();
            held.sort();
            held.dedup();
            prop_assert_eq!(held.len(), holders);
            prop_assert!(leases.held.len() <= 4 && leases.of.len() <= 4 && leases.ends.len() <= 4);
            prop_assert!(leases.free.len() + holders <= 4);
            prop_assert!(leases.stock.keys().all(|address| leases.free.contains(address)));
        }
    }
}
