//! Certificates on demand. Their list is part of the picture.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use lab::Code;

use crate::{desks::CertificateDesk, extract::Path, refusal::Refusal, server::Site};

fn desk(site: &Site, what: &str) -> Result<Arc<dyn CertificateDesk>, Refusal> {
    site.state.certificates.clone().ok_or_else(|| {
        let why = "no certificate is watched here";
        Refusal::new(Code::NotFound, what, why, "name certificates in the board file ([[certificate]])")
    })
}

/// Look at all certificates now, and renew what is due. Answers when that is done.
#[utoipa::path(post, path = "/api/v1/certificates/check", tag = "orders", responses((status = 204)))]
pub(super) async fn check(State(site): State<Arc<Site>>) -> Result<StatusCode, Refusal> {
    desk(&site, "look at the certificates")?.check().await.map_err(Refusal::from)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Renew one now, due or not.
#[utoipa::path(
    post, path = "/api/v1/certificates/{name}/renew", tag = "orders",
    params(("name" = String, Path, description = "Its name, as the board file has it")),
    responses((status = 204))
)]
pub(super) async fn renew(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    desk(&site, "renew a certificate")?.renew(&name).await.map_err(Refusal::from)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The root certificate of the lab's CA, for browsers and machines.
#[utoipa::path(
    get, path = "/api/v1/certificates/root.pem", tag = "now",
    responses((status = 200, body = String, content_type = "application/x-pem-file"))
)]
pub(super) async fn root(State(site): State<Arc<Site>>) -> Result<Response, Refusal> {
    let what = "fetch the root certificate";
    let root = desk(&site, what)?.root().ok_or_else(|| {
        Refusal::new(Code::NotFound, what, "the CA's root is not at hand", "fetch it from the CA itself")
    })?;
    Ok(([(header::CONTENT_TYPE, "application/x-pem-file")], root).into_response())
}
