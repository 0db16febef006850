//! An archive for diagnosis: sent, or written to a stick, so that nobody at the bench needs a shell.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use lab::Code;

use crate::{
    desks::{Bundle, BundleDesk},
    extract::Body,
    refusal::Refusal,
    server::Site,
    wire::{StickOrderWire, StickWire, StickWrittenWire},
};

fn desk(site: &Site) -> Result<Arc<dyn BundleDesk>, Refusal> {
    site.state.bundle.clone().ok_or_else(|| {
        let why = "nobody makes archives here";
        Refusal::new(Code::NotFound, "make an archive", why, "use `statusinator bundle` in a shell")
    })
}

async fn make(site: &Site) -> Result<(Arc<dyn BundleDesk>, Bundle), Refusal> {
    let desk = desk(site)?;
    let status = serde_json::to_value(site.state.picture()).unwrap_or_default();
    let bundle = desk.make(&site.state, status).await.map_err(Refusal::from)?;
    Ok((desk, bundle))
}

/// Everything that somebody far away needs for a diagnosis (tar.gz); secrets are taken out.
#[utoipa::path(
    post, path = "/api/v1/bundle", tag = "orders",
    responses((status = 200, body = Vec<u8>, content_type = "application/gzip"))
)]
pub(super) async fn bundle(State(site): State<Arc<Site>>) -> Result<Response, Refusal> {
    let (_, Bundle { name, bytes }) = make(&site).await?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, "application/gzip".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, bytes).into_response())
}

/// Sticks that are plugged into the controller.
#[utoipa::path(get, path = "/api/v1/bundle/sticks", tag = "now", responses((status = 200, body = Vec<StickWire>)))]
pub(super) async fn sticks(State(site): State<Arc<Site>>) -> Result<Json<Vec<StickWire>>, Refusal> {
    Ok(Json(desk(&site)?.sticks().await.into_iter().map(StickWire::from).collect()))
}

/// Make the archive and write it to a stick. Answers when the stick can be pulled out.
#[utoipa::path(
    post, path = "/api/v1/bundle/stick", tag = "orders", request_body = StickOrderWire,
    responses((status = 200, body = StickWrittenWire))
)]
pub(super) async fn to_stick(
    State(site): State<Arc<Site>>,
    Body(order): Body<StickOrderWire>,
) -> Result<Json<StickWrittenWire>, Refusal> {
    let (desk, bundle) = make(&site).await?;
    let written = desk.write(&order.stick, &bundle).await.map_err(Refusal::from)?;
    Ok(Json(StickWrittenWire::new(written, bundle.bytes.len())))
}
