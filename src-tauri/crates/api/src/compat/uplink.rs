//! `/router/…`: the Wi-Fi networks that the router hears, and joining one.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use engine::ROUTER_DEVICE;
use lab::{
    Secret,
    board::Mode,
    gear::RouterGear,
    ports::{PortError, Router},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::timeout;

use super::{door::Asker, site::Site};
use crate::extract;

/// A scan takes a few seconds on each band. The driver has limits of its own; this is for one that has not.
const SCAN_WITHIN: Duration = Duration::from_secs(60);
/// IEEE 802.11 and WPA: longer is neither a name nor a passphrase.
const SSID_LONGEST: usize = 32;
const PASSWORD_LONGEST: usize = 64;

#[derive(Serialize)]
struct Network {
    ssid: String,
    secured: bool,
    /// dBm.
    signal: i32,
    bssid: String,
}

fn no(status: StatusCode, message: &str, error: impl std::fmt::Display) -> Response {
    (status, Json(json!({ "success": false, "message": message, "error": error.to_string() })))
        .into_response()
}

fn failed(message: &str, error: &PortError) -> Response {
    no(StatusCode::INTERNAL_SERVER_ERROR, message, format!("{error}. What to do: {}", error.remedy))
}

fn radio<'a>(site: &'a Site, message: &str) -> Result<&'a Arc<dyn Router>, Box<Response>> {
    let not = |why| Err(Box::new(no(StatusCode::INTERNAL_SERVER_ERROR, message, why)));
    match &site.state.router {
        None => not("this board has no router; describe it as [router] in the board file"),
        Some(router) if !router.has_wifi() => not("this router has no Wi-Fi that can be asked"),
        Some(router) => Ok(router),
    }
}

const BUSY: &str = "its radio is busy with another scan or join; try again in a minute";

pub(super) async fn networks(State(site): State<Arc<Site>>) -> Response {
    let message = "Wi-Fi networks could not be listed";
    let router = match radio(&site, message) {
        Ok(router) => router,
        Err(response) => return *response,
    };
    let Ok(_turn) = site.radio.try_lock() else {
        return no(StatusCode::INTERNAL_SERVER_ERROR, message, BUSY);
    };
    match timeout(SCAN_WITHIN, router.scan()).await {
        Ok(Ok(heard)) => {
            let networks: Vec<Network> = heard
                .into_iter()
                .map(|network| Network {
                    ssid: network.ssid.unwrap_or_default(),
                    secured: network.secured.is_some(),
                    signal: network.signal,
                    bssid: network.bssid,
                })
                .collect();
            Json(json!({ "success": true, "count": networks.len(), "networks": networks })).into_response()
        }
        Ok(Err(error)) => failed(message, &error),
        Err(_) => no(StatusCode::INTERNAL_SERVER_ERROR, message, "the router did not answer in time"),
    }
}

#[derive(Deserialize)]
struct Join {
    ssid: String,
    #[serde(default)]
    password: String,
}

pub(super) async fn connect(
    State(site): State<Arc<Site>>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let message = "the network was not joined";
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return no(rejection.status(), message, rejection.body_text()),
    };
    let join: Join = match extract::json(&headers, &body) {
        Ok(join) => join,
        // Its words name the place of the mistake, not what stood there.
        Err(refusal) => return no(refusal.status, message, refusal.failure.why),
    };
    if join.ssid.is_empty() || join.ssid.len() > SSID_LONGEST || join.password.len() > PASSWORD_LONGEST {
        let why = "a name has 1 to 32 bytes, and a password no more than 64";
        return no(StatusCode::BAD_REQUEST, message, why);
    }
    if site.state.board.board.mode == Mode::Watch {
        let why = "this board is only watched: other programs drive it";
        return no(StatusCode::FORBIDDEN, message, why);
    }
    let router = match radio(&site, message) {
        Ok(router) => router.clone(),
        Err(response) => return *response,
    };
    tracing::info!(actor = asker.actor, from = asker.from, ssid = join.ssid, "joins a Wi-Fi network");
    let own = site.clone();
    // It ends by itself, joined or as before, also when the page that asked has gone.
    let joined = site.tasks.spawn(async move {
        let _turn = own.radio.try_lock().map_err(|_| None)?;
        let password = (!join.password.is_empty()).then(|| Secret::new(join.password));
        router.join(&join.ssid, password.as_ref()).await.map_err(Some)
    });
    match joined.await {
        Ok(Ok(uplink)) => {
            let address = uplink.address.unwrap_or_default();
            Json(json!({ "success": true, "message": format!("joined, with the address {address}") }))
                .into_response()
        }
        Ok(Err(Some(error))) => failed(message, &error),
        Ok(Err(None)) => no(StatusCode::INTERNAL_SERVER_ERROR, message, BUSY),
        Err(_) => no(StatusCode::INTERNAL_SERVER_ERROR, message, "the program made a mistake; report this"),
    }
}

/// The session there was a way in for anybody on the network; the key stays, empty.
pub(super) async fn status(State(site): State<Arc<Site>>) -> Json<serde_json::Value> {
    let (url, user) = match &site.state.board.router {
        Some(RouterGear::Luci { url, user, .. }) => (url.as_str(), user.as_str()),
        _ => ("", ""),
    };
    let picture = site.state.engine.snapshot();
    let connected = picture.status.devices.get(ROUTER_DEVICE).is_some_and(|known| known.present);
    Json(json!({
        "success": true,
        "base_url": url,
        "username": user,
        "connected": connected,
        "session_id": "",
        "cache_count": 0,
    }))
}
