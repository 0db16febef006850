//! The wiper of a simulated machine: it asks, waits for the word, and says that it has erased a disk that is only said to
//! be there.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use serde_json::json;

use super::conditions::Conditions;
use super::{causes, hardware, http};
use crate::config::SimMachine;

/// What it would erase stands on its screen this long before it asks.
const SHOWN: f64 = 5.0;
/// A disk of this kind, discarded and its signatures overwritten.
const ERASE: f64 = 20.0;
/// Until it asks again, and never sooner than the floor.
const AGAIN: f64 = 1.0;
const FLOOR: Duration = Duration::from_millis(100);

pub(super) struct Wiper<'a> {
    pub(super) spec: &'a SimMachine,
    pub(super) seed: u64,
    pub(super) conditions: &'a Conditions,
    pub(super) http: &'a http::Client,
    pub(super) base: &'a str,
}

/// What the board answers a wiper's question.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Go(Vec<String>),
    No,
    Wait,
}

fn word(answer: &str, ticket: &str) -> Word {
    // Somebody else's ticket is no word to us.
    if let Some((_, disks)) = answer.split_once(&format!(" wipe-go {ticket} ")) {
        return Word::Go(disks.trim().split(',').map(str::to_owned).collect());
    }
    if answer.contains(" wipe-no ") { Word::No } else { Word::Wait }
}

impl Wiper<'_> {
    /// Ends when the board has taken the report, or said no.
    pub(super) async fn run(&self) {
        let ticket = format!("{:016x}", RandomState::new().build_hasher().finish());
        let disk = hardware::disk(self.seed, self.spec.box_number);
        self.conditions.pause(SHOWN).await;
        let ask = json!({ "ticket": ticket, "disks": [disk] }).to_string();
        let granted = loop {
            match self.post("wipe/ask", &ask).await.map(|answer| word(&answer, &ticket)) {
                Some(Word::Go(disks)) => break disks,
                Some(Word::No) => return,
                Some(Word::Wait) | None => self.again().await,
            }
        };
        let mut done = Vec::new();
        for name in granted.iter().filter(|name| disk["name"] == name.as_str()) {
            self.conditions.pause(ERASE).await;
            let mut result = disk.clone();
            result["name"] = json!(name);
            result["discarded"] = json!(true);
            result["zeroed_bytes"] = json!(2 << 20);
            result["ok"] = json!(true);
            done.push(result);
        }
        let report = json!({ "ticket": ticket, "seconds": ERASE as u64, "disks": done }).to_string();
        while !self.post("wiped", &report).await.is_some_and(|answer| answer.contains("received")) {
            self.again().await;
        }
    }

    async fn post(&self, path: &str, body: &str) -> Option<String> {
        if !self.conditions.link() {
            return None;
        }
        match self.http.post(&format!("{}/{path}", self.base), body).await {
            Ok(answer) => Some(String::from_utf8_lossy(&answer.text).into_owned()),
            Err(error) => {
                tracing::debug!(machine = %self.spec.name, path, error = causes(&error), "wiper not heard");
                None
            }
        }
    }

    async fn again(&self) {
        tokio::time::sleep(self.conditions.pace.patience(AGAIN, FLOOR)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_ticket_is_a_word_to_it() {
        assert_eq!(word("received wipe-go t1 sda,sdb\n", "t1"), Word::Go(vec!["sda".into(), "sdb".into()]));
        assert_eq!(word("received wipe-go t2 sda", "t1"), Word::Wait);
        assert_eq!(word("received wipe-no the board has not armed it", "t1"), Word::No);
        assert_eq!(word("received wipe-wait the board puts it on record first", "t1"), Word::Wait);
    }
}
