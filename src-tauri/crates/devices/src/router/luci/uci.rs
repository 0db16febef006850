//! Settings by UCI, and what may stand in them. Pure.
//!
//! A command is a line for the router's shell: every value stands in single quotes there, and nothing within them has a
//! meaning but the quote itself.

use lab::secret::Secret;

/// Why a name or a password cannot be set. Says nothing of the password itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the network's name is empty")]
    NoName,
    #[error("the network's name is {0} bytes long, and 32 is the longest (IEEE 802.11)")]
    LongName(usize),
    #[error("the network's name has a line break or another control character in it")]
    NameBreaks,
    #[error("a password of WPA has 8 to 63 characters, and this one has {0}")]
    Length(usize),
    #[error("the password has a line break or another control character in it")]
    PasswordBreaks,
    #[error("{0:?} is no name in UCI")]
    Identifier(String),
}

/// A network's name: up to 32 bytes.
pub(super) fn check_name(ssid: &str) -> Result<(), Unfit> {
    match ssid.len() {
        0 => Err(Unfit::NoName),
        _ if ssid.chars().any(char::is_control) => Err(Unfit::NameBreaks),
        1..=32 => Ok(()),
        long => Err(Unfit::LongName(long)),
    }
}

/// A password. IEEE 802.11 knows printable ASCII; what others write in UTF-8 works too, and counts in bytes.
pub(super) fn check_password(password: &Secret) -> Result<(), Unfit> {
    let password = password.reveal();
    if password.chars().any(char::is_control) {
        return Err(Unfit::PasswordBreaks);
    }
    match password.len() {
        8..=63 => Ok(()),
        length => Err(Unfit::Length(length)),
    }
}

/// Names of sections and devices stand without quotes.
pub(super) fn check_identifier(name: &str) -> Result<(), Unfit> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits = (1..=15).contains(&name.len()) && name.bytes().all(known);
    if fits { Ok(()) } else { Err(Unfit::Identifier(name.to_owned())) }
}

/// For the router's shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// One setting as it is or should be. A path of two parts is a section, and its value the section's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub path: String,
    /// `None` when it is absent.
    pub value: Option<Secret>,
}

impl Setting {
    pub(super) fn new(path: impl Into<String>, value: Option<&str>) -> Self {
        Self { path: path.into(), value: value.map(Secret::new) }
    }

    /// Prints its value; nothing when it is absent.
    pub(super) fn get(&self) -> Secret {
        Secret::new(format!("uci -q get {}", self.path))
    }

    /// What [`Self::get`] printed.
    pub(super) fn got(&self, printed: &str) -> Self {
        let value = printed.strip_suffix('\n').unwrap_or(printed);
        Self::new(&self.path, Some(value).filter(|value| !value.is_empty()))
    }

    pub(super) fn set(&self) -> Secret {
        Secret::new(match &self.value {
            Some(value) => format!("uci set {}={}", self.path, quoted(value.reveal())),
            None => format!("uci -q delete {}", self.path),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_passwords_have_their_bounds() {
        for (ssid, fits) in [
            ("home", true),
            ("it's $HOME `x` \"y\" \\ ;&|", true),
            ("ü ☕ 日本", true),
            ("", false),
            ("a\nb", false),
            ("a\0", false),
            (&"x".repeat(32), true),
            (&"x".repeat(33), false),
            (&"ü".repeat(17), false),
        ] {
            assert_eq!(check_name(ssid).is_ok(), fits, "{ssid:?}");
        }
        for (password, fits) in [
            ("hunter22", true),
            ("it's $(x) \" \\", true),
            ("seven77", false),
            (&"x".repeat(63), true),
            (&"x".repeat(64), false),
            ("hunter22\n", false),
        ] {
            let checked = check_password(&Secret::new(password));
            assert_eq!(checked.is_ok(), fits, "{password:?}");
            assert!(!checked.is_err_and(|why| why.to_string().contains(password)));
        }
        for (name, fits) in
            [("wifi0", true), ("", false), ("a b", false), ("x;reboot", false), ("radio0.x", false)]
        {
            assert_eq!(check_identifier(name).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn settings_are_read_as_they_are_printed() {
        let setting = Setting::new("wireless.wifi0.ssid", None);
        assert_eq!(setting.set().reveal(), "uci -q delete wireless.wifi0.ssid");
        assert!(setting.got("").value.is_none());
        assert_eq!(setting.got(" two  blanks \n").value.unwrap().reveal(), " two  blanks ");
        let set = Setting::new("wireless.wifi0", Some("wifi-iface"));
        assert_eq!(set.set().reveal(), "uci set wireless.wifi0='wifi-iface'");
        assert!(!format!("{:?}", Setting::new("a.b.key", Some("hunter22"))).contains("hunter22"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// A shell that others wrote is asked.
        #[test]
        fn a_shell_gives_every_value_back(value in "[^\\x00\n\r]{1,32}") {
            let line = Setting::new("a.b.c", Some(&value)).set();
            let script = format!("uci() {{ printf %s \"$2\"; }}; {}", line.reveal());
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("a.b.c={value}"));
        }
    }
}
