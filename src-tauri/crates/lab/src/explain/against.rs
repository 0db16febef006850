//! What speaks against the other explanations: each with the numbers of the events that do.

use super::case::Case;
use crate::{
    boot::Phase,
    verdict::{RuledOut, VerdictCode},
};

/// Explanations shown as ruled out; more would hide those that matter.
const MOST: usize = 5;

type Against = fn(&Case<'_>) -> Option<(String, Vec<u64>)>;

/// From the first step of a boot to its last.
const TABLE: &[(VerdictCode, Against)] = &[
    (VerdictCode::Dark, spoke),
    (VerdictCode::NoLink, has_link),
    (VerdictCode::ServiceDown, others_are_served),
    (VerdictCode::SilentAfterLink, asked),
    (VerdictCode::NotAnswered, |case| first(case, "address-offered", "we offered it an address")),
    (VerdictCode::OtherDhcpServer, |case| first(case, "address-given", "it took the address that we gave")),
    (VerdictCode::OfferNotTaken, |case| first(case, "address-given", "it took our offer")),
    (VerdictCode::NoFileAsked, |case| first(case, "loader-asked", "it asked for its loader")),
    (VerdictCode::FileMissing, |case| {
        let all = ["kernel-sent", "script-sent", "loader-sent"];
        all.iter().find_map(|name| first(case, name, "what it asked for was here"))
    }),
    (VerdictCode::LoaderSilent, |case| first(case, "ipxe-discover", "its loader asked for an address")),
    (VerdictCode::ScriptStops, |case| first(case, "kernel-asked", "its script went on to the kernel")),
    (VerdictCode::TransferStalls, |case| first(case, "kernel-sent", "its kernel arrived whole")),
    (VerdictCode::TransferShort, |case| {
        let (kernel, initrd) = (case.mark("kernel-sent")?, case.mark("initrd-sent")?);
        Some(("kernel and initrd arrived whole".into(), vec![kernel.seq, initrd.seq]))
    }),
];

/// What the evidence speaks against, beside the verdict itself.
pub(super) fn ruled_out(case: &Case<'_>, verdict: VerdictCode) -> Vec<RuledOut> {
    let others = TABLE.iter().filter(|(code, _)| *code != verdict);
    let mut all: Vec<RuledOut> = others
        .filter_map(|(code, against)| against(case).map(|(says, by)| RuledOut { code: *code, says, by }))
        .filter(|ruled| ruled.by.iter().all(|seq| *seq > 0))
        .collect();
    // What lies nearest to where the boot stands.
    all.drain(..all.len().saturating_sub(MOST)).for_each(drop);
    all
}

fn first(case: &Case<'_>, name: &str, says: &str) -> Option<(String, Vec<u64>)> {
    case.mark(name).map(|mark| (says.to_owned(), vec![mark.seq]))
}

/// The first packet of this boot.
fn asked(case: &Case<'_>) -> Option<(String, Vec<u64>)> {
    let seq = case.entered(Phase::Address)?;
    Some(("it asked for an address".into(), vec![seq]))
}

fn spoke(case: &Case<'_>) -> Option<(String, Vec<u64>)> {
    let link = case.machine.link_changed.as_ref().filter(|_| case.machine.link == Some(true));
    let after = link.and_then(|link| Some((link, link.stamp.seconds_since(&case.boot.started)?)));
    match after.filter(|(_, later)| *later > 0.0) {
        Some((link, later)) => {
            Some((format!("its link came up {later:.1} s after the press: it has power"), vec![link.seq]))
        }
        None => asked(case).map(|(_, by)| ("it was heard: it has power".into(), by)),
    }
}

fn has_link(case: &Case<'_>) -> Option<(String, Vec<u64>)> {
    let link = case.machine.link_changed.as_ref().filter(|_| case.machine.link == Some(true));
    match link {
        Some(link) => Some(("its link is up".into(), vec![link.seq])),
        None => asked(case).map(|(_, by)| ("its packets arrive".into(), by)),
    }
}

fn others_are_served(case: &Case<'_>) -> Option<(String, Vec<u64>)> {
    let others = case.others_answered();
    let says = match others.as_slice() {
        [] => return None,
        [(one, _)] => format!("{one} was answered meanwhile"),
        more => format!("{} other PCs were answered meanwhile", more.len()),
    };
    Some((says, others.into_iter().map(|(_, seq)| seq).collect()))
}
