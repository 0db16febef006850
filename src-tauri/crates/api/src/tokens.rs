//! Tokens have a name, which is the actor of every event they cause, and rights. Files hold them, memory only their hash.

mod files;

use std::path::Path;

pub use files::{CONTROL_FILE, METRICS_FILE, TokenError, WINDOW_FILE, read};

use crate::{
    attempts::Attempts,
    rights::{Caller, Rights},
    secret::{Digest, Secret},
    sessions::Sessions,
};

/// Actor of everything that a browser does at the engine's own listener.
const BROWSER: &str = "browser";

/// Who may call.
#[derive(Debug, Default)]
pub struct Tokens {
    named: Vec<Named>,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: Attempts,
}

#[derive(Debug)]
struct Named {
    name: String,
    rights: Rights,
    digest: Digest,
}

/// Reads the token files of a data folder and makes those that are missing: `control.token` for the engine's owner,
/// `window.token` for the group whose windows attach, `metrics.token` for who only reads.
///
/// # Errors
/// When a file can neither be read nor made, or its mode cannot be tightened.
pub fn ensure(dir: &Path) -> Result<Tokens, TokenError> {
    let mut tokens = Tokens::default();
    tokens.add("control", Rights::OWNER, &files::ensure(&dir.join(CONTROL_FILE), 0o600)?);
    tokens.add("window", Rights::OPERATOR, &files::ensure(&dir.join(WINDOW_FILE), 0o640)?);
    tokens.add("metrics", Rights::READ, &files::ensure(&dir.join(METRICS_FILE), 0o640)?);
    Ok(tokens)
}

impl Tokens {
    /// One more token. Only its hash is kept.
    pub fn add(&mut self, name: &str, rights: Rights, secret: &Secret) {
        self.named.push(Named { name: name.to_owned(), rights, digest: secret.digest() });
    }

    /// A code for `/login?code=…` at the engine's listener: works once, for ten minutes.
    pub fn one_time_login(&self) -> Secret {
        self.sessions.one_time_login()
    }

    /// Looks at all of them, so that the time does not tell which one came near.
    pub(crate) fn bearer(&self, token: &str) -> Option<Caller> {
        let digest = Digest::of(token);
        let found = self
            .named
            .iter()
            .fold(None, |found, named| if named.digest.same(&digest) { Some(named) } else { found })?;
        Some(Caller { actor: found.name.clone(), rights: found.rights, session: None })
    }

    pub(crate) fn cookie(&self, cookie: &str) -> Option<Caller> {
        let session = self.sessions.touch(cookie)?;
        Some(Caller { actor: BROWSER.to_owned(), rights: Rights::OPERATOR, session: Some(session) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::Right;

    #[test]
    fn each_file_is_a_name_with_its_rights() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = ensure(dir.path()).unwrap();
        let caller = |file: &str| {
            let secret = read(&dir.path().join(file)).unwrap();
            tokens.bearer(secret.reveal()).expect("the token of a file is known")
        };
        let (control, window) = (caller(CONTROL_FILE), caller(WINDOW_FILE));
        assert_eq!((control.actor.as_str(), window.actor.as_str()), ("control", "window"));
        assert!(control.must(Right::Admin).is_ok());
        assert!(window.must(Right::Control).is_ok());
        assert_eq!(window.must(Right::Admin).unwrap_err().status, 403);
    }

    #[test]
    fn a_token_outlives_the_program_and_its_text_does_not_stay_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        drop(ensure(dir.path()).unwrap());
        let secret = read(&dir.path().join(CONTROL_FILE)).unwrap();
        let again = ensure(dir.path()).unwrap();
        assert!(again.bearer(secret.reveal()).is_some());
        assert!(!format!("{again:?}").contains(secret.reveal()));
        assert!(again.bearer("").is_none() && again.bearer(&secret.reveal()[1..]).is_none());
    }

    #[test]
    fn a_browser_may_control_but_not_administer() {
        let tokens = Tokens::default();
        let code = tokens.one_time_login();
        let cookie = tokens.sessions.redeem(code.reveal()).unwrap();
        let caller = tokens.cookie(cookie.reveal()).unwrap();
        assert_eq!(caller.actor, "browser");
        assert!(caller.must(Right::Control).is_ok() && caller.must(Right::Admin).is_err());
        assert!(tokens.bearer(cookie.reveal()).is_none(), "a cookie is no token");
    }
}
