//! Which counters a record moves.
//!
//! - `level`: severity words.
//! - `table`: everything else, as data.
//! - `dnsmasq`: the two forms of its lines.

mod dnsmasq;
pub(crate) mod level;
mod table;

use std::net::Ipv4Addr;

use lab::{
    counts::{Counter, Counts},
    gear::Profile,
};
use table::{Address, Form, Group, Row, Test, When};

use crate::View;

/// Counts records by a profile. One for each stream: it remembers which of dnsmasq's lines it has seen.
#[derive(Debug, Clone)]
pub struct Classifier {
    profile: Profile,
    copies: dnsmasq::Copies,
}

impl Classifier {
    pub fn new(profile: Profile) -> Self {
        Self { profile, copies: dnsmasq::Copies::default() }
    }

    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Counts a record; says whether it is of interest, which is more than its level.
    ///
    /// A reader that goes on where an earlier one ended shows it the records just before that place first, into counts that
    /// are thrown away: so the second copy of a line that counted then does not count now.
    pub fn count(&mut self, view: &View<'_>, counts: &mut Counts) -> bool {
        counts.add(Counter::Messages, 1);
        counts.add(level::counter(self.profile, view.level), 1);
        let chain = match self.profile {
            Profile::Labinator => table::LABINATOR,
            Profile::Corrected => table::CORRECTED,
        };
        let mut is_interesting = false;
        for group in chain {
            if !group.when.holds(view) {
                continue;
            }
            is_interesting = self.group(group, view, counts);
            if is_interesting || group.ends_chain {
                break;
            }
        }
        if view.uri.is_some() && table::FETCHED.when.holds(view) {
            is_interesting |= self.group(&table::FETCHED, view, counts);
        }
        is_interesting
    }

    /// Counts by the first row that fits.
    fn group(&mut self, group: &Group, view: &View<'_>, counts: &mut Counts) -> bool {
        let bare = (group.form == Form::Bare).then(|| dnsmasq::bare(view.message));
        let message = bare.map_or(view.message, |bare| bare.text);
        let fits = |row: &&Row| row.tests.iter().all(|test| test.holds(message, view));
        let Some(row) = group.rows.iter().find(fits) else { return false };
        if bare.is_some_and(|bare| self.copies.is_copy(view.message, bare)) {
            return true;
        }
        for counter in row.counters {
            counts.add(*counter, 1);
        }
        if let Some((map, address)) = &row.served
            && let Some(address) = address.find(message, view)
        {
            counts.serve(*map, address);
        }
        true
    }
}

impl When {
    fn holds(&self, view: &View<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Service(services) => services.contains(&view.service),
            Self::From(node, service) => view.node == *node && view.service == *service,
        }
    }
}

impl Test {
    fn holds(&self, message: &str, view: &View<'_>) -> bool {
        let uri = || view.uri.unwrap_or_default();
        match self {
            Self::Starts(start) => message.starts_with(start),
            Self::Has(part) => message.contains(part),
            Self::HasAny(parts) => parts.iter().any(|part| message.contains(part)),
            Self::Is(whole) => message == *whole,
            Self::UriIs(whole) => uri() == *whole,
            Self::UriHas(part) => uri().contains(part),
        }
    }
}

impl Address {
    /// Words are read off the message as the rows saw it.
    fn find<'v>(&self, message: &'v str, view: &View<'v>) -> Option<&'v str> {
        let mut words = message.split(' ').filter(|word| !word.is_empty());
        match self {
            Self::Word(number) => words.nth(*number),
            Self::FirstIpv4 => words.find(|word| word.parse::<Ipv4Addr>().is_ok()),
            Self::Remote => view.remote.filter(|remote| !remote.is_empty()),
        }
    }
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
