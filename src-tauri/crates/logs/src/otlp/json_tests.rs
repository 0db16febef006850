use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The whole text as one value, passed.
fn passes(text: &str) -> Result<()> {
    let mut cursor = Cursor::new(text);
    cursor.skip()?;
    cursor.blanks();
    if cursor.is_at_end() { Ok(()) } else { Err(Broken::Grammar) }
}

#[test]
fn the_grammar_is_kept() {
    for good in [
        "0",
        "-0.5e+10",
        "1E3",
        "true",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        " [ 1 , [ ] , { } ] ",
        r#"{"a":{"b":[1,"x\"y",null]},"c":"\u00e4\ud83d\ude00\/"}"#,
    ] {
        assert_eq!(passes(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        "01",
        "1.",
        "-",
        "1e",
        "tru",
        "nul",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "[1}",
        "{]",
        "1 1",
        "\"\u{1}\"",
        "\"a\nb\"",
        "+1",
        ".5",
        "NaN",
    ] {
        assert_eq!(passes(bad), Err(Broken::Grammar), "{bad}");
        assert!(serde_json::from_str::<Value>(bad).is_err(), "{bad}");
    }
}

#[test]
fn depth_is_bounded_and_costs_no_stack() {
    let nested = |deep: usize| "[".repeat(deep) + "1" + &"]".repeat(deep);
    assert_eq!(passes(&nested(DEEPEST as usize)), Ok(()));
    assert_eq!(passes(&nested(DEEPEST as usize + 1)), Err(Broken::TooDeep));
    assert_eq!(passes(&"[".repeat(1_000_000)), Err(Broken::TooDeep));
    assert_eq!(passes(&"{\"a\":".repeat(1_000_000)), Err(Broken::TooDeep));
}

#[test]
fn strings_are_borrowed_until_something_is_escaped() {
    let text = |json| Cursor::new(json).text().unwrap().unwrap();
    assert!(matches!(text(r#""plain ✓ and long enough for eight""#), Cow::Borrowed(_)));
    assert_eq!(text(r#""a\"\\\/\b\f\n\r\t\u0041\ud83d\ude00z""#), "a\"\\/\u{8}\u{c}\n\r\tA😀z");
    for half in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\ud800\n""#] {
        assert!(text(half).starts_with(char::REPLACEMENT_CHARACTER), "{half}");
    }
    assert_eq!(text(r#""\ud800\u0041""#), "\u{fffd}A");
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn another_writers_json_is_passed_and_its_strings_are_the_same(value in json(), text: String, pretty: bool) {
        let write = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
        prop_assert_eq!(passes(&write(&value).unwrap()), Ok(()));
        let string = write(&Value::from(text.clone())).unwrap();
        let read = Cursor::new(&string).text().unwrap();
        prop_assert_eq!(read.as_deref(), Some(&text[..]));
    }

    #[test]
    fn another_reader_agrees_what_is_json(text in r#"[\[\]{}:,"\\u0-9a-e.\-+ tfn\x00-\x20]{0,24}"#) {
        let is_json = match serde_json::from_str::<Value>(&text) {
            Ok(_) => true,
            // Numbers beyond a double and half pairs are grammar to us, and nonsense to it.
            Err(error) => error.to_string().contains("out of range") || error.to_string().contains("surrogate"),
        };
        if passes(&text).is_ok() != is_json {
            let said = serde_json::from_str::<Value>(&text).err().map(|e| e.to_string());
            let half_pair = text.contains("\\u") && said.as_deref().is_some_and(|s| s.contains("hex escape"));
            prop_assert!(half_pair, "{text:?}: {said:?}");
        }
    }
}
