//! One message on its way.

use std::{net::IpAddr, time::Duration};

use lab::{Code, Failure, Secret, gear::NotifyGear};
use reqwest::{
    Client, Url,
    header::{AUTHORIZATION, HeaderValue},
    redirect::Policy,
};

/// Of a whole exchange: name, connection, TLS, answer. Less than each part of the program has to end in.
const DEADLINE: Duration = Duration::from_secs(8);
/// ntfy makes an attachment of what is longer than 4,096 bytes.
const LONGEST: usize = 3500;
const WHAT: &str = "tell people outside";

/// As a person will read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) priority: u8,
    /// One of ntfy's short codes.
    pub(super) tag: &'static str,
}

/// Where messages go. The address may be a secret itself (ntfy's topics are): only its host is ever named.
pub(super) struct Post {
    http: Client,
    url: Url,
    host: String,
    bearer: Option<HeaderValue>,
}

impl Post {
    pub(super) fn new(gear: &NotifyGear, token: Option<Secret>) -> Result<Self, Failure> {
        let bad = |why: String, remedy: &str| Failure::new(Code::BadConfig, WHAT, why, remedy);
        let correct = "correct url under [notify] in the board file, as in https://ntfy.example/board";
        let url =
            Url::parse(&gear.url).map_err(|error| bad(format!("the address is none: {error}"), correct))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if host.is_empty() || !matches!(url.scheme(), "http" | "https") {
            return Err(bad("the address does not begin with https:// and a host".into(), correct));
        }
        let plain = url.scheme() == "http";
        if let Some(name) = gear.secret.as_ref().filter(|_| token.is_none()) {
            let remedy = format!("statusinator secrets set {name}, then start the program again");
            return Err(bad(format!("there is no secret {name:?}"), &remedy));
        }
        if plain && token.is_some() && !is_loopback(&host) {
            let why = format!("the token would cross the network to {host} where anybody can read it");
            return Err(bad(why, "use https, or a server on this computer"));
        }
        let bearer = token.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))?;
            value.set_sensitive(true);
            Ok::<_, reqwest::header::InvalidHeaderValue>(value)
        });
        let bearer = bearer.transpose().map_err(|_| {
            bad(
                "the token has characters that no header takes".into(),
                "set it anew: statusinator secrets set",
            )
        })?;
        let builder = if plain {
            api::plain_http().map_err(|error| bad(error.to_string(), "report this"))?
        } else {
            api::named_http()
        };
        // A redirect would carry the message, and perhaps the token, to somebody else.
        let http = builder.redirect(Policy::none()).timeout(DEADLINE).user_agent("statusinator").build();
        let http =
            http.map_err(|error| bad(format!("no client: {error}"), "install the package ca-certificates"))?;
        Ok(Self { http, url, host, bearer })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), Failure> {
        let mut request = self
            .http
            .post(self.url.clone())
            .header("Title", header(&message.title))
            .header("Priority", message.priority.to_string())
            .header("Tags", message.tag)
            .body(shortened(&message.body));
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let (code, remedy) = match status.as_u16() {
            401 | 403 => {
                (Code::Unauthorized, "give the token that this server takes: statusinator secrets set")
            }
            404 | 405 => (Code::NotFound, "correct url under [notify] in the board file"),
            429 => (Code::Busy, "wait: the server takes no more messages for now"),
            _ => (Code::DeviceRefused, "look at that server's own log"),
        };
        Err(Failure::new(code, WHAT, format!("{} answered {status}", self.host), remedy))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let why = if error.is_timeout() {
            format!("{} gave no answer within {} s", self.host, DEADLINE.as_secs())
        } else {
            format!("{} cannot be reached", self.host)
        };
        let remedy =
            "look whether the board has its way to the internet (Router), and whether that server runs";
        Failure::new(Code::DeviceAbsent, WHAT, why, remedy)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// ntfy takes UTF-8 in its headers; line ends are what must not come through.
fn header(text: &str) -> HeaderValue {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    HeaderValue::from_bytes(line.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static("statusinator"))
}

fn shortened(body: &str) -> String {
    let mut text = body.to_owned();
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}
