//! Who may change something. The old pages send `GET` for it, which any page can make a browser send, so the door looks
//! at everything by which a stranger's page gives itself away.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{Extensions, HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use axum_extra::extract::CookieJar;
use lab::{Code, board::BoardKind};

use super::{home, no::No, site::Site};
use crate::{
    guard,
    origin::{host_of, is_ours},
    refusal::Refusal,
    rights::{Caller, Right},
};

/// Actor of what this computer's own programs ask for without a token.
const THIS_COMPUTER: &str = "compat";
/// Somebody passes a stranger's request on; whose it is cannot be told.
const PASSED_ON: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Who was let in. Goes with every order.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) actor: String,
    pub(super) from: String,
}

impl Asker {
    pub(super) fn reason(&self, path: &str) -> Option<String> {
        Some(format!("{path}, asked from {}", self.from))
    }
}

/// Stands before every call that changes something.
pub(super) async fn control(
    State(site): State<Arc<Site>>,
    mut request: Request,
    next: Next,
) -> Result<Response, No> {
    let asker = admit(&site, request.method(), request.headers(), request.extensions())?;
    request.extensions_mut().insert(asker);
    Ok(next.run(request).await)
}

/// Lets in who has a token with the right to control, or is this computer itself.
pub(super) fn admit(
    site: &Site,
    method: &Method,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Asker, No> {
    if !matches!(*method, Method::GET | Method::POST) {
        return Err(home::wrong_method_refusal());
    }
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    let from = peer.map_or_else(|| "nobody knows where".to_owned(), |peer| peer.to_string());
    let tokens = &site.state.tokens;
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let found = token.and_then(|token| tokens.bearer(token.trim()));
        let caller =
            found.ok_or_else(|| guard::wrong(&tokens.attempts, extensions, "the token is not known here"))?;
        return let_in(caller, from);
    }
    if let Some(caller) = by_cookie(site, headers) {
        if !from_our_page(method, headers) {
            return Err(stranger("the browser does not say that the request comes from a page of here"));
        }
        return let_in(caller, from);
    }
    if !peer.is_some_and(|peer| is_this_computer(site, peer, headers)) {
        return Err(guard::unauthorized("it came from another computer and without a token").into());
    }
    if let Some(why) = foreign(headers) {
        return Err(stranger(why));
    }
    Ok(Asker { actor: THIS_COMPUTER.to_owned(), from })
}

fn let_in(caller: Caller, from: String) -> Result<Asker, No> {
    caller.must(Right::Control)?;
    Ok(Asker { actor: caller.actor, from })
}

/// Browsers share cookies between all ports of a host, so the one of the real screens arrives here too.
fn by_cookie(site: &Site, headers: &HeaderMap) -> Option<Caller> {
    let jar = CookieJar::from_headers(headers);
    let ours = jar.iter().filter(|cookie| cookie.name().starts_with("statusinator-"));
    // As many as a browser could have from a few programs side by side.
    ours.take(8).find_map(|cookie| site.state.tokens.cookie(cookie.value()))
}

/// A cookie comes along whoever caused the request, so the page must be shown to be ours.
fn from_our_page(method: &Method, headers: &HeaderMap) -> bool {
    let said = |name| text(headers, name).is_some();
    let shown = said("sec-fetch-site") || (method == Method::POST && said("origin"));
    shown && foreign(headers).is_none()
}

/// A program of this computer: its address is loopback, and it asked for this computer by a name that only means itself.
/// On the simulated board machines have loopback addresses too, and are no part of this computer.
fn is_this_computer(site: &Site, peer: IpAddr, headers: &HeaderMap) -> bool {
    let simulated = site.state.board.board.kind == BoardKind::Simulated;
    let machine = matches!(peer, IpAddr::V4(v4) if simulated && v4.octets()[..2] == [127, 122]);
    let host = host_of(text(headers, "host").unwrap_or_default());
    let itself =
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    peer.is_loopback() && !machine && itself && !PASSED_ON.iter().any(|name| headers.contains_key(*name))
}

/// Why the request is that of a stranger's page, or of nobody at all.
fn foreign(headers: &HeaderMap) -> Option<&'static str> {
    let host = text(headers, "host").unwrap_or_default();
    let ours = |url: &str| {
        let rest = url.strip_prefix("http://").unwrap_or_default();
        rest.split('/').next().is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    let site = text(headers, "sec-fetch-site");
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Some("the request comes from another page");
    }
    if ["origin", "referer"].iter().any(|name| text(headers, name).is_some_and(|url| !ours(url))) {
        return Some("the request comes from a page of another address");
    }
    // A browser that only looks ahead must not switch anything.
    if ["purpose", "sec-purpose", "x-moz"].iter().any(|name| headers.contains_key(*name)) {
        return Some("a browser only looks ahead");
    }
    let browser = text(headers, "user-agent").is_some_and(|agent| agent.starts_with("Mozilla/"));
    let silent = site.is_none() && !headers.contains_key("origin") && !headers.contains_key("referer");
    (browser && silent).then_some("the browser does not say which page asks")
}

/// A socket that tells something is not for pages of strangers. Programs send no origin.
pub(super) fn may_listen(site: &Site, headers: &HeaderMap) -> Result<(), No> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
    if authority.is_some_and(|authority| is_ours(authority, site.listen, &site.names)) {
        return Ok(());
    }
    Err(stranger("the request comes from a page of another address"))
}

fn stranger(why: &str) -> No {
    let remedy = "use the screens of this program, or send Authorization: Bearer with a token";
    let refusal = Refusal::new(Code::Forbidden, "answer this page", why, remedy);
    refusal.with_status(StatusCode::FORBIDDEN).into()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // What cannot be read is not passed over: it stands for an address that is not ours.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}
