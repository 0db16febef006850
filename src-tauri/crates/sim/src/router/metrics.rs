//! What the Prometheus exporter on the router prints (text format 0.0.4): counters that grow with time, among others.

use std::time::Duration;

/// A network device: its name, and the packets it counts a second each way. Primes, so that no two grow alike.
const DEVICES: [(&str, f64, f64); 4] =
    [("lo", 1.0, 1.0), ("eth0", 131.0, 89.0), ("eth1", 97.0, 149.0), ("wifi0", 23.0, 17.0)];
const BYTES_A_PACKET: f64 = 613.0;
/// What was counted in the first moment, so that the numbers are as long as those of a router that has run for a while.
const BEFORE: f64 = 1_500_000.0;

/// `uptime` is the router's own and `now` the time since 1970; `floats` writes numbers as C's `%g` would.
pub(super) fn page(uptime: Duration, now: Duration, floats: bool) -> String {
    let seconds = uptime.as_secs_f64();
    let number = |value: f64| if floats { exponent(value) } else { format!("{value:.0}") };
    let mut page = String::new();
    let mut series = |name: &str, kind: &str, help: &str, lines: Vec<(String, String)>| {
        page.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for (labels, value) in lines {
            page.push_str(&format!("{name}{labels} {value}\n"));
        }
    };
    series(
        "node_uname_info",
        "gauge",
        "Labeled system information as provided by uname.",
        vec![(
            "{machine=\"aarch64\",nodename=\"wally\",release=\"6.6.86\",sysname=\"Linux\"}".into(),
            "1".into(),
        )],
    );
    // With the fraction that the exporter has, and never with an exponent: that would lose the seconds.
    let boot = now.saturating_sub(uptime).as_secs();
    series(
        "node_boot_time_seconds",
        "gauge",
        "Node boot time, in unixtime.",
        vec![(String::new(), boot.to_string())],
    );
    let time = format!("{:.3}", now.as_secs_f64());
    series("node_time_seconds", "gauge", "System time in seconds since epoch.", vec![(String::new(), time)]);
    series("node_load1", "gauge", "1m load average.", vec![(String::new(), "0.03".into())]);
    series(
        "node_nf_conntrack_entries",
        "gauge",
        "Number of currently allocated flow entries for connection tracking.",
        vec![(String::new(), "57".into())],
    );
    for (what, factor, sent) in [
        ("receive_packets", 1.0, false),
        ("transmit_packets", 1.0, true),
        ("receive_bytes", BYTES_A_PACKET, false),
    ] {
        let count = |(device, received_a_second, sent_a_second): &(&str, f64, f64)| {
            let rate = if sent { sent_a_second } else { received_a_second };
            let value = ((BEFORE + rate * seconds) * factor).floor();
            (format!("{{device=\"{device}\"}}"), number(value))
        };
        let lines = DEVICES.iter().map(count).collect();
        let help = format!("Network device statistic {what}.");
        series(&format!("node_network_{what}_total"), "counter", &help, lines);
    }
    // Labels may hold what looks like the end of them.
    let nat = "{src=\"192.168.122.3\",dest=\"203.0.113.9 {\\\"x\\\"}\"}".to_owned();
    series(
        "node_nat_traffic",
        "gauge",
        "Bytes through NAT.",
        vec![(nat, number((seconds * 1000.0).floor()))],
    );
    page
}

/// As in `1.5e+06`.
fn exponent(value: f64) -> String {
    let text = format!("{value:e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or_default();
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_grow_and_every_series_says_what_it_is() {
        let page_at = |seconds| page(Duration::from_secs(seconds), Duration::from_secs(1_760_000_000), false);
        let page = page_at(0);
        assert!(page.contains("node_network_receive_packets_total{device=\"eth0\"} 1500000\n"), "{page}");
        let page = page_at(100);
        assert!(
            page.contains("\nnode_boot_time_seconds 1759999900\n")
                && page.contains("\nnode_time_seconds 1760000000.000\n")
        );
        assert!(page.contains("node_network_receive_packets_total{device=\"eth0\"} 1513100\n"));
        assert!(page.contains("node_network_transmit_packets_total{device=\"eth1\"} 1514900\n"));
        let names = page.lines().filter(|line| !line.starts_with('#'));
        for name in names.map(|line| line.split(['{', ' ']).next().unwrap()) {
            assert!(page.contains(&format!("# HELP {name} ")) && page.contains(&format!("# TYPE {name} ")));
        }
    }

    #[test]
    fn numbers_may_have_exponents() {
        assert_eq!(
            (exponent(1_500_000.0), exponent(0.0), exponent(12.0)),
            ("1.5e+06".into(), "0e+00".into(), "1.2e+01".into())
        );
        let page = page(Duration::ZERO, Duration::ZERO, true);
        assert!(page.contains("node_network_receive_packets_total{device=\"eth0\"} 1.5e+06\n"), "{page}");
    }
}
