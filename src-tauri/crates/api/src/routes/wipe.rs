//! Erasing a machine's disks: armed here, done by the machine's next boot.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use engine::{Command, Order};
use lab::Code;

use super::machines::machine;
use crate::{
    extract::{Path, Reason, WipeBody},
    refusal::Refusal,
    rights::Caller,
    server::Site,
    wire::{ReasonWire, WipeOrderWire, WipeWire},
};

/// Arm the wiper: the machine's next boot erases its disks, once.
#[utoipa::path(
    post, path = "/api/v1/machines/{machine}/wipe", tag = "orders",
    params(("machine" = String, Path, description = "Box number or name")),
    request_body = WipeOrderWire,
    responses((status = 202, body = WipeWire))
)]
pub(super) async fn arm(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(who): Path<String>,
    WipeBody(order): WipeBody,
) -> Result<(StatusCode, Json<WipeWire>), Refusal> {
    let name = machine(&site.state, &who)?.name.clone();
    // What cannot be undone is not done by a slip of a finger on a number.
    if order.confirm != name {
        return Err(Refusal::new(
            Code::BadRequest,
            format!("arm the wiper of {name}"),
            format!("confirm is {:?}, which is not its name", order.confirm),
            format!("send {{\"confirm\":\"{name}\"}} if its disks are to be erased"),
        ));
    }
    let command = Command::ArmWipe { machine: name.clone(), disks: order.disks.clone() };
    site.state.engine.order(Order { command, actor: caller.actor, reason: order.reason }).await?;
    let what = if order.disks.is_empty() { "all its fixed disks".to_owned() } else { order.disks.join(", ") };
    let says = format!("the next boot of {name} erases {what}, once");
    Ok((StatusCode::ACCEPTED, Json(WipeWire { machine: name, armed: true, disks: order.disks, says })))
}

/// Disarm it, as long as its wiper has not begun.
#[utoipa::path(
    delete, path = "/api/v1/machines/{machine}/wipe", tag = "orders",
    params(("machine" = String, Path, description = "Box number or name")),
    request_body = Option<ReasonWire>,
    responses((status = 200, body = WipeWire))
)]
pub(super) async fn disarm(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(who): Path<String>,
    Reason(reason): Reason,
) -> Result<Json<WipeWire>, Refusal> {
    let name = machine(&site.state, &who)?.name.clone();
    let command = Command::DisarmWipe { machine: name.clone() };
    site.state.engine.order(Order { command, actor: caller.actor, reason }).await?;
    let says = format!("the next boot of {name} erases nothing");
    Ok(Json(WipeWire { machine: name, armed: false, disks: Vec::new(), says }))
}
