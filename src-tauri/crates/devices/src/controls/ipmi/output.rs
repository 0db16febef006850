//! What ipmitool 1.8 prints, in C locale, and what it means for the person at the bench.

use std::time::Duration;

use lab::power::PowerState;

/// One error stands for a wrong password and for an address where nobody is. A controller that refuses does so within a
/// round trip (measured 0.2 s); one that is not there costs every repetition (measured 4 s with ours).
const REFUSED_WITHIN: Duration = Duration::from_millis(1500);

/// `Chassis Power is on`. Anything else is no reading.
pub(super) fn state(stdout: &str) -> Option<PowerState> {
    stdout.lines().find_map(|line| match line.trim().strip_prefix("Chassis Power is ")? {
        "on" => Some(PowerState::On),
        "off" => Some(PowerState::Off),
        _ => None,
    })
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) why: String,
    pub(super) remedy: &'static str,
    pub(super) absent: bool,
}

/// `words` is all that it said on its error output.
pub(super) fn trouble(words: &str, took: Duration) -> Trouble {
    let says = |text: &str| words.to_ascii_lowercase().contains(text);
    let taken = format!("{:.1} s", took.as_secs_f32());
    let (why, remedy, absent) = if says("authentication algorithm") || says("cipher suite") {
        (
            "the controller does not speak this cipher suite".to_owned(),
            "try `cipher = 17` (newer controllers) or `cipher = 3` (older ones) in the board file",
            false,
        )
    } else if says("unauthorized name") {
        ("the controller does not know this user".to_owned(), "correct `user` in the board file", false)
    } else if says("hmac is invalid") || says("rakp 2") {
        (
            "the controller refuses the password".to_owned(),
            "correct the password in the secrets file; the user needs IPMI over LAN allowed",
            false,
        )
    } else if says("privilege") {
        (
            "the controller knows this user, but lets it switch nothing".to_owned(),
            "give the user the privilege level OPERATOR or ADMINISTRATOR on the controller's page",
            false,
        )
    } else if says("address lookup") || says("could not open socket") {
        ("the controller's name leads to no address".to_owned(), "correct `host` in the board file", true)
    } else if says("unable to establish") && took < REFUSED_WITHIN {
        (
            format!(
                "no session, refused after {taken}: probably a wrong user or password (ipmitool says the same when \
                 nobody is there, but then it takes seconds)"
            ),
            "correct user and secret; the user needs IPMI over LAN allowed, and the controller may want another cipher",
            false,
        )
    } else if says("unable to establish") {
        (
            format!(
                "no session, and silence for {taken}: probably nobody is there (ipmitool says the same for a wrong \
                 password, but then at once)"
            ),
            "check the controller's cable and address, and that IPMI over LAN is enabled on its page",
            true,
        )
    } else {
        let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim();
        let last: String = last.chars().take(200).collect();
        (format!("ipmitool says: {last}"), "look at the controller's own page", false)
    };
    Trouble { why, remedy, absent }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_exact_words_are_a_state() {
        assert_eq!(state("Chassis Power is on\n"), Some(PowerState::On));
        assert_eq!(state("Chassis Power is off"), Some(PowerState::Off));
        for other in
            ["", "Chassis Power is", "Chassis Power is offline", "Chassis Power Control: Up/On", "on"]
        {
            assert_eq!(state(other), None, "{other:?}");
        }
    }

    /// Error texts of ipmitool 1.8.19, as printed or from its sources.
    #[test]
    fn each_error_has_its_words() {
        const SESSION: &str = "Error: Unable to establish IPMI v2 / RMCP+ session\n";
        for (words, millis, why, absent) in [
            (SESSION.to_owned(), 200, "wrong user or password", false),
            (SESSION.to_owned(), 4000, "nobody is there", true),
            (format!("invalid authentication algorithm\n\n{SESSION}"), 200, "cipher", false),
            (
                "Error in open session response message : no matching cipher suite\n\n".to_owned() + SESSION,
                200,
                "cipher",
                false,
            ),
            (format!("RAKP 2 HMAC is invalid\n{SESSION}"), 200, "refuses the password", false),
            (
                format!("RAKP 2 message indicates an error : unauthorized name\n{SESSION}"),
                90,
                "know this user",
                false,
            ),
            (
                "Set Chassis Power Control to Down/Off failed: Insufficient privilege level".to_owned(),
                90,
                "lets it switch nothing",
                false,
            ),
            ("Address lookup for bmc failed\n".to_owned() + SESSION, 5, "no address", true),
            (
                "Set Chassis Power Control to Up/On failed: Invalid data field in request".to_owned(),
                9,
                "Invalid data",
                false,
            ),
            (String::new(), 9, "nothing", false),
        ] {
            let trouble = trouble(&words, Duration::from_millis(millis));
            assert!(trouble.why.contains(why), "{words}: {trouble:?}");
            assert_eq!(trouble.absent, absent, "{words}");
        }
    }

    proptest! {
        #[test]
        fn whatever_it_prints_is_told_in_one_short_line(words in "(\\PC|\n){0,400}", millis in 0_u64..9000) {
            let trouble = trouble(&words, Duration::from_millis(millis));
            prop_assert!(!trouble.why.is_empty() && !trouble.why.contains('\n'));
            prop_assert!(trouble.why.chars().count() < 250);
            let _ = state(&words);
        }
    }
}
