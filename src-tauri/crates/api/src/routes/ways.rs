//! How machines boot: the way each is offered, and how its ways went so far.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use engine::{Command, Order};
use lab::{Code, Way};

use crate::{
    extract::{Body, Path, Reason, bad},
    refusal::Refusal,
    rights::Caller,
    server::Site,
    wire::{AskWayWire, KeepMeasureWire, MachineWaysWire, MeasuredWire, ReasonWire},
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

/// Boot a machine by one way from now on, or (`null`) by the program's own choice.
#[utoipa::path(
    post, path = "/api/v1/machines/{machine}/ways/ask", tag = "orders",
    params(("machine" = String, Path, description = "Box number or name")),
    request_body = AskWayWire,
    responses((status = 200, body = MachineWaysWire))
)]
pub(super) async fn ask_way(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(who): Path<String>,
    Body(AskWayWire { way }): Body<AskWayWire>,
) -> Result<Json<MachineWaysWire>, Refusal> {
    let machine = machine(&site.state, &who)?.clone();
    let parse = |word: String| {
        let known = || Way::ALL.map(Way::word).join(", ");
        Way::parse(&word).ok_or_else(|| bad("the way", format!("{word:?} is none of {}", known())))
    };
    let way = way.map(parse).transpose()?;
    let command = Command::AskWay { machine: machine.name.clone(), way };
    site.state.engine.order(Order { command, actor: caller.actor, reason: None }).await?;
    Ok(Json(MachineWaysWire::of(&machine, &site.state.engine.snapshot().status)))
}

/// Boots that were measured, oldest first.
#[utoipa::path(
    get, path = "/api/v1/measured", tag = "history", responses((status = 200, body = Vec<MeasuredWire>))
)]
pub(super) async fn measured(State(site): State<Arc<Site>>) -> Json<Vec<MeasuredWire>> {
    Json(site.state.engine.snapshot().status.measured.iter().map(MeasuredWire::from).collect())
}

/// Keep the times of a machine's latest boot as part of a measurement.
#[utoipa::path(
    post, path = "/api/v1/machines/{machine}/measured", tag = "orders",
    params(("machine" = String, Path, description = "Box number or name")),
    request_body = KeepMeasureWire,
    responses((status = 200, body = MeasuredWire))
)]
pub(super) async fn keep_measure(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(who): Path<String>,
    Body(KeepMeasureWire { measurement }): Body<KeepMeasureWire>,
) -> Result<Json<MeasuredWire>, Refusal> {
    let machine = machine(&site.state, &who)?.name.clone();
    let command = Command::KeepMeasure { machine: machine.clone(), measurement };
    site.state.engine.order(Order { command, actor: caller.actor, reason: None }).await?;
    let picture = site.state.engine.snapshot();
    let kept = picture.status.measured.iter().rfind(|m| m.machine == machine);
    kept.map(|kept| Json(MeasuredWire::from(kept))).ok_or_else(|| {
        Refusal::new(
            Code::Internal,
            "keep a measured boot",
            "it was recorded and is not there",
            "report this",
        )
    })
}
