//! Certificates: what is known of each, and what it is worth now.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Trust,
    failure::{Code, Failure},
};

/// What a certificate says, and what was found about it. Public parts only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// Common name, or the whole subject where there is none.
    pub subject: String,
    /// DNS names and addresses.
    pub names: Vec<String>,
    pub issuer: String,
    /// Hexadecimal.
    pub serial: String,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
    /// Microseconds since 1970.
    pub not_before_us: i64,
    pub not_after_us: i64,
    pub is_ca: bool,
    /// Why its chain does not lead to the root it should; `None` when it does.
    pub chain: Option<String>,
    /// Names it should have and has not.
    pub missing_names: Vec<String>,
    /// Whether the key beside it belongs to it; `None` where no key is at hand.
    pub key_matches: Option<bool>,
    /// What is wrong with its files although they can be read (key readable by others).
    pub warning: Option<String>,
}

/// One certificate of the list, as it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CertificateReading {
    /// As in the board file: `otelcol`, `boss.local`.
    pub name: String,
    /// Who uses it, in words: "log stream".
    pub used_by: String,
    /// Where it was found: a path, an address, `kubeconfig …`.
    pub place: String,
    /// `Err` in words when it could not be read or is not there.
    pub facts: Option<CertificateFacts>,
    pub failure: Option<Failure>,
    /// Whether this program renews it.
    pub ours: bool,
    /// What to do where it is not ours to renew.
    pub note: Option<String>,
    pub renewal: Renewal,
    /// When it was looked at, in microseconds since 1970.
    pub looked_us: i64,
}

/// How its renewal goes, where it is ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Renewal {
    /// The last attempt, and why it failed.
    pub tried_us: Option<i64>,
    pub failure: Option<Failure>,
    /// The next one.
    pub next_us: Option<i64>,
    /// When it was last renewed, and by what (`lab CA`, `step-ca: renew`, `step-ca: renew after expiry`, `step-ca: sign`).
    pub renewed_us: Option<i64>,
    pub by: Option<String>,
    /// What the reload command came to.
    pub reload: Option<String>,
}

/// What it is worth now; the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateState {
    Good,
    /// Not judged: the clock cannot be believed, or nobody has looked yet.
    #[default]
    Unknown,
    /// Renewal is due and did not come.
    Late,
    NotYetValid,
    WrongName,
    ChainBroken,
    /// It cannot be read, or its key is another's.
    Unusable,
    Expired,
}

impl CertificateState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unknown => "unknown",
            Self::Late => "late",
            Self::NotYetValid => "not yet valid",
            Self::WrongName => "wrong name",
            Self::ChainBroken => "chain broken",
            Self::Unusable => "unusable",
            Self::Expired => "expired",
        }
    }

    /// Whether it does its work now.
    pub fn works(self) -> bool {
        matches!(self, Self::Good | Self::Late)
    }
}

/// A certificate with its judgement: the one state that all screens show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub reading: CertificateReading,
    pub state: CertificateState,
    /// As in "renews at two thirds", "renewal is 50 min late: the CA did not answer".
    pub says: String,
    /// Two thirds of its life, where it is ours.
    pub due_us: Option<i64>,
}

/// The last time that certificates were made good before services started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    pub good: u32,
    pub renewed: u32,
    /// Names of those that could not be made good.
    pub failed: Vec<String>,
    pub seconds: f64,
    /// For how long the program was off before, where that is known.
    pub off_s: Option<f64>,
    pub at_us: i64,
}

/// All certificates as they were last looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CertificatesReading {
    pub list: Vec<CertificateReading>,
    /// The CA's name, and why it does not answer.
    pub ca: String,
    pub ca_failure: Option<Failure>,
    pub ca_silent_since_us: Option<i64>,
}

/// How long after two thirds of its life a renewal may come, as a share of that life: an hour of a day's certificate, since
/// the owner's timer looks every quarter of an hour and tries again.
const PATIENCE: i64 = 24;

impl CertificateFacts {
    /// Two thirds of its life: when renewal is due.
    pub fn due_us(&self) -> i64 {
        self.not_before_us + (self.not_after_us - self.not_before_us) / 3 * 2
    }
}

/// What it is worth at this moment. Nothing is judged by a clock that is not believed.
pub fn judge(reading: &CertificateReading, now_us: i64, clock: Trust) -> Judged {
    let due_us = reading.facts.as_ref().filter(|_| reading.ours).map(CertificateFacts::due_us);
    let (state, says) = match &reading.facts {
        None => unread(reading),
        Some(_) if !clock.usable() => {
            (CertificateState::Unknown, "not judged: the clock is not right".to_owned())
        }
        Some(facts) => judge_facts(reading, facts, now_us),
    };
    Judged { reading: reading.clone(), state, says, due_us }
}

fn unread(reading: &CertificateReading) -> (CertificateState, String) {
    match &reading.failure {
        None => (CertificateState::Unknown, "not looked at yet".to_owned()),
        // Who does not answer shows no certificate, good or bad.
        Some(failure) if failure.code == Code::DeviceAbsent => {
            (CertificateState::Unknown, failure.why.clone())
        }
        Some(failure) => (CertificateState::Unusable, failure.why.clone()),
    }
}

fn judge_facts(
    reading: &CertificateReading,
    facts: &CertificateFacts,
    now_us: i64,
) -> (CertificateState, String) {
    let life = facts.not_after_us - facts.not_before_us;
    let because = |words: String| match &reading.renewal.failure {
        Some(failure) if reading.ours => format!("{words}: {}", failure.why),
        _ => words,
    };
    let unless_ours = |words: &str| match &reading.note {
        Some(note) if !reading.ours => format!("{words}; {note}"),
        _ => words.to_owned(),
    };
    if facts.key_matches == Some(false) {
        return (CertificateState::Unusable, "its key belongs to another certificate".to_owned());
    }
    if now_us >= facts.not_after_us {
        return (CertificateState::Expired, because(unless_ours("expired")));
    }
    if now_us < facts.not_before_us {
        return (
            CertificateState::NotYetValid,
            "it is valid only later: its maker's clock or ours is wrong".to_owned(),
        );
    }
    if let Some(broken) = &facts.chain {
        return (CertificateState::ChainBroken, broken.clone());
    }
    if !facts.missing_names.is_empty() {
        return (CertificateState::WrongName, format!("it is not for {}", facts.missing_names.join(", ")));
    }
    if reading.ours && now_us > facts.due_us() + life / PATIENCE {
        return (CertificateState::Late, because("its renewal is late".to_owned()));
    }
    let says = match (&facts.warning, reading.ours) {
        (Some(warning), _) => warning.clone(),
        (None, true) => "renews at two thirds of its life".to_owned(),
        (None, false) => unless_ours("good"),
    };
    (CertificateState::Good, says)
}

/// The worst state of all, then the soonest end among those in it: what the header shows.
pub fn worst(list: &[Judged]) -> Option<&Judged> {
    let end = |judged: &Judged| judged.reading.facts.as_ref().map_or(i64::MAX, |facts| facts.not_after_us);
    list.iter().min_by_key(|judged| (std::cmp::Reverse(judged.state), end(judged)))
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
