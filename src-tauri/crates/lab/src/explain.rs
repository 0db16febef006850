//! Why a machine does not boot, from what was seen. Pure: what is known goes in, a verdict comes out, and the moment at
//! which more can be known.
//!
//! Reading order: [`case`] is what the rules are told and may answer, [`TABLE`] lists them, each group in a file of its own
//! by how far the boot came; [`against`] says what the verdict is not, [`common`] what several faults have in common,
//! [`turns`] which machine goes round in circles, [`limits`] how long is too long.

mod address;
mod against;
mod case;
mod common;
mod files;
mod limits;
mod loader;
mod power;
mod system;
mod turns;
mod words;

pub use case::{CONSOLE_TAIL, Case, Lead, Moving, SCRIPT_SERVED, TRANSFER_STALLED, Want};
pub use common::{CLOCK, CPU, Common, Faulty, OWN_LINK, STORAGE, WEBHOOK, common, goodbyes};
pub use limits::{Due, HISTORY_NEEDED, Limit, due, lengths, limit};
pub use power::decided;
pub use system::is_last_word;
pub use turns::{GoesRound, goes_round};

use crate::{event::Stamp, verdict::Verdict};

/// A rule knows the signature of one trouble.
type Rule = fn(&Case<'_>) -> Option<Lead>;

/// The rules, the more telling first: of those whose limit has passed the first one counts.
const TABLE: &[Rule] = &[
    turns::held_back,
    power::link_lost,
    power::no_link,
    power::silent,
    address::refused,
    address::other_server,
    address::offer_not_taken,
    address::not_answered,
    files::wrong_architecture,
    files::missing,
    files::stands_still,
    files::broken,
    loader::script_stops,
    loader::waits,
    address::no_file_asked,
    loader::never_spoke,
    files::never_whole,
    system::silent,
];

/// What the rules make of a case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finding {
    /// What is known now.
    pub lead: Option<Lead>,
    /// The next moment at which more may be known.
    pub next: Option<Stamp>,
}

/// Asks every rule.
pub fn explain(case: &Case<'_>) -> Finding {
    let is_known = |lead: &Lead| case.now.mono_us >= lead.knowable.mono_us;
    let (known, later): (Vec<Lead>, Vec<Lead>) =
        TABLE.iter().filter_map(|rule| rule(case)).partition(is_known);
    let next = later.into_iter().map(|lead| lead.knowable).min_by_key(|stamp| stamp.mono_us);
    Finding { lead: known.into_iter().next(), next }
}

impl Lead {
    /// The lead as it is recorded, with what speaks against the rest.
    pub fn verdict(self, case: &Case<'_>) -> Verdict {
        let ruled_out = against::ruled_out(case, self.code);
        self.about(ruled_out, Vec::new())
    }

    fn about(self, ruled_out: Vec<crate::verdict::RuledOut>, machines: Vec<String>) -> Verdict {
        Verdict {
            code: self.code,
            says: self.says,
            since: self.since,
            knowable: self.knowable,
            evidence: self.evidence,
            remedy: self.remedy,
            causes: self.causes,
            ruled_out,
            machines,
            asks_screen: self.asks_screen,
        }
    }
}

impl Common {
    /// The common cause as it is recorded, about the board.
    pub fn verdict(self) -> Verdict {
        self.lead.about(Vec::new(), self.machines)
    }
}
