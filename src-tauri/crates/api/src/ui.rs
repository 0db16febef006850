//! The screens, embedded. A program that was built without them says how to build them.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use rust_embed::RustEmbed;

use crate::refusal::Refusal;

#[derive(RustEmbed)]
#[folder = "../../../ui/dist"]
#[allow_missing = true]
struct Dist;

const INDEX: &str = "index.html";
const MISSING: &str = include_str!("ui/missing.html");

/// Scripts, styles and fonts come from here alone. Style attributes are let through: a component's own geometry is
/// written as such, and they can fetch and run nothing.
const POLICY: &str = "default-src 'self'; style-src-attr 'unsafe-inline'; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// The file at this path, or the application itself, which finds its own way from the address.
pub(crate) fn page(path: &str, headers: &HeaderMap) -> Response {
    let path = path.trim_start_matches('/');
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    match Dist::get(if is_file { path } else { INDEX }) {
        Some(file) => answer(if is_file { path } else { INDEX }, &file, headers),
        None if is_file => {
            Refusal::not_found(format!("find the file {path:?}"), "the screens have no such file")
                .into_response()
        }
        None => not_built(),
    }
}

fn answer(path: &str, file: &rust_embed::EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag = format!("\"{}\"", hex::encode(&hash[..16]));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data.clone().into_owned()).into_response()
    };
    let put = response.headers_mut();
    put.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    put.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    put.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache(path)));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        put.insert(header::ETAG, tag);
    }
    response
}

/// Vite writes the hash of its content into the name of everything below `assets/`; all else may change under its name.
fn cache(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

fn not_built() -> Response {
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Html(MISSING)).into_response();
    // The page's own few rules stand in the page.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is_and_how_long_it_may_be_kept() {
        assert_eq!(content_type("assets/index-B2x.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("a.b/noend"), "application/octet-stream");
        assert!(cache("assets/index-B2x.js").contains("immutable"));
        assert_eq!(cache("index.html"), "no-cache");
    }

    #[test]
    fn an_address_of_the_application_gives_the_application() {
        let answers: Vec<_> =
            ["/", "/boots/7", "/index.html"].map(|path| page(path, &HeaderMap::new())).into();
        if Dist::get(INDEX).is_none() {
            assert_eq!(answers[0].status(), 503, "a build without screens says so");
            assert!(MISSING.contains("make build"));
            return;
        }
        for answer in &answers {
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
            assert_eq!(answer.headers()["cache-control"], "no-cache");
            assert!(
                answer.headers()["content-security-policy"]
                    .to_str()
                    .unwrap()
                    .starts_with("default-src 'self';")
            );
        }
        let mut again = HeaderMap::new();
        again.insert("if-none-match", answers[0].headers()["etag"].clone());
        assert_eq!(page("/", &again).status(), 304);
    }

    #[test]
    fn a_file_that_is_not_there_is_not_the_application() {
        for path in
            ["/assets/nowhere.js", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/assets/../../package.json"]
        {
            assert_eq!(page(path, &HeaderMap::new()).status(), 404, "{path}");
        }
    }
}
