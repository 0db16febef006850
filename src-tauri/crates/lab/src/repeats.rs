//! Packets that only repeat themselves: counted, and told when the count says something new.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    boot::{Boot, Phase},
    sign::{Sign, Speaker, Step},
};

/// Counts at which it is told. A machine that asks for an hour makes five marks.
const TOLD_AT: [u32; 5] = [3, 10, 30, 100, 300];

/// Counts of one machine, anew in each phase of each boot.
#[derive(Debug, Clone, Default)]
pub struct Repeats {
    of: Option<(u64, Phase)>,
    counts: BTreeMap<&'static str, u32>,
}

impl Repeats {
    /// Counts a sign, and says when that is worth a mark.
    pub fn saw(&mut self, boot: &Boot, sign: &Sign) -> Option<Step> {
        let name = match sign {
            Sign::Dhcp {
                speaker: Speaker::Firmware | Speaker::Ipxe | Speaker::Grub, discover: true, ..
            } => "discover-repeated",
            Sign::Answered { ack: false, .. } => "offer-repeated",
            _ => return None,
        };
        let now = Some((boot.id, boot.phase()));
        if self.of != now {
            self.of = now;
            self.counts.clear();
        }
        let count = self.counts.entry(name).or_default();
        *count += 1;
        TOLD_AT.contains(count).then(|| Step::Mark(name.to_owned(), json!({ "count": *count })))
    }
}
