//! Everything that is no route: the screens, or a typed refusal with the nearest idea.

use axum::{
    extract::Request,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use lab::Code;

use crate::{openapi, refusal::Refusal, ui};

/// Longer addresses are nobody's typing mistake.
const LONGEST: usize = 200;

/// A page for a browser; a refusal for a program that asked below `/api` or `/gateway`.
pub(crate) async fn elsewhere(request: Request) -> Response {
    let path = request.uri().path();
    let below =
        |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if below("/api") || below("/gateway") {
        return unknown(path).into_response();
    }
    match *request.method() {
        Method::GET | Method::HEAD => ui::page(path, request.headers()),
        _ => wrong_method_refusal().into_response(),
    }
}

pub(crate) async fn wrong_method() -> Refusal {
    wrong_method_refusal()
}

pub(super) fn wrong_method_refusal() -> Refusal {
    Refusal::new(
        Code::BadRequest,
        "answer this request",
        "this address does not know this method",
        "GET /openapi.json says which methods each address knows",
    )
    .with_status(StatusCode::METHOD_NOT_ALLOWED)
}

fn unknown(path: &str) -> Refusal {
    let templates = openapi::document().paths.paths.keys();
    let remedy = match nearest(path, templates.map(String::as_str)) {
        Some(idea) => format!("did you mean {idea}? GET /openapi.json lists all"),
        None => "GET /openapi.json lists all addresses".to_owned(),
    };
    Refusal::new(Code::NotFound, format!("answer {path:?}"), "there is no such address", remedy)
}

/// The route that differs least, with what stands in its open places.
fn nearest<'a>(path: &str, templates: impl Iterator<Item = &'a str>) -> Option<String> {
    if path.len() > LONGEST {
        return None;
    }
    let given: Vec<&str> = path.split('/').collect();
    let filled = templates.map(|template| {
        let parts = template.split('/').enumerate().map(|(index, part)| match given.get(index) {
            Some(given) if part.starts_with('{') && !given.is_empty() => *given,
            _ => part,
        });
        parts.collect::<Vec<_>>().join("/")
    });
    filled
        .map(|candidate| (distance(path, &candidate), candidate))
        .filter(|(steps, candidate)| *steps <= candidate.len() / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: single-letter changes from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_address() {
        let idea = |path| nearest(path, openapi::document().paths.paths.keys().map(String::as_str));
        assert_eq!(idea("/api/v1/state").as_deref(), Some("/api/v1/status"));
        assert_eq!(idea("/api/v1/boot/7").as_deref(), Some("/api/v1/boots/7"));
        assert_eq!(idea("/api/v1/boots/7/event").as_deref(), Some("/api/v1/boots/7/events"));
        assert_eq!(idea("/api/v1/lab/rehearsal/start").as_deref(), Some("/api/v1/labs/rehearsal/start"));
        assert_eq!(idea("/api/v9/zzzzzzzzzzzzzzzzz"), None);
        assert_eq!(idea(&format!("/api/{}", "x".repeat(5000))), None);
    }
}
