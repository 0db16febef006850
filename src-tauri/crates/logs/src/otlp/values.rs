//! OTLP's values as text, by the rules of the reference (9.3).

use std::borrow::Cow;

use super::json::{Broken, Cursor, Kind};

type Result<T> = std::result::Result<T, Broken>;

const EMPTY: Cow<'static, str> = Cow::Borrowed("");

/// Numbers of a binary message that are kept.
const BINARY_KEPT: usize = 4096;

/// Bytes of a message that was put together from parts.
const JOINED_KEPT: usize = 1 << 20;

/// A value's parts. Only one of them is there in what a sane sender writes.
#[derive(Default)]
struct Parts<'a> {
    text: Option<Cow<'a, str>>,
    int: Option<Cow<'a, str>>,
    double: Option<Cow<'a, str>>,
    truth: bool,
    /// Where a list begins: looked at when nothing else is there.
    array: Option<Cursor<'a>>,
    map: Option<Cursor<'a>>,
}

impl<'a> Parts<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self> {
        let mut parts = Self::default();
        cursor.object(|cursor, key| {
            match key {
                "stringValue" => parts.text = cursor.text()?,
                "intValue" => parts.int = cursor.text_or_number()?,
                "doubleValue" => parts.double = cursor.text_or_number()?,
                "boolValue" => parts.truth = cursor.truth()?,
                "arrayValue" => {
                    parts.array = Some(*cursor);
                    cursor.skip()?;
                }
                "kvlistValue" => {
                    parts.map = Some(*cursor);
                    cursor.skip()?;
                }
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(parts)
    }

    /// A value that is not made of others; empty where it is.
    fn scalar(self) -> Cow<'a, str> {
        if let Some(text) = self.text.filter(|text| !text.is_empty()) {
            return text;
        }
        if let Some(int) = self.int.filter(|int| !int.is_empty()) {
            return int;
        }
        let double = self.double.and_then(|double| double.parse::<f64>().ok());
        match double.filter(|double| *double != 0.0) {
            Some(double) => Cow::Owned(format!("{double:.6}")),
            None if self.truth => Cow::Borrowed("true"),
            None => EMPTY,
        }
    }
}

/// How nearly all values begin, as the collector writes them. Known beginnings are passed at once; whatever else is there
/// goes the long way.
const TEXT: &str = "{\"stringValue\":";

/// A value that is not made of others, as text.
pub(super) fn scalar<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>> {
    let mut short = *cursor;
    if short.passes(TEXT)
        && let Ok(text) = short.string()
        && !text.is_empty()
        && short.passes("}")
    {
        *cursor = short;
        return Ok(text);
    }
    Parts::read(cursor).map(Parts::scalar)
}

/// Passes a value.
pub(super) fn skip(cursor: &mut Cursor<'_>) -> Result<()> {
    let mut short = *cursor;
    if short.passes(TEXT) && short.skip_string().is_ok() && short.passes("}") {
        *cursor = short;
        return Ok(());
    }
    cursor.skip()
}

/// What a body says.
#[derive(Default)]
pub(super) struct Body<'a> {
    /// By the rules.
    pub(super) message: Cow<'a, str>,
    /// What the rules leave empty: journald hands over a message that is not text as an array of its bytes.
    pub(super) binary: Option<Cow<'a, str>>,
}

/// A body: text, else the member `message` of a map, else everything of the map, else everything of an array.
pub(super) fn body<'a>(cursor: &mut Cursor<'a>) -> Result<Body<'a>> {
    let before = *cursor;
    // Most bodies are a text, or a map with a message: both are read in passing.
    let (mut text, mut said) = (None, None);
    cursor.object(|cursor, key| match key {
        "stringValue" => {
            text = cursor.text()?;
            Ok(())
        }
        "kvlistValue" => pairs(cursor, |key, value| {
            if key != "message" || said.is_some() {
                return skip(value);
            }
            let from = *value;
            said = Some((scalar(value)?, from));
            Ok(())
        }),
        _ => cursor.skip(),
    })?;
    match (text.filter(|text| !text.is_empty()), said) {
        (Some(message), _) => Ok(Body { message, binary: None }),
        (None, Some((message, _))) if !message.is_empty() => Ok(Body { message, binary: None }),
        (None, said) => other_body(before, said.map(|(_, value)| value)),
    }
}

/// A body that is something else, or whose message is no text.
fn other_body<'a>(mut body: Cursor<'a>, said: Option<Cursor<'a>>) -> Result<Body<'a>> {
    let parts = Parts::read(&mut body)?;
    let (map, array) = (parts.map, parts.array);
    let message = parts.scalar();
    if !message.is_empty() {
        return Ok(Body { message, binary: None });
    }
    if let Some(mut value) = said {
        let binary = Parts::read(&mut value)?.array.map(bytes).transpose()?.flatten();
        return Ok(Body { message: EMPTY, binary });
    }
    let mut joined = String::new();
    if let Some(mut map) = map {
        pairs(&mut map, |key, value| {
            let value = scalar(value)?;
            if !value.is_empty() {
                join(&mut joined, &format!("{key}={value}"));
            }
            Ok(())
        })?;
        return Ok(Body { message: Cow::Owned(joined), binary: None });
    }
    let Some(mut array) = array else { return Ok(Body::default()) };
    let binary = bytes(array)?;
    values(&mut array, |cursor| {
        join(&mut joined, &scalar(cursor)?);
        Ok(())
    })?;
    Ok(Body { message: Cow::Owned(joined), binary })
}

fn join(joined: &mut String, more: &str) {
    if joined.len() > JOINED_KEPT {
        return;
    }
    if !joined.is_empty() && !more.is_empty() {
        joined.push(' ');
    }
    joined.push_str(more);
}

/// An array of small numbers as the text whose bytes they are.
fn bytes(mut array: Cursor<'_>) -> Result<Option<Cow<'_, str>>> {
    let mut bytes = Vec::new();
    let mut is_binary = true;
    values(&mut array, |cursor| {
        let byte = Parts::read(cursor)?.int.and_then(|int| int.parse::<u8>().ok());
        is_binary &= byte.is_some();
        if bytes.len() < BINARY_KEPT {
            bytes.extend(byte);
        }
        Ok(())
    })?;
    let is_binary = is_binary && !bytes.is_empty();
    Ok(is_binary.then(|| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())))
}

/// Each item of `{"values": […]}`.
fn values<'a>(list: &mut Cursor<'a>, mut each: impl FnMut(&mut Cursor<'a>) -> Result<()>) -> Result<()> {
    list.object(|cursor, key| if key == "values" { cursor.array(&mut each) } else { cursor.skip() })
}

fn pairs<'a>(list: &mut Cursor<'a>, mut each: impl FnMut(&str, &mut Cursor<'a>) -> Result<()>) -> Result<()> {
    values(list, |cursor| pair(cursor, &mut each))
}

/// Each pair of an array of attributes. `each` reads or skips the value.
pub(super) fn attributes<'a>(
    cursor: &mut Cursor<'a>,
    mut each: impl FnMut(&str, &mut Cursor<'a>) -> Result<()>,
) -> Result<()> {
    cursor.array(|cursor| pair(cursor, &mut each))
}

/// One `{"key": …, "value": …}`, in any order; without a value it is left out.
fn pair<'a>(
    cursor: &mut Cursor<'a>,
    each: &mut impl FnMut(&str, &mut Cursor<'a>) -> Result<()>,
) -> Result<()> {
    let mut short = *cursor;
    if short.passes("{\"key\":")
        && let Ok(name) = short.string()
        && short.passes(",\"value\":")
        && short.kind() == Ok(Kind::Object)
    {
        *cursor = short;
        each(&name, cursor)?;
        return cursor.rest_of_object();
    }
    let mut name: Option<Cow<'a, str>> = None;
    // A value that came before its key.
    let mut early = None;
    cursor.object(|cursor, key| match (key, &name) {
        ("key", _) => {
            name = cursor.text()?;
            Ok(())
        }
        ("value", Some(name)) if cursor.kind()? == Kind::Object => each(name, cursor),
        ("value", None) if cursor.kind()? == Kind::Object => {
            early = Some(*cursor);
            cursor.skip()
        }
        _ => cursor.skip(),
    })?;
    match (name, early) {
        (Some(name), Some(mut value)) => each(&name, &mut value),
        _ => Ok(()),
    }
}
