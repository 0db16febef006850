use proptest::prelude::*;

use super::*;

/// 2026-11-22T13:49:17Z.
const NOW: i64 = 1_795_355_357_000_000;

fn read(message: &str) -> Message<'_> {
    Message::read(message, NOW)
}

#[track_caller]
fn says(message: &str, level: &str, host: &str, program: &str, text: &str) {
    let read = read(message);
    let found = (read.level(), read.host.unwrap_or(""), read.program.unwrap_or(""), read.text);
    assert_eq!(found, (level, host, program, text), "{message}");
}

#[test]
fn messages_as_they_are_sent() {
    // OpenWrt's logger.
    says(
        "<4>Nov 22 13:49:17 wally kernel: [ 5123.456] drop wan in: IN=eth0 OUT= SRC=203.0.113.9 PROTO=TCP SPT=4 DPT=23\n",
        "warning",
        "wally",
        "kernel",
        "[ 5123.456] drop wan in: IN=eth0 OUT= SRC=203.0.113.9 PROTO=TCP SPT=4 DPT=23",
    );
    says("<29>Nov  2 03:04:05 wally.local dnsmasq[1]: started", "notice", "wally", "dnsmasq", "started");
    // Without a host's name, as on the way to /dev/log.
    says("<13>Nov 22 13:49:17 root: hello: you", "notice", "", "root", "hello: you");
    says("<13>Nov 22 13:49:17 cron[12]: hello", "notice", "", "cron", "hello");
    // rsyslog's format for forwarding.
    says(
        "<30>2026-11-22T13:49:17.476+01:00 boss systemd[1]: Started x.",
        "info",
        "boss",
        "systemd",
        "Started x.",
    );
    // RFC 5424, section 6.5.
    says(
        "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"A]\\\"p\"][b] \u{feff}An entry...",
        "notice",
        "mymachine.example.com",
        "evntslog",
        "An entry...",
    );
    says("<34>1 - - - - - - bare", "crit", "", "", "bare");
    says("<34>1 - host app - - -", "crit", "host", "app", "");
    // rsyslog's RSYSLOG_SyslogProtocol23Format of an older message.
    says("<29>1 2026-11-22T13:49:17+00:00 wally netifd - - -  up", "notice", "wally", "netifd", "up");
    // What has no form is text.
    says("plain text", "", "", "", "plain text");
    says("<999>what", "", "", "", "<999>what");
    says("<13>last message repeated 3 times", "notice", "", "", "last message repeated 3 times");
    says("<13>Nov 22 13:49:17 wally last message", "notice", "wally", "", "last message");
    says("<13>1 garbage", "notice", "", "", "1 garbage");
    says("", "", "", "", "");
}

#[test]
fn every_severity_has_its_word() {
    for (severity, word) in SEVERITIES.iter().enumerate() {
        let message = format!("<{}>x", 8 * 23 + severity);
        assert_eq!(read(&message).level(), *word);
    }
}

#[test]
fn the_year_is_the_nearest() {
    assert_eq!(read("<1>Nov 22 13:49:17 h t: x").time_us, Some(NOW));
    let new_year = 1_798_761_600_000_000; // 2027-01-01T00:00:00Z
    let late = Message::read("<1>Dec 31 23:59:59 h t: x", new_year + 5_000_000);
    assert_eq!(late.time_us, Some(new_year - 1_000_000));
    let early = Message::read("<1>Jan  1 00:00:01 h t: x", new_year - 5_000_000);
    assert_eq!(early.time_us, Some(new_year + 1_000_000));
    assert_eq!(read("<1>1 2026-11-22T13:49:17.5Z h a - - - x").time_us, Some(NOW + 500_000));
    assert_eq!(read("<1>Feb 30 00:00:00 h t: x").time_us, None);
}

proptest! {
    #[test]
    fn nothing_is_refused(message in ".{0,200}", now in any::<i64>()) {
        Message::read(&message, now);
    }

    #[test]
    fn near_misses_are_survived(message in "(<[0-9]{0,4}>)?(1 )?((Nov|Feb) [ 0-9]{2} [0-9:]{8}|2026-[0-9T:.-]{0,20}Z)? ?([a-z.é]{0,9}[:\\[\\] \"\\\\=]){0,6}.{0,9}") {
        Message::read(&message, NOW);
    }
}
