//! Records of an `ExportLogsServiceRequest` in protobuf, normalised by the same rules as those in JSON (reference 9.3).

use std::borrow::Cow;

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::LogRecord,
};
use prost::Message;

use super::body::BodyError;
use crate::View;

/// Hands out each record. Nothing is handed out of a request that breaks.
pub(super) fn read(bytes: &[u8], each: &mut dyn FnMut(&View<'_>)) -> Result<(), BodyError> {
    let request = ExportLogsServiceRequest::decode(bytes).map_err(BodyError::Protobuf)?;
    for resource in &request.resource_logs {
        let attributes = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let (node, service) = (attribute(attributes, "host.name"), attribute(attributes, "service.name"));
        for record in resource.scope_logs.iter().flat_map(|scope| &scope.log_records) {
            let view = View {
                node: node.as_deref().unwrap_or_default(),
                service: service.as_deref().unwrap_or_default(),
                ..View::default()
            };
            record_of(record, view, each);
        }
    }
    Ok(())
}

fn record_of(record: &LogRecord, view: View<'_>, each: &mut dyn FnMut(&View<'_>)) {
    let level = record.severity_text.to_lowercase();
    let message = record.body.as_ref().map(body).unwrap_or_default();
    let binary = record.body.as_ref().and_then(binary);
    let said = attribute(&record.attributes, "message").or(binary);
    let (uri, remote) = (attribute(&record.attributes, "uri"), attribute(&record.attributes, "remote"));
    // Zero says that nobody knew.
    let time = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|nanos| *nanos > 0);
    each(&View {
        level: &level,
        severity: u8::try_from(record.severity_number).ok().filter(|number| *number > 0),
        message: &message,
        said: said.as_deref(),
        uri: uri.as_deref(),
        remote: remote.as_deref(),
        time_us: time.and_then(|nanos| i64::try_from(nanos / 1000).ok()),
        ..view
    });
}

/// The last one of this name, as text.
fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<Cow<'a, str>> {
    let found = attributes.iter().rev().find(|attribute| attribute.key == name)?;
    found.value.as_ref().map(scalar)
}

fn scalar(value: &AnyValue) -> Cow<'_, str> {
    match &value.value {
        Some(Value::StringValue(text)) => Cow::Borrowed(text),
        Some(Value::IntValue(number)) => Cow::Owned(number.to_string()),
        Some(Value::DoubleValue(number)) if *number != 0.0 => Cow::Owned(format!("{number:.6}")),
        Some(Value::BoolValue(true)) => Cow::Borrowed("true"),
        _ => Cow::Borrowed(""),
    }
}

fn body(value: &AnyValue) -> Cow<'_, str> {
    match &value.value {
        Some(Value::KvlistValue(map)) => {
            if let Some(said) = map.values.iter().find(|pair| pair.key == "message") {
                return said.value.as_ref().map(scalar).unwrap_or_default();
            }
            let told = |pair: &KeyValue| {
                let value = pair.value.as_ref().map(scalar).unwrap_or_default();
                (!value.is_empty()).then(|| format!("{}={value}", pair.key))
            };
            Cow::Owned(map.values.iter().filter_map(told).collect::<Vec<_>>().join(" "))
        }
        Some(Value::ArrayValue(array)) => {
            let items = array.values.iter().map(scalar).filter(|item| !item.is_empty());
            Cow::Owned(items.collect::<Vec<_>>().join(" "))
        }
        _ => scalar(value),
    }
}

/// A message that is not text: bytes, or an array of their numbers as the journal hands it over.
fn binary(value: &AnyValue) -> Option<Cow<'_, str>> {
    let array = match value.value.as_ref()? {
        Value::BytesValue(bytes) => return Some(String::from_utf8_lossy(bytes)),
        Value::ArrayValue(array) => array,
        Value::KvlistValue(map) => {
            let said = map.values.iter().find(|pair| pair.key == "message")?;
            return binary(said.value.as_ref()?);
        }
        _ => return None,
    };
    let byte = |item: &AnyValue| match item.value {
        Some(Value::IntValue(number)) => u8::try_from(number).ok(),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = array.values.iter().map(byte).collect();
    let bytes = bytes.filter(|bytes| !bytes.is_empty())?;
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}
