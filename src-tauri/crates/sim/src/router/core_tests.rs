//! Commands as a driver sends them, and what a router says.

use super::*;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn net(ssid: &str, hidden: bool) -> WifiSim {
    WifiSim {
        ssid: ssid.into(),
        hidden,
        bssid: format!("02:00:00:00:00:{:02x}", ssid.len()),
        signal: -60,
        channel: 6,
        security: Security::Wpa2,
        key: format!("key of {ssid}"),
    }
}

fn core() -> Core {
    Core::new(vec![net("home", false), net("café", false), net("attic", true)], Some("home"), Pace::new(1.0))
}

#[test]
fn speed_makes_it_quicker_and_its_clock_not_faster() {
    let mut core = Core::new(vec![net("home", false)], Some("home"), Pace::new(100.0));
    assert_eq!(
        core.exec("sleep 2; ubus call iwinfo scan '{\"device\":\"radio0\"}'", s(10)).took,
        Duration::from_millis(40)
    );
    let status = read(&mut core, 10, "ifstatus wwan");
    assert_eq!(
        (&status["up"], &status["uptime"]),
        (&json!(true), &json!(9)),
        "of ten seconds of everybody's time"
    );
}

fn out(core: &mut Core, at: u64, line: &str) -> String {
    core.exec(line, s(at)).ran.out
}

fn read(core: &mut Core, at: u64, line: &str) -> Json {
    let text = out(core, at, line);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {text:?}"))
}

#[test]
fn a_scan_takes_its_time_and_hears_hidden_networks_too() {
    let mut core = core();
    let done = core.exec(r#"ubus call iwinfo scan {\"device\":\"radio0\"}"#, s(10));
    assert_eq!(done.took, s(2));
    let heard: Json = serde_json::from_str(&done.ran.out).unwrap();
    let names: Vec<_> =
        heard["results"].as_array().unwrap().iter().map(|entry| entry["ssid"].as_str()).collect();
    assert_eq!(names, [Some("home"), Some("café"), None]);
    // Unquoted, the shell takes the quotes away, and what is left is no JSON.
    let done = core.exec(r#"ubus call iwinfo scan {"device":"radio0"}"#, s(10));
    assert_eq!((done.ran.out.as_str(), done.ran.code), ("", 255));
    assert_eq!(core.exec("ubus call iwinfo scan '{\"device\":\"radio9\"}'", s(10)).ran.code, 4);
}

#[test]
fn joining_with_the_right_key_gets_an_address_and_with_a_wrong_one_never() {
    let mut core = core();
    let status = "ubus call network.interface.wwan status";
    assert_eq!(read(&mut core, 60, status)["up"], true, "it knew the network of before");
    let join = |ssid: &str, key: &str| {
        format!(
            "uci set wireless.wifi0.ssid='{ssid}' && uci set wireless.wifi0.key='{key}' && \
                 uci commit wireless && wifi reload && ifup wwan; echo rc=$?"
        )
    };
    assert_eq!(out(&mut core, 100, &join("café", "wrong")), "rc=0\n");
    assert_eq!(read(&mut core, 101, status)["up"], false);
    assert_eq!(read(&mut core, 999, status)["up"], false);
    assert_eq!(read(&mut core, 999, r#"ubus call iwinfo info '{"device":"wifi0"}'"#)["ssid"], Json::Null);
    assert_eq!(out(&mut core, 1000, &join("café", "key of café")), "rc=0\n");
    assert_eq!(read(&mut core, 1002, r#"ubus call iwinfo info '{"device":"radio0"}'"#)["ssid"], Json::Null);
    let info = read(&mut core, 1003, r#"ubus call iwinfo info '{"device":"wifi0"}'"#);
    assert_eq!((&info["ssid"], &info["signal"]), (&json!("café"), &json!(-60)));
    assert_eq!(read(&mut core, 1004, status)["up"], false, "associated, and no address yet");
    let up = read(&mut core, 1005, status);
    assert_eq!((&up["up"], &up["ipv4-address"][0]["address"]), (&json!(true), &json!("203.0.113.44")));
    assert_eq!(up, read(&mut core, 1005, "ifstatus wwan"));
    out(&mut core, 1100, &join("attic", "key of attic"));
    assert_eq!(read(&mut core, 1200, status)["up"], true, "a hidden one is joined by its name");
}

#[test]
fn services_see_nothing_before_it_is_committed() {
    let mut core = core();
    out(&mut core, 100, "uci set wireless.wifi0.ssid=gone; wifi reload");
    assert_eq!(read(&mut core, 101, "ifstatus wwan")["up"], true);
    assert_eq!(out(&mut core, 102, "uci changes wireless"), "wireless.wifi0.ssid='gone'\n");
    assert_eq!(out(&mut core, 103, "uci revert wireless; uci get wireless.wifi0.ssid"), "home\n");
    out(&mut core, 104, "uci set wireless.wifi0.ssid=gone");
    core.reboot(s(200));
    assert_eq!(out(&mut core, 201, "uci get wireless.wifi0.ssid"), "home\n");
    assert_eq!(read(&mut core, 202, "ifstatus wwan")["up"], false);
    assert_eq!(read(&mut core, 230, "ifstatus wwan")["up"], true);
    assert_eq!(out(&mut core, 230, "cat /proc/uptime").split('.').next(), Some("30"));
}

#[test]
fn other_uplinks_and_the_dump_of_all() {
    let mut core = core();
    assert_eq!(read(&mut core, 10, "ubus call network.interface.wan status")["up"], true);
    core.wan = false;
    let dump = read(&mut core, 11, "ubus call network.interface dump");
    let up: Vec<_> = dump["interface"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["interface"].as_str().unwrap(), one["up"].as_bool().unwrap()))
        .collect();
    assert_eq!(up, [("lan", true), ("loopback", true), ("wan", false), ("wwan", true)]);
    out(&mut core, 12, "ifdown wwan");
    assert_eq!(read(&mut core, 13, "ifstatus wwan")["up"], false);
    out(&mut core, 14, "ubus call network.interface.wwan up");
    assert_eq!(read(&mut core, 16, "ifstatus wwan")["up"], true);
    assert_eq!(read(&mut core, 16, "ubus call system info")["uptime"], 16);
}

#[test]
fn what_it_does_not_know_it_refuses_as_a_shell_does() {
    let mut core = core();
    let table = [
        ("frobnicate --now", "", "sh: frobnicate: not found\n", 127),
        ("frobnicate 2>&1", "sh: frobnicate: not found\n", "", 127),
        ("cat /etc/shadow", "", "cat: can't open '/etc/shadow': No such file or directory\n", 1),
        ("uci get wireless.wifi0.nothing", "", "uci: Entry not found\n", 1),
        ("uci -q get wireless.wifi0.nothing", "", "", 1),
        ("uci set wireless.wifi9.ssid=x", "", "uci: Invalid argument\n", 1),
        ("uci set wireless.wifi0.ssid", "", "uci: Invalid argument\n", 1),
        ("ubus call nothing status", "", "Command failed: Not found\n", 4),
        ("ubus call network.interface.nothing status", "", "Command failed: Not found\n", 4),
        ("ubus call network.interface.wan dance", "", "Command failed: Method not found\n", 3),
        ("ifup nothing", "", "Interface nothing not found\n", 1),
        ("sleep forever", "", "sleep: invalid number 'forever'\n", 1),
        ("echo -n a; sleep 2; echo b", "ab\n", "", 0),
    ];
    for (line, out, err, code) in table {
        let done = core.exec(line, s(50));
        assert_eq!(done.ran, Ran { out: out.into(), err: err.into(), code }, "{line}");
    }
    assert_eq!(core.exec("sleep 2; sleep 0.5", s(50)).took, Duration::from_millis(2500));
}
