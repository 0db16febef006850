//! Every row of the table of signatures: what is seen, when it can be known, and which code that is.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod bench;

use bench::{Bench, asked, broken, dhcp, given, offered, sent};
use lab::{
    Body, PowerState, VerdictCode as V,
    explain::Moving,
    sign::{FileRole, Sign, Speaker},
    verdict::ScreenAnswer,
};

/// A boot up to its second DHCP, a second a step from the fifth second on.
fn up_to(step: &str) -> Vec<Sign> {
    use FileRole::{Initrd, Kernel, Loader, Script};
    let all = [
        ("discover", dhcp(Speaker::Firmware)),
        ("offered", offered()),
        ("given", given()),
        ("loader-asked", asked(Loader)),
        ("loader-sent", sent(Loader)),
        ("ipxe", dhcp(Speaker::Ipxe)),
        ("ipxe-offered", offered()),
        ("ipxe-given", given()),
        ("script-asked", asked(Script)),
        ("script-sent", sent(Script)),
        ("kernel-asked", asked(Kernel)),
        ("kernel-sent", sent(Kernel)),
        ("initrd-asked", asked(Initrd)),
        ("initrd-sent", sent(Initrd)),
        ("system", dhcp(Speaker::System)),
        ("reported", Sign::Reported),
    ];
    let end = all.iter().position(|(name, _)| *name == step).unwrap();
    all.into_iter().take(end + 1).map(|(_, sign)| sign).collect()
}

/// What is seen after which steps, the code, and the earliest second after the last sign at which it is known.
type Row = (&'static str, &'static str, Vec<Sign>, V, f64);

fn rows() -> Vec<Row> {
    let missing = |role, path: &str| Sign::FileAsked {
        role,
        path: path.into(),
        proto: "tftp",
        body: true,
        found: false,
    };
    let refused = |kind, why: &str| Sign::Refused { kind, why: why.into() };
    let panic = Sign::LogLine {
        proto: "netconsole",
        severity: Some(0),
        text: "Kernel panic - not syncing: VFS".into(),
    };
    vec![
        ("DISCOVER, no OFFER", "discover", vec![], V::NotAnswered, 20.0),
        ("pool empty", "discover", vec![refused("pool empty", "every address is taken")], V::PoolEmpty, 5.0),
        (
            "silent beside another server",
            "discover",
            vec![refused("silent because of another server", "192.168.122.9 answers here")],
            V::OtherDhcpServer,
            5.0,
        ),
        ("disabled", "discover", vec![refused("disabled", "the board file says so")], V::Disabled, 5.0),
        (
            "another's address",
            "discover",
            vec![refused("address of another machine", "it wants .12")],
            V::NotAnswered,
            5.0,
        ),
        ("OFFER, no REQUEST", "offered", vec![], V::OfferNotTaken, 20.0),
        (
            "REQUEST to another",
            "offered",
            vec![Sign::OtherServer { server: "192.168.122.9".into() }],
            V::OtherDhcpServer,
            5.0,
        ),
        ("ACK, then silence", "given", vec![], V::NoFileAsked, 20.0),
        (
            "TFTP for a file we do not have",
            "given",
            vec![missing(FileRole::Other, "x.efi")],
            V::FileMissing,
            10.0,
        ),
        (
            "our own file is gone",
            "script-sent",
            vec![missing(FileRole::Kernel, "boot/kernel")],
            V::FileMissing,
            0.0,
        ),
        (
            "TFTP stops in mid-file",
            "loader-asked",
            vec![broken(FileRole::Loader, "tftp")],
            V::TransferStalls,
            5.0,
        ),
        // The loader's phase began a step before.
        ("loader, no second DHCP", "loader-sent", vec![], V::LoaderSilent, 59.0),
        ("iPXE DHCP, long gap", "ipxe-given", vec![], V::LoaderWaits, 10.0),
        ("script, no kernel", "script-sent", vec![], V::ScriptStops, 10.0),
        ("initrd short", "initrd-asked", vec![broken(FileRole::Initrd, "http")], V::TransferShort, 5.0),
        ("initrd never asked", "kernel-sent", vec![], V::TransferShort, 59.0),
        ("all fetched, silence", "initrd-sent", vec![], V::SystemSilent, 90.0),
        ("a panic that was heard", "initrd-sent", vec![panic], V::SystemSilent, 5.0),
        ("an address and no report", "system", vec![], V::SystemSilent, 60.0),
    ]
}

#[test]
fn each_signature_has_its_code_from_its_moment_on() {
    for (row, step, more, code, after) in rows() {
        let mut bench = Bench::pressed();
        bench.link(true);
        for sign in up_to(step).into_iter().chain(more) {
            bench.step(&sign);
        }
        let last = bench.now();
        assert_eq!(bench.verdict_at(last + after - 0.1), None, "{row}: not before its limit");
        let verdict = bench.verdict_at(last + after).unwrap_or_else(|| panic!("{row}: nothing is known"));
        assert_eq!(verdict.code, code, "{row}: {}", verdict.says);
        bench.is_sound(row, &verdict);
        // It goes on: the explanation no longer holds.
        if step != "system" {
            bench.step(&Sign::Reported);
            assert_eq!(
                bench.status.machines["node1"].boot.as_ref().unwrap().state,
                lab::BootState::Good,
                "{row}"
            );
        }
    }
}

#[test]
fn a_boot_that_goes_on_is_explained_at_no_step() {
    let mut bench = Bench::pressed();
    bench.link(true);
    for sign in up_to("reported") {
        bench.step(&sign);
        let now = bench.now();
        assert_eq!(bench.verdict_at(now + 0.9), None, "after {sign:?}");
    }
}

#[test]
fn no_link_and_a_link_that_goes_are_told_apart() {
    let mut never = Bench::pressed();
    never.link(false);
    assert_eq!(never.verdict_at(14.9), None);
    let verdict = never.verdict_at(15.1).unwrap();
    assert_eq!(verdict.code, V::NoLink);
    never.is_sound("no link", &verdict);

    let mut lost = Bench::pressed();
    lost.link(true);
    for sign in up_to("script-sent") {
        lost.step(&sign);
    }
    lost.link(false);
    let at = lost.now();
    let verdict = lost.verdict_at(at + 10.1).unwrap();
    assert_eq!(verdict.code, V::LinkLost, "a link that is down explains everything after it");
    lost.is_sound("link lost", &verdict);
}

#[test]
fn silence_says_no_more_than_it_knows_until_somebody_looked() {
    for (link, code) in [(Some(true), V::SilentAfterLink), (None, V::SilentAfterPress)] {
        let mut bench = Bench::pressed();
        if let Some(up) = link {
            bench.link(up);
        }
        assert_eq!(bench.verdict_at(59.9), None);
        let verdict = bench.verdict_at(60.0).unwrap();
        assert_eq!(verdict.code, code);
        assert!(verdict.asks_screen && verdict.causes.len() >= 3, "{verdict:?}");
        bench.is_sound("silent", &verdict);
        let table = [
            (ScreenAnswer::ShowsSystem, V::NetworkBootNotFirst),
            (ScreenAnswer::WaitsForKey, V::FirmwareWaits),
            (ScreenAnswer::IsDark, V::Dark),
        ];
        for (answer, decided) in table {
            bench.advance(61.0);
            bench.tell("node1", Body::ScreenAnswered { answer });
            let verdict = bench.verdict_at(bench.now()).unwrap();
            assert_eq!(verdict.code, decided);
            assert!(!verdict.asks_screen && verdict.evidence.contains(&bench.status.seq), "{verdict:?}");
        }
        bench.step(&dhcp(Speaker::Firmware));
        assert_eq!(bench.verdict_at(bench.now()), None, "it asked for an address after all");
    }
}

#[test]
fn with_history_three_times_its_own_median_counts() {
    let mut bench = Bench::pressed();
    bench.history(9.0, 4);
    assert_eq!(bench.next(), Some(60.0), "four boots are no history");
    bench.history(9.0, 1);
    assert_eq!(bench.next(), Some(27.0));
    assert_eq!(bench.verdict_at(26.9), None);
    let verdict = bench.verdict_at(27.0).unwrap();
    assert!(verdict.says.contains("27 s") && verdict.says.contains("median of 5 boots"), "{}", verdict.says);
    assert_eq!(verdict.knowable.mono_us, 27_000_000);
}

#[test]
fn a_loader_for_another_firmware_is_named() {
    let mut bench = Bench::pressed();
    bench.link(true);
    for sign in up_to("given") {
        bench.step(&sign);
    }
    for mut sign in [asked(FileRole::Loader), sent(FileRole::Loader)] {
        if let Sign::FileAsked { path, .. } | Sign::FileSent { path, .. } = &mut sign {
            *path = "undionly.kpxe".into();
        }
        bench.step(&sign);
    }
    let verdict = bench.verdict_at(bench.now() + 5.0).unwrap();
    assert_eq!(verdict.code, V::WrongArchitecture);
    assert!(verdict.says.contains("undionly.kpxe") && verdict.says.contains("x86-64"), "{}", verdict.says);
    bench.is_sound("wrong architecture", &verdict);
}

#[test]
fn a_transfer_that_moves_is_no_fault_and_one_that_stands_is() {
    let mut bench = Bench::pressed();
    bench.link(true);
    for sign in up_to("kernel-asked") {
        bench.step(&sign);
    }
    let at = bench.now();
    let moved = bench.stamp(at);
    bench.moving = Some(Moving { path: "boot/kernel".into(), sent: 4_000_000, total: 8_200_000, moved });
    assert_eq!(bench.verdict_at(at + 9.9), None);
    let verdict = bench.verdict_at(at + 10.0).unwrap();
    assert_eq!(verdict.code, V::TransferStalls);
    assert!(verdict.says.contains("4.0 MB of 8.2 MB"), "{}", verdict.says);
}

#[test]
fn a_stranger_that_appears_after_the_press_may_be_the_machine() {
    let mut bench = Bench::pressed();
    bench.link(true);
    bench.stranger(4.0);
    let verdict = bench.verdict_at(60.0).unwrap();
    assert_eq!(verdict.code, V::UnknownMachine);
    assert!(verdict.remedy.contains("ABCD"), "{}", verdict.remedy);
    bench.stranger(5.0);
    assert_eq!(bench.verdict_at(60.0).unwrap().code, V::SilentAfterLink, "two strangers prove nothing");
}

#[test]
fn a_machine_that_begins_again_and_again_is_seen_and_a_pressed_one_is_not() {
    let mut bench = Bench::pressed();
    for n in 1..=4 {
        assert_eq!(bench.goes_round(), None, "before the {n}. time");
        for sign in up_to("loader-asked") {
            bench.step(&sign);
        }
        bench.step(&dhcp(Speaker::Firmware));
    }
    let round = bench.goes_round().expect("four times within ten minutes");
    bench.tell("node1", Body::LoopStopped { why: round.why, rearm: round.rearm });
    let verdict = bench.verdict_at(bench.now()).unwrap();
    assert_eq!(verdict.code, V::BootLoop);
    bench.is_sound("loop", &verdict);
    bench.tell("node1", Body::LoopRearmed { why: "test".into() });
    assert_eq!(bench.goes_round(), None, "rearmed, it may begin anew");
    assert_eq!(bench.verdict_at(bench.now()), None);
}

#[test]
fn several_faults_with_one_cause_are_one_card() {
    let mut bench = Bench::pressed();
    bench.link(true);
    for name in ["node2", "node3"] {
        bench.press(name);
    }
    for name in ["node1", "node2", "node3"] {
        bench.step_of(name, &dhcp(Speaker::Firmware));
    }
    let late = bench.now() + 25.0;
    assert!(bench.common_at(late).is_none(), "nothing of ours is in trouble: three cards");
    bench.trouble("disk", "4 GB of 270 GB are free");
    assert!(bench.common_at(late).is_none(), "a disk that is nearly full keeps nobody from booting");
    bench.trouble("dhcp", "its socket is gone");
    let (common, machines) = bench.common_at(late).unwrap();
    assert_eq!(common.code, V::ServiceDown);
    assert_eq!(machines, ["node1", "node2", "node3"]);
    assert!(common.says.contains("its socket is gone"), "{}", common.says);
    bench.trouble("cpu", "no time");
    assert_eq!(
        bench.common_at(late).unwrap().0.code,
        V::CpuStarved,
        "the controller first, its services after it"
    );
    bench.trouble("link", "no link");
    assert_eq!(bench.common_at(late).unwrap().0.code, V::BossLinkDown);
}

#[test]
fn all_lost_at_one_instant_is_the_supply_unless_they_said_goodbye() {
    let mut bench = Bench::pressed();
    bench.press("node2");
    for name in ["node1", "node2"] {
        let body = Body::PowerConfirmed { outlet: 1, to: PowerState::On, memory: None };
        bench.tell(name, body);
        bench.tell(name, Body::PowerObserved { state: PowerState::On, evidence: "heard".into() });
    }
    bench.tell("node1", Body::PowerObserved { state: PowerState::Off, evidence: "seen".into() });
    assert!(bench.common_at(bench.now()).is_none(), "one alone is no supply");
    bench.tell("node2", Body::PowerObserved { state: PowerState::Off, evidence: "seen".into() });
    let (common, machines) = bench.common_at(bench.now()).unwrap();
    assert_eq!((common.code, machines.len()), (V::SupplyDown, 2));
    bench.goodbye("node2");
    assert!(bench.common_at(bench.now()).is_none(), "one of them went by itself");
}
