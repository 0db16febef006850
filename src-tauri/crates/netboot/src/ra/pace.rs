//! When to advertise, and how often at most. Pure: times are microseconds of one clock, handed in.

use std::net::Ipv6Addr;

/// RFC 4861, section 6.2.4: the first three advertisements of an interface come this fast, so that machines that were
/// up before us hear of the prefix soon.
const INITIAL_US: i64 = 16_000_000;
const INITIAL_COUNT: u8 = 3;
/// Between unsolicited advertisements (section 6.2.1 allows 4 to 1800 s). A sixth of the prefix's lifetime.
const PERIOD_US: i64 = 600_000_000;
/// While the interface has no link-local address, nothing can be sent; it may get one at any moment.
const AGAIN_US: i64 = 5_000_000;

/// Between two answers to everybody. Section 6.2.6 wants 3 s and a random delay, against storms on large links; here
/// the machine that asks waits with its boot for the answer, and ten small packets a second harm no lab.
const TO_ALL_GAP_US: i64 = 100_000;
/// Answers to single machines that may be sent at once; one more is earned each [`TO_ONE_US`].
const TO_ONE_BURST: i64 = 64;
const TO_ONE_US: i64 = 10_000;

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    /// Advertise to this machine alone.
    ToOne(Ipv6Addr),
    /// Advertise to all.
    ToAll,
    /// One to all is due within a tenth of a second and serves this one too.
    Soon,
    /// The bound is reached.
    Nothing,
}

/// The state behind it.
#[derive(Debug)]
pub struct Pace {
    /// When the next one to all is due.
    next_us: i64,
    last_to_all_us: Option<i64>,
    initial_left: u8,
    /// Earned answers, in microseconds of [`TO_ONE_US`] each.
    credit_us: i64,
    credited_us: i64,
}

impl Pace {
    /// Begins with an advertisement to all, due now.
    pub fn new(now_us: i64) -> Pace {
        Pace {
            next_us: now_us,
            last_to_all_us: None,
            initial_left: INITIAL_COUNT,
            credit_us: TO_ONE_BURST * TO_ONE_US,
            credited_us: now_us,
        }
    }

    /// When [`Pace::due`] wants to be asked again.
    pub fn next_us(&self) -> i64 {
        self.next_us
    }

    /// Whether one to all is due. Tell [`Pace::sent`] how it went.
    pub fn due(&self, now_us: i64) -> bool {
        now_us >= self.next_us
    }

    /// One to all was sent, or could not be.
    pub fn sent(&mut self, now_us: i64, sent: bool) {
        if !sent {
            self.next_us = now_us + AGAIN_US;
            return;
        }
        self.last_to_all_us = Some(now_us);
        self.initial_left = self.initial_left.saturating_sub(1);
        self.next_us = now_us + if self.initial_left > 0 { INITIAL_US } else { PERIOD_US };
    }

    /// A solicitation came.
    pub fn solicited(&mut self, now_us: i64, from: Ipv6Addr) -> Say {
        if !from.is_unspecified() {
            let earned = (now_us - self.credited_us).max(0);
            self.credit_us = (self.credit_us + earned).min(TO_ONE_BURST * TO_ONE_US);
            self.credited_us = now_us;
            if self.credit_us < TO_ONE_US {
                return Say::Nothing;
            }
            self.credit_us -= TO_ONE_US;
            return Say::ToOne(from);
        }
        match self.last_to_all_us {
            Some(last) if now_us - last < TO_ALL_GAP_US => {
                self.next_us = self.next_us.min(last + TO_ALL_GAP_US);
                Say::Soon
            }
            _ => Say::ToAll,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

    #[test]
    fn speaks_at_the_start_thrice_quickly_and_then_at_its_period() {
        let mut pace = Pace::new(0);
        let mut spoken = Vec::new();
        for _ in 0..5 {
            let now = pace.next_us();
            assert!(pace.due(now) && !pace.due(now - 1));
            spoken.push(now / 1_000_000);
            pace.sent(now, true);
        }
        assert_eq!(spoken, [0, 16, 32, 632, 1232]);
    }

    #[test]
    fn an_interface_without_an_address_is_tried_again() {
        let mut pace = Pace::new(0);
        pace.sent(0, false);
        assert_eq!(pace.next_us(), AGAIN_US);
        pace.sent(AGAIN_US, true);
        assert_eq!(pace.next_us(), AGAIN_US + INITIAL_US, "what was not sent is none of the first three");
    }

    #[test]
    fn whoever_asks_is_answered_at_once() {
        let mut pace = Pace::new(0);
        pace.sent(0, true);
        assert_eq!(pace.solicited(1, ONE), Say::ToOne(ONE));
        assert_eq!(pace.solicited(1, Ipv6Addr::UNSPECIFIED), Say::Soon);
        assert_eq!(pace.next_us(), TO_ALL_GAP_US, "the one that is due serves the asker");
        assert_eq!(pace.solicited(TO_ALL_GAP_US, Ipv6Addr::UNSPECIFIED), Say::ToAll);
    }

    proptest! {
        /// However many ask: in a second at most the burst and what was earned, and ten to all.
        #[test]
        fn a_storm_is_bounded(asks in proptest::collection::vec((0i64..1_000_000, any::<bool>()), 0..2000)) {
            let mut asks = asks;
            asks.sort_unstable();
            let mut pace = Pace::new(0);
            pace.sent(0, true);
            let (mut ones, mut alls) = (0, 0);
            for (now, known) in asks {
                if pace.due(now) {
                    alls += 1;
                    pace.sent(now, true);
                }
                match pace.solicited(now, if known { ONE } else { Ipv6Addr::UNSPECIFIED }) {
                    Say::ToOne(_) => ones += 1,
                    Say::ToAll => { alls += 1; pace.sent(now, true); }
                    Say::Soon | Say::Nothing => {}
                }
            }
            prop_assert!(ones <= TO_ONE_BURST + 100, "{}", ones);
            prop_assert!(alls <= 10, "{}", alls);
        }
    }
}
