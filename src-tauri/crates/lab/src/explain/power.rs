//! Before the first packet: no link, a link that went, silence; and what a person saw on the machine's own screen.

use super::{
    case::{Case, Lead},
    words::{seconds, usually},
};
use crate::{
    boot::{Cause, Looked, Phase},
    event::Stamp,
    live::UnknownMachine,
    verdict::{ScreenAnswer, Verdict, VerdictCode},
};

/// A link that drops this soon after the press is the machine's own start: adapters leave their stand-by then.
const LINK_SETTLES_S: f64 = 5.0;

/// Power pressed, link never up.
pub(super) fn no_link(case: &Case<'_>) -> Option<Lead> {
    let changed = case.machine.link_changed.as_ref()?;
    if case.machine.link != Some(false) || case.phase() != Phase::Firmware || !pressed(case) {
        return None;
    }
    if changed.stamp.seconds_since(&case.boot.started).is_some_and(|later| later > LINK_SETTLES_S) {
        return None;
    }
    let limit = case.limits.link_s as f64;
    let since = &case.boot.started;
    let says = format!("Its button was pressed and its link did not come up within {}.", seconds(limit));
    let lead = Lead::new(VerdictCode::NoLink, since, since.after(limit), says)
        .by([case.began(), press_seq(case), changed.seq])
        .causes([
            "it has no power: its supply, its plug, or the switch of the socket strip",
            "its cable, or the port at the other end",
            "another PC hangs on its outlet",
            "it was on already, and the press switched it off",
        ])
        .remedy(format!(
            "Look whether {} is on. If it is dark: its plug and supply. If it runs: its cable and port.",
            case.name
        ));
    Some(lead)
}

/// The link was up in this boot, and went.
pub(super) fn link_lost(case: &Case<'_>) -> Option<Lead> {
    let changed = case.machine.link_changed.as_ref()?;
    let later = changed.stamp.seconds_since(&case.boot.started)?;
    if case.machine.link != Some(false)
        || later <= 0.0
        || (case.phase() == Phase::Firmware && later <= LINK_SETTLES_S)
    {
        return None;
    }
    let limit = case.limits.stall_s as f64;
    let phase = case.phase().word();
    let says = format!(
        "Its link went down {} after its boot began, in phase {phase}, and did not return within {}.",
        seconds(later),
        seconds(limit)
    );
    let lead = Lead::new(VerdictCode::LinkLost, &changed.stamp, changed.stamp.after(limit), says)
        .by([changed.seq, case.entered(case.phase()).unwrap_or_default()])
        .causes(["its cable, or the port at the other end", "it lost power or switched itself off"])
        .remedy(format!("Push the network cable of {} home at both ends; look whether it is on.", case.name));
    Some(lead)
}

/// Power and perhaps a link, and no DISCOVER. What it is, only its own screen can tell.
pub(super) fn silent(case: &Case<'_>) -> Option<Lead> {
    if case.phase() != Phase::Firmware || !pressed(case) || case.machine.link == Some(false) {
        return None;
    }
    let began = &case.boot.started;
    let limit = case.limit(Phase::Firmware);
    let up = case.machine.link_changed.as_ref().filter(|_| case.machine.link == Some(true));
    let rose = up.filter(|up| up.stamp.seconds_since(began).is_some_and(|later| later > 0.0));
    let (code, since) = match (up, rose) {
        (_, Some(rose)) => (VerdictCode::SilentAfterLink, &rose.stamp),
        // Up since before the press: adapters in stand-by have a link as well.
        (Some(_), None) => (VerdictCode::SilentAfterLink, began),
        (None, _) => (VerdictCode::SilentAfterPress, began),
    };
    let knowable = later_of(began.after(limit.seconds), since.after(LINK_SETTLES_S.min(limit.seconds)));
    let after = match code {
        VerdictCode::SilentAfterLink => "its link is up",
        _ => "this board cannot see links",
    };
    let says = format!(
        "Its button was pressed, {after}, and it asked for no address within {} ({}). Its own \
         screen tells why.",
        seconds(limit.seconds),
        usually(&limit)
    );
    let evidence = [case.began(), press_seq(case), up.map(|up| up.seq).unwrap_or_default()];
    let mut lead = Lead::new(code, since, knowable, says).by(evidence);
    if let Some(looked) = &case.boot.screen {
        lead.knowable = later_of(lead.knowable, looked.at.stamp.clone());
        return Some(seen_on_screen(case, lead, looked.answer, looked.at.seq));
    }
    if let Some(stranger) = lone_stranger(case) {
        return Some(under_another_mac(case, lead, stranger));
    }
    lead.asks_screen = true;
    let lead = lead
        .causes([
            "it boots from its disk: the network is not first in its boot order",
            "its firmware waits for a key",
            "network boot is switched off in its firmware",
        ])
        .remedy(format!(
            "Look at the screen of {}. If a system runs there: put the network first in its boot order.",
            case.name
        ));
    // Without a link that could be seen it may as well have no power.
    Some(if up.is_none() { lead.causes(["it has no power, or its cable is out"]) } else { lead })
}

/// What an answer means: code, what is said, causes, remedy.
type Meaning = (VerdictCode, &'static str, [&'static str; 2], String);

fn meaning(name: &str, answer: ScreenAnswer) -> Meaning {
    match answer {
        ScreenAnswer::ShowsSystem => (
            VerdictCode::NetworkBootNotFirst,
            "It asked for no address, and its screen shows a system: it boots from its disk.",
            ["the network is not first in its boot order", "network boot is switched off in its firmware"],
            format!(
                "In the firmware set-up of {name} switch network boot on and put it first; or choose it once in its boot \
                 menu (often F12, F11 or F8)."
            ),
        ),
        ScreenAnswer::WaitsForKey => (
            VerdictCode::FirmwareWaits,
            "It asked for no address, and its screen waits for a key.",
            ["its firmware reports a fault (clock battery, fan, keyboard)", "it stands in its boot menu"],
            format!(
                "Read the screen of {name}, press the key it asks for, and switch off in its set-up what made it wait."
            ),
        ),
        ScreenAnswer::IsDark => (
            VerdictCode::Dark,
            "It asked for no address, and its screen is dark.",
            ["it has no power: its supply or its plug", "its screen or its cable, not the PC"],
            format!(
                "Look at the power light of {name}. Dark: its plug and supply. Lit: the cable of its screen."
            ),
        ),
    }
}

/// The answer decides what silence alone could not.
fn seen_on_screen(case: &Case<'_>, mut lead: Lead, answer: ScreenAnswer, seq: u64) -> Lead {
    let (code, says, causes, remedy) = meaning(case.name, answer);
    lead.code = code;
    lead.says = says.to_owned();
    lead.by([seq]).causes(causes).remedy(remedy)
}

/// The same for a boot that has ended meanwhile, whose traces are no longer fresh: only the answer is new.
pub fn decided(name: &str, verdict: &Verdict, looked: &Looked) -> Verdict {
    let (code, says, causes, remedy) = meaning(name, looked.answer);
    let mut evidence = verdict.evidence.clone();
    evidence.push(looked.at.seq);
    Verdict {
        code,
        says: says.to_owned(),
        remedy,
        causes: causes.map(str::to_owned).to_vec(),
        evidence,
        asks_screen: false,
        ..verdict.clone()
    }
}

/// Exactly one machine that the board does not know appeared since the press, and no other machine here is silent.
fn lone_stranger<'a>(case: &Case<'a>) -> Option<&'a UnknownMachine> {
    let began = &case.boot.started;
    let mut strangers = case
        .live
        .unknown
        .iter()
        .filter(|stranger| stranger.first.seconds_since(began).is_some_and(|later| later > 0.0));
    let only = strangers.next().filter(|_| strangers.next().is_none())?;
    let silent = |boot: &crate::Boot| boot.is_running() && boot.phase() == Phase::Firmware;
    let others = case.status.machines.iter().filter(|(name, _)| name.as_str() != case.name);
    let alone = !others.filter_map(|(_, other)| other.boot.as_ref()).any(silent);
    alone.then_some(only)
}

fn under_another_mac(case: &Case<'_>, mut lead: Lead, stranger: &UnknownMachine) -> Lead {
    let later = stranger.first.seconds_since(&case.boot.started).unwrap_or_default();
    lead.code = VerdictCode::UnknownMachine;
    lead.says = format!(
        "Nothing was heard of its MAC. {} after the press a machine that is not on the board asked for an address: {}, \
         code {}.",
        seconds(later),
        stranger.mac,
        stranger.code
    );
    lead.causes([
        "the board file has another MAC for it, or the cable is in its other network port".to_owned(),
        "that is another PC, and this one boots from its disk or waits for a key".to_owned(),
    ])
    .remedy(format!(
        "Look at the screen of {}. If it shows the code {}, write {} into the board file.",
        case.name, stranger.code, stranger.mac
    ))
}

fn pressed(case: &Case<'_>) -> bool {
    let failed = case.machine.press.as_ref().is_some_and(|press| press.failure.is_some());
    case.boot.cause == Cause::Press && !failed
}

fn press_seq(case: &Case<'_>) -> u64 {
    let since = &case.boot.started;
    let press = case.machine.press.as_ref().filter(|press| press.stamp == *since);
    press.map(|press| press.seq).unwrap_or_default()
}

fn later_of(one: Stamp, other: Stamp) -> Stamp {
    if other.mono_us > one.mono_us { other } else { one }
}
