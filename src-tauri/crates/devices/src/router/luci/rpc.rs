//! The login and the commands: JSON-RPC 2.0 over HTTPS, as luci-mod-rpc answers it.
//!
//! What tells that a login is refused is a `null`; what tells that it ended is a status 403. Neither session nor command is
//! ever logged or named in an error: commands may set passwords.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use lab::{ports::PortError, secret::Secret};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::ubus::UbusError;
use crate::http::{Answer, Ask, Client, HttpFault};

/// What the router says of a call that failed, up to here.
const QUOTED: usize = 120;

/// Why a command did not run, or told nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    Http(HttpFault),
    /// User or password.
    Refused,
    /// No such page.
    NoRpc,
    /// It logs us in, and then does not know us.
    Forgotten,
    Status(u16),
    Said(String),
    /// It ran, and printed something else.
    Printed {
        command: &'static str,
        error: UbusError,
    },
}

/// The router's JSON-RPC.
#[derive(Debug)]
pub(super) struct Rpc {
    client: Client,
    user: String,
    password: Secret,
    session: Mutex<Option<Secret>>,
    ids: AtomicU64,
    /// Versions of LuCI differ in the cookie's name; all take the session as a parameter of the address.
    by_parameter: AtomicBool,
}

impl Rpc {
    pub(super) fn new(client: Client, user: String, password: Secret) -> Self {
        let (session, ids) = (Mutex::default(), AtomicU64::new(1));
        Self { client, user, password, session, ids, by_parameter: AtomicBool::new(false) }
    }

    /// Runs a command, and returns what it printed. Logs in when there is no session, or none any more.
    pub(super) async fn exec(&self, command: &str, within: Duration) -> Result<String, Trouble> {
        let params = json!([command]);
        let mut session = self.session(None).await?;
        let mut answer = self.call("sys", "exec", &params, Some(&session), within).await?;
        if shut(&answer) {
            session = self.session(Some(&session)).await?;
            answer = self.call("sys", "exec", &params, Some(&session), within).await?;
        }
        if shut(&answer) && !self.by_parameter.swap(true, Ordering::Relaxed) {
            answer = self.call("sys", "exec", &params, Some(&session), within).await?;
        }
        if shut(&answer) {
            self.by_parameter.store(false, Ordering::Relaxed);
            return Err(Trouble::Forgotten);
        }
        match result(&answer)? {
            Value::String(printed) => Ok(printed),
            Value::Null => Ok(String::new()),
            _ => Err(Trouble::Said("a result that is no text".to_owned())),
        }
    }

    /// The session, or a new one when it is still the one that does not work any more.
    async fn session(&self, stale: Option<&Secret>) -> Result<Secret, Trouble> {
        let mut known = self.session.lock().await;
        if let Some(session) = known.as_ref().filter(|session| Some(*session) != stale) {
            return Ok(session.clone());
        }
        *known = None;
        let params = json!([self.user, self.password.reveal()]);
        let answer = self.call("auth", "login", &params, None, crate::http::DEADLINE).await?;
        match result(&answer).map_err(|trouble| self.without_password(trouble))? {
            // It goes into a header; an id is hexadecimal.
            Value::String(id) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                let session = Secret::new(id);
                *known = Some(session.clone());
                Ok(session)
            }
            Value::Null => Err(Trouble::Refused),
            _ => Err(Trouble::Said("a session that is no text".to_owned())),
        }
    }

    /// Nobody knows what a router quotes of a login that it did not like.
    fn without_password(&self, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Said(said) if !self.password.reveal().is_empty() => {
                Trouble::Said(said.replace(self.password.reveal(), "…"))
            }
            other => other,
        }
    }

    async fn call(
        &self,
        endpoint: &str,
        method: &str,
        params: &Value,
        session: Option<&Secret>,
        within: Duration,
    ) -> Result<Answer, Trouble> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let mut path = format!("/cgi-bin/luci/rpc/{endpoint}");
        let mut cookie = None;
        if let Some(session) = session.map(Secret::reveal) {
            if self.by_parameter.load(Ordering::Relaxed) {
                path += &format!("?auth={session}");
            }
            cookie = Some(format!("sysauth={session}; sysauth_https={session}; sysauth_http={session}"));
        }
        let mut ask = Ask::json(path, &body);
        if let Some(cookie) = &cookie {
            ask = ask.header("cookie", cookie);
        }
        self.client.clone().deadline(within).send(&ask).await.map_err(Trouble::Http)
    }
}

fn shut(answer: &Answer) -> bool {
    matches!(answer.status, 401 | 403)
}

fn result(answer: &Answer) -> Result<Value, Trouble> {
    match answer.status {
        401 | 403 => return Err(Trouble::Refused),
        404 => return Err(Trouble::NoRpc),
        200..=299 => {}
        status => return Err(Trouble::Status(status)),
    }
    let mut body = answer.json().map_err(Trouble::Http)?;
    match body.get("error") {
        None | Some(Value::Null) => {}
        Some(error) => {
            let message = error.get("message").and_then(Value::as_str);
            return Err(Trouble::Said(message.unwrap_or("an error without words").to_owned()));
        }
    }
    match body.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(Trouble::Said("an answer without a result".to_owned())),
    }
}

impl Trouble {
    /// The device cannot be reached, as against: it refuses.
    pub(super) fn absent(&self) -> bool {
        matches!(self, Self::Http(HttpFault::Unreachable { .. } | HttpFault::Silent { .. }))
    }

    pub(super) fn error(self, what: &str) -> PortError {
        let (why, remedy) = match self {
            Self::Http(fault) => return fault.port_error(what),
            Self::Refused => (
                "the router refuses the login".to_owned(),
                "correct the router's user in the board file and its password in the secrets file",
            ),
            Self::NoRpc => (
                "the router has no JSON-RPC".to_owned(),
                "install luci-mod-rpc on the router (opkg update; opkg install luci-mod-rpc), and check its address",
            ),
            Self::Forgotten => (
                "the router takes the login, and answers the next call with status 403".to_owned(),
                "check on the router's own page that this user may use LuCI, and that the package luci-mod-rpc fits it",
            ),
            Self::Status(status) => (
                format!("the router answers with HTTP status {status}"),
                "open the router's own page in a browser, and check its address in the board file",
            ),
            Self::Said(said) => (
                format!("the router's JSON-RPC says {:?}", said.chars().take(QUOTED).collect::<String>()),
                "open the router's own page in a browser; restarting its web server (uhttpd) may help",
            ),
            Self::Printed { command, error } => (
                format!("the router runs `{command}`, but {error}"),
                "check that the package which brings this command is installed on the router, and `radio` and `wifi` in \
                 the board file",
            ),
        };
        PortError { what: what.to_owned(), why, remedy: remedy.to_owned(), absent: false }
    }
}
