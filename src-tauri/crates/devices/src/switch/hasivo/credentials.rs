//! Who we are to the switch, and what may be shown of its pages. Pure.

use std::sync::LazyLock;

use lab::secret::Secret;
use md5::{Digest, Md5};
use regex::{Captures, Regex};

/// In place of what nobody may see.
const BLANK: &str = "********";

/// User and password, and what the switch makes of them.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub user: String,
    pub password: Secret,
    /// MD5 of user and password, in hexadecimal: whoever has it is logged in, as long as the password stays.
    pub hash: Secret,
}

impl Credentials {
    pub(super) fn new(user: String, password: Secret) -> Self {
        let hash = hex::encode(Md5::digest(format!("{user}{}", password.reveal())));
        Self { user, password, hash: Secret::new(hash) }
    }

    pub(super) fn cookie(&self) -> String {
        format!("admin={}", self.hash.reveal())
    }

    /// A page without passwords, whatever else is on it. Too much is taken away rather than too little.
    pub(super) fn blanked(&self, page: &str) -> String {
        let page = HASHES.replace_all(page, BLANK);
        let page = INPUTS.replace_all(&page, |input: &Captures<'_>| {
            if input[0].to_lowercase().contains("passw") {
                VALUES.replace_all(&input[0], format!("${{1}}{BLANK}")).into_owned()
            } else {
                input[0].to_owned()
            }
        });
        match self.password.reveal() {
            "" => page.into_owned(),
            password => {
                let escaped = page.replace(&escaped(password), BLANK);
                escaped.replace(password, BLANK)
            }
        }
    }
}

/// As HTML writes it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[allow(clippy::expect_used, reason = "constant input, read by every test")]
fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression")
}

/// MD5 sums, of any password.
static HASHES: LazyLock<Regex> = LazyLock::new(|| expression(r"\b[0-9a-fA-F]{32}\b"));
static INPUTS: LazyLock<Regex> = LazyLock::new(|| expression(r"(?i)<input\b[^>]*>"));
/// What a field is filled with.
static VALUES: LazyLock<Regex> =
    LazyLock::new(|| expression(r#"(?i)(\bvalue\s*=\s*)("[^"]*"|'[^']*'|[^\s>]+)"#));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_the_sum_of_user_and_password() {
        // printf adminadmin | md5sum
        let credentials = Credentials::new("admin".into(), Secret::new("admin"));
        assert_eq!(credentials.cookie(), "admin=f6fdffe48c908deb0f4c3bd36c032e72");
        assert!(!format!("{credentials:?}").contains("f6fd"));
    }

    #[test]
    fn nothing_secret_is_left_on_a_page() {
        let credentials = Credentials::new("admin".into(), Secret::new("s3cret&co"));
        let page = format!(
            "<p>s3cret&co s3cret&amp;co {0}<input name=password value='other'><input value=x type=PASSWORD>\
             <input value=stays> {1}",
            credentials.hash.reveal(),
            "0123456789ABCDEF0123456789abcdef",
        );
        let shown = credentials.blanked(&page);
        for secret in ["s3cret", credentials.hash.reveal(), "other", "value=x", "0123456789ABCDEF"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("value=stays"));
    }

    #[test]
    fn an_empty_password_takes_nothing_away() {
        assert_eq!(Credentials::new("admin".into(), Secret::new("")).blanked("<p>Port 1"), "<p>Port 1");
    }
}
