//! What Prometheus reads, and how.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

use axum::body::Body;
use lab::{
    Status,
    certificate::{CertificateFacts, CertificateReading, CertificateState, Judged},
    counts::{Counter, Counts, Source, Sources},
    health::Health,
    live::{CertificatesLive, Live, ServiceState},
    stream::{StreamLive, StreamReading},
};

use super::*;
use crate::testing::{World, ask, bearer, request, stamp};

fn seen() -> Snapshot {
    let stream = StreamLive {
        reading: StreamReading { items: 7, newest: Some(stamp(5)), ..StreamReading::default() },
        rate: Some(0.5),
        ..StreamLive::default()
    };
    let facts = CertificateFacts { not_after_us: 1_700_000_100_000_000, ..CertificateFacts::default() };
    let reading =
        CertificateReading { name: "otelcol".into(), facts: Some(facts), ..CertificateReading::default() };
    let judged = Judged { reading, state: CertificateState::NotYetValid, says: String::new(), due_us: None };
    let live = Live {
        streams: BTreeMap::from([("odd\"\\\nname".to_owned(), stream)]),
        services: vec![ServiceState { name: "dhcp".into(), ready: true, says: String::new() }],
        counters: (0..300).map(|n| (format!("counter {n:03}"), n)).collect(),
        certificates: Some(CertificatesLive {
            list: vec![judged],
            reading: Default::default(),
            stamp: stamp(1),
        }),
        health: Some((Health { cpu: Some(0.25), ..Health::default() }, stamp(1))),
        ..Live::default()
    };
    Snapshot { status: Arc::new(Status { seq: 12, ..Status::default() }), live, now: stamp(9) }
}

fn counters() -> CountersNow {
    let mut counts = Counts::default();
    counts.add(Counter::DnsQueries, 41);
    counts.add(Counter::Messages, 3);
    CountersNow {
        sources: Sources { dns: Source::Engine, ..Sources::default() },
        counts,
        ..CountersNow::default()
    }
}

fn text(format: Format) -> String {
    render(format, &World::new().state.board, &seen(), Some(&counters()))
}

#[test]
fn what_is_known_has_a_row_and_what_is_not_has_none() {
    let text = text(Format::Prometheus);
    for row in [
        "# TYPE statusinator_events_total counter\nstatusinator_events_total 12\n",
        "statusinator_stream_items_total{stream=\"odd\\\"\\\\\\nname\"} 7\n",
        "statusinator_stream_rate{stream=\"odd\\\"\\\\\\nname\"} 0.5\n",
        "statusinator_certificate_state{certificate=\"otelcol\",state=\"not yet valid\"} 1\n",
        "statusinator_certificate_not_after_timestamp_seconds{certificate=\"otelcol\"} 1700000100\n",
        "statusinator_lab_total{counter=\"NumDNSQueries\",source=\"engine\"} 41\n",
        "statusinator_machine_power_state{machine=\"node1\",state=\"unknown\"} 1\n",
        "statusinator_host_cpu_ratio 0.25\n",
        "statusinator_service_ready{service=\"dhcp\"} 1\n",
        "statusinator_metrics_rows_left_out 44\n",
    ] {
        assert!(text.contains(row), "{row} is missing in {text}");
    }
    assert!(!text.contains("NumMessages"), "nobody tells it");
    assert!(!text.contains("host_memory_used"), "nobody knows it");
    assert!(!text.contains("# UNIT") && !text.contains("# EOF"));
}

#[test]
fn openmetrics_names_families_and_units_and_has_an_end() {
    let text = text(Format::OpenMetrics);
    assert!(text.contains("# TYPE statusinator_events counter\nstatusinator_events_total 12\n"), "{text}");
    assert!(text.contains("# UNIT statusinator_host_cpu_ratio ratio\n") && text.ends_with("# EOF\n"));
    assert_eq!(
        Format::asked("application/openmetrics-text;version=1.0.0;q=0.8,text/plain"),
        Format::OpenMetrics
    );
    assert_eq!(Format::asked("*/*"), Format::Prometheus);
}

/// Prometheus's own opinion.
#[test]
fn promtool_finds_nothing_to_say() {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool (prometheus) is among the packages that tests need");
    child.stdin.take().unwrap().write_all(text(Format::Prometheus).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[tokio::test]
async fn a_token_that_may_read_is_asked_for() {
    let world = World::new();
    let router = world.router();
    let get = || request("GET", "/metrics");
    let (status, ..) = ask(&router, get().body(Body::empty()).unwrap()).await;
    assert_eq!(status, 401);
    let (status, headers, text) =
        ask(&router, bearer(get(), &world.reader).body(Body::empty()).unwrap()).await;
    assert_eq!(
        (status.as_u16(), headers["content-type"].to_str().unwrap()),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(text.as_str().unwrap().contains("statusinator_build_info{"), "{text}");
}
