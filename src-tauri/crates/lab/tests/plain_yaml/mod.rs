//! The part of YAML that the owner's lists are written in: nested maps, flow maps and lists, strings, numbers. Panics on
//! anything else, so that nothing is misread in silence.

use serde_json::{Map, Value};

pub(super) fn parse(text: &str) -> Value {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .map(without_comment)
        .filter(|line| !line.trim().is_empty() && *line != "---")
        .map(|line| (line.len() - line.trim_start().len(), line.trim()))
        .collect();
    let mut rest = lines.as_slice();
    let value = map(&mut rest, 0);
    assert!(rest.is_empty(), "what is this: {rest:?}");
    value
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let comment = line.char_indices().find(|(at, c)| {
        quoted ^= *c == '"';
        *c == '#' && !quoted && line[..*at].chars().last().is_none_or(char::is_whitespace)
    });
    comment.map_or(line, |(at, _)| &line[..at]).trim_end()
}

fn map(lines: &mut &[(usize, &str)], indent: usize) -> Value {
    let mut out = Map::new();
    while let Some(((depth, line), below)) = lines.split_first().filter(|((depth, _), _)| *depth >= indent) {
        assert_eq!(*depth, indent, "at {line}");
        *lines = below;
        let mut at = *line;
        let key = scalar(&mut at, ":").to_string().trim_matches('"').to_owned();
        let after = at.strip_prefix(':').unwrap_or_else(|| panic!("no colon in {line}")).trim();
        let value = match lines.first() {
            Some((deeper, _)) if after.is_empty() && *deeper > indent => map(lines, *deeper),
            _ => whole(after),
        };
        assert!(out.insert(key, value).is_none(), "twice: {line}");
    }
    Value::Object(out)
}

fn whole(text: &str) -> Value {
    let mut at = text;
    let value = flow(&mut at);
    assert!(at.trim().is_empty(), "what follows {value} in {text}");
    value
}

fn flow(at: &mut &str) -> Value {
    *at = at.trim_start();
    let (close, is_map) = match at.chars().next() {
        Some('[') => (']', false),
        Some('{') => ('}', true),
        _ => return scalar(at, ",]}"),
    };
    *at = at[1..].trim_start();
    let (mut list, mut map) = (Vec::new(), Map::new());
    while !at.starts_with(close) {
        if is_map {
            let key = scalar(at, ":").to_string().trim_matches('"').to_owned();
            *at = at.trim_start().strip_prefix(':').unwrap_or_else(|| panic!("no colon at {at}"));
            map.insert(key, flow(at));
        } else {
            list.push(flow(at));
        }
        *at = at.trim_start();
        match at.strip_prefix(',') {
            Some(next) => *at = next.trim_start(),
            None => assert!(at.starts_with(close), "neither , nor {close} at {at}"),
        }
    }
    *at = &at[1..];
    if is_map { Value::Object(map) } else { Value::Array(list) }
}

fn scalar(at: &mut &str, ends: &str) -> Value {
    if let Some(inside) = at.strip_prefix('"') {
        let (text, after) = inside.split_once('"').unwrap_or_else(|| panic!("no closing quote at {at}"));
        assert!(!text.contains('\\'), "escapes are not read: {text}");
        *at = after;
        return Value::String(text.to_owned());
    }
    let end = at.find(|c| ends.contains(c)).unwrap_or(at.len());
    let word = at[..end].trim();
    *at = &at[end..];
    match word {
        "null" | "" => Value::Null,
        "true" => true.into(),
        "false" => false.into(),
        word => word.parse::<i64>().map_or_else(|_| word.into(), Value::from),
    }
}
