//! Where a request says that it comes from and goes to. A page of a stranger may make a browser call us (DNS rebinding,
//! cross-site forms); these two headers give it away, because pages cannot set them.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use lab::Code;

use crate::refusal::Refusal;

/// How a listener is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(crate) fn of(tls: bool) -> Self {
        if tls { Self::Https } else { Self::Http }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A name that an attacker made point here is refused: `Host` must be loopback or the address that is listened on. When
/// that is all addresses, any address will do, since only names can be made to point elsewhere.
pub(crate) fn host_is_ours(
    scheme: Scheme,
    uri: &Uri,
    headers: &HeaderMap,
    listen: SocketAddr,
    names: &[String],
) -> Result<(), Refusal> {
    let mut named = headers.get_all(header::HOST).iter();
    // RFC 9112 section 3.2: exactly one Host field. An absolute target names the authority as well; both must do.
    let host = named.next().and_then(|value| value.to_str().ok());
    let good = host.is_some_and(|host| is_ours(host, listen, names))
        && named.next().is_none()
        && uri.authority().is_none_or(|authority| is_ours(authority.as_str(), listen, names));
    if good {
        return Ok(());
    }
    let why = match host {
        Some(host) => format!("the request is for {host:?}, which is not a name of this program"),
        None => "the request does not say whom it is for".to_owned(),
    };
    let (scheme, port) = (scheme.word(), listen.port());
    let remedy = format!("use {scheme}://{listen}/ or, on this computer, {scheme}://localhost:{port}/");
    Err(Refusal::new(Code::Forbidden, "answer this request", why, remedy)
        .with_status(StatusCode::MISDIRECTED_REQUEST))
}

/// The host of an authority, without its port and brackets.
pub(crate) fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

/// `names` are those under which the board's own machines know this listener.
pub(crate) fn is_ours(authority: &str, listen: SocketAddr, names: &[String]) -> bool {
    let host = host_of(authority);
    if host.eq_ignore_ascii_case("localhost") || names.iter().any(|name| name.eq_ignore_ascii_case(host)) {
        return true;
    }
    host.parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback() || address == listen.ip() || listen.ip().is_unspecified())
}

/// A cookie comes along with every request of the browser, also with those that a stranger's page causes. So a request
/// that changes something must come from our own page.
pub(crate) fn page_is_ours(scheme: Scheme, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let refuse = |why: String| {
        Err(Refusal::new(
            Code::Forbidden,
            "answer this page",
            why,
            "open the page from this program's own address",
        ))
    };
    // Sent by browsers on every request; "none" is the person at the address bar.
    if let Some(site) = text("sec-fetch-site").filter(|site| !matches!(*site, "same-origin" | "none")) {
        return refuse(format!("the request comes from another page ({site})"));
    }
    if method.is_safe() {
        return Ok(());
    }
    let (origin, host) = (text("origin"), text("host").unwrap_or_default());
    let scheme = scheme.word();
    let from = origin.and_then(|origin| origin.strip_prefix(scheme)?.strip_prefix("://"));
    match from {
        Some(from) if from.eq_ignore_ascii_case(host) => Ok(()),
        _ => refuse(format!(
            "the request comes from {:?}, not from {scheme}://{host}",
            origin.unwrap_or("nowhere")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_our_own_names_are_answered() {
        let table = [
            ("127.0.0.1:8080", "127.0.0.1:8080", true),
            ("127.0.0.1:8080", "localhost", true),
            ("127.0.0.1:8080", "LOCALHOST:9000", true),
            ("127.0.0.1:8080", "[::1]:8080", true),
            ("127.0.0.1:8080", "127.9.9.9", true),
            ("127.0.0.1:8080", "evil.example:8080", false),
            ("127.0.0.1:8080", "localhost.evil.example", false),
            ("127.0.0.1:8080", "127.0.0.1.evil.example:8080", false),
            ("127.0.0.1:8080", "192.0.2.3:8080", false),
            ("127.0.0.1:8080", "", false),
            ("127.0.0.1:8080", "[::1", false),
            ("192.0.2.3:80", "192.0.2.3", true),
            ("192.0.2.3:80", "192.0.2.4", false),
            ("0.0.0.0:80", "192.0.2.4", true),
            ("0.0.0.0:80", "board.example", false),
        ];
        for (listen, host, ours) in table {
            let answer = host_is_ours(
                Scheme::Http,
                &Uri::from_static("/"),
                &headers(&[("host", host)]),
                listen.parse().unwrap(),
                &[],
            );
            assert_eq!(answer.is_ok(), ours, "{host} at {listen}");
        }
    }

    #[test]
    fn one_host_and_the_same_in_the_target() {
        let listen = "127.0.0.1:1".parse().unwrap();
        let check = |uri: &'static str, pairs: &[(&'static str, &str)]| {
            host_is_ours(Scheme::Http, &Uri::from_static(uri), &headers(pairs), listen, &[]).is_ok()
        };
        assert!(!check("/", &[]));
        assert!(!check("/", &[("host", "localhost"), ("host", "localhost")]));
        assert!(!check("http://evil.example/", &[("host", "localhost")]));
        assert!(check("http://localhost/", &[("host", "localhost")]));
    }

    #[test]
    fn a_page_that_changes_something_is_our_own() {
        type Row = (Method, &'static [(&'static str, &'static str)], bool);
        const HOST: (&str, &str) = ("host", "127.0.0.1:8080");
        let table: [Row; 10] = [
            (Method::POST, &[HOST, ("origin", "http://127.0.0.1:8080")], true),
            (Method::POST, &[HOST], false),
            (Method::POST, &[HOST, ("origin", "null")], false),
            (Method::POST, &[HOST, ("origin", "http://127.0.0.1:9000")], false),
            (Method::POST, &[HOST, ("origin", "https://127.0.0.1:8080")], false),
            (
                Method::POST,
                &[HOST, ("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "cross-site")],
                false,
            ),
            (Method::GET, &[HOST], true),
            (Method::GET, &[HOST, ("sec-fetch-site", "same-origin")], true),
            (Method::GET, &[HOST, ("sec-fetch-site", "none")], true),
            (Method::GET, &[HOST, ("sec-fetch-site", "same-site")], false),
        ];
        for (method, pairs, ours) in table {
            assert_eq!(
                page_is_ours(Scheme::Http, &method, &headers(pairs)).is_ok(),
                ours,
                "{method} {pairs:?}"
            );
        }
        let from = |origin| {
            page_is_ours(Scheme::Https, &Method::POST, &headers(&[HOST, ("origin", origin)])).is_ok()
        };
        assert!(
            from("https://127.0.0.1:8080") && !from("http://127.0.0.1:8080"),
            "plain pages are not ours then"
        );
    }
}
