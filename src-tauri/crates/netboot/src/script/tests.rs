use super::*;

fn node3() -> ScriptMachine {
    ScriptMachine {
        plate: Plate {
            box_number: Some(3),
            name: "node3".into(),
            role: Some("probe".into()),
            lab: Some("rehearsal".into()),
        },
        base: "192.168.122.3:80".parse().unwrap(),
        syslog: Some(Ipv4Addr::new(192, 168, 122, 3)),
        loads: "probe 6.1.0-56".into(),
        kernel: "probe/vmlinuz".into(),
        initrd: "probe/initrd.img".into(),
        cmdline: "console=tty0 statusinator.mac=${netX/mac}".into(),
    }
}

fn stranger() -> Refusal {
    Refusal {
        plate: None,
        says: "This machine is not known to the board.".into(),
        remedy: "Name it on the board by this code. Nothing is changed on this machine.".into(),
        mac: Some(Mac([0x16, 9, 1, 0x1a, 0xf1, 0xd9])),
        code: "K7DX".into(),
        elsewhere: None,
        nearest: Some("node4 16:09:01:1a:f1:d8, one digit differs".into()),
        base: "127.122.122.3:20080".parse().unwrap(),
        syslog: None,
        again: "boot/script".into(),
    }
}

fn held_back() -> Refusal {
    Refusal {
        plate: Some(node3().plate),
        says: "It is held back: it began 3 times within 10 minutes and never reported. It goes on when its lab is \
               started again."
            .into(),
        remedy: "Look at Board.".into(),
        elsewhere: None,
        nearest: None,
        ..stranger()
    }
}

#[test]
fn a_known_machine_says_whose_it_is_and_boots_what_it_should() {
    insta::assert_snapshot!("known", known(&node3()).unwrap());
}

#[test]
fn an_unknown_machine_says_so_and_asks_again() {
    insta::assert_snapshot!("unknown", refused(&stranger()));
    let nameless = refused(&Refusal { mac: None, ..stranger() });
    assert!(nameless.contains("MAC ${netX/mac}, code"), "{nameless}");
}

#[test]
fn a_machine_that_is_held_back_keeps_its_number() {
    insta::assert_snapshot!("held_back", refused(&held_back()));
}

#[test]
fn grub_says_the_same() {
    insta::assert_snapshot!("grub", grub_screen(&node3().plate, "loading probe 6.1.0-56, try 1 of 5"));
    insta::assert_snapshot!("grub_refused", grub_refused(&stranger(), "/grub/grub.cfg"));
}

/// A line may fail only where the script says what then.
#[test]
fn no_line_ends_a_script_by_failing() {
    for script in [known(&node3()).unwrap(), refused(&stranger()), refused(&held_back())] {
        let mut labels: Vec<&str> = Vec::new();
        let mut targets: Vec<&str> = Vec::new();
        for line in script.lines().skip(1).filter(|line| !line.starts_with('#')) {
            if let Some(label) = line.strip_prefix(':') {
                labels.push(label);
                continue;
            }
            targets.extend(line.split("goto ").skip(1).filter_map(|rest| rest.split(' ').next()));
            assert!(line.contains("||") || line.starts_with("goto "), "{line:?} would end the script");
        }
        for target in targets {
            assert!(labels.contains(&target), "no label {target:?}");
        }
    }
}

/// 25 lines of 80 columns are what every firmware has.
#[test]
fn everything_fits_the_smallest_screen() {
    for script in [known(&node3()).unwrap(), refused(&stranger()), refused(&held_back())] {
        let echoed = script.lines().filter(|line| line.starts_with("echo")).count();
        assert!(echoed <= 22, "{echoed} lines are too many:\n{script}");
        for line in script.lines().filter_map(|line| line.strip_prefix("echo ${m}")) {
            let text = line.replace("${esc:string}[1m", "").replace("${esc:string}[0m", "");
            assert!(text.contains("${block}") || text.len() <= 80, "{text:?} is too long");
        }
    }
}

#[test]
fn names_and_paths_cannot_become_commands() {
    let mut machine = node3();
    machine.plate.name = "x\nshell || ${net0/ip}".into();
    machine.loads = "a\n|| shell".into();
    machine.kernel = "a b||c".into();
    let script = known(&machine).unwrap();
    assert!(!script.lines().any(|line| line.starts_with("shell")));
    assert!(script.contains("Box 3 x?shell ?? ??net0/ip?: probe"), "{script}");
    assert!(script.contains("http://192.168.122.3/a%20b%7C%7Cc "), "{script}");
    for cmdline in ["a || shell", "a && b", "a\nshell"] {
        machine.cmdline = cmdline.into();
        assert!(known(&machine).is_err(), "{cmdline:?}");
    }
    let grub = grub_screen(&machine.plate, "'; halt");
    assert!(!grub.contains("'; halt"), "{grub}");
    let script = refused(&Refusal { says: "a\nreboot".into(), code: "A || B".into(), ..stranger() });
    assert_eq!(script.lines().filter(|line| line.starts_with("reboot")).count(), 1, "{script}");
    assert!(!script.contains("A || B"), "{script}");
}
