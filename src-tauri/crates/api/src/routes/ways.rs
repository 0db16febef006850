//! How machines boot: the way each is offered, and how its ways went so far.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use engine::{Command, Order};

use crate::{
    extract::{Path, Reason},
    refusal::Refusal,
    rights::Caller,
    server::Site,
    wire::{MachineWaysWire, ReasonWire},
};

use super::machines::machine;

/// Each machine with its ways.
#[utoipa::path(get, path = "/api/v1/ways", tag = "now", responses((status = 200, body = Vec<MachineWaysWire>)))]
pub(super) async fn ways(State(site): State<Arc<Site>>) -> Json<Vec<MachineWaysWire>> {
    let picture = site.state.engine.snapshot();
    let machines = site.state.board.machines.iter();
    Json(machines.map(|machine| MachineWaysWire::of(machine, &picture.status)).collect())
}

/// Let a machine try again the ways that it gave up.
#[utoipa::path(
    post, path = "/api/v1/machines/{machine}/ways/retry", tag = "orders",
    params(("machine" = String, Path, description = "Box number or name")),
    request_body = Option<ReasonWire>,
    responses((status = 200, body = MachineWaysWire))
)]
pub(super) async fn retry_ways(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(who): Path<String>,
    Reason(reason): Reason,
) -> Result<(StatusCode, Json<MachineWaysWire>), Refusal> {
    let machine = machine(&site.state, &who)?.clone();
    let command = Command::RetryWays { machine: machine.name.clone() };
    site.state.engine.order(Order { command, actor: caller.actor, reason }).await?;
    let picture = site.state.engine.snapshot();
    Ok((StatusCode::OK, Json(MachineWaysWire::of(&machine, &picture.status))))
}
