//! What step-ca answers, and what its refusals mean.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lab::Failure;
use serde_json::Value;

use super::wire::{Ask, NOT_IT, Wire};
use crate::read;

/// The CA's own leeway is a minute: beyond it every token is refused, whatever else is right.
const LEEWAY_S: i64 = 55;
/// Pages of provisioners, a hundred each.
const PAGES: usize = 10;
/// Of a message that is shown, in characters.
const SAID: usize = 200;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// As the CA's server wrote it.
    pub(super) date: Option<String>,
    pub(super) host: String,
    pub(super) what: String,
}

/// Why one way did not work, and whether it is of no use to try another.
pub(super) struct Refusal {
    pub(super) failure: Failure,
    pub(super) last: bool,
}

impl Refusal {
    /// An answer that names the clock is the same for every way.
    pub(super) fn from_answer(failure: Failure) -> Self {
        Self { last: failure.why.contains(CLOCK), failure }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, last: true }
    }
}

const CLOCK: &str = "clock is";

impl Answer {
    pub(super) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|_| self.nonsense("it sends something that is no JSON"))
    }

    pub(super) fn nonsense(&self, why: &str) -> Failure {
        crate::refused(
            &self.what,
            format!("{} is no step-ca: {why} (status {})", self.host, self.status),
            NOT_IT,
        )
    }

    /// 201, or the refusal in words: `likely` is what such a refusal means when the clocks agree.
    pub(super) fn signed(self, likely: &str) -> Result<Self, Failure> {
        if self.status == 201 {
            return Ok(self);
        }
        if !matches!(self.status, 400..=499) {
            return Err(match self.status {
                500..=599 => crate::refused(
                    &self.what,
                    format!("{} failed itself (status {})", self.host, self.status),
                    "see its log: journalctl -u step-ca",
                ),
                _ => self.nonsense("it answers a request to sign with another status than 201"),
            });
        }
        if let Some(ahead) = self.ahead_s().filter(|ahead| ahead.abs() > LEEWAY_S) {
            let (by, which) = (duration(ahead.abs()), if ahead > 0 { "ahead of" } else { "behind" });
            return Err(crate::refused(
                &self.what,
                format!("this machine's {CLOCK} {by} {which} the clock of {}", self.host),
                "set the clock that is wrong; the CA itself is well",
            ));
        }
        let said = self.said().map(|said| format!("; it says: {said}")).unwrap_or_default();
        let (why, remedy) = match self.status {
            401 => (likely.to_owned(), "see its log (journalctl -u step-ca) for the reason"),
            403 => (
                likely.to_owned(),
                "compare names and leaf_hours in the board file with what the provisioner allows (claims), and see its log",
            ),
            404 => ("it does not know this request".to_owned(), NOT_IT),
            _ => (
                format!("it did not understand the request (status {})", self.status),
                "see its log for the reason",
            ),
        };
        Err(crate::refused(
            &self.what,
            format!("{} refused (status {}): {why}{said}", self.host, self.status),
            remedy,
        ))
    }

    /// By how many seconds our clock is ahead of the server's.
    fn ahead_s(&self) -> Option<i64> {
        let theirs = jiff::fmt::rfc2822::parse(self.date.as_deref()?).ok()?;
        Some(jiff::Timestamp::now().as_second() - theirs.timestamp().as_second())
    }

    fn said(&self) -> Option<String> {
        let json: Value = serde_json::from_slice(&self.body).ok()?;
        let text: String = json["message"].as_str()?.chars().filter(|c| !c.is_control()).take(SAID).collect();
        (!text.is_empty()).then_some(text)
    }
}

/// The whole chain in PEM, written anew: nothing else of the answer gets into a file.
pub(super) fn chain(answer: &Answer) -> Result<String, Failure> {
    let json = answer.json()?;
    let texts: Vec<&str> = match json["certChain"].as_array() {
        Some(all) if !all.is_empty() => all.iter().filter_map(Value::as_str).collect(),
        _ => [&json["crt"], &json["ca"]].into_iter().filter_map(Value::as_str).collect(),
    };
    let bad = || answer.nonsense("its answer holds no certificate");
    let mut pem = String::new();
    for text in texts {
        let blocks = read::blocks(text.as_bytes()).map_err(|_| bad())?;
        for der in &blocks.certificates {
            read::certificate(der).map_err(|_| bad())?;
            pem.push_str(&armour(der));
        }
    }
    if pem.is_empty() { Err(bad()) } else { Ok(pem) }
}

/// PEM of a certificate (RFC 7468: lines of 64).
pub(super) fn armour(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// Key id and sealed key (JWE) of the JWK provisioner of this name.
pub(super) async fn provisioner(wire: &Wire, name: &str) -> Result<(String, String), Failure> {
    let mut cursor = String::new();
    let mut others = Vec::new();
    for _ in 0..PAGES {
        let answer = wire.send(Ask::get(&format!("/provisioners?limit=100&cursor={cursor}"))).await?;
        if answer.status != 200 {
            return Err(answer.nonsense("it does not list its provisioners"));
        }
        let json = answer.json()?;
        let list = json["provisioners"]
            .as_array()
            .ok_or_else(|| answer.nonsense("it does not list its provisioners"))?;
        for one in list {
            let (kind, called) =
                (one["type"].as_str().unwrap_or_default(), one["name"].as_str().unwrap_or_default());
            if called != name {
                others.push(format!("{called} ({kind})"));
                continue;
            }
            return match (kind, one["key"]["kid"].as_str(), one["encryptedKey"].as_str()) {
                ("JWK", Some(kid), Some(sealed)) => Ok((kid.to_owned(), sealed.to_owned())),
                ("JWK", ..) => Err(crate::refused(
                    &answer.what,
                    format!("{} does not show the key of its provisioner {name}", answer.host),
                    "make a JWK provisioner with a password: step ca provisioner add NAME --create",
                )),
                _ => Err(crate::refused(
                    &answer.what,
                    format!("the provisioner {name} of {} is of kind {kind}", answer.host),
                    "name one of kind JWK in the board file ([ca] provisioner)",
                )),
            };
        }
        match json["nextCursor"].as_str().filter(|next| !next.is_empty()) {
            // A cursor comes from the other side and goes into an address.
            Some(next) if next.chars().all(|c| c.is_ascii_alphanumeric()) => cursor = next.to_owned(),
            _ => break,
        }
    }
    others.truncate(10);
    Err(crate::refused(
        "find the provisioner of step-ca",
        format!(
            "the CA has none called {name}; it has {}",
            if others.is_empty() { "none".to_owned() } else { others.join(", ") }
        ),
        "name one of them in the board file ([ca] provisioner)",
    ))
}

fn duration(seconds: i64) -> String {
    match seconds / 3600 {
        ..2 => format!("{} min", seconds / 60),
        hours @ 2..48 => format!("{hours} h"),
        hours => format!("{} d", hours / 24),
    }
}
