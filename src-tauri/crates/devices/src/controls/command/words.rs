use lab::power::PowerState;

/// The last line that says anything names the state, as the word `on`, `off` or `unknown`, alone or in a sentence; a
/// line that says both is no answer.
pub(super) fn state(printed: &str) -> Option<PowerState> {
    let line = printed.lines().rev().find(|line| !line.trim().is_empty())?;
    let mut found = None;
    for word in line.split(|char: char| !char.is_alphanumeric()) {
        let state = match word.to_ascii_lowercase().as_str() {
            "on" => PowerState::On,
            "off" => PowerState::Off,
            "unknown" => PowerState::Unknown,
            _ => continue,
        };
        if found.is_some_and(|before| before != state) {
            return None;
        }
        found = Some(state);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_state_is_a_word_of_its_own_in_the_last_line() {
        for (printed, expected) in [
            ("on", Some(PowerState::On)),
            ("OFF\n\n", Some(PowerState::Off)),
            ("asking...\nChassis Power is on\n", Some(PowerState::On)),
            ("state=off", Some(PowerState::Off)),
            ("unknown", Some(PowerState::Unknown)),
            ("on\nbut then: error", None),
            ("not on, off", None),
            ("offline", None),
            ("config", None),
            ("", None),
        ] {
            assert_eq!(state(printed), expected, "{printed:?}");
        }
    }

    proptest! {
        #[test]
        fn a_line_without_the_words_is_never_a_state(text in "[a-z =:.]{0,60}") {
            let says = text.split([' ', '=', ':', '.']).any(|word| ["on", "off", "unknown"].contains(&word));
            prop_assert!(says || state(&text).is_none());
        }

        #[test]
        fn whatever_is_printed_is_survived(text in "(\\PC|\n){0,200}") {
            let _ = state(&text);
        }
    }
}
