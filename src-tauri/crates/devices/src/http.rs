//! HTTP to devices of a lab: one origin a client, a deadline on everything, answers of a bounded size, no redirects, no
//! proxies, and whatever goes wrong said in words for the person at the bench.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use lab::ports::PortError;
use lab::secret::Secret;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Response, Url};
use serde_json::Value;

use crate::tls::{Changed, Pin, Verifier};

/// Devices answer within milliseconds; a wireless plug that sleeps takes a second or two.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// More than any state needs. A page of 50 MB is no answer of a plug.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Who we are to the device.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    #[default]
    None,
    Basic(String, Secret),
    /// RFC 7616: MD5 or SHA-256, as the device asks.
    Digest(String, Secret),
    Bearer(Secret),
}

/// What stands in the board file cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{url}` is no address of a device: {why}")]
pub struct BadUrl {
    pub url: String,
    pub why: String,
}

/// No answer, or none that can be used. Never names more of the address than the host: queries may hold passwords.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpFault {
    #[error("{host} cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("{host} and we found no common TLS: {why}")]
    Tls { host: String, why: String },
    #[error("{host} does not speak HTTP: {why}")]
    NotHttp { host: String, why: String },
    #[error("{host} did not answer within {} s", .within.as_secs())]
    Silent { host: String, within: Duration },
    #[error("{host} shows another certificate ({}) than {} ({})", .changed.shown, known_by(.changed), .changed.expected)]
    Certificate { host: String, changed: Changed },
    #[error("{host} answers with more than {} kB", .limit / 1024)]
    TooLong { host: String, limit: usize },
    #[error("{host} sends a web page where data was expected{}", titled(.title))]
    Page { host: String, title: Option<String> },
    #[error("{host} sends something that is no JSON: {start:?}")]
    NotJson { host: String, start: String },
}

fn known_by(changed: &Changed) -> &'static str {
    if changed.given { "the one in the board file" } else { "the first time" }
}

fn titled(title: &Option<String>) -> String {
    title.as_ref().map(|title| format!(" (its title: {title:?})")).unwrap_or_default()
}

impl HttpFault {
    /// `what` as in "switch on node 4".
    pub fn port_error(&self, what: impl Into<String>) -> PortError {
        let (remedy, absent) = match self {
            Self::Unreachable { .. } | Self::Silent { .. } => {
                ("check the device's power and cable, and its address in the board file", true)
            }
            Self::Certificate { changed, .. } if changed.given => (
                "if the device was reset or renewed its certificate, write the new fingerprint into the board file",
                false,
            ),
            Self::Certificate { .. } => (
                "if the device was reset or replaced, write the new fingerprint into the board file; else find out who answers there",
                false,
            ),
            Self::Tls { .. } => (
                "if the device speaks plain HTTP, write http:// in the board file; if it is old, renew its certificate or \
                 its firmware",
                false,
            ),
            Self::NotHttp { .. } => {
                ("if the device wants TLS, write https:// in the board file; else check the port", false)
            }
            Self::TooLong { .. } | Self::NotJson { .. } => {
                ("check the address and the kind of this device in the board file", false)
            }
            Self::Page { .. } => (
                "if it is a login page, give user and secret in the board file; else check the device's kind and address",
                false,
            ),
        };
        PortError { what: what.into(), why: self.to_string(), remedy: remedy.to_owned(), absent }
    }
}

/// One request, to a path of the client's origin.
#[derive(Debug, Clone)]
pub struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Ask {
    /// `path` with its query, as in `/rpc/Switch.GetStatus?id=0`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), body: None }
    }

    pub fn json(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::POST, path).body("application/json", body.to_string())
    }

    pub fn form(path: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        // A base is needed to borrow the encoder of queries, which is that of forms; it goes nowhere.
        let encoded = Url::parse_with_params("http://form/", fields).ok();
        let encoded = encoded.as_ref().and_then(Url::query).unwrap_or_default().to_owned();
        Self::new(Method::POST, path).body("application/x-www-form-urlencoded", encoded)
    }

    #[must_use]
    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", kind)
    }

    /// A header that cannot be sent (a line break in its value) is left out; the device will say that it misses it.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }
}

/// What came back, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    host: String,
}

impl Answer {
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A page that asks for a password, whatever its status says.
    pub fn login_page(&self) -> Option<HttpFault> {
        let text = self.text();
        let lower = text.to_ascii_lowercase();
        let asks = ["type=\"password\"", "type='password'", "type=password"]
            .iter()
            .any(|field| lower.contains(field));
        asks.then(|| HttpFault::Page { host: self.host.clone(), title: page_title(&text) })
    }

    /// A page instead of data is told as such.
    pub fn json(&self) -> Result<Value, HttpFault> {
        serde_json::from_slice(&self.body).map_err(|_| {
            let text = self.text();
            let host = self.host.clone();
            let html = self.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("html"));
            let start = text.trim_start();
            if html || start.get(..1) == Some("<") {
                return HttpFault::Page { host, title: page_title(&text) };
            }
            HttpFault::NotJson { host, start: start.chars().take(60).collect() }
        })
    }
}

fn page_title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let from = lower.find("<title")?;
    let from = from + lower[from..].find('>')? + 1;
    let length = lower[from..].find("</title")?;
    let title: String = page.get(from..from + length)?.trim().chars().take(60).collect();
    (!title.is_empty()).then_some(title)
}

/// A device's web server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    origin: Url,
    host: String,
    verifier: Arc<Verifier>,
    auth: Auth,
    deadline: Duration,
    limit: usize,
}

impl Client {
    /// `url` as in `https://10.0.0.5`; a path in it stands in front of every path that is asked for.
    pub fn new(url: &str, pin: Pin) -> Result<Self, BadUrl> {
        let bad = |why: &str| BadUrl { url: shown(url), why: why.to_owned() };
        let origin = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
        if !matches!(origin.scheme(), "http" | "https") {
            return Err(bad("it begins with http:// or https://"));
        }
        if !origin.username().is_empty() || origin.password().is_some() {
            return Err(bad("user and password stand in `user` and `secret`, not in the address"));
        }
        let (Some(name), Some(port)) = (origin.host_str(), origin.port_or_known_default()) else {
            return Err(bad("it names no host"));
        };
        let host = format!("{name}:{port}");
        let verifier = Verifier::new(host.clone(), pin);
        let tls = verifier.config().map_err(|error| bad(&error.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            // Small web servers close idle connections without a word, and have few of them.
            .pool_max_idle_per_host(0)
            .user_agent("statusinator")
            .build()
            .map_err(|error| bad(&cause(&error).1))?;
        let (auth, deadline, limit) = (Auth::None, DEADLINE, BODY_LIMIT);
        Ok(Self { http, origin, host, verifier, auth, deadline, limit })
    }

    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Of a whole exchange, with its answer and a digest's second request.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Of an answer's body, in bytes.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Host and port, for people and for [`crate::tls::Trust`].
    pub fn host(&self) -> &str {
        &self.host
    }

    pub async fn get(&self, path: &str) -> Result<Answer, HttpFault> {
        self.send(&Ask::get(path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, HttpFault> {
        self.send(&Ask::json(path, body)).await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer, HttpFault> {
        self.send(&Ask::form(path, fields)).await
    }

    /// Any status is an answer; a fault is only what is none.
    pub async fn send(&self, ask: &Ask) -> Result<Answer, HttpFault> {
        match tokio::time::timeout(self.deadline, self.exchange(ask)).await {
            Ok(result) => result,
            Err(_) => Err(HttpFault::Silent { host: self.host.clone(), within: self.deadline }),
        }
    }

    async fn exchange(&self, ask: &Ask) -> Result<Answer, HttpFault> {
        let url = self.url(&ask.path)?;
        let response = self.once(ask, url.clone(), None).await?;
        if let (401, Auth::Digest(user, password)) = (response.status().as_u16(), &self.auth)
            && let Some(line) = digest(response.headers(), ask, &url, user, password)
        {
            let again = self.once(ask, url, Some(&line)).await?;
            return self.whole(again).await;
        }
        self.whole(response).await
    }

    async fn once(&self, ask: &Ask, url: Url, digest: Option<&str>) -> Result<Response, HttpFault> {
        let mut request = self.http.request(ask.method.clone(), url).headers(ask.headers.clone());
        request = match (&self.auth, digest) {
            (Auth::Digest(..), Some(line)) => request.header(AUTHORIZATION, line),
            (Auth::None | Auth::Digest(..), _) => request,
            (Auth::Basic(user, password), _) => request.basic_auth(user, Some(password.reveal())),
            (Auth::Bearer(token), _) => request.bearer_auth(token.reveal()),
        };
        if let Some(body) = &ask.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| self.fault(&error))
    }

    async fn whole(&self, mut response: Response) -> Result<Answer, HttpFault> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.fault(&error))? {
            if body.len() + piece.len() > self.limit {
                return Err(HttpFault::TooLong { host: self.host.clone(), limit: self.limit });
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, headers, body, host: self.host.clone() })
    }

    fn url(&self, path: &str) -> Result<Url, HttpFault> {
        let base = self.origin.as_str().trim_end_matches('/');
        let url =
            if path.is_empty() { Ok(self.origin.clone()) } else { Url::parse(&format!("{base}{path}")) };
        // A path that a device told us must not lead to another.
        url.ok().filter(|url| url.origin() == self.origin.origin()).ok_or_else(|| HttpFault::Unreachable {
            host: self.host.clone(),
            why: format!("{:?} is no path", path.split('?').next().unwrap_or_default()),
        })
    }

    fn fault(&self, error: &reqwest::Error) -> HttpFault {
        let host = self.host.clone();
        if let Some(changed) = self.verifier.take_changed() {
            return HttpFault::Certificate { host, changed };
        }
        let (cause, why) = cause(error);
        match cause {
            Cause::Tls => HttpFault::Tls { host, why },
            Cause::Wire => HttpFault::Unreachable { host, why },
            Cause::Talk => HttpFault::NotHttp { host, why },
        }
    }
}

/// What went wrong below a request.
enum Cause {
    Tls,
    /// No connection, or it was lost.
    Wire,
    /// What came over it was no HTTP.
    Talk,
}

/// The innermost error says most, and unlike the outer ones names no address.
fn cause(error: &reqwest::Error) -> (Cause, String) {
    let mut found = if error.is_connect() { Cause::Wire } else { Cause::Talk };
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            found = if is_tls(io) { Cause::Tls } else { Cause::Wire };
        }
    }
    // Without a source reqwest's own sentence would name the whole address.
    if error.source().is_none() {
        return (Cause::Talk, "the exchange failed".to_owned());
    }
    let why = inner.to_string();
    // hyper's word for a device that closed in the middle.
    let lost = why.contains("closed before message completed");
    (if lost { Cause::Wire } else { found }, why)
}

/// TLS reports by way of I/O errors, one in the other, and they do not count what they hold among their sources.
fn is_tls(error: &io::Error) -> bool {
    let held = error.get_ref();
    held.is_some_and(|held| held.is::<rustls::Error>() || held.downcast_ref().is_some_and(is_tls))
}

/// Without what may be a password in it.
fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    }
}

/// The answer to the device's challenge, if there is one that can be answered.
fn digest(headers: &HeaderMap, ask: &Ask, url: &Url, user: &str, password: &Secret) -> Option<String> {
    let challenge = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find(|value| value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest ")))?;
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let context = digest_auth::AuthContext::new_with_method(
        user,
        password.reveal(),
        path,
        ask.body.as_deref(),
        digest_auth::HttpMethod::from(ask.method.as_str()),
    );
    let mut prompt = digest_auth::parse(&challenge[7..]).ok()?;
    Some(prompt.respond(&context).ok()?.to_header_string())
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
