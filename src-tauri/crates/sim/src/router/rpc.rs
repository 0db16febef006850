//! LuCI's JSON-RPC: sessions, and the methods of its libraries `auth`, `sys` and `uci`.
//!
//! As the module does it: a refused login is a null result, a session that is not known is status 403, and a method that
//! answers false answers null.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::time::Instant;

use super::core::Core;
use super::uci::{Path, Refusal, Section, Value};
use crate::pace::Dice;
use crate::web::{Answer, Request};

/// Sessions that the router keeps; the oldest goes.
const SESSIONS: usize = 64;

pub(super) const BASE: &str = "/cgi-bin/luci/rpc/";

struct Session {
    id: String,
    /// Each use prolongs it.
    used: Instant,
}

pub(super) struct Rpc {
    user: String,
    password: String,
    sessions: Vec<Session>,
    pub(super) lifetime: Duration,
    dice: Dice,
    pub(super) logins: u64,
    pub(super) refused: u64,
}

/// A method's result and how long it took.
type Outcome = Result<(Json, Duration), Fault>;

/// An error of JSON-RPC.
struct Fault(i32, &'static str);

const NO_METHOD: Fault = Fault(-32601, "Method not found.");
const BAD_PARAMS: Fault = Fault(-32602, "Invalid params.");

fn at_once(result: impl Into<Json>) -> Outcome {
    Ok((result.into(), Duration::ZERO))
}

/// What Lua's `false` becomes.
fn whether(done: Result<(), Refusal>) -> Outcome {
    at_once(if done.is_ok() { json!(true) } else { Json::Null })
}

impl Rpc {
    pub(super) fn new(user: String, password: String, lifetime: Duration, seed: u64) -> Rpc {
        let dice = Dice::new(seed, &[0x6c75_6369]);
        Rpc { user, password, sessions: Vec::new(), lifetime, dice, logins: 0, refused: 0 }
    }

    pub(super) fn forget(&mut self) {
        self.sessions.clear();
    }

    pub(super) fn answer(&mut self, core: &mut Core, request: &Request, now: Duration) -> Answer {
        let Some(library) = request.path.strip_prefix(BASE) else {
            return Answer::new(404, "text/html", "<h1>404 Not Found</h1>\n");
        };
        if library != "auth" {
            let queries = request.queries();
            let asked = queries.iter().find(|(name, _)| name == "auth").map(|(_, value)| value.as_str());
            let id = asked.or_else(|| request.cookie("sysauth"));
            if !id.is_some_and(|id| self.is_open(id)) {
                self.refused += 1;
                return Answer::new(403, "text/plain", "");
            }
        }
        let parsed: Result<Map<String, Json>, _> = serde_json::from_slice(&request.body);
        let Ok(call) = parsed else {
            return reply(&Map::new(), Err(Fault(-32700, "Parse error.")), true);
        };
        let second = call.get("jsonrpc") == Some(&json!("2.0"));
        let none = Vec::new();
        let (method, params) = match (call.get("method"), call.get("params")) {
            (Some(Json::String(method)), None) => (method.as_str(), &none),
            (Some(Json::String(method)), Some(Json::Array(params))) => (method.as_str(), params),
            _ => return reply(&call, Err(Fault(-32600, "Invalid request.")), second),
        };
        let words: Vec<&str> = params.iter().map_while(Json::as_str).collect();
        let outcome = match library {
            "auth" => return self.auth(&call, method, &words, second),
            "sys" => sys(core, method, &words, now),
            "uci" => uci(core, method, params, &words, now),
            _ => return Answer::new(404, "text/html", "<h1>404 Not Found</h1>\n"),
        };
        reply(&call, outcome, second)
    }

    fn auth(&mut self, call: &Map<String, Json>, method: &str, words: &[&str], second: bool) -> Answer {
        if method != "login" {
            return reply(call, Err(NO_METHOD), second);
        }
        if words.first() != Some(&self.user.as_str()) || words.get(1) != Some(&self.password.as_str()) {
            self.refused += 1;
            return reply(call, at_once(Json::Null), second);
        }
        self.logins += 1;
        let id = format!("{:016x}{:016x}", self.dice.next(), self.dice.next());
        if self.sessions.len() == SESSIONS {
            self.sessions.remove(0);
        }
        self.sessions.push(Session { id: id.clone(), used: Instant::now() });
        let mut answer = reply(call, at_once(id.as_str()), second);
        answer.headers.push(("Set-Cookie", format!("sysauth={id}; path=/cgi-bin/luci")));
        answer
    }

    fn is_open(&mut self, id: &str) -> bool {
        let lifetime = self.lifetime;
        self.sessions.retain(|session| session.used.elapsed() < lifetime);
        let session = self.sessions.iter_mut().find(|session| session.id == id);
        session.map(|session| session.used = Instant::now()).is_some()
    }
}

fn reply(call: &Map<String, Json>, outcome: Outcome, second: bool) -> Answer {
    let mut body = Map::new();
    let mut after = Duration::ZERO;
    body.insert("id".into(), call.get("id").cloned().unwrap_or(Json::Null));
    match outcome {
        Ok((result, took)) => {
            after = took;
            body.insert("result".into(), result);
            // Version 1 has both members always.
            if !second {
                body.insert("error".into(), Json::Null);
            }
        }
        Err(Fault(code, message)) => {
            if !second {
                body.insert("result".into(), Json::Null);
            }
            body.insert("error".into(), json!({ "code": code, "message": message }));
        }
    }
    if second {
        body.insert("jsonrpc".into(), json!("2.0"));
    }
    Answer { after, ..Answer::new(200, "application/json", Json::Object(body).to_string()) }
}

fn sys(core: &mut Core, method: &str, words: &[&str], now: Duration) -> Outcome {
    match (method, words) {
        // Only what goes to the standard output; the rest is read by nobody.
        ("exec", [line]) => {
            let done = core.exec(line, now);
            Ok((json!(done.ran.out), done.took))
        }
        ("call", [line]) => {
            let done = core.exec(line, now);
            Ok((json!(done.ran.code), done.took))
        }
        ("exec" | "call", _) => Err(BAD_PARAMS),
        ("uptime", []) => at_once(now.saturating_sub(core.started).as_secs()),
        ("hostname", []) => at_once("wally"),
        _ => Err(NO_METHOD),
    }
}

fn uci(core: &mut Core, method: &str, params: &[Json], words: &[&str], now: Duration) -> Outcome {
    let path = |words: &[&str]| Path::parse(&words.join("."));
    match (method, words) {
        ("get", [_, _] | [_, _, _]) => {
            at_once(path(words).and_then(|path| core.uci.get(&path)).map_or(Json::Null, |value| lua(&value)))
        }
        ("get_all", [package]) => at_once(core.uci.view(package).map_or(Json::Null, |package| {
            package.iter().map(|section| (section.name.clone(), table(section))).collect::<Map<_, _>>().into()
        })),
        ("get_all", [package, section]) => {
            at_once(core.uci.section(package, section).map_or(Json::Null, table))
        }
        ("set", [package, section, kind]) if params.len() == 3 => {
            let made =
                path(&[package, section]).and_then(|path| core.uci.set(&path, Value::One((*kind).into())));
            whether(made)
        }
        ("set", [package, section, option, ..]) if params.len() == 4 => {
            let value = match &params[3] {
                Json::String(text) => Value::One(text.clone()),
                Json::Number(number) => Value::One(number.to_string()),
                Json::Bool(on) => Value::One(if *on { "1" } else { "0" }.into()),
                Json::Array(items) => {
                    Value::List(items.iter().filter_map(Json::as_str).map(str::to_owned).collect())
                }
                Json::Null | Json::Object(_) => return Err(BAD_PARAMS),
            };
            whether(path(&[package, section, option]).and_then(|path| core.uci.set(&path, value)))
        }
        ("tset", [package, section]) => {
            let Some(Json::Object(options)) = params.get(2) else { return Err(BAD_PARAMS) };
            let mut done = Ok(());
            for (option, value) in options {
                let value = Value::One(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                let set = path(&[package, section, option]).and_then(|path| core.uci.set(&path, value));
                done = done.and(set);
            }
            whether(done)
        }
        ("delete", [_, _] | [_, _, _]) => whether(path(words).and_then(|path| core.uci.delete(&path))),
        ("add", [package, kind]) => {
            at_once(core.uci.add(package, kind).map_or(Json::Null, |name| json!(name)))
        }
        ("commit", [package]) => whether(core.uci.commit(Some(package))),
        ("revert", [package]) => whether(path(&[package]).and_then(|path| core.uci.revert(&path))),
        ("changes", []) => at_once(core.uci.changes(None)),
        ("changes", [package]) => at_once(core.uci.changes(Some(package))),
        // Services of these packages read what is committed.
        ("apply", _) => {
            core.radio(false, now);
            at_once(true)
        }
        ("get" | "get_all" | "set" | "tset" | "delete" | "add" | "commit" | "revert" | "changes", _) => {
            Err(BAD_PARAMS)
        }
        _ => Err(NO_METHOD),
    }
}

fn lua(value: &Value) -> Json {
    match value {
        Value::One(text) => json!(text),
        Value::List(items) => json!(items),
    }
}

/// A section as Lua's table, with its own words about itself.
fn table(section: &Section) -> Json {
    let mut table = Map::new();
    table.insert(".name".into(), json!(section.name));
    table.insert(".type".into(), json!(section.kind));
    table.insert(".anonymous".into(), json!(section.anonymous));
    table.extend(section.options.iter().map(|(name, value)| (name.clone(), lua(value))));
    Json::Object(table)
}

#[cfg(test)]
#[path = "rpc_tests.rs"]
mod tests;
