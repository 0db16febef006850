//! What several faults have in common: one cause, and the rest are its consequences.
//!
//! Only what this board can observe is claimed. Switch and router count once they are devices that may be lost; what the
//! controller notices about itself comes as a service in trouble, under the names below.

use super::{
    case::{Case, Lead},
    words::seconds,
};
use crate::{
    event::{Moment, Stamp},
    health::{DISK, MEMORY, TEMPERATURE},
    live::GOODBYE,
    power::PowerState,
    status::Status,
    verdict::VerdictCode,
};

/// Names under which the controller's own troubles are told.
pub const OWN_LINK: &str = "link";
pub const STORAGE: &str = "storage";
pub const CPU: &str = "cpu";
pub const CLOCK: &str = "clock";
/// Messages to people who are not there.
pub const WEBHOOK: &str = "webhook";

/// What may be in trouble while every machine boots: it explains none that does not.
const NO_BOOT_NEEDS: [&str; 10] = [
    WEBHOOK,
    DISK,
    MEMORY,
    TEMPERATURE,
    "telemetry",
    "log database",
    "damaged log database",
    "damaged event database",
    "certificate of the API",
    "old addresses",
];

/// Faults that begin within this are looked at together.
const TOGETHER_S: f64 = 5.0;
/// Event numbers cited; six machines with three each.
const EVIDENCE_MOST: usize = 24;

/// A machine with a verdict that is known by now.
#[derive(Debug, Clone)]
pub struct Faulty<'a> {
    pub case: Case<'a>,
    pub lead: Lead,
}

/// One cause and the machines whose faults are its consequences.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    pub lead: Lead,
    pub machines: Vec<String>,
}

/// A cause that stands: since when, what it is, what to do.
struct Cause {
    code: VerdictCode,
    at: Moment,
    says: String,
    remedy: String,
}

/// The one cause of several faults, if one stands. While it is shown already, one fault is enough to keep it.
pub fn common(status: &Status, goodbyes: &[&str], faults: &[Faulty<'_>], now: &Stamp) -> Option<Common> {
    if let Some(common) = supply(status, goodbyes, now) {
        return Some(common);
    }
    let shown = status.common.as_ref().map(|verdict| verdict.code);
    let faults: Vec<&Faulty<'_>> = faults.iter().filter(|faulty| is_consequence(faulty.lead.code)).collect();
    let group = together(&faults);
    let cause = causes(status).into_iter().find(|cause| {
        let enough = group.len() > 1 || (shown == Some(cause.code) && !faults.is_empty());
        enough && could_have_caused(cause, if group.len() > 1 { &group } else { &faults })
    })?;
    // Whatever else failed after the cause began is its consequence too.
    let machines: Vec<&Faulty<'_>> =
        faults.into_iter().filter(|faulty| could_have_caused(&cause, &[faulty])).collect();
    let names: Vec<String> = machines.iter().map(|faulty| faulty.case.name.to_owned()).collect();
    let since = machines.iter().map(|f| &f.lead.since).chain([&cause.at.stamp]).min_by_key(|s| s.mono_us)?;
    let mut evidence = vec![cause.at.seq];
    evidence.extend(machines.iter().flat_map(|faulty| faulty.lead.evidence.iter().copied()));
    evidence.truncate(EVIDENCE_MOST);
    let says = format!("{} {} stand still: {}.", cause.says, count(names.len()), names.join(", "));
    let knowable = machines.iter().map(|f| &f.lead.knowable).max_by_key(|s| s.mono_us)?.clone();
    let lead = Lead::new(cause.code, since, knowable, says)
        .by(evidence)
        .causes([cause.code.words()])
        .remedy(cause.remedy);
    Some(Common { lead, machines: names })
}

fn count(machines: usize) -> String {
    if machines == 1 { "One PC".to_owned() } else { format!("{machines} PCs") }
}

/// What a person saw, or what we hold back ourselves, has its own cause.
fn is_consequence(code: VerdictCode) -> bool {
    use VerdictCode as V;
    !matches!(
        code,
        V::BootLoop
            | V::Disabled
            | V::NetworkBootNotFirst
            | V::FirmwareWaits
            | V::Dark
            | V::WrongArchitecture
    )
}

/// The largest set of faults that began within five seconds of each other.
fn together<'f, 'a>(faults: &[&'f Faulty<'a>]) -> Vec<&'f Faulty<'a>> {
    let near = |first: &Stamp, other: &Stamp| {
        other.seconds_since(first).is_some_and(|later| (0.0..=TOGETHER_S).contains(&later))
    };
    let from = |first: &&'f Faulty<'a>| -> Vec<&'f Faulty<'a>> {
        faults.iter().copied().filter(|other| near(&first.lead.since, &other.lead.since)).collect()
    };
    faults.iter().map(from).max_by_key(Vec::len).unwrap_or_default()
}

/// A cause stands before its consequences can be known.
fn could_have_caused(cause: &Cause, faults: &[&Faulty<'_>]) -> bool {
    faults.iter().all(|faulty| {
        faulty.lead.knowable.seconds_since(&cause.at.stamp).is_some_and(|later| later >= -TOGETHER_S)
    })
}

/// Every cause that stands now, in the order in which a person would look.
fn causes(status: &Status) -> Vec<Cause> {
    let trouble = |name: &str, code: VerdictCode, says: &str| {
        let failure = status.troubles.get(name)?;
        let at = status.troubled.get(name)?.clone();
        Some(Cause { code, at, says: format!("{says}: {}.", failure.why), remedy: failure.remedy.clone() })
    };
    let device = |name: &str, code: VerdictCode, says: &str| {
        let device = status.devices.get(name).filter(|device| !device.present)?;
        let failure = device.failure.as_ref()?;
        let at = Moment { seq: device.seq, stamp: device.since.clone() };
        Some(Cause { code, at, says: format!("{says}: {}.", failure.why), remedy: failure.remedy.clone() })
    };
    let own = [OWN_LINK, STORAGE, CPU, CLOCK];
    let services = status
        .troubles
        .keys()
        .filter(|name| !own.contains(&name.as_str()) && !NO_BOOT_NEEDS.contains(&name.as_str()));
    let services = services.filter_map(|name| {
        trouble(name, VerdictCode::ServiceDown, &format!("Our service {name} is in trouble"))
    });
    [
        trouble(OWN_LINK, VerdictCode::BossLinkDown, "The controller's own link is down"),
        device("switch", VerdictCode::SwitchDown, "The switch does not answer"),
        device("router", VerdictCode::RouterDown, "The router does not answer"),
        trouble(STORAGE, VerdictCode::DiskFull, "The controller cannot write"),
        trouble(CPU, VerdictCode::CpuStarved, "The controller had no time"),
        trouble(CLOCK, VerdictCode::ClockJumped, "The controller's clock jumped"),
    ]
    .into_iter()
    .flatten()
    .chain(services)
    .collect()
}

/// All machines that were on went off at one instant, and nobody told them to.
fn supply(status: &Status, goodbyes: &[&str], now: &Stamp) -> Option<Common> {
    let was_on: Vec<_> =
        status.machines.iter().filter(|(_, machine)| machine.commanded == PowerState::On).collect();
    let lost: Vec<_> = was_on
        .iter()
        .filter(|(name, machine)| machine.observed == PowerState::Off && !goodbyes.contains(&name.as_str()))
        .filter_map(|(name, machine)| Some((name.as_str(), machine.off_at.as_ref()?)))
        .collect();
    if lost.len() < 2 || lost.len() < was_on.len() {
        return None;
    }
    let first = lost.iter().map(|(_, at)| *at).min_by_key(|at| at.stamp.mono_us)?;
    let last = lost.iter().map(|(_, at)| *at).max_by_key(|at| at.stamp.mono_us)?;
    let apart = last.stamp.seconds_since(&first.stamp)?;
    if apart > TOGETHER_S || now.seconds_since(&last.stamp)? < 0.0 {
        return None;
    }
    let names: Vec<String> = lost.iter().map(|(name, _)| (*name).to_owned()).collect();
    let says = format!(
        "All {} PCs that were on went off within {}, and nobody told them to: {}.",
        names.len(),
        seconds(apart),
        names.join(", ")
    );
    let lead = Lead::new(VerdictCode::SupplyDown, &first.stamp, last.stamp.clone(), says)
        .by(lost.iter().map(|(_, at)| at.seq))
        .causes(["the common supply, its fuse or its socket strip"])
        .remedy("Look at the supply of the PCs, its fuse and its plug.");
    Some(Common { lead, machines: names })
}

/// Machines that said that they go off, so that nobody is surprised when they do.
pub fn goodbyes(live: &crate::live::Live) -> Vec<&str> {
    live.heard.iter().filter(|(_, heard)| heard.what == GOODBYE).map(|(name, _)| name.as_str()).collect()
}
