//! What the full-text tables are fed, and how they are asked.
//!
//! FTS5 never sees a message. It is fed the words as [`lab::log::words`] cuts them, so that the store and a filter over
//! records that are just arriving agree by construction, whatever Unicode either of them knows: FTS5's `ascii` tokenizer
//! parts them at the blanks again and leaves every other character alone. Beside the words stand marks for node, service,
//! stream and level; a mark begins with `§`, which is in no word, so that what somebody searches for is never a mark.

use std::fmt::Write;

use lab::log::{Filter, Level, Record, effective, words};

/// Bytes of a word that are kept in the index; what follows is compared with the record itself. Long words are data
/// that nobody types: keys, digests, base64.
const WORD_BYTES: usize = 64;
/// Words of a search that the index is asked for, the longest; the others are compared with the record itself.
const WORDS_ASKED: usize = 12;

/// The text that the index gets for a record.
pub fn text(record: &Record) -> String {
    let mut text = String::with_capacity(record.message.len() + 80);
    if record.message.is_ascii() {
        // The same words as below without an allocation for each: nearly all messages are of this kind.
        let mut length = 0;
        for byte in record.message.bytes() {
            if !byte.is_ascii_alphanumeric() {
                if length > 0 {
                    text.push(' ');
                }
                length = 0;
            } else {
                if length < WORD_BYTES {
                    text.push(char::from(byte.to_ascii_lowercase()));
                }
                length += 1;
            }
        }
        text.push(' ');
    } else {
        for word in words(&record.message) {
            text.push_str(cut(&word));
            text.push(' ');
        }
    }
    for (kind, name) in [('n', &record.node), ('s', &record.service), ('t', &record.stream)] {
        push_mark(&mut text, kind, name);
        text.push(' ');
    }
    for level in effective(record.level).number()..Level::Debug.number() {
        push_level(&mut text, level);
        text.push(' ');
    }
    text
}

/// FTS5's question for a filter; `None` when no word and no mark narrows it. What it finds is to be compared with the
/// filter once more: names stand here by their digests, and long words by their beginnings.
pub(super) fn question(filter: &Filter) -> Option<String> {
    let mut terms: Vec<String> = Vec::new();
    if let Some(grep) = &filter.grep {
        let mut wanted: Vec<String> = words(grep).collect();
        wanted.sort_by_key(|word| std::cmp::Reverse(word.len()));
        // Words are letters and digits, so that nothing in them could end the quotes (FTS5, section 3).
        terms.extend(wanted.iter().take(WORDS_ASKED).map(|word| format!("\"{}\" *", cut(word))));
    }
    if !filter.nodes.is_empty() {
        let nodes: Vec<String> = filter.nodes.iter().map(|node| mark('n', node)).collect();
        terms.push(format!("({})", nodes.join(" OR ")));
    }
    terms.extend(filter.service.as_ref().map(|service| mark('s', service)));
    terms.extend(filter.stream.as_ref().map(|stream| mark('t', stream)));
    if let Some(level) = filter.level.filter(|level| *level < Level::Debug) {
        let mut text = String::new();
        push_level(&mut text, level.number());
        terms.push(format!("\"{text}\""));
    }
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

fn mark(kind: char, name: &str) -> String {
    let mut text = String::from("\"");
    push_mark(&mut text, kind, name);
    text.push('"');
    text
}

/// FNV-1a, since a name may hold anything; two names of one digest only cost a look at the record.
fn push_mark(text: &mut String, kind: char, name: &str) {
    let digest = name
        .bytes()
        .fold(0x811c_9dc5_u32, |digest, byte| (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // Writing to a string cannot fail.
    let _ = write!(text, "§{kind}{digest:x}");
}

/// A record bears the mark of every level that it is as bad as, so that one mark answers "this level or worse".
fn push_level(text: &mut String, level: u8) {
    let _ = write!(text, "§l{level}");
}

fn cut(word: &str) -> &str {
    let mut end = word.len().min(WORD_BYTES);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    &word[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(level: Level, message: &str) -> Record {
        Record {
            stream: "collector".into(),
            time_us: None,
            seen_us: 0,
            node: "node1".into(),
            service: "kernel".into(),
            level,
            message: message.into(),
        }
    }

    #[test]
    fn the_index_gets_words_and_marks() {
        assert_eq!(
            text(&record(Level::Notice, "eth0: Link IS (down)")),
            "eth0 link is down  §n9e7da8f5 §s5fa7bd51 §t7d8a28f8 §l5 §l6 "
                .replace("9e7da8f5", &mark_of("node1"))
                .replace("5fa7bd51", &mark_of("kernel"))
                .replace("7d8a28f8", &mark_of("collector"))
        );
        assert!(text(&record(Level::Debug, "Größe ΟΔΟΣ")).starts_with("größe οδος §n"));
        assert!(!text(&record(Level::Debug, "x")).contains("§l"), "everything is as bad as debug");
    }

    fn mark_of(name: &str) -> String {
        mark('n', name).trim_matches('"').trim_start_matches("§n").to_owned()
    }

    #[test]
    fn the_short_way_cuts_as_the_long_one_does() {
        for message in
            ["", "a", " a-b ", "A.b.C", "x\n\ny", &"k".repeat(200), &format!("{} z", "K9".repeat(40))]
        {
            let long: Vec<String> = words(message).map(|word| cut(&word).to_owned()).collect();
            let short = text(&record(Level::Debug, message));
            let short: Vec<&str> = short.split_whitespace().filter(|word| !word.starts_with('§')).collect();
            assert_eq!(short, long, "{message:?}");
        }
    }

    #[test]
    fn what_a_person_types_is_never_syntax() {
        let asked = |grep: &str| question(&Filter { grep: Some(grep.into()), ..Filter::default() });
        assert_eq!(asked("a\" OR \"b* NEAR("), Some(r#""near" * AND "or" * AND "a" * AND "b" *"#.into()));
        assert_eq!(asked("§l0 -- ^{}:*"), Some(r#""l0" *"#.into()));
        assert_eq!(asked("\"\"()*"), None, "no word, no question");
        assert_eq!(asked(&"ab ".repeat(5000)).unwrap().matches("AND").count(), WORDS_ASKED - 1);
    }
}
