//! How the renewal of one certificate goes: when it is tried, and when again. No I/O.

use std::time::Duration;

use lab::{
    Code, Failure,
    certificate::{CertificateReading, Renewal},
};
use tokio::time::Instant;

use crate::{MICROS, shelf::Renewed};

/// A CA that was restarted is back within a minute; one that is broken is not asked more often than the owner's timer would.
const RESTS_MIN: [u64; 5] = [1, 2, 4, 8, 15];
/// Certificates that were made in one second are not all renewed in one second.
const SPREAD_S: u64 = 60;

#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) renewal: Renewal,
    failures: usize,
    again: Option<Instant>,
}

impl Progress {
    /// Whether to try now. `due_us` is when renewal is due; `ca_answers` lifts the rest of those whose CA was silent.
    pub(super) fn tries(&self, due_us: i64, name: &str, now_us: i64, ca_answers: bool) -> bool {
        let silent = self.renewal.failure.as_ref().is_some_and(|failure| failure.code == Code::DeviceAbsent);
        let rested = self.again.is_none_or(|again| Instant::now() >= again) || (silent && ca_answers);
        rested && now_us >= due_us.saturating_add(spread(name))
    }

    pub(super) fn renewed(&mut self, renewed: &Renewed, now_us: i64) {
        self.renewal = Renewal {
            tried_us: Some(now_us),
            renewed_us: Some(now_us),
            by: Some(renewed.by.clone()),
            reload: renewed.reload.clone(),
            ..Renewal::default()
        };
        (self.failures, self.again) = (0, None);
    }

    /// Another process was faster, or it is good again.
    pub(super) fn well(&mut self) {
        self.renewal.failure = None;
        (self.failures, self.again) = (0, None);
    }

    pub(super) fn failed(&mut self, failure: Failure, now_us: i64) {
        let minutes = RESTS_MIN[self.failures.min(RESTS_MIN.len() - 1)];
        self.failures += 1;
        let rest = Duration::from_secs(minutes * 60);
        self.again = Some(Instant::now() + rest);
        self.renewal.tried_us = Some(now_us);
        self.renewal.failure = Some(failure);
        self.renewal.next_us = Some(now_us + rest.as_micros() as i64);
    }

    /// Not tried, and why not.
    pub(super) fn held_back(&mut self, failure: Failure) {
        self.renewal.failure = Some(failure);
        self.renewal.next_us = None;
    }

    /// Into a reading, with the next try where nothing is wrong.
    pub(super) fn tell(&self, reading: &mut CertificateReading, due_us: i64) {
        reading.renewal = self.renewal.clone();
        if self.again.is_none() && due_us != i64::MIN {
            reading.renewal.next_us = Some(due_us.saturating_add(spread(&reading.name)));
        }
    }
}

/// The same for a name always, so that what is shown stays.
fn spread(name: &str) -> i64 {
    let sum = name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    i64::try_from(sum % SPREAD_S).unwrap_or(0) * MICROS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: Code) -> Failure {
        Failure::new(code, "renew a", "because", "wait")
    }

    #[tokio::test(start_paused = true)]
    async fn rests_grow_to_a_quarter_of_an_hour_and_end_with_success() {
        let mut progress = Progress::default();
        let mut rests = Vec::new();
        for _ in 0..7 {
            progress.failed(failure(Code::DeviceRefused), 0);
            rests.push(progress.renewal.next_us.unwrap() / MICROS / 60);
            assert!(!progress.tries(i64::MIN, "a", 0, true), "it rests");
            tokio::time::advance(Duration::from_secs(15 * 60)).await;
            assert!(progress.tries(i64::MIN, "a", 0, true));
        }
        assert_eq!(rests, [1, 2, 4, 8, 15, 15, 15]);
        progress.well();
        assert_eq!(progress.renewal.failure, None);
        progress.failed(failure(Code::DeviceRefused), 0);
        assert_eq!(progress.renewal.next_us, Some(60 * MICROS), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_for_a_silent_ca_goes_on_when_it_answers() {
        let mut progress = Progress::default();
        progress.failed(failure(Code::DeviceAbsent), 0);
        assert!(!progress.tries(i64::MIN, "a", 0, false));
        assert!(progress.tries(i64::MIN, "a", 0, true));
    }

    #[test]
    fn nothing_is_renewed_before_it_is_due() {
        let progress = Progress::default();
        let due_us = 1_000 * MICROS;
        assert!(!progress.tries(due_us, "otelcol", due_us - 1, true));
        assert!(progress.tries(due_us, "otelcol", due_us + 60 * MICROS, true));
    }
}
