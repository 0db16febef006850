//! A state in an answer, by JSON pointer and regular expressions; and what a device says when it refuses.

use lab::power::PowerState;
use regex::Regex;
use serde_json::Value;

/// Where the state stands, and how it is told.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// JSON pointers (RFC 6901), the first that leads anywhere counts; none: the whole answer as text.
    pub(super) pointers: Vec<String>,
    pub(super) on: Regex,
    pub(super) off: Regex,
}

impl Reading {
    /// `None` when no pointer leads anywhere.
    pub(super) fn of_json(&self, answer: &Value) -> Option<PowerState> {
        let value = self.pointers.iter().find_map(|pointer| answer.pointer(pointer))?;
        Some(match value {
            Value::String(text) => self.of_text(text),
            other => self.of_text(&other.to_string()),
        })
    }

    /// Neither and both are unknown.
    pub(super) fn of_text(&self, text: &str) -> PowerState {
        let text = text.trim();
        match (self.on.is_match(text), self.off.is_match(text)) {
            (true, false) => PowerState::On,
            (false, true) => PowerState::Off,
            _ => PowerState::Unknown,
        }
    }
}

/// What a device says beside its refusal, in the shapes that are known: Shelly's `message`, Home Assistant's too, PiKVM's
/// `result.error_msg`, others' `error`.
pub(super) fn message(answer: &Value) -> Option<String> {
    let said = ["/message", "/result/error_msg", "/error/message", "/error", "/WARNING"]
        .iter()
        .find_map(|pointer| answer.pointer(pointer)?.as_str())?;
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    (!said.is_empty()).then_some(said)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn reading(pointers: &[&str], on: &str, off: &str) -> Reading {
        let pointers = pointers.iter().map(|pointer| (*pointer).to_owned()).collect();
        Reading { pointers, on: Regex::new(on).unwrap(), off: Regex::new(off).unwrap() }
    }

    #[test]
    fn the_first_pointer_that_leads_anywhere_counts() {
        let tasmota = reading(&["/POWER2", "/POWER"], "^ON$", "^OFF$");
        assert_eq!(tasmota.of_json(&json!({ "POWER": "ON", "POWER2": "OFF" })), Some(PowerState::Off));
        assert_eq!(tasmota.of_json(&json!({ "POWER": "ON" })), Some(PowerState::On));
        assert_eq!(tasmota.of_json(&json!({})), None);
        let typed = reading(&["/a~1b/0"], "^(true|1)$", "^(false|0)$");
        for (value, state) in [
            (json!(true), PowerState::On),
            (json!(1), PowerState::On),
            (json!("0"), PowerState::Off),
            (json!(null), PowerState::Unknown),
            (json!({ "true": 1 }), PowerState::Unknown),
        ] {
            assert_eq!(typed.of_json(&json!({ "a/b": [value] })), Some(state), "{value}");
        }
        let whole = reading(&[], "(?i)power: on", "(?i)power: off");
        assert_eq!(whole.of_text(" Power: ON\n"), PowerState::On);
        assert_eq!(whole.of_text("power: on, was power: off"), PowerState::Unknown);
    }

    proptest! {
        #[test]
        fn a_text_without_the_words_is_unknown(text in "\\PC{0,80}") {
            prop_assume!(!text.contains("running") && !text.contains("stopped"));
            prop_assert_eq!(reading(&[], "running", "stopped").of_text(&text), PowerState::Unknown);
        }
    }
}
