//! One line as the collector's file exporter writes it (reference 9.2). Pure.

use std::time::Duration;

use serde_json::{Value, json};

/// Which pipeline a record came through: each writes it in its own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Of a systemd unit on the controller, by which program of it.
    Journal { unit: String, program: &'static str },
    /// Of a Talos machine's service.
    Talos { node: String, service: &'static str },
    /// Of the router's syslog.
    Router { program: &'static str, facility: u8 },
}

/// A record before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) said: Said,
    /// Syslog's, 0 to 7.
    pub(super) severity: u8,
    pub(super) text: String,
    /// Since 1970.
    pub(super) time: Duration,
}

// By syslog's severity: the words of the journal's pipeline and of the syslog parser, and their numbers.
const JOURNAL: [(&str, u8); 8] = [
    ("emergency", 24),
    ("alert", 21),
    ("critical", 20),
    ("error", 17),
    ("warning", 13),
    ("notice", 12),
    ("info", 9),
    ("debug", 5),
];
const SYSLOG: [(&str, u8); 8] = [
    ("emerg", 21),
    ("alert", 19),
    ("crit", 18),
    ("err", 17),
    ("warning", 13),
    ("notice", 10),
    ("info", 9),
    ("debug", 5),
];
const TALOS: [(&str, u8); 8] = [
    ("fatal", 21),
    ("fatal", 21),
    ("fatal", 21),
    ("error", 17),
    ("warn", 13),
    ("info", 9),
    ("info", 9),
    ("debug", 5),
];

/// One object, a resource for each record, without the line's end.
pub(super) fn line(records: &[Record]) -> String {
    let resources: Vec<Value> = records.iter().map(resource).collect();
    json!({ "resourceLogs": resources }).to_string()
}

fn resource(record: &Record) -> Value {
    let severity = usize::from(record.severity.min(7));
    let text = |text: &str| json!({ "stringValue": text });
    let pair = |key: &str, value: Value| json!({ "key": key, "value": value });
    let (resource, (word, number), body, attributes) = match &record.said {
        Said::Journal { unit, program } => (
            [pair("service.name", text(unit)), pair("host.name", text("boss"))],
            JOURNAL[severity],
            map(&[
                pair("PRIORITY", text(&record.severity.to_string())),
                pair("SYSLOG_IDENTIFIER", text(program)),
                pair("message", text(&record.text)),
            ]),
            Some(pair("level", text(JOURNAL[severity].0))),
        ),
        Said::Talos { node, service } => (
            [pair("host.name", text(node)), pair("service.name", text(service))],
            TALOS[severity],
            text(&talos(record, node, service, TALOS[severity].0)),
            Some(pair("message", text(&record.text))),
        ),
        Said::Router { program, facility } => {
            let priority = u64::from(*facility) * 8 + severity as u64;
            (
                [pair("host.name", text("wally")), pair("service.name", text(program))],
                SYSLOG[severity],
                map(&[
                    pair("message", text(&record.text)),
                    pair("SYSLOG_IDENTIFIER", text(program)),
                    pair("PRIORITY", json!({ "intValue": priority.to_string() })),
                ]),
                None,
            )
        }
    };
    // Syslog knows whole seconds, the journal microseconds.
    let time = match record.said {
        Said::Router { .. } => Duration::from_secs(record.time.as_secs()).as_nanos(),
        _ => record.time.as_micros() * 1000,
    };
    let mut log = json!({
        "timeUnixNano": time.to_string(),
        "observedTimeUnixNano": record.time.as_nanos().to_string(),
        "severityNumber": number,
        "severityText": word,
        "body": body,
    });
    if let Some(attribute) = attributes {
        log["attributes"] = json!([attribute]);
    }
    (log["traceId"], log["spanId"]) = (json!(""), json!(""));
    json!({ "resource": { "attributes": resource }, "scopeLogs": [{ "scope": {}, "logRecords": [log] }] })
}

fn map(pairs: &[Value]) -> Value {
    json!({ "kvlistValue": { "values": pairs } })
}

/// The raw line stays the body; only its parts become attributes.
fn talos(record: &Record, node: &str, service: &str, level: &str) -> String {
    let time = jiff::Timestamp::new(i64::try_from(record.time.as_secs()).unwrap_or(0), 0).unwrap_or_default();
    let time = format!("{}.{:03}Z", time.strftime("%Y-%m-%dT%H:%M:%S"), record.time.subsec_millis());
    json!({ "hostname": node, "msg": record.text, "talos-level": level, "talos-service": service, "talos-time": time })
        .to_string()
}
