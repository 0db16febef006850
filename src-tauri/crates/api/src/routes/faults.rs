//! Faults put in on purpose: which there are, and the order to put one in or take it out.

use std::sync::Arc;

use axum::{Json, body::Bytes, extract::State, http::HeaderMap};
use engine::{Command, Order};
use lab::{Code, fault::Fault, status::BOARD};

use super::machines::machine;
use crate::{
    extract::{self, Path},
    refusal::Refusal,
    rights::Caller,
    server::{ApiState, Site},
    wire::{FaultOrderWire, FaultWire},
};

/// All faults there are, whether this board can put them in, and where they are in.
#[utoipa::path(get, path = "/api/v1/faults", tag = "now", responses((status = 200, body = Vec<FaultWire>)))]
pub(super) async fn faults(State(site): State<Arc<Site>>) -> Json<Vec<FaultWire>> {
    Json(Fault::ALL.iter().map(|fault| told(&site.state, *fault)).collect())
}

/// Put a fault into a machine, or take it out. The answer comes when it is done and recorded.
#[utoipa::path(
    post, path = "/api/v1/machines/{machine}/faults", tag = "orders",
    params(("machine" = String, Path, description = "Box number or name; `board` for faults of its gear")),
    request_body = FaultOrderWire,
    responses((status = 200, body = FaultWire))
)]
pub(super) async fn set_fault(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(who): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<FaultWire>, Refusal> {
    let asked: FaultOrderWire = extract::json(&headers, &body)?;
    let reason = extract::reason(asked.reason)?;
    // Faults of the gear belong to the board as a whole.
    let machine = if who == BOARD { BOARD.to_owned() } else { machine(&site.state, &who)?.name.clone() };
    let fault = Fault::parse(&asked.fault).ok_or_else(|| {
        let known: Vec<&str> = Fault::ALL.iter().map(|fault| fault.word()).collect();
        Refusal::new(
            Code::BadRequest,
            format!("break {machine}"),
            format!("there is no fault {:?}", asked.fault),
            format!("one of: {}", known.join(", ")),
        )
    })?;
    let command = Command::SetFault { machine, fault, on: asked.on };
    site.state.engine.order(Order { command, actor: caller.actor, reason }).await?;
    Ok(Json(told(&site.state, fault)))
}

fn told(state: &ApiState, fault: Fault) -> FaultWire {
    let status = &state.engine.snapshot().status;
    let has = |(name, machine): (&String, &lab::status::MachineStatus)| {
        machine.faults.contains(&fault).then(|| name.clone())
    };
    FaultWire {
        fault: fault.word().to_owned(),
        words: fault.words().to_owned(),
        possible: state.faults.as_ref().is_some_and(|port| port.possible().contains(&fault)),
        machines: if status.gear_faults.contains(&fault) {
            vec![BOARD.to_owned()]
        } else {
            status.machines.iter().filter_map(has).collect()
        },
        gear: fault.is_of_gear(),
    }
}
