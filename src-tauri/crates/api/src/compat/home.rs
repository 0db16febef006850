//! The page at the root, which says where the real screens are, and every address that is none.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Html,
};
use lab::{Code, Failure};

use super::{no::No, site::Site};

const PAGE: &str = include_str!("home.html");

pub(super) async fn page(State(site): State<Arc<Site>>) -> Html<String> {
    let (calls, events, pods, frames) = site.drops();
    let dropped = format!("{calls} call-backs, {events} events, {pods} pods, {frames} malformed frames");
    let name = &site.state.board.board.name;
    let filled = [("{board}", name.as_str()), ("{screens}", &site.state.screens), ("{dropped}", &dropped)];
    Html(filled.iter().fold(PAGE.to_owned(), |page, (place, words)| page.replace(place, &escaped(words))))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(super) async fn elsewhere(State(site): State<Arc<Site>>, request: Request) -> No {
    let path = request.uri().path();
    let what = format!("answer {:?}", path.chars().take(200).collect::<String>());
    let why = match path.starts_with("/html/") {
        true => "the controller's own web server has these files, not this program",
        false => "there is no such address",
    };
    let remedy = format!("open {} for the screens", site.state.screens);
    No::new(StatusCode::NOT_FOUND, Failure::new(Code::NotFound, what, why, remedy))
}

pub(super) async fn wrong_method() -> No {
    wrong_method_refusal()
}

pub(super) fn wrong_method_refusal() -> No {
    let why = "this address does not know this method";
    let failure = Failure::new(Code::BadRequest, "answer this request", why, "GET is known by most of them");
    No::new(StatusCode::METHOD_NOT_ALLOWED, failure)
}
