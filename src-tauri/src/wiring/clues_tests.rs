use std::net::{TcpListener, TcpStream, UdpSocket};

use super::*;

fn said(clues: &[Clue], kind: CauseKind) -> Vec<(bool, &str)> {
    clues.iter().filter(|clue| clue.kind == kind).map(|clue| (clue.bad, clue.says.as_str())).collect()
}

#[test]
fn processes_are_found_by_the_beginning_of_their_name() {
    assert!(running(Path::new("/proc")).len() > 1, "this one and its parent at least");
    let names = ["systemd".to_owned(), "otelcol-contrib".to_owned()];
    assert_eq!(process("otelcol", &names).says, "otelcol-contrib runs");
    let missing = process("otelcol", &names[..1]);
    assert!(missing.bad && missing.says == "no process named otelcol runs");
}

#[test]
fn a_file_says_when_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otelcol.jsonl");
    let logs = LogsGear { collector: Some(path.clone()), ..LogsGear::default() };
    let clues = look(&logs, true, stream::COLLECTOR);
    assert!(
        matches!(said(&clues, CauseKind::File).as_slice(), [(true, says)] if says.contains("No such file"))
    );
    assert_eq!(said(&clues, CauseKind::Process), [], "on a simulated board this program is the sender");

    let written = fs::File::create(&path).unwrap();
    let clues = look(&logs, true, stream::COLLECTOR);
    assert!(
        matches!(said(&clues, CauseKind::File).as_slice(), [(false, says)] if says.contains("being written"))
    );
    written.set_modified(SystemTime::now() - Duration::from_secs(40 * 60)).unwrap();
    let clues = look(&logs, false, stream::COLLECTOR);
    assert!(
        matches!(said(&clues, CauseKind::File).as_slice(), [(true, says)] if says.ends_with("last written 40 min ago"))
    );
    assert_eq!(said(&clues, CauseKind::Process).len(), 1);
}

#[test]
fn ports_say_whether_they_listen_and_who_is_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let logs = LogsGear { syslog_tcp: Some(at), ..LogsGear::default() };
    let clues = look(&logs, false, stream::SYSLOG_TCP);
    assert!(matches!(said(&clues, CauseKind::Port).as_slice(), [(false, _)]), "{clues:?}");
    assert!(
        matches!(said(&clues, CauseKind::Network).as_slice(), [(true, says)] if says.starts_with("nobody"))
    );
    let _sender = TcpStream::connect(at).unwrap();
    let clues = look(&logs, false, stream::SYSLOG_TCP);
    assert!(
        matches!(said(&clues, CauseKind::Network).as_slice(), [(false, says)] if says.starts_with("one sender"))
    );
    drop(listener);
    let clues = look(&logs, false, stream::SYSLOG_TCP);
    assert!(
        matches!(said(&clues, CauseKind::Port).as_slice(), [(true, says)] if says.contains("does not listen"))
    );

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    assert!(!port(at, "udp").bad);
    drop(socket);
    assert!(port(at, "udp").bad);
}

#[test]
fn what_nobody_configured_has_no_clues() {
    for stream in [stream::SYSLOG_UDP, stream::TALOS, stream::HEALTH, "anything"] {
        assert_eq!(look(&LogsGear::default(), false, stream), []);
    }
}
