//! From one object to its records. Nothing is handed out before the object's last brace: one that breaks counts nothing.

use std::borrow::Cow;

use super::json::{Broken, Cursor, Kind};
use super::values::{self, Body};
use crate::View;

type Result<T> = std::result::Result<T, Broken>;

/// Records, or resources, of one object. The collector's largest batch of 10 MB has some 20,000; an empty record takes three
/// bytes on the line and a hundred times as many here.
pub(super) const MOST_RECORDS: usize = 200_000;

/// A record, and of which resource.
#[derive(Default)]
struct Said<'a> {
    resource: usize,
    level: Cow<'a, str>,
    severity: Option<u8>,
    body: Body<'a>,
    message: Option<Cow<'a, str>>,
    uri: Option<Cow<'a, str>>,
    remote: Option<Cow<'a, str>>,
    time: Option<i64>,
    observed: Option<i64>,
}

/// Who speaks. It may stand behind its records.
#[derive(Default)]
struct Resource<'a> {
    node: Cow<'a, str>,
    service: Cow<'a, str>,
}

/// Reads an object and hands out its records; tells how many they were.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>, each: &mut impl FnMut(View<'_>)) -> Result<u64> {
    if cursor.kind()? != Kind::Object {
        return Err(Broken::Grammar);
    }
    let mut resources: Vec<Resource<'a>> = Vec::new();
    let mut records: Vec<Said<'a>> = Vec::new();
    cursor.object(|cursor, key| {
        if key != "resourceLogs" {
            return cursor.skip();
        }
        cursor.array(|cursor| {
            let number = resources.len();
            if number == MOST_RECORDS {
                return Err(Broken::TooMany);
            }
            resources.push(Resource::default());
            cursor.object(|cursor, key| match key {
                "resource" => resource(cursor, &mut resources[number]),
                "scopeLogs" => scope(cursor, number, &mut records),
                _ => cursor.skip(),
            })
        })
    })?;
    for said in &records {
        each(said.view(&resources[said.resource]));
    }
    Ok(records.len() as u64)
}

fn resource<'a>(cursor: &mut Cursor<'a>, resource: &mut Resource<'a>) -> Result<()> {
    cursor.object(|cursor, key| match key {
        "attributes" => values::attributes(cursor, |name, value| {
            match name {
                "host.name" => resource.node = values::scalar(value)?,
                "service.name" => resource.service = values::scalar(value)?,
                _ => values::skip(value)?,
            }
            Ok(())
        }),
        _ => cursor.skip(),
    })
}

fn scope<'a>(cursor: &mut Cursor<'a>, resource: usize, records: &mut Vec<Said<'a>>) -> Result<()> {
    cursor.array(|cursor| {
        cursor.object(|cursor, key| match key {
            "logRecords" => cursor.array(|cursor| {
                if cursor.kind()? != Kind::Object {
                    return cursor.skip();
                }
                if records.len() == MOST_RECORDS {
                    return Err(Broken::TooMany);
                }
                records.push(said(cursor, resource)?);
                Ok(())
            }),
            _ => cursor.skip(),
        })
    })
}

fn said<'a>(cursor: &mut Cursor<'a>, resource: usize) -> Result<Said<'a>> {
    let mut said = Said { resource, ..Said::default() };
    cursor.object(|cursor, key| {
        match key {
            "timeUnixNano" => said.time = micros(cursor)?,
            "observedTimeUnixNano" => said.observed = micros(cursor)?,
            // Some senders write the name of the number instead; the word is told beside it.
            "severityNumber" => {
                said.severity = cursor.text_or_number()?.and_then(|number| number.parse().ok());
            }
            "severityText" => said.level = lower(cursor.text()?.unwrap_or_default()),
            "body" => said.body = values::body(cursor)?,
            "attributes" => values::attributes(cursor, |name, value| {
                let place = match name {
                    "message" => &mut said.message,
                    "uri" => &mut said.uri,
                    "remote" => &mut said.remote,
                    _ => return values::skip(value),
                };
                *place = Some(values::scalar(value)?);
                Ok(())
            })?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(said)
}

/// Nanoseconds since 1970 as microseconds; zero says that nobody knew.
fn micros(cursor: &mut Cursor<'_>) -> Result<Option<i64>> {
    let nanos = cursor.text_or_number()?.and_then(|nanos| nanos.parse::<u64>().ok());
    Ok(nanos.filter(|nanos| *nanos > 0).and_then(|nanos| i64::try_from(nanos / 1000).ok()))
}

fn lower(word: Cow<'_, str>) -> Cow<'_, str> {
    if word.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(word.to_lowercase())
    } else {
        word
    }
}

impl Said<'_> {
    fn view<'v>(&'v self, resource: &'v Resource<'_>) -> View<'v> {
        View {
            node: &resource.node,
            service: &resource.service,
            level: &self.level,
            severity: self.severity,
            message: &self.body.message,
            said: self.message.as_deref().or(self.body.binary.as_deref()),
            uri: self.uri.as_deref(),
            remote: self.remote.as_deref(),
            time_us: self.time.or(self.observed),
        }
    }
}
