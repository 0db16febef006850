//! A new PC in the place of one that broke.

use std::sync::Arc;

use axum::{Json, extract::State};
use engine::{Command, Order};
use lab::{Body as Fact, Code, Failure, Mac};

use super::machines::machine;
use crate::{
    extract::{self, Body, Path, bad},
    refusal::Refusal,
    rights::Caller,
    server::Site,
    wire::{ReplaceOrderWire, ReplacedWire},
};

/// The file from which this board was read.
pub trait BoardFile: Send + Sync {
    /// Writes another hardware address for one machine, whole or not at all; says where the file as it was is kept.
    fn replace_mac(&self, box_number: u32, mac: Mac) -> Result<String, Failure>;
}

/// Take a PC that is not on the board for one that is: its labs follow, its history stays.
#[utoipa::path(
    post, path = "/api/v1/machines/{machine}/replace", tag = "orders",
    params(("machine" = String, Path, description = "Box number or name")),
    request_body = ReplaceOrderWire,
    responses((status = 200, body = ReplacedWire))
)]
pub(super) async fn replace(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(who): Path<String>,
    Body(order): Body<ReplaceOrderWire>,
) -> Result<Json<ReplacedWire>, Refusal> {
    let known = machine(&site.state, &who)?;
    let reason = extract::reason(order.reason)?;
    let mac: Mac =
        order.mac.parse().map_err(|_| bad("the order", format!("{:?} is no hardware address", order.mac)))?;
    let file = site.state.board_file.as_ref().ok_or_else(|| {
        Refusal::new(
            Code::Forbidden,
            format!("take {mac} for {}", known.name),
            "this board is built in and has no file that could be changed",
            "`statusinator config init FILE` writes one; start the program with --board FILE",
        )
    })?;
    let kept = file.replace_mac(known.box_number, mac)?;
    let body = Box::new(Fact::MachineReplaced { from: known.mac, to: mac });
    let command = Command::Record { subject: known.name.clone(), body };
    site.state.engine.order(Order { command, actor: caller.actor, reason }).await?;
    let says = format!(
        "{} is {mac} in the board file from now on ({kept} is the file as it was); start the program again to use it",
        known.name
    );
    Ok(Json(ReplacedWire { machine: known.name.clone(), mac: mac.to_string(), says }))
}
