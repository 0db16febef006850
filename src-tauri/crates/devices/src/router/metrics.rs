//! What a Prometheus exporter says of the router: OpenWrt's own in Lua, or the node exporter of others. Pure.

use std::collections::BTreeSet;

use lab::{gear::RouterDevices, ports::RouterReading};
use prometheus_parse::{Scrape, Value};

/// Of a page that is no exporter's, so much is quoted.
const QUOTED: usize = 60;

/// Why a page tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    #[error("what answers is no Prometheus exporter, it says {0:?}")]
    NoSamples(String),
    #[error("the exporter counts no packets of {wan} or {lan}, but of {}", .counted.join(", "))]
    OtherDevices { wan: String, lan: String, counted: Vec<String> },
}

/// Reads it. What the page does not say stays `None`.
///
/// # Errors
/// When it is no exporter's page, or counts neither device.
pub fn read(page: &str, devices: &RouterDevices) -> Result<RouterReading, MetricsError> {
    let lines = page.lines().map(|line| Ok(line.to_owned()));
    // Lines in memory cannot fail to be read.
    let samples = Scrape::parse(lines).map(|scrape| scrape.samples).unwrap_or_default();
    if samples.is_empty() {
        let said = page.chars().filter(|c| !c.is_control()).take(QUOTED).collect();
        return Err(MetricsError::NoSamples(said));
    }
    let value = |sample: &prometheus_parse::Sample| match sample.value {
        Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) => whole(number),
        Value::Histogram(_) | Value::Summary(_) => None,
    };
    let packets = |direction: &str, device: &str| {
        let name = format!("node_network_{direction}_packets_total");
        let of = |sample: &&prometheus_parse::Sample| {
            sample.metric == name && sample.labels.get("device") == Some(device)
        };
        samples.iter().find(of).and_then(value)
    };
    let alone = |name: &str| samples.iter().find(|sample| sample.metric == name).and_then(value);
    let time = alone("node_time_seconds");
    let uptime_s =
        time.zip(alone("node_boot_time_seconds")).and_then(|(now, started)| now.checked_sub(started));
    let reading = RouterReading {
        wan_in: packets("receive", &devices.wan),
        wan_out: packets("transmit", &devices.wan),
        lan_in: packets("receive", &devices.lan),
        lan_out: packets("transmit", &devices.lan),
        uplink: None,
        uptime_s,
        time_s: time.map(|seconds| seconds as f64),
    };
    if reading.wan_in.or(reading.lan_in).is_none() {
        let counted = samples.iter().filter(|sample| sample.metric == "node_network_receive_packets_total");
        let counted: BTreeSet<_> = counted.filter_map(|sample| sample.labels.get("device")).collect();
        let counted = match counted.len() {
            0 => vec!["nothing".to_owned()],
            _ => counted.into_iter().map(str::to_owned).take(20).collect(),
        };
        return Err(MetricsError::OtherDevices {
            wan: devices.wan.clone(),
            lan: devices.lan.clone(),
            counted,
        });
    }
    Ok(reading)
}

/// Counters are floating numbers on the wire, and exact up to 2^53.
fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (0.0..=EXACT).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn devices() -> RouterDevices {
        RouterDevices { wan: "eth0".into(), lan: "eth1".into() }
    }

    #[test]
    fn packets_are_read_as_any_exporter_may_write_them() {
        let page = "# HELP node_network_receive_packets_total packets\n\
                    # TYPE node_network_receive_packets_total counter\n\
                    node_network_receive_packets_total{device=\"lo\"} 3\n\
                    node_network_receive_packets_total{device=\"eth0\"} 1.5e+06\n\
                    node_network_receive_packets_total{instance=\"a b\",device=\"eth1\",zone=\"lan\"} 4294967296 1395066363000\n\
                    node_network_transmit_packets_total{device=\"eth0\"} 12\r\n\
                    node_network_transmit_packets_total{device=\"eth1\"} NaN\n\
                    node_time_seconds 1.7e+09\nnode_boot_time_seconds 1.69999e+09\nhalf a li";
        let expected = RouterReading {
            wan_in: Some(1_500_000),
            wan_out: Some(12),
            lan_in: Some(4_294_967_296),
            lan_out: None,
            uplink: None,
            uptime_s: Some(10_000),
            time_s: Some(1.7e9),
        };
        assert_eq!(read(page, &devices()), Ok(expected));
    }

    #[test]
    fn another_page_and_other_devices_are_said() {
        let error = read("<html><title>LuCI</title>\n", &devices()).unwrap_err();
        assert!(error.to_string().contains("no Prometheus exporter, it says \"<html>"), "{error}");
        let page = "node_network_receive_packets_total{device=\"lan1\"} 3\nnode_network_receive_packets_total{device=\"br-lan\"} 3\n";
        let error = read(page, &devices()).unwrap_err().to_string();
        assert_eq!(error, "the exporter counts no packets of eth0 or eth1, but of br-lan, lan1");
        assert!(read("up 1\n", &devices()).unwrap_err().to_string().ends_with("but of nothing"));
    }

    proptest! {
        #[test]
        fn any_page_is_read_or_refused(page in "(node_network_receive_packets_total|\\{|device=\"eth0\"|\\}|[ -~]{0,6}|\n){0,40}") {
            let _ = read(&page, &devices());
        }
    }
}
