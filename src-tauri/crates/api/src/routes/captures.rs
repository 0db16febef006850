//! Frames of a machine's wire as a file that other programs read.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use lab::{Code, Failure};

use super::machines::{found, machine};
use crate::{extract::Path, refusal::Refusal, server::Site};

/// There is no registered type for pcapng; this is the one that programs send (draft-ietf-opsawg-pcapng).
const PCAPNG: &str = "application/x-pcapng";

/// What was heard of a machine's boot protocols, as far back as its ring reaches (pcapng).
#[utoipa::path(
    get, path = "/api/v1/machines/{machine}/capture.pcapng", tag = "now",
    params(("machine" = String, Path, description = "Box number or name")),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-pcapng"))
)]
pub(super) async fn machine_capture(
    State(site): State<Arc<Site>>,
    Path(who): Path<String>,
) -> Result<Response, Refusal> {
    let name = machine(&site.state, &who)?.name.clone();
    capture(&site, &name, None, &name).await
}

/// The same for the time of one boot, as far as the machine's ring still has it (pcapng).
#[utoipa::path(
    get, path = "/api/v1/boots/{id}/capture.pcapng", tag = "history",
    params(("id" = u64, Path, description = "Number of the boot")),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-pcapng"))
)]
pub(super) async fn boot_capture(
    State(site): State<Arc<Site>>,
    Path(id): Path<u64>,
) -> Result<Response, Refusal> {
    let boot = found(&site.state, id).await?;
    let end = boot.ended.as_ref().map_or(i64::MAX, |ended| ended.wall_us);
    capture(&site, &boot.machine, Some((boot.started.wall_us, end)), &format!("boot-{id}")).await
}

async fn capture(
    site: &Site,
    machine: &str,
    span: Option<(i64, i64)>,
    name: &str,
) -> Result<Response, Refusal> {
    let port = site.state.captures.as_ref().ok_or_else(|| {
        Refusal::new(
            Code::NotFound,
            format!("open the capture of {machine}"),
            "this board hears no frames",
            "look at the packets of its boots instead: they are listed without their bytes",
        )
    })?;
    let bytes = port.pcapng(machine, span).await.map_err(Failure::from)?;
    let disposition = format!("attachment; filename=\"{name}.pcapng\"");
    let headers = [(header::CONTENT_TYPE, PCAPNG.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, bytes).into_response())
}
