//! Why a machine does not boot, and what a person tells us about it.

use std::sync::Arc;

use axum::{Json, extract::State};
use engine::{Command, Order};
use lab::verdict::ScreenAnswer;

use super::machines::machine;
use crate::{
    extract::{Body, Path, Reason, bad},
    refusal::Refusal,
    rights::Caller,
    server::Site,
    wire::{ExplanationWire, ReasonWire, ScreenWire},
};

/// Why a machine's latest boot does not go on, with the evidence, and what speaks against the rest.
#[utoipa::path(
    get, path = "/api/v1/machines/{machine}/explanation", tag = "now",
    params(("machine" = String, Path, description = "Box number or name")),
    responses((status = 200, body = ExplanationWire))
)]
pub(super) async fn explanation(
    State(site): State<Arc<Site>>,
    Path(who): Path<String>,
) -> Result<Json<ExplanationWire>, Refusal> {
    let machine = machine(&site.state, &who)?;
    Ok(Json(ExplanationWire::new(machine, &site.state.engine.snapshot().status)))
}

/// Say what the machine's own screen shows, where its explanation asks for that.
#[utoipa::path(
    post, path = "/api/v1/machines/{machine}/screen", tag = "orders",
    params(("machine" = String, Path, description = "Box number or name")),
    request_body = ScreenWire,
    responses((status = 200, body = ExplanationWire))
)]
pub(super) async fn screen(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(who): Path<String>,
    Body(ScreenWire { answer }): Body<ScreenWire>,
) -> Result<Json<ExplanationWire>, Refusal> {
    let name = machine(&site.state, &who)?.name.clone();
    let answer = ScreenAnswer::parse(&answer).ok_or_else(|| {
        let known = ScreenAnswer::ALL.map(ScreenAnswer::word).join(", ");
        bad("the answer", format!("{answer:?} is none of {known}"))
    })?;
    give(&site, caller, &name, Command::AnswerScreen { machine: name.clone(), answer }, None).await
}

/// Let a machine boot again that was held back because it began again too often.
#[utoipa::path(
    post, path = "/api/v1/machines/{machine}/rearm", tag = "orders",
    params(("machine" = String, Path, description = "Box number or name")),
    request_body = Option<ReasonWire>,
    responses((status = 200, body = ExplanationWire))
)]
pub(super) async fn rearm(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(who): Path<String>,
    Reason(reason): Reason,
) -> Result<Json<ExplanationWire>, Refusal> {
    let name = machine(&site.state, &who)?.name.clone();
    give(&site, caller, &name, Command::Rearm { machine: name.clone() }, reason).await
}

/// The answer comes when the events are committed, and with them the new explanation.
async fn give(
    site: &Site,
    caller: Caller,
    name: &str,
    command: Command,
    reason: Option<String>,
) -> Result<Json<ExplanationWire>, Refusal> {
    site.state.engine.order(Order { command, actor: caller.actor, reason }).await?;
    let machine = machine(&site.state, name)?;
    Ok(Json(ExplanationWire::new(machine, &site.state.engine.snapshot().status)))
}
