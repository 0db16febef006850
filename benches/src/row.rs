//! What a row of the table is: something done by either side, and what is read off it.

use anyhow::Result;
use async_trait::async_trait;

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This program's own servers.
    Ours,
    /// What the same is done with elsewhere.
    Theirs,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Ours, Side::Theirs];
}

/// One thing that is measured at a place that was prepared for it, in a file of its own. To add one: implement this, and name
/// it in the `rows::all` of its program.
#[async_trait]
pub trait Row<P: Sync> {
    /// The word to pick it by on the command line.
    fn word(&self) -> &'static str;

    /// What is done, for the table.
    fn title(&self) -> String;

    /// Who the other side is.
    fn theirs(&self) -> &'static str;

    /// What one run yields, in this order. Never empty.
    fn measures(&self) -> Vec<Measure>;

    /// One run by one side: a value for each measure. An error is a row that was not measured.
    async fn run(&mut self, side: Side, place: &P) -> Result<Vec<f64>>;
}

/// One number of a run.
#[derive(Debug, Clone)]
pub struct Measure {
    /// Its name in the table.
    pub name: &'static str,
    /// As in `MB/s`.
    pub unit: &'static str,
    /// What we set ourselves. None: printed to be known.
    pub aim: Option<Aim>,
    /// What holds it, printed when the aim is missed.
    pub why: &'static str,
}

/// What a median should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aim {
    /// Ours at least so many times theirs.
    TimesAtLeast(f64),
    /// Ours at most so many times theirs.
    TimesAtMost(f64),
    /// Ours at most this, in the measure's unit, whatever theirs is.
    AtMost(f64),
    /// Ours at least this.
    AtLeast(f64),
}

impl Aim {
    /// By how much it is missed, in words; `None` when it is met.
    pub fn missed(self, ours: f64, theirs: f64) -> Option<String> {
        let times = ours / theirs;
        match self {
            Aim::TimesAtLeast(aim) if times >= aim => None,
            Aim::TimesAtMost(aim) if times <= aim => None,
            Aim::AtMost(aim) if ours <= aim => None,
            Aim::AtLeast(aim) if ours >= aim => None,
            Aim::TimesAtLeast(aim) => Some(format!("{times:.2} × instead of {aim} × or more")),
            Aim::TimesAtMost(aim) => Some(format!("{times:.2} × instead of {aim} × or less")),
            Aim::AtMost(aim) => Some(format!("{} instead of {aim} or less", crate::table::figure(ours))),
            Aim::AtLeast(aim) => Some(format!("{} instead of {aim} or more", crate::table::figure(ours))),
        }
    }
}

impl std::fmt::Display for Aim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Aim::TimesAtLeast(aim) => write!(f, "≥ {aim} ×"),
            Aim::TimesAtMost(aim) => write!(f, "≤ {aim} ×"),
            Aim::AtMost(aim) => write!(f, "≤ {aim}"),
            Aim::AtLeast(aim) => write!(f, "≥ {aim}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_met_on_its_edge_and_missed_beyond() {
        assert_eq!(Aim::TimesAtLeast(3.0).missed(30.0, 10.0), None);
        assert_eq!(Aim::TimesAtLeast(3.0).missed(25.0, 10.0).unwrap(), "2.50 × instead of 3 × or more");
        assert_eq!(Aim::TimesAtMost(1.2).missed(1.2, 1.0), None);
        assert!(Aim::TimesAtMost(1.2).missed(1.3, 1.0).is_some());
        assert_eq!(Aim::AtMost(2.0).missed(2.0, 0.1), None);
        assert_eq!(Aim::AtLeast(2.0).missed(2.0, 9.0), None);
        assert_eq!(Aim::AtLeast(2.0).missed(1.5, 0.1).unwrap(), "1.50 instead of 2 or more");
        assert_eq!(Aim::AtMost(2.0).missed(2.5, 9.0).unwrap(), "2.50 instead of 2 or less");
        assert!(Aim::TimesAtLeast(1.0).missed(1.0, f64::NAN).is_some(), "what cannot be compared is not met");
    }
}
