//! What takes secrets out of text: by their values, in every form in which they travel, and by their surroundings where
//! nobody told us the value. It rather takes too much.

use std::borrow::Cow;

use anyhow::{Context, Result};
use regex::{Captures, Regex, bytes};

use super::forms;

/// What stands where a secret stood.
pub(super) const GONE: &str = "[redacted]";
/// Values shorter than this are words like any other; they are taken out where they stand alone.
const WORD: usize = 6;
/// More text than this in front of a decision is not looked at: the head of a private key tells it.
const HEAD: usize = 96;

/// Everything that is known to be secret, and the names by which secrets are called, which are none.
#[derive(Default, Clone)]
pub(super) struct Known {
    pub(super) values: Vec<String>,
    pub(super) names: Vec<String>,
}

/// Takes secrets out of text.
pub(super) struct Redactor {
    values: Option<Regex>,
    bytes: Option<bytes::Regex>,
    names: Vec<String>,
    rules: Vec<(Regex, Rule)>,
}

#[derive(Clone, Copy)]
enum Rule {
    /// All of it.
    Whole,
    /// All but its first group.
    After,
    /// All but its first group, unless the rest is the name of a secret.
    Named,
    /// When it is the base64 of a private key.
    Encoded,
}

/// Words in front of a value that is secret.
const WORDS: &str = "password|passwd|passphrase|passcode|pwd|psk|wpa[_-]?key|secrets?|tokens?|api[_-]?key|access[_-]?key|\
                     private[_-]?key|certificate[_-]?key|client[_-]?key[_-]?data|encryption[_-]?secret|community|credentials?|\
                     set-cookie|cookie|authorization|jwk|ott";

/// Surroundings of secrets, in the order in which they are looked for.
fn rules() -> Result<Vec<(Regex, Rule)>> {
    // In quotes; in quotes of JSON within JSON, where each has a backslash before it; in quotes of a shell; cut off.
    let quoted =
        [r#""(?:[^"\\]|\\.)*""#, r#"\\"(?:[^"\\]|\\\\\\"|\\[^"])*\\""#, r"'[^'\r\n]*'", r#"\\*"[^"\r\n]*"#]
            .join("|");
    let header = r#"(?:[^\r\n"\\]|\\+"|\\[^rn"])+"#;
    let list = [
        // A key with both its ends, or cut at one of them: all that could belong to it.
        (
            r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?-----END [A-Z0-9 ]*PRIVATE KEY-----".to_owned(),
            Rule::Whole,
        ),
        (r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*".to_owned(), Rule::Whole),
        (r"[A-Za-z0-9+/=\s\\]*-----END [A-Z0-9 ]*PRIVATE KEY-----".to_owned(), Rule::Whole),
        (r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]+".to_owned(), Rule::Encoded),
        // A signed token (RFC 7519).
        (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*".to_owned(), Rule::Whole),
        // kubeadm's and Talos's shape of a token; crypt(5)'s of a password.
        (r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b".to_owned(), Rule::Whole),
        (r"\$(?:1|2[aby]?|5|6|7|y|gy)\$[./A-Za-z0-9$=,]{8,}".to_owned(), Rule::Whole),
        (format!(r#"(?i)((?:authorization|cookie)\\*["']?\s*[:=]\s*)({quoted}|{header})"#), Rule::Named),
        (r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{6,}".to_owned(), Rule::After),
        (r"(statusinator-[0-9]+=)[0-9A-Za-z]+".to_owned(), Rule::After),
        (r#"(?i)([a-z][a-z0-9+.-]*://)[^/\s@"'\\]+@"#.to_owned(), Rule::After),
        (r#"(?i)([?&](?:code|key|sig|signature|auth)=)[^&\s"'\\]+"#.to_owned(), Rule::After),
        (
            r#"(?i)(\boption\s+\\*'?(?:key|key[0-9]|sae_password|password|psk)\\*'?\s+)\S+"#.to_owned(),
            Rule::After,
        ),
        (format!(r#"(?i)(--?(?:{WORDS})(?:\s+|=))\S+"#), Rule::After),
        (
            format!(
                r#"(?i)([A-Za-z0-9_.-]*(?:{WORDS})\\*["']?\s*(?:[:=]|%3[aAdD])\s*)({quoted}|[^\s"',;&}}\]\\]+)"#
            ),
            Rule::Named,
        ),
        // As in Talos's and Kubernetes's files: `key:` and a long value.
        (
            r#"(?i)(\b[A-Za-z0-9_-]*key\\*["']?\s*[:=]\s*\\*["']?)[A-Za-z0-9+/_=-]{24,}"#.to_owned(),
            Rule::After,
        ),
    ];
    list.into_iter()
        .map(|(text, rule)| Ok((Regex::new(&text).context("prepare the search for secrets")?, rule)))
        .collect()
}

impl Redactor {
    pub(super) fn new(known: Known) -> Result<Self> {
        let mut patterns: Vec<String> =
            known.values.iter().flat_map(|value| forms::of(value)).filter(|form| !form.is_empty()).collect();
        // Where two begin at one place, the longer one is meant.
        patterns.sort_by_key(|form| (std::cmp::Reverse(form.len()), form.clone()));
        patterns.dedup();
        let (short, long): (Vec<_>, Vec<_>) =
            patterns.into_iter().partition(|form| form.chars().count() < WORD);
        let known_long = known.values.iter().filter(|value| value.chars().count() >= WORD);
        let known_long = known_long.map(|value| regex::escape(value)).collect::<Vec<_>>().join("|");
        let mut rules = rules()?;
        for form in &short {
            rules.insert(0, (limited(&alone(form))?, Rule::Whole));
        }
        // Nothing but words: one pass finds all of them.
        let long: Vec<_> = long.iter().map(|form| regex::escape(form)).collect();
        Ok(Self {
            values: if long.is_empty() { None } else { Some(limited(&long.join("|"))?) },
            bytes: match known_long.is_empty() {
                true => None,
                false => Some(bytes::Regex::new(&known_long).context("prepare the search for secrets")?),
            },
            names: known.names,
            rules,
        })
    }

    /// The text without its secrets, and how many were taken out.
    pub(super) fn clean<'a>(&self, text: &'a str) -> (Cow<'a, str>, usize) {
        let mut found = 0;
        let mut clean = Cow::Borrowed(text);
        if let Some(values) = &self.values {
            replace(values, &mut clean, |_| {
                found += 1;
                GONE.to_owned()
            });
        }
        for (pattern, rule) in &self.rules {
            replace(pattern, &mut clean, |captures| {
                let instead = self.instead(*rule, captures);
                found += usize::from(instead.contains(GONE) && instead != captures[0]);
                instead
            });
        }
        (clean, found)
    }

    /// The same for bytes, which keep their number: known values alone.
    pub(super) fn blank(&self, bytes: &mut [u8]) {
        let Some(values) = &self.bytes else { return };
        let places: Vec<_> = values.find_iter(bytes).map(|found| found.range()).collect();
        for place in places {
            bytes[place].fill(b'x');
        }
    }

    fn instead(&self, rule: Rule, captures: &Captures<'_>) -> String {
        match rule {
            Rule::Whole => GONE.to_owned(),
            Rule::After => format!("{}{GONE}", &captures[1]),
            Rule::Named => self.named(captures),
            Rule::Encoded => {
                let head = &captures[0].as_bytes()[..captures[0].len().min(HEAD) / 4 * 4];
                let key = forms::from_base64(head)
                    .is_some_and(|head| head.windows(11).any(|window| window == b"PRIVATE KEY"));
                if key { GONE.to_owned() } else { captures[0].to_owned() }
            }
        }
    }

    /// Quotes stay, so that what was JSON is JSON afterwards.
    fn named(&self, captures: &Captures<'_>) -> String {
        let value = &captures[2];
        let bare = value.trim_matches(['"', '\'', '\\']);
        let plain = matches!(bare, "" | "null" | "true" | "false" | "none") || bare.contains(GONE);
        let opening = bare.starts_with(['{', '[', '(']);
        if plain || opening || self.names.iter().any(|name| name == bare) {
            return captures[0].to_owned();
        }
        let quote = &value[..value.find(bare).unwrap_or(0)];
        // A bare number in JSON would be broken by a bare word.
        let number = bare.bytes().all(|byte| byte.is_ascii_digit()) && quote.is_empty();
        let quote = if number && captures[1].trim_end().ends_with("\":") { "\"" } else { quote };
        format!("{}{quote}{GONE}{quote}", &captures[1])
    }
}

/// A short value where no letter or digit stands beside its own.
fn alone(form: &str) -> String {
    let edge = |char: Option<char>| if char.is_some_and(char::is_alphanumeric) { r"\b" } else { "" };
    format!("{}{}{}", edge(form.chars().next()), regex::escape(form), edge(form.chars().next_back()))
}

fn limited(text: &str) -> Result<Regex> {
    // A few hundred lines of keys, each in a dozen forms.
    let builder = regex::RegexBuilder::new(text).size_limit(256 << 20).build();
    builder.context("prepare the search for the values of secrets")
}

fn replace(pattern: &Regex, text: &mut Cow<'_, str>, mut by: impl FnMut(&Captures<'_>) -> String) {
    if let Cow::Owned(new) = pattern.replace_all(text, |captures: &Captures<'_>| by(captures)) {
        *text = Cow::Owned(new);
    }
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
