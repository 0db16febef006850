use proptest::prelude::*;

use super::*;

#[test]
fn what_was_said_goes_before_a_raw_document() {
    let view = View { message: r#"{"msg":"up"}"#, said: Some("up"), ..View::default() };
    assert_eq!(view.to_record("talos", 1).message, "up");
    assert_eq!(View { said: Some(""), ..view }.to_record("talos", 1).message, r#"{"msg":"up"}"#);
}

#[test]
fn nothing_in_a_record_moves_a_cursor_or_turns_the_text() {
    for (text, shown) in [
        ("plain", "plain"),
        ("two\r\nlines\n", "two\nlines"),
        ("\u{1b}[1;31mred\u{1b}[0m and\tso on", "red and so on"),
        ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
        ("\u{0}\u{9b}2J", "\u{fffd}\u{fffd}2J"),
        ("a\u{202e}b", "a\u{fffd}b"),
        ("größer ✓", "größer ✓"),
    ] {
        assert_eq!(message(text), shown, "{text:?}");
    }
    let view = View { node: " a\nb ", service: "\u{1b}[2Jx", ..View::default() };
    let record = view.to_record("otlp", 1);
    assert_eq!((record.node.as_str(), record.service.as_str()), ("a b", "x"));
}

#[test]
fn a_long_message_is_cut_between_characters_and_says_so() {
    let long = "ä".repeat(MESSAGE_KEPT);
    let kept = message(&long);
    assert!(kept.ends_with(&format!(" … ({MESSAGE_KEPT} bytes more)")), "{}", &kept[kept.len() - 40..]);
    assert!(kept.len() < MESSAGE_KEPT + 40);
    let name = "n".repeat(1000);
    let view = View { node: &name, ..View::default() };
    assert_eq!(view.to_record("otlp", 1).node.len(), NAME_KEPT);
}

proptest! {
    #[test]
    fn any_text_becomes_safe(text in any::<String>()) {
        let safe = message(&text);
        prop_assert!(safe.chars().all(|c| c == '\n' || !(c.is_control() || turns(c))), "{safe:?}");
    }
}
