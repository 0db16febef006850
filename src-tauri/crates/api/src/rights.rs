//! Who calls, and what that allows.

use axum::{extract::FromRequestParts, http::request::Parts};
use lab::Code;

use crate::{refusal::Refusal, secret::Digest};

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Look at everything that is no secret.
    Read,
    /// Start and cancel.
    Control,
    /// Change who may do what.
    Admin,
}

impl Right {
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Control => "control",
            Self::Admin => "admin",
        }
    }
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights(&'static [Right]);

impl Rights {
    pub const READ: Self = Self(&[Right::Read]);
    pub const OPERATOR: Self = Self(&[Right::Read, Right::Control]);
    pub const OWNER: Self = Self(&[Right::Read, Right::Control, Right::Admin]);

    pub fn allow(self, right: Right) -> bool {
        self.0.contains(&right)
    }

    fn words(self) -> String {
        self.0.iter().map(|right| right.word()).collect::<Vec<_>>().join(", ")
    }
}

/// A caller who was recognized. Commands are recorded under `actor`.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) actor: String,
    pub(crate) rights: Rights,
    /// The browser's session, where there is one: a long stream keeps it alive and ends with it.
    pub(crate) session: Option<Digest>,
}

impl Caller {
    pub(crate) fn must(&self, right: Right) -> Result<(), Refusal> {
        if self.rights.allow(right) {
            return Ok(());
        }
        Err(Refusal::new(
            Code::Forbidden,
            "answer this request",
            format!(
                "the token {:?} has the rights {}, not {}",
                self.actor,
                self.rights.words(),
                right.word()
            ),
            format!("use a token with the right {}; control.token in the data folder has all", right.word()),
        ))
    }
}

/// The guard puts the caller into the request; a route that asks for one without standing behind the guard is a mistake
/// of ours and answers nobody.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Refusal::new(
                Code::Internal,
                "answer this request",
                "nobody asked who is calling",
                "report this with the address of the request",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_is_there_and_what_is_missing() {
        let caller = Caller { actor: "wall".into(), rights: Rights::READ, session: None };
        assert!(caller.must(Right::Read).is_ok());
        let refusal = caller.must(Right::Control).unwrap_err();
        assert_eq!(refusal.status, 403);
        assert!(refusal.failure.why.contains("\"wall\" has the rights read, not control"), "{refusal:?}");
    }
}
