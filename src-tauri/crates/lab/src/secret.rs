//! A password or token in clear, on its way to the device it is for. Never printed, never stored, never sent on.

use std::fmt;

/// Its `Debug` says nothing, and there is no way to serialize it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Whoever calls this decides where it goes.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_shown() {
        let secret = Secret::new("correct horse");
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.reveal(), "correct horse");
    }
}
