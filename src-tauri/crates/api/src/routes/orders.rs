//! Orders: who, when and why go with them, and the engine's event is on the disk before the answer.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use engine::{Command, Order, Outcome};
use lab::Code;

use super::machines::machine;
use crate::{
    extract::{Path, Reason, StartOrder},
    refusal::Refusal,
    rights::Caller,
    server::Site,
    wire::{ReasonWire, StartOrderWire, StartedWire},
};

type Accepted = (StatusCode, Json<StartedWire>);

/// Start a lab.
#[utoipa::path(
    post, path = "/api/v1/labs/{lab}/start", tag = "orders",
    params(("lab" = String, Path, description = "Name of the lab")),
    request_body = Option<StartOrderWire>,
    responses((status = 202, body = StartedWire))
)]
pub(super) async fn start_lab(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(lab): Path<String>,
    StartOrder(StartOrderWire { machines, reason }): StartOrder,
) -> Result<Accepted, Refusal> {
    let names = machines.iter().map(|who| machine(&site.state, who).map(|known| known.name.clone()));
    let machines = names.collect::<Result<Vec<_>, _>>()?;
    give(&site, caller, Command::StartLab { lab, machines }, reason).await
}

/// Cancel a run.
#[utoipa::path(
    post, path = "/api/v1/runs/{id}/cancel", tag = "orders",
    params(("id" = u64, Path, description = "Number of the run")),
    request_body = Option<ReasonWire>,
    responses((status = 202, body = StartedWire))
)]
pub(super) async fn cancel_run(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(id): Path<u64>,
    Reason(reason): Reason,
) -> Result<Accepted, Refusal> {
    give(&site, caller, Command::CancelRun { run: Some(id) }, reason).await
}

/// Cancel the run that is under way.
#[utoipa::path(
    post, path = "/api/v1/runs/current/cancel", tag = "orders",
    request_body = Option<ReasonWire>,
    responses((status = 202, body = StartedWire))
)]
pub(super) async fn cancel_current_run(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Reason(reason): Reason,
) -> Result<Accepted, Refusal> {
    give(&site, caller, Command::CancelRun { run: None }, reason).await
}

async fn give(
    site: &Site,
    caller: Caller,
    command: Command,
    reason: Option<String>,
) -> Result<Accepted, Refusal> {
    let asked = match &command {
        Command::StartLab { lab, .. } => Some(lab.clone()),
        _ => None,
    };
    let outcome = site.state.engine.order(Order { command, actor: caller.actor, reason }).await?;
    let (run, state) = match outcome {
        Outcome::Started { run } => (run, "running"),
        Outcome::Cancelling { run } => (run, "cancelling"),
        Outcome::Recorded | Outcome::Pressing { .. } => {
            return Err(Refusal::new(
                Code::Internal,
                "name the run",
                "the engine answered as if no run was meant",
                "report this",
            ));
        }
    };
    // Only the run under way can be cancelled, and the picture has that one.
    let running = || {
        let picture = site.state.engine.snapshot();
        picture.status.run.as_ref().filter(|known| known.id == run).map(|known| known.lab.clone())
    };
    let lab = asked.or_else(running).unwrap_or_default();
    Ok((StatusCode::ACCEPTED, Json(StartedWire { run, lab, state: state.to_owned() })))
}
