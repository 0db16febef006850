//! A browser comes in: a code from the program's own output becomes a cookie that scripts cannot read.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::elsewhere::wrong_method_refusal;
use crate::{
    attempts::Attempts,
    extract::Query,
    guard::{self, BrowserCookie},
    refusal::Refusal,
    server::Site,
    sessions::Sessions,
    wire::LoginWire,
};

#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    #[serde(default)]
    pub(crate) code: String,
}

pub(crate) async fn login(
    State(site): State<Arc<Site>>,
    Query(query): Query<LoginQuery>,
    request: Request,
) -> Result<Response, Refusal> {
    let tokens = &site.door.tokens;
    enter(&tokens.sessions, &tokens.attempts, &site.door.cookie, &query.code, &request)
}

/// A fresh address with a one-time login. Whoever opens it may read and control.
#[utoipa::path(
    post, path = "/api/v1/login-codes", tag = "program", responses((status = 201, body = LoginWire))
)]
pub(super) async fn login_codes(State(site): State<Arc<Site>>) -> (StatusCode, Json<LoginWire>) {
    (StatusCode::CREATED, Json(LoginWire { url: site.state.login_url() }))
}

/// The same for the engine's listener and for the gateway.
pub(crate) fn enter(
    sessions: &Sessions,
    attempts: &Attempts,
    cookie: &BrowserCookie,
    code: &str,
    request: &Request,
) -> Result<Response, Refusal> {
    // What only looks ahead (a chat that previews links) must not use up the code.
    if request.method() != Method::GET {
        return Err(wrong_method_refusal());
    }
    let value = sessions.redeem(code).ok_or_else(|| {
        guard::wrong(
            attempts,
            request.extensions(),
            "the login code is wrong, used, or older than ten minutes",
        )
    })?;
    let cookie = cookie.given(value.reveal());
    let mut response = Redirect::to("/").into_response();
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    Ok(response)
}
