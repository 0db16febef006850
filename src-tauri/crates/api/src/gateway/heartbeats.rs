//! When each page was last heard, and what it had painted: the window restarts a page that went silent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{extract::bad, refusal::Refusal};

/// A window has two screens; a page that was loaded anew has a new name.
const PAGES: usize = 16;
const NAME_LONGEST: usize = 64;

/// The last word of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    pub at: Instant,
    /// Number of the last event in the picture it has painted.
    pub painted_seq: u64,
}

/// A cheap handle; clones see the same pages.
#[derive(Debug, Clone, Default)]
pub struct Heartbeats(Arc<Mutex<BTreeMap<String, Heartbeat>>>);

impl Heartbeats {
    /// The last word of one page.
    pub fn last(&self, page: &str) -> Option<Heartbeat> {
        self.lock().get(page).copied()
    }

    /// All pages that were heard, by name.
    pub fn all(&self) -> BTreeMap<String, Heartbeat> {
        self.lock().clone()
    }

    /// A page that the window has closed is not missed.
    pub fn forget(&self, page: &str) {
        self.lock().remove(page);
    }

    pub(super) fn beat(&self, page: &str, painted_seq: u64) -> Result<(), Refusal> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if page.is_empty() || page.len() > NAME_LONGEST || !page.bytes().all(good) {
            let why = format!("a name has letters, digits and dashes, at most {NAME_LONGEST}");
            return Err(bad("the page's name", why));
        }
        let mut pages = self.lock();
        if pages.len() == PAGES && !pages.contains_key(page) {
            let quietest = pages.iter().min_by_key(|(_, beat)| beat.at).map(|(name, _)| name.clone());
            quietest.and_then(|name| pages.remove(&name));
        }
        pages.insert(page.to_owned(), Heartbeat { at: Instant::now(), painted_seq });
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Heartbeat>> {
        // A map is whole after every line above.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let beats = Heartbeats::default();
        beats.beat("main-1", 7).unwrap();
        let first = beats.last("main-1").unwrap();
        beats.beat("main-1", 9).unwrap();
        let second = beats.last("main-1").unwrap();
        assert_eq!(second.painted_seq, 9);
        assert!(second.at >= first.at);
        beats.forget("main-1");
        assert!(beats.last("main-1").is_none());
    }

    #[test]
    fn pages_are_bounded_and_the_quietest_makes_room() {
        let beats = Heartbeats::default();
        for number in 0..PAGES + 3 {
            beats.beat(&format!("page-{number}"), 0).unwrap();
        }
        let all = beats.all();
        assert_eq!(all.len(), PAGES);
        assert!(!all.contains_key("page-0") && all.contains_key("page-18"));
    }

    #[test]
    fn a_name_is_a_name() {
        let beats = Heartbeats::default();
        for wrong in ["", "a b", "../x", "ü", &"x".repeat(65)] {
            assert_eq!(beats.beat(wrong, 0).unwrap_err().status, 400, "{wrong:?}");
        }
        assert!(beats.all().is_empty());
    }
}
