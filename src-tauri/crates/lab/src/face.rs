//! The one state word of a machine. Every screen, the display and the command line show this and nothing of their own.

use crate::{
    boot::{BootState, Phase},
    event::Stamp,
    live::Heard,
    power::PowerState,
    status::MachineStatus,
    wipe::disks_words,
};

/// The states of the design language; each has a colour, a shape and a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaceState {
    Off,
    Boot,
    Up,
    Warn,
    Fault,
    Unknown,
}

impl FaceState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Boot => "boot",
            Self::Up => "up",
            Self::Warn => "warn",
            Self::Fault => "fault",
            Self::Unknown => "unknown",
        }
    }
}

/// A machine's face: the state, its word, and a sentence where one is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    pub state: FaceState,
    pub word: String,
    pub says: Option<String>,
}

fn face(state: FaceState, word: &str, says: Option<String>) -> Face {
    Face { state, word: word.to_owned(), says }
}

/// A machine that was up and missed this many of its own heartbeats is silent.
pub const HEARTBEATS_MISSED: u64 = 3;
/// Pace assumed while a machine has announced none.
pub const HEARTBEAT_ASSUMED_MS: u64 = 2_000;

/// How long a machine may stay silent before that means something.
pub fn patience_ms(heard: &Heard) -> u64 {
    HEARTBEATS_MISSED * heard.heartbeat_ms.unwrap_or(HEARTBEAT_ASSUMED_MS).max(100)
}

/// Decides the face of a machine from what was folded and when it was last heard.
pub fn of(machine: &MachineStatus, heard: Option<&Heard>, now: &Stamp) -> Face {
    let boot = machine.boot.as_ref();
    if let Some(failure) = machine.press.as_ref().and_then(|press| press.failure.as_ref()) {
        return face(FaceState::Fault, "press failed", Some(format!("{failure}. {}", failure.remedy)));
    }
    // Before everything that a boot says: whoever switches it off now leaves disks half erased.
    if let Some(wiping) = machine.erasing() {
        let says = format!("erases {}; do not switch it off", disks_words(&wiping.disks));
        return face(FaceState::Warn, "wiping", Some(says));
    }
    match boot.map(|b| b.state) {
        // It may still come; until it does, what is known of it stands where people look.
        Some(BootState::Running) if machine.verdict.is_some() => {
            let title = machine.verdict.as_ref().map(|verdict| verdict.code.words().to_owned());
            return face(FaceState::Fault, "stuck", title);
        }
        Some(BootState::Running) => {
            let phase = boot.map_or(Phase::Firmware, super::boot::Boot::phase);
            return face(FaceState::Boot, "booting", Some(phase_says(phase).to_owned()));
        }
        Some(BootState::Failed) if machine.observed != PowerState::Off => {
            return face(FaceState::Fault, "failed", boot.and_then(|b| b.why.clone()));
        }
        _ => {}
    }
    match machine.observed {
        PowerState::Off if boot.is_some_and(|b| b.state == BootState::Failed) && machine.wiping.is_none() => {
            face(
                FaceState::Off,
                "off",
                boot.and_then(|b| b.why.as_ref()).map(|why| format!("last boot failed: {why}")),
            )
        }
        PowerState::Off => face(FaceState::Off, "off", disks_say(machine)),
        PowerState::On => match heard {
            Some(heard) if silent_ms(heard, now) > patience_ms(heard) => {
                face(FaceState::Warn, "silent", Some(format!("last heard: {}", heard.what)))
            }
            _ if machine.just_erased().is_some_and(|erased| !erased.ok) => {
                face(FaceState::Warn, "not wiped", disks_say(machine))
            }
            _ if boot.is_some_and(|b| b.state == BootState::Good) => {
                face(FaceState::Up, "ready", disks_say(machine))
            }
            _ => face(FaceState::Up, "on", None),
        },
        // What was done to its disks is long ago by then; what is armed still counts.
        PowerState::Unknown => {
            face(FaceState::Unknown, "unknown", machine.wipe.as_ref().and_then(|_| disks_say(machine)))
        }
    }
}

/// What happened to its disks, or will at the next boot.
fn disks_say(machine: &MachineStatus) -> Option<String> {
    if let Some(armed) = &machine.wipe {
        return Some(format!("its next boot erases {}", disks_words(armed)));
    }
    if let Some(wiping) = machine.half_erased() {
        return Some(format!("went off while it erased {}", disks_words(&wiping.disks)));
    }
    machine.just_erased().map(|erased| erased.says.clone())
}

fn silent_ms(heard: &Heard, now: &Stamp) -> u64 {
    now.seconds_since(&heard.stamp).map_or(u64::MAX, |s| (s.max(0.0) * 1e3) as u64)
}

/// What the machine does in this phase, for a visitor.
pub fn phase_says(phase: Phase) -> &'static str {
    match phase {
        Phase::Firmware => "firmware starts",
        Phase::Address => "asks for an address",
        Phase::Loader => "fetches its loader",
        Phase::Kernel => "fetches its kernel",
        Phase::Os => "kernel starts",
        Phase::Service => "running, about to report",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Boot, Draft, Event, Verdict, VerdictCode,
        boot::Cause,
        event::{Body, SCHEMA},
    };

    fn booting() -> MachineStatus {
        let stamp = Stamp { wall_us: 1, mono_us: 1, host_boot: "b".into() };
        let body = Body::BootStarted { cause: Cause::Press };
        let draft = Draft {
            stamp,
            run: None,
            boot: Some(1),
            actor: "engine".into(),
            reason: None,
            subject: "node1".into(),
            body,
        };
        let boot = Boot::begin(&Event { seq: 1, draft, schema: SCHEMA }).unwrap();
        MachineStatus { boot: Some(boot), ..MachineStatus::default() }
    }

    /// The status of a machine after these events about it.
    fn after(bodies: Vec<Body>) -> MachineStatus {
        let mut status = crate::Status::default();
        for (seq, body) in (1..).zip(bodies) {
            let stamp = Stamp { wall_us: seq, mono_us: seq, host_boot: "b".into() };
            let (actor, subject) = ("engine".into(), "node1".into());
            let draft = Draft { stamp, run: None, boot: Some(1), actor, reason: None, subject, body };
            status.apply(&Event { seq: seq as u64, draft, schema: SCHEMA }).unwrap();
        }
        status.machines.remove("node1").unwrap()
    }

    #[test]
    fn a_machine_says_what_becomes_of_its_disks() {
        let seen = |state| Body::PowerObserved { state, evidence: "heard".into() };
        let report = |ok: bool| {
            let why = (!ok).then_some("sector 5 could not be written");
            serde_json::json!({ "ticket": "t1", "disks": [{ "name": "sda", "ok": ok, "why": why }] })
        };
        let armed = vec![seen(PowerState::Off), Body::WipeArmed { disks: Vec::new() }];
        let mut begun = vec![Body::BootStarted { cause: Cause::Press }, seen(PowerState::On)];
        begun.extend(Phase::ALL[1..].iter().map(|phase| Body::PhaseEntered { phase: *phase }));
        begun.push(Body::WipeBegan { disks: vec!["sda".into()], ticket: "t1".into() });
        let ended = |ok| [begun.clone(), vec![Body::DiskWiped { report: report(ok) }]].concat();
        let good = Body::BootEnded { state: BootState::Good, why: "it reported".into() };
        let off = vec![seen(PowerState::Off)];
        let table = [
            (armed.clone(), FaceState::Off, "off", Some("its next boot erases all its disks")),
            (armed[1..].to_vec(), FaceState::Unknown, "unknown", Some("its next boot erases all its disks")),
            (begun.clone(), FaceState::Warn, "wiping", Some("erases sda; do not switch it off")),
            (
                [begun.clone(), off.clone()].concat(),
                FaceState::Boot,
                "booting",
                Some("running, about to report"),
            ),
            ([ended(true), vec![good.clone()]].concat(), FaceState::Up, "ready", Some("erased sda")),
            (
                [ended(true), vec![good.clone()], off.clone()].concat(),
                FaceState::Off,
                "off",
                Some("erased sda"),
            ),
            (
                [ended(false), vec![good.clone()]].concat(),
                FaceState::Warn,
                "not wiped",
                Some("not erased: sda (sector 5 could not be written)"),
            ),
        ];
        for (events, state, word, says) in table {
            let words: Vec<&str> = events.iter().map(Body::kind).collect();
            let machine = after(events);
            let now = Stamp { wall_us: 9, mono_us: 9, host_boot: "b".into() };
            let heard = Heard { stamp: now.clone(), what: "heartbeat".into(), heartbeat_ms: None };
            let face = of(&machine, Some(&heard), &now);
            assert_eq!(
                (face.state, face.word.as_str(), face.says.as_deref()),
                (state, word, says),
                "{words:?}"
            );
        }

        let broken = Body::BootEnded { state: BootState::Abandoned, why: "switched off on purpose".into() };
        let machine = after([begun, vec![broken], off].concat());
        assert!(machine.erasing().is_none() && machine.half_erased().is_some());
        let face = of(&machine, None, &Stamp::default());
        assert_eq!(face.says.as_deref(), Some("went off while it erased sda"));
    }

    #[test]
    fn a_boot_with_a_verdict_is_a_fault_while_it_still_runs() {
        let mut machine = booting();
        let now = Stamp { wall_us: 2, mono_us: 2, host_boot: "b".into() };
        assert_eq!(of(&machine, None, &now).state, FaceState::Boot);
        machine.verdict = Some(Verdict {
            code: VerdictCode::SilentAfterLink,
            says: String::new(),
            since: now.clone(),
            knowable: now.clone(),
            evidence: Vec::new(),
            remedy: String::new(),
            causes: Vec::new(),
            ruled_out: Vec::new(),
            machines: Vec::new(),
            asks_screen: true,
        });
        let face = of(&machine, None, &now);
        assert_eq!((face.state, face.word.as_str()), (FaceState::Fault, "stuck"));
        assert_eq!(face.says.as_deref(), Some(VerdictCode::SilentAfterLink.words()));
    }
}
