//! Syslog as others send it: util-linux's logger in all its ways, and rsyslog as a relay. Run by `make test-real`.

#![allow(clippy::unwrap_used)] // a test that finds nothing must fail

mod support;

use std::{
    fs,
    net::UdpSocket,
    process::{Command, Stdio},
    sync::Arc,
};

use lab::{gear::LogsGear, log::Level, stream};
use support::{Bench, Running, Shelf, until};

fn gear() -> LogsGear {
    let any = Some("127.0.0.1:0".parse().unwrap());
    LogsGear { syslog_udp: any, syslog_tcp: any, ..LogsGear::default() }
}

fn logger(port: u16, options: &[&str], words: &str) {
    let done = Command::new("logger")
        .args(["-n", "127.0.0.1", "-P", &port.to_string(), "-t", "tester", "-p", "daemon.err"])
        .args(options)
        .arg(words)
        .status()
        .unwrap();
    assert!(done.success(), "logger {options:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logger_is_understood_in_every_way_it_writes() {
    let bench = Bench::start(gear(), Arc::new(Shelf::default()));
    let udp = bench.address(stream::SYSLOG_UDP).await.port();
    let tcp = bench.address(stream::SYSLOG_TCP).await.port();
    let ways: [(u16, &[&str]); 8] = [
        (udp, &["-d", "--rfc3164"]),
        (udp, &["-d", "--rfc5424"]),
        (udp, &["-d", "--rfc5424=notime,notq,nohost"]),
        (tcp, &["-T", "--rfc3164"]),
        (tcp, &["-T", "--rfc5424"]),
        (tcp, &["-T", "--rfc3164", "--octet-count"]),
        (tcp, &["-T", "--rfc5424", "--octet-count"]),
        (tcp, &["-T", "--rfc5424", "--octet-count", "-i", "--sd-id", "a@1", "--sd-param", "b=\"c [d\""]),
    ];
    for (number, (port, options)) in ways.iter().enumerate() {
        logger(*port, options, &format!("drop wan in: IN=eth0 way {number} [ü]"));
    }
    until("all have arrived", || bench.shelf.len() >= ways.len()).await;
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim().trim_end_matches(".local");
    let mut records = bench.shelf.0.lock().unwrap().records.clone();
    records.sort_by(|one, other| one.message.cmp(&other.message));
    for (number, record) in records.iter().enumerate() {
        let options = ways[number].1;
        assert_eq!(record.message, format!("drop wan in: IN=eth0 way {number} [ü]"), "{options:?}");
        assert_eq!((record.level, record.service.as_str()), (Level::Error, "tester"), "{options:?}");
        let named = !options.iter().any(|option| option.contains("nohost"));
        assert_eq!(record.node, if named { host } else { "unknown" }, "{options:?}");
        if !options[1].contains("notime") {
            let away = record.time_us.unwrap().abs_diff(record.seen_us);
            // The older format tells local time without a zone.
            assert!(away < 15 * 3_600_000_000, "{options:?}: {away} us");
        }
    }
    assert!(bench.inputs.readings().iter().all(|reading| reading.bad == 0));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslog_relays_to_us_with_either_framing() {
    let bench = Bench::start(gear(), Arc::new(Shelf::default()));
    let tcp = bench.address(stream::SYSLOG_TCP).await.port();
    let folder = tempfile::tempdir().unwrap();
    let relay = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = folder.path().join("rsyslog.conf");
    let forward = |framing: &str, template: &str| {
        format!(
            "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tcp}\" protocol=\"tcp\" TCP_Framing=\"{framing}\" template=\"{template}\")\n"
        )
    };
    let text = format!(
        "global(workDirectory=\"{}\")\nmodule(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{relay}\")\n{}{}",
        folder.path().display(),
        forward("traditional", "RSYSLOG_ForwardFormat"),
        forward("octet-counted", "RSYSLOG_SyslogProtocol23Format"),
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new("/usr/sbin/rsyslogd");
    command.arg("-n").arg("-f").arg(&config).arg("-i").arg(folder.path().join("pid"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _running = Running(command.spawn().unwrap());
    // A datagram before it listens is lost: the first that arrives says that it does.
    let shelf = bench.shelf.clone();
    until("rsyslog relays", || {
        logger(relay, &["-d", "--rfc3164"], "are you there");
        shelf.len() > 0
    })
    .await;
    let messages = 500;
    let arrived = || {
        let kept = shelf.0.lock().unwrap();
        kept.records.iter().filter(|record| record.service == "netifd").count()
    };
    for number in 0..messages {
        let line = format!("<29>Nov 22 13:49:17 wally netifd: message {number:03}");
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(line.as_bytes(), ("127.0.0.1", relay)).unwrap();
        if number % 50 == 49 {
            // More at once would be lost on the way to rsyslog, as datagrams are.
            until("all came twice", || arrived() == 2 * (number + 1)).await;
        }
    }
    let records = shelf.0.lock().unwrap().records.clone();
    for number in 0..messages {
        let words = format!("message {number:03}");
        let same = records.iter().filter(|record| record.message == words);
        let same: Vec<_> = same.map(|record| (record.node.as_str(), record.level)).collect();
        assert_eq!(same, [("wally", Level::Notice); 2], "{words}");
    }
    bench.end().await;
}
