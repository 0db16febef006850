use std::os::unix::{fs::PermissionsExt, net::UnixListener};

use super::*;
use crate::{config::built_in, secrets};

struct Place {
    _dir: tempfile::TempDir,
    data: DataDir,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::new(Some(dir.path().to_owned())).unwrap();
    Place { _dir: dir, data }
}

fn board(name: &str, change: impl Fn(String) -> String) -> Board {
    let text = change(built_in(name).unwrap().to_owned());
    Board::parse(name, &text).unwrap_or_else(|error| panic!("{error}; {}", error.remedy))
}

fn find<'a>(findings: &'a [Finding], what: &str) -> &'a Finding {
    findings
        .iter()
        .find(|finding| finding.what == what)
        .unwrap_or_else(|| panic!("no {what} in {findings:#?}"))
}

#[test]
fn boards_without_gear_of_their_own_have_nothing_to_look_at() {
    let place = place();
    assert!(look(&board("simulated", |text| text), &place.data).is_empty());
}

#[test]
fn what_is_not_there_is_noted_and_nothing_is_a_mistake() {
    let place = place();
    for name in ["labinator", "home"] {
        let findings = look(&board(name, |text| text), &place.data);
        assert!(findings.iter().all(|finding| finding.state != "bad"), "{findings:#?}");
    }
    let findings = look(&board("labinator", |text| text), &place.data);
    let relay = find(&findings, "relay board");
    assert_eq!(relay.state, "note");
    assert!(relay.says.ends_with("is not there"), "{relay:?}");
    assert!(find(&findings, "interface").says.contains("enx00e04c687830"));
    assert_eq!(find(&findings, "router").says, "https://192.168.122.1 would be asked as root");
}

#[test]
fn secrets_are_named_and_where_they_are_but_never_what() {
    let place = place();
    secrets::set(&place.data, "switch", &Secret::new("hunter2")).unwrap();
    let findings = look(&board("labinator", |text| text), &place.data);
    let (switch, router) = (find(&findings, "secret switch"), find(&findings, "secret router"));
    assert_eq!((switch.state, switch.says.as_str()), ("ok", "for the switch: in the secrets file"));
    assert_eq!((router.state, router.remedy.as_deref()), ("note", Some("statusinator secrets set router")));
    assert!(!format!("{findings:?}").contains("hunter2"));

    fs::set_permissions(place.data.secrets(), fs::Permissions::from_mode(0o644)).unwrap();
    let findings = look(&board("labinator", |text| text), &place.data);
    let refused = find(&findings, "secrets");
    assert_eq!(refused.state, "bad");
    assert!(refused.remedy.as_ref().unwrap().starts_with("chmod 600 "), "{refused:?}");
}

#[test]
fn a_path_that_is_no_device_is_a_mistake_and_is_not_opened() {
    let place = place();
    let path = place.data.path().join("socket");
    // Whoever opens this is noticed: a connection would wait.
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let finding = device("relay board", &path, true);
    assert_eq!(finding.state, "bad");
    assert!(finding.says.ends_with("is no device"), "{finding:?}");
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_device_is_judged_by_its_permissions_without_opening_it() {
    let null = Path::new("/dev/null");
    assert_eq!(device("relay board", null, true).state, "ok");
    assert!(device("relay board", null, false).says.contains("not opened while mode is \"watch\""));
    let refused = not_ours("relay board", Path::new("/dev/ttyUSB0"), 0);
    assert_eq!(refused.says, "/dev/ttyUSB0 belongs to group root, and this user may not open it");
    assert!(refused.remedy.unwrap().contains("usermod -aG root "));
    assert!(
        not_ours("relay board", null, 4_000_000).says.contains("group 4000000"),
        "a group without a name"
    );
}

#[test]
fn addresses_and_fingerprints_are_read_as_their_drivers_read_them() {
    let place = place();
    let findings = look(
        &board("labinator", |text| {
            text.replace("url = \"http://192.168.122.2\"", "url = \"http://admin:x@192.168.122.2\"")
                .replace("# fingerprint = \"…\"", "fingerprint = \"12:34\"")
        }),
        &place.data,
    );
    assert_eq!(find(&findings, "switch").state, "bad");
    assert!(find(&findings, "router").says.contains("64 hexadecimal digits"));
}

#[test]
fn power_controls_are_built_and_programs_looked_for_but_not_run() {
    let place = place();
    let ran = place.data.path().join("ran");
    let program = place.data.path().join("plug");
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let command =
        format!("kind = \"command\"\non = [\"{}\"]\noff = [\"/nowhere/plug\"]\n", program.display());
    let wake = "kind = \"wake-on-lan\"";
    let findings = look(
        &board("home", |text| {
            let (head, tail) = text.split_once(wake).unwrap();
            let (_, tail) = tail.split_once("\n\n").unwrap();
            format!("{head}{command}\n{tail}")
        }),
        &place.data,
    );
    let of: Vec<&Finding> = findings.iter().filter(|finding| finding.what == "power of node3").collect();
    assert_eq!(of.len(), 2, "{of:#?}");
    assert_eq!(of[0].state, "ok");
    assert_eq!(of[1].says, "the program /nowhere/plug is not there");
    assert!(!ran.exists());
    assert_eq!(find(&findings, "power of node1").state, "ok", "its missing secret is named apart");
    assert_eq!(find(&findings, "secret plug").state, "note");
}

#[test]
fn examples_that_nobody_replaced_are_named() {
    let place = place();
    let findings =
        look(&board("home", |text| text.replace("00:00:5e:00:53:03", "00:11:22:33:44:55")), &place.data);
    assert!(find(&findings, "node1").says.contains("00:00:5e:00:53:01 and 192.0.2.11 are examples"));
    assert_eq!(find(&findings, "node3").says, "192.0.2.13 is an example");
}
