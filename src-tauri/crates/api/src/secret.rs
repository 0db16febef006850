//! Secrets: made from the operating system's randomness, kept as hashes, compared in constant time, never printed.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// A secret in clear, on its way into a file, a cookie or a header. Its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// 256 random bits in hexadecimal: for tokens and sessions.
    pub(crate) fn long() -> Self {
        Self(hex::encode(rand::random::<[u8; 32]>()))
    }

    /// 128 random bits in hexadecimal: for codes that live ten minutes and work once.
    pub(crate) fn short() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }

    /// A token as it stands in a file: 64 hexadecimal digits; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let good = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(text.to_owned()))
    }

    /// The text itself. Whoever calls this decides where it goes.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// SHA-256 of a secret: all that is kept of it.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Takes as long whatever the difference is.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_bits_and_never_shows_them() {
        let (one, two) = (Secret::long(), Secret::long());
        assert_eq!((one.reveal().len(), Secret::short().reveal().len()), (64, 32));
        assert_ne!(one, two);
        assert!(!format!("{one:?} {:?}", one.digest()).contains(&one.reveal()[..4]));
        assert!(one.digest().same(&Digest::of(one.reveal())));
        assert!(!one.digest().same(&two.digest()));
    }

    #[test]
    fn only_a_whole_token_is_one() {
        let token = "0123456789abcdef".repeat(4);
        assert_eq!(Secret::parse(&format!("{token}\n")).unwrap().reveal(), token);
        let upper = token.to_uppercase();
        for wrong in ["", "abc", &token[1..], upper.as_str(), &format!("{token}0")] {
            assert!(Secret::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
