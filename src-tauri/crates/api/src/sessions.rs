//! Browsers: a code that works once becomes a cookie. Both are kept as hashes only.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::secret::{Digest, Secret};

/// A code is typed or clicked at once; later it may lie in somebody's scrollback.
const CODE_LIFE: Duration = Duration::from_secs(10 * 60);
/// Codes that wait; the oldest makes room, since whoever asked for it has asked again since.
const CODES: usize = 16;
/// A page that was not heard for so long belongs to nobody.
const SESSION_IDLE: Duration = Duration::from_secs(12 * 3600);
/// Browsers at once; the one not heard for longest makes room.
const SESSIONS: usize = 64;

/// The browsers that may speak to one listener.
#[derive(Debug, Default)]
pub struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    codes: Vec<(Digest, Instant)>,
    sessions: Vec<(Digest, Instant)>,
}

impl Sessions {
    /// A code for `/login?code=…`: works once, for ten minutes.
    pub fn one_time_login(&self) -> Secret {
        let code = Secret::short();
        self.lock().remember_code(code.digest(), Instant::now());
        code
    }

    /// Takes a code and gives the value of a cookie.
    pub(crate) fn redeem(&self, code: &str) -> Option<Secret> {
        self.lock().redeem(&Digest::of(code), Instant::now())
    }

    /// Whether this cookie is known; using it keeps it alive.
    pub(crate) fn touch(&self, cookie: &str) -> Option<Digest> {
        let digest = Digest::of(cookie);
        self.still(&digest).then_some(digest)
    }

    /// The same for a stream that has only kept the hash.
    pub(crate) fn still(&self, session: &Digest) -> bool {
        self.lock().touch(session, Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing inside can be left half done, so a panic elsewhere does not spoil it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remember_code(&mut self, code: Digest, now: Instant) {
        self.codes.retain(|(_, made)| now.duration_since(*made) < CODE_LIFE);
        if self.codes.len() == CODES {
            self.codes.remove(0);
        }
        self.codes.push((code, now));
    }

    fn redeem(&mut self, code: &Digest, now: Instant) -> Option<Secret> {
        self.codes.retain(|(_, made)| now.duration_since(*made) < CODE_LIFE);
        let found = position(&self.codes, code)?;
        self.codes.remove(found);
        self.sessions.retain(|(_, heard)| now.duration_since(*heard) < SESSION_IDLE);
        if self.sessions.len() == SESSIONS
            && let Some(quietest) = (0..SESSIONS).min_by_key(|index| self.sessions[*index].1)
        {
            self.sessions.remove(quietest);
        }
        let cookie = Secret::long();
        self.sessions.push((cookie.digest(), now));
        Some(cookie)
    }

    fn touch(&mut self, session: &Digest, now: Instant) -> bool {
        self.sessions.retain(|(_, heard)| now.duration_since(*heard) < SESSION_IDLE);
        let found = position(&self.sessions, session);
        if let Some(index) = found {
            self.sessions[index].1 = now;
        }
        found.is_some()
    }
}

/// Looks at all of them, so that the time does not tell which one came near.
fn position(kept: &[(Digest, Instant)], wanted: &Digest) -> Option<usize> {
    kept.iter().enumerate().fold(
        None,
        |found, (index, (digest, _))| {
            if digest.same(wanted) { Some(index) } else { found }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_works_once_and_not_for_long() {
        let (mut inner, now) = (Inner::default(), Instant::now());
        let code = Digest::of("code");
        inner.remember_code(code, now);
        let cookie = inner.redeem(&code, now + Duration::from_secs(599)).expect("in time");
        assert!(inner.redeem(&code, now + Duration::from_secs(599)).is_none(), "once");
        assert!(inner.touch(&cookie.digest(), now + Duration::from_secs(700)));

        inner.remember_code(code, now);
        assert!(inner.redeem(&code, now + CODE_LIFE).is_none(), "ten minutes are over");
    }

    #[test]
    fn use_keeps_a_session_and_silence_ends_it() {
        let (mut inner, now) = (Inner::default(), Instant::now());
        inner.remember_code(Digest::of("code"), now);
        let cookie = inner.redeem(&Digest::of("code"), now).unwrap().digest();
        let eleven = Duration::from_secs(11 * 3600);
        assert!(inner.touch(&cookie, now + eleven));
        assert!(inner.touch(&cookie, now + eleven * 2), "eleven hours after the last use");
        assert!(!inner.touch(&cookie, now + eleven * 2 + SESSION_IDLE));
    }

    #[test]
    fn both_lists_are_bounded_and_the_stalest_makes_room() {
        let (mut inner, start) = (Inner::default(), Instant::now());
        let mut cookies = Vec::new();
        for number in 0..=SESSIONS {
            let (code, now) = (Digest::of(&number.to_string()), start + Duration::from_secs(number as u64));
            inner.remember_code(code, now);
            cookies.push(inner.redeem(&code, now).unwrap().digest());
            inner.touch(&cookies[0], now);
        }
        let now = start + Duration::from_secs(100);
        assert_eq!(inner.sessions.len(), SESSIONS);
        assert!(inner.touch(&cookies[0], now), "it was in use all the time");
        assert!(!inner.touch(&cookies[1], now), "it was quiet for longest");
        for number in 0..CODES + 5 {
            inner.remember_code(Digest::of(&format!("late {number}")), now);
        }
        assert_eq!(inner.codes.len(), CODES);
        assert!(inner.redeem(&Digest::of("late 0"), now).is_none());
    }

    #[test]
    fn nothing_is_a_session_before_a_login() {
        let sessions = Sessions::default();
        let code = sessions.one_time_login();
        assert!(sessions.touch(code.reveal()).is_none(), "a code is no cookie");
        let cookie = sessions.redeem(code.reveal()).unwrap();
        assert!(sessions.touch(cookie.reveal()).is_some());
        assert!(sessions.redeem(cookie.reveal()).is_none(), "a cookie is no code");
    }
}
