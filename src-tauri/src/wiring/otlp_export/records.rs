//! Events in OTLP's shape. Pure.

use lab::Event;
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};

use crate::VERSION;

const NAME: &str = "statusinator";

/// One request with all of them, in order.
pub(super) fn request(events: &[Event]) -> ExportLogsServiceRequest {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let resource = Resource {
        attributes: vec![
            text("service.name", NAME),
            text("service.version", VERSION),
            text("host.name", host.trim()),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope { name: NAME.into(), version: VERSION.into(), ..Default::default() };
    let scope_logs = ScopeLogs {
        scope: Some(scope),
        log_records: events.iter().map(record).collect(),
        ..ScopeLogs::default()
    };
    let logs =
        ResourceLogs { resource: Some(resource), scope_logs: vec![scope_logs], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![logs] }
}

fn record(event: &Event) -> LogRecord {
    let draft = &event.draft;
    let nanos = u64::try_from(draft.stamp.wall_us).unwrap_or(0).saturating_mul(1000);
    // Numbers of the data model's table "SeverityNumber".
    let (severity_number, severity_text) = match api::compat::level(event.body()) {
        "error" => (17, "ERROR"),
        "warning" => (13, "WARN"),
        _ => (9, "INFO"),
    };
    let data = serde_json::to_value(event.body())
        .ok()
        .and_then(|mut body| body.get_mut("data").map(|data| data.take()));
    let kind = event.body().kind();
    let mut attributes = vec![
        number("statusinator.seq", event.seq),
        text("statusinator.kind", kind),
        text("statusinator.subject", &draft.subject),
        text("statusinator.actor", &draft.actor),
    ];
    attributes.extend(draft.run.map(|run| number("statusinator.run", run)));
    attributes.extend(draft.boot.map(|boot| number("statusinator.boot", boot)));
    attributes.extend(draft.reason.as_deref().map(|reason| text("statusinator.reason", reason)));
    attributes.extend(data.map(|data| text("statusinator.data", &data.to_string())));
    LogRecord {
        time_unix_nano: nanos,
        observed_time_unix_nano: nanos,
        severity_number,
        severity_text: severity_text.to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(event.body().says())) }),
        attributes,
        event_name: format!("{NAME}.{kind}"),
        ..LogRecord::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn number(key: &str, value: u64) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::IntValue(value as i64)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}
