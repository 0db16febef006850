//! Whatever a wire shows, a boot stays legal; and a boot that ended well has passed all six phases in order.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

use lab::{
    Body, Boot, BootState, Draft, Event, Phase, PowerState, Stamp, Status,
    boot::Cause,
    event::SCHEMA,
    sign::{self, FileRole, Sign, Speaker, Step},
};
use proptest::prelude::*;

/// A machine and its events, driven by signs as the engine drives it.
#[derive(Default)]
struct Driven {
    status: Status,
    events: Vec<Event>,
}

impl Driven {
    fn boot(&self) -> Option<&Boot> {
        self.status.machines.get("node1").and_then(|m| m.boot.as_ref())
    }

    fn see(&mut self, sign: &Sign) {
        for step in sign::read(self.boot(), sign) {
            let (boot, body) = match step {
                Step::Begin(cause) => (Some(self.status.last_boot + 1), Body::BootStarted { cause }),
                Step::Enter(phase) => (self.boot().map(|b| b.id), Body::PhaseEntered { phase }),
                Step::Mark(mark, detail) => (self.boot().map(|b| b.id), Body::Marked { mark, detail }),
                Step::End(state, why) => (self.boot().map(|b| b.id), Body::BootEnded { state, why }),
            };
            let seq = self.status.seq + 1;
            let stamp = Stamp { wall_us: seq as i64, mono_us: seq as i64, host_boot: "test".into() };
            let draft = Draft {
                stamp,
                run: None,
                boot,
                actor: "engine".into(),
                reason: None,
                subject: "node1".into(),
                body,
            };
            let event = Event { seq, draft, schema: SCHEMA };
            self.status.apply(&event).unwrap_or_else(|illegal| panic!("{illegal} after {sign:?}"));
            self.events.push(event);
        }
    }
}

fn dhcp(speaker: Speaker) -> Sign {
    Sign::Dhcp { speaker, discover: true, arch: Some(7) }
}

fn asked(role: FileRole) -> Sign {
    Sign::FileAsked { role, path: "f".into(), proto: "http", body: true, found: true }
}

fn sent(role: FileRole) -> Sign {
    Sign::FileSent {
        role,
        path: "f".into(),
        proto: "http",
        bytes: 1,
        total: 1,
        packets: 1,
        resent: 0,
        seconds: 0.1,
        why: None,
        complete: true,
    }
}

fn uefi() -> Vec<Sign> {
    use FileRole::{Initrd, Kernel, Loader, Script};
    vec![
        dhcp(Speaker::Firmware),
        asked(Loader),
        sent(Loader),
        dhcp(Speaker::Ipxe),
        asked(Script),
        sent(Script),
        asked(Kernel),
        sent(Kernel),
        asked(Initrd),
        sent(Initrd),
        dhcp(Speaker::System),
        Sign::Reported,
    ]
}

fn bios() -> Vec<Sign> {
    use FileRole::{Initrd, Kernel, Script};
    vec![
        dhcp(Speaker::Ipxe),
        asked(Script),
        sent(Script),
        asked(Kernel),
        sent(Kernel),
        asked(Initrd),
        sent(Initrd),
        dhcp(Speaker::System),
        Sign::Reported,
    ]
}

fn phases(boot: &Boot) -> Vec<Phase> {
    boot.phases.iter().map(|span| span.phase).collect()
}

#[test]
fn each_way_ends_well_with_six_phases() {
    for (way, signs) in [("uefi", uefi()), ("bios", bios())] {
        let mut driven = Driven::default();
        driven.see(&Sign::Pressed { outlet: 1 });
        for sign in &signs {
            driven.see(sign);
        }
        let boot = driven.boot().unwrap();
        assert_eq!((boot.state, boot.cause), (BootState::Good, Cause::Press), "{way}");
        assert_eq!(phases(boot), Phase::ALL, "{way}");
        assert_eq!(boot.id, 1, "{way}: the loader's and the system's own DHCP belong to the same boot");
    }
}

#[test]
fn a_firmware_discover_after_the_address_begins_another_boot() {
    let mut driven = Driven::default();
    driven.see(&Sign::Pressed { outlet: 1 });
    driven.see(&dhcp(Speaker::Firmware));
    driven.see(&dhcp(Speaker::Firmware));
    assert_eq!(driven.boot().unwrap().id, 1, "asking again for an address is no new boot");
    driven.see(&asked(FileRole::Loader));
    driven.see(&dhcp(Speaker::Firmware));
    let boot = driven.boot().unwrap();
    assert_eq!((boot.id, boot.cause), (2, Cause::FirstSign));
}

#[test]
fn half_a_kernel_does_not_end_its_phase() {
    let mut driven = Driven::default();
    for sign in &bios()[..4] {
        driven.see(sign);
    }
    driven.see(&Sign::FileSent {
        role: FileRole::Kernel,
        path: "f".into(),
        proto: "http",
        bytes: 1,
        total: 1,
        packets: 1,
        resent: 0,
        seconds: 0.1,
        why: None,
        complete: false,
    });
    driven.see(&sent(FileRole::Initrd));
    assert_eq!(driven.boot().unwrap().phase(), Phase::Kernel);
}

#[test]
fn a_press_makes_what_was_seen_before_it_old() {
    let mut status = Status::default();
    let bodies = [
        Body::PowerObserved { state: PowerState::Off, evidence: "silent".into() },
        Body::PowerCommanded { outlet: 1, to: PowerState::On, evidence: "seen off".into() },
        Body::PowerConfirmed { outlet: 1, to: PowerState::On, memory: None },
    ];
    for (seq, body) in (1..).zip(bodies) {
        let draft = Draft {
            stamp: Stamp::default(),
            run: None,
            boot: None,
            actor: "engine".into(),
            reason: None,
            subject: "node1".into(),
            body,
        };
        status.apply(&Event { seq, draft, schema: SCHEMA }).unwrap();
    }
    let machine = &status.machines["node1"];
    assert_eq!((machine.commanded, machine.observed), (PowerState::On, PowerState::Unknown));
}

fn any_sign() -> impl Strategy<Value = Sign> {
    let speaker = prop_oneof![Just(Speaker::Firmware), Just(Speaker::Ipxe), Just(Speaker::System)];
    let role = prop_oneof![
        Just(FileRole::Loader),
        Just(FileRole::Script),
        Just(FileRole::Kernel),
        Just(FileRole::Initrd),
        Just(FileRole::Other)
    ];
    prop_oneof![
        1 => Just(Sign::Pressed { outlet: 1 }),
        4 => (speaker, any::<bool>()).prop_map(|(speaker, discover)| Sign::Dhcp { speaker, discover, arch: None }),
        2 => any::<bool>().prop_map(|ack| Sign::Answered { address: "a".into(), boot_file: None, ack }),
        4 => (role.clone(), any::<bool>(), any::<bool>()).prop_map(|(role, body, found)| {
            Sign::FileAsked { role, path: "f".into(), proto: "tftp", body, found }
        }),
        4 => (role, any::<bool>()).prop_map(|(role, complete)| {
            Sign::FileSent {
                role, path: "f".into(), proto: "tftp", bytes: 1, total: 2, packets: 1, resent: 0, seconds: 0.1, complete,
                why: None,
            }
        }),
        1 => Just(Sign::Reported),
        1 => Just(Sign::WentOff { why: "test".into() }),
        1 => Just(Sign::RouterSolicited),
        1 => Just(Sign::Refused { kind: "pool empty", why: "no address".into() }),
        1 => Just(Sign::OtherServer { server: "192.168.122.9".into() }),
        1 => Just(Sign::LogLine { proto: "syslog", severity: Some(6), text: "loading".into() }),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_signs_is_illegal(signs in prop::collection::vec(any_sign(), 0..200)) {
        let mut driven = Driven::default();
        for sign in &signs {
            driven.see(sign);
            if let Some(boot) = driven.boot().filter(|b| b.state == BootState::Good) {
                prop_assert_eq!(phases(boot), Phase::ALL.to_vec());
            }
        }
    }

    #[test]
    fn folding_a_prefix_and_then_the_rest_is_folding_all(signs in prop::collection::vec(any_sign(), 0..80), cut in 0..200_usize) {
        let mut driven = Driven::default();
        for sign in &signs {
            driven.see(sign);
        }
        let cut = cut.min(driven.events.len());
        let mut status = Status::default();
        for event in &driven.events[..cut] {
            status.apply(event).unwrap();
        }
        // A checkpoint is the status as JSON; nothing may be lost on the way.
        let mut status: Status = serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
        for event in &driven.events[cut..] {
            status.apply(event).unwrap();
        }
        prop_assert_eq!(status, driven.status);
    }

    #[test]
    fn a_gap_in_the_numbers_is_refused(skip in 2..50_u64) {
        let draft = Draft {
            stamp: Stamp::default(), run: None, boot: None, actor: "engine".into(), reason: None,
            subject: "engine".into(), body: Body::EngineStopped { reason: "test".into() },
        };
        let event = Event { seq: skip, draft, schema: SCHEMA };
        prop_assert!(Status::default().apply(&event).is_err());
    }
}
