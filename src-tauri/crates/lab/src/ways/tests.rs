use proptest::prelude::*;
use serde_json::json;

use super::*;

const UEFI: [Way; 3] = [Way::Ipxe, Way::HttpIpxe, Way::Http];

fn machine(known: &[(Way, f64)], dropped: &[Way]) -> MachineStatus {
    let mut machine = MachineStatus::default();
    for (way, seconds) in known {
        machine.ways.entry(*way).or_default().seconds.push(*seconds);
    }
    machine.ways_dropped = dropped.iter().map(|way| (*way, "it failed".to_owned())).collect();
    machine
}

fn chosen(known: &[(Way, f64)], dropped: &[Way]) -> Way {
    choose(&UEFI, None, &machine(known, dropped)).unwrap().way
}

#[test]
fn the_fastest_known_way_is_taken_unless_a_faster_one_is_untried() {
    use Way::{Http, HttpIpxe, Ipxe};
    for (known, dropped, expected) in [
        (&[][..], &[][..], Http),
        (&[(Ipxe, 20.0)], &[], Http),
        (&[(Ipxe, 20.0), (Http, 15.0)], &[], Http),
        // Faster elsewhere is not faster here.
        (&[(Ipxe, 12.0), (Http, 15.0), (HttpIpxe, 30.0)], &[], Ipxe),
        (&[(Ipxe, 20.0), (Http, 15.0)], &[Http], HttpIpxe),
        (&[(Ipxe, 20.0)], &[Http, HttpIpxe], Ipxe),
        (&[], &[Http, HttpIpxe, Ipxe], Ipxe),
    ] {
        assert_eq!(chosen(known, dropped), expected, "{known:?} without {dropped:?}");
    }
    let forced = choose(&UEFI, Some(Way::Secure), &machine(&[], &[Way::Secure])).unwrap();
    assert_eq!(forced.way, Way::Secure, "a person's word counts, whatever happened before");
    assert_eq!(choose(&[], None, &machine(&[], &[])), None);
}

/// A boot that ended like this after marks with protocol and path.
fn boot(state: BootState, phase: Phase, marks: &[(&str, &str, &str)]) -> Boot {
    let at = |mono_us: i64| json!({ "wall_us": 0, "mono_us": mono_us, "host_boot": "" });
    let mark = |(name, proto, path): &(&str, &str, &str)| json!({ "name": name, "stamp": at(0), "detail": { "proto": proto, "path": path } });
    let marks: Vec<_> = marks.iter().map(mark).collect();
    // As a checkpoint has it: fields that came later may be missing.
    serde_json::from_value(json!({
        "id": 1, "machine": "node1", "run": null, "cause": "press", "started": at(0), "ended": at(15_000_000),
        "state": state, "why": null, "marks_dropped": 0,
        "phases": [{ "phase": phase, "started": at(0), "ended": null, "marks": marks }],
    }))
    .unwrap()
}

#[test]
fn files_tell_which_way_a_boot_went() {
    for (marks, expected) in [
        (&[("kernel-asked", "http", "boot/uki/1.efi")][..], Some(Way::Http)),
        (
            &[("loader-asked", "http", "ipxe.efi"), ("script-asked", "http", "boot/script")],
            Some(Way::HttpIpxe),
        ),
        (&[("loader-asked", "tftp", "ipxe.efi"), ("script-asked", "http", "boot/script")], Some(Way::Ipxe)),
        (&[("loader-asked", "tftp", "undionly.kpxe")], Some(Way::Bios)),
        (
            &[("loader-asked", "tftp", "shimx64.efi"), ("script-asked", "tftp", "grub/grub.cfg")],
            Some(Way::Secure),
        ),
        (&[("script-asked", "http", "boot/script")], Some(Way::Bios)),
        (&[("script-asked", "http", "grub/local.cfg")], Some(Way::Local)),
        (&[("kernel-head", "http", "boot/uki/1.efi")], None),
    ] {
        assert_eq!(gone(&boot(BootState::Good, Phase::Service, marks)), expected, "{marks:?}");
    }
}

#[test]
fn a_way_is_dropped_when_it_failed_twice_in_a_row() {
    let mut machine = MachineStatus { way: Some(Way::Http), ..MachineStatus::default() };
    let failed = boot(BootState::Failed, Phase::Kernel, &[("kernel-asked", "http", "boot/uki/1.efi")]);
    let good = boot(BootState::Good, Phase::Service, &[("kernel-asked", "http", "boot/uki/1.efi")]);
    let went = |machine: &mut MachineStatus, boot: &Boot| {
        machine.boot = Some(boot.clone());
        machine.note_way();
        machine.way_to_drop()
    };
    assert_eq!(went(&mut machine, &failed), None);
    assert_eq!(went(&mut machine, &good), None);
    assert_eq!(went(&mut machine, &failed), None, "a good boot between them makes it one failure again");
    let Some(Body::WayDropped { way, .. }) = went(&mut machine, &failed) else { panic!("not dropped") };
    assert_eq!(way, Way::Http);
    assert_eq!(machine.ways[&Way::Http].seconds, [15.0]);
    machine.ways_dropped.insert(way, "it failed".into());
    assert_eq!(machine.way_to_drop(), None, "once is enough");
    machine.retry_ways();
    assert_eq!(choose(&UEFI, None, &machine).unwrap().way, Way::Http);
}

#[test]
fn arriving_by_another_way_is_a_failure_of_the_one_that_was_offered() {
    let mut machine = MachineStatus { way: Some(Way::Http), ..MachineStatus::default() };
    machine.boot = Some(boot(BootState::Good, Phase::Service, &[("loader-asked", "tftp", "ipxe.efi")]));
    machine.note_way();
    assert_eq!(machine.ways[&Way::Http].failures, 1);
    assert_eq!(machine.ways[&Way::Ipxe].seconds, [15.0]);
}

#[test]
fn a_panicking_kernel_is_no_ways_fault() {
    let mut machine = MachineStatus { way: Some(Way::Http), ..MachineStatus::default() };
    for (phase, failures) in [(Phase::Os, 0), (Phase::Service, 0), (Phase::Kernel, 1), (Phase::Firmware, 2)] {
        machine.boot = Some(boot(BootState::Failed, phase, &[]));
        machine.note_way();
        assert_eq!(machine.ways.get(&Way::Http).map_or(0, |h| h.failures), failures, "{phase:?}");
    }
}

proptest! {
    /// Whatever happened before, a machine with a way is offered one of its own, and never a dropped one while another is left.
    #[test]
    fn a_choice_is_possible_and_not_dropped(
        possible in prop::sample::subsequence(Way::ALL.to_vec(), 0..=7),
        dropped in prop::sample::subsequence(Way::ALL.to_vec(), 0..=7),
        known in prop::collection::vec((0..7_usize, 1.0..60.0_f64), 0..10),
    ) {
        let known: Vec<(Way, f64)> = known.into_iter().map(|(way, seconds)| (Way::ALL[way], seconds)).collect();
        match choose(&possible, None, &machine(&known, &dropped)) {
            None => prop_assert!(possible.is_empty()),
            Some(choice) => {
                prop_assert!(possible.contains(&choice.way));
                let left = possible.iter().any(|way| !dropped.contains(way));
                prop_assert!(!(left && dropped.contains(&choice.way)));
            }
        }
    }
}
