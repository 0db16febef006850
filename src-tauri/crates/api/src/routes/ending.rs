//! Roll call, and switching the lab off as a whole.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use engine::{Command, Order};
use lab::rollcall::roll_call;

use crate::{
    extract::{self, Body},
    refusal::Refusal,
    rights::Caller,
    server::Site,
    wire::{EndOrderWire, EndingWire, PlaceWire, StatusWire},
};

/// After transport: what stands and answers, place by place.
#[utoipa::path(get, path = "/api/v1/rollcall", tag = "now", responses((status = 200, body = Vec<PlaceWire>)))]
pub(super) async fn rollcall(State(site): State<Arc<Site>>) -> Json<Vec<PlaceWire>> {
    let snapshot = site.state.engine.snapshot();
    Json(roll_call(&site.state.board, &snapshot).into_iter().map(PlaceWire::from).collect())
}

/// Switch the lab off in order: switch ports on, machines off, then display and controller. The controller goes only when
/// no machine is left on.
#[utoipa::path(
    post, path = "/api/v1/lab/end", tag = "orders",
    request_body = EndOrderWire,
    responses((status = 202, body = Option<EndingWire>))
)]
pub(super) async fn end(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Body(order): Body<EndOrderWire>,
) -> Result<(StatusCode, Json<Option<EndingWire>>), Refusal> {
    let reason = extract::reason(order.reason)?;
    let command = Command::EndLab { restart: order.restart };
    site.state.engine.order(Order { command, actor: caller.actor, reason }).await?;
    let StatusWire { ending, .. } = site.state.picture();
    Ok((StatusCode::ACCEPTED, Json(ending)))
}
