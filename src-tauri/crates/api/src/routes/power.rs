//! Outlets: what hangs on them, and orders for them.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use engine::{Command, Order, Outcome, PowerAct};
use lab::{Code, PowerState, ports::Hold, ports::Outlet};

use crate::{
    extract::{self, Body, Path, bad},
    refusal::Refusal,
    rights::Caller,
    server::{ApiState, Site},
    wire::{HoldWire, OutletWire, PowerActWire, PowerOrderWire, PressedWire, pressed_says},
};

/// All outlets, with commanded, remembered and observed apart.
#[utoipa::path(get, path = "/api/v1/power", tag = "now", responses((status = 200, body = Vec<OutletWire>)))]
pub(super) async fn outlets(State(site): State<Arc<Site>>) -> Json<Vec<OutletWire>> {
    let newest = site.state.engine.snapshot();
    let seen = lab::live::Snapshot { now: (site.state.clock)(), ..(*newest).clone() };
    Json(OutletWire::all(&site.state.board, &seen))
}

/// Switch an outlet on or off, press it, or take over what is seen.
#[utoipa::path(
    post, path = "/api/v1/power/{target}", tag = "orders",
    params(("target" = String, Path, description = "Box number or name of a machine, or `outlet:3`; a number that is no machine is an outlet")),
    request_body = PowerOrderWire,
    responses((status = 202, body = PressedWire))
)]
pub(super) async fn order(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(target): Path<String>,
    Body(order): Body<PowerOrderWire>,
) -> Result<(StatusCode, Json<PressedWire>), Refusal> {
    let reason = extract::reason(order.reason)?;
    let (outlet, machine) = resolve(&site.state, &target)?;
    let act = match (order.act, order.hold) {
        (PowerActWire::On, None) => PowerAct::On,
        (PowerActWire::Off, None) => PowerAct::Off,
        (PowerActWire::Resync, None) => PowerAct::Resync,
        (PowerActWire::Press, hold) => PowerAct::Press(match hold {
            Some(HoldWire::Long) => Hold::Long,
            Some(HoldWire::Short) | None => Hold::Short,
        }),
        (_, Some(_)) => return Err(bad("the order", "hold belongs to a press alone")),
    };
    let command = Command::Power { outlet, act };
    let outcome = site.state.engine.order(Order { command, actor: caller.actor, reason }).await?;
    let presses = match outcome {
        Outcome::Pressing { presses } => presses,
        _ => 0,
    };
    let subject = machine.clone().unwrap_or_else(|| format!("outlet {outlet}"));
    let picture = site.state.engine.snapshot();
    let observed = picture.status.machines.get(&subject).map_or(PowerState::Unknown, |m| m.observed);
    let says = pressed_says(&subject, order.act, presses, observed);
    Ok((StatusCode::ACCEPTED, Json(PressedWire { outlet, machine, presses, says })))
}

/// A machine's outlet, or the outlet named.
fn resolve(state: &ApiState, target: &str) -> Result<(Outlet, Option<String>), Refusal> {
    let number = target.strip_prefix("outlet:");
    if number.is_none()
        && let Some(machine) = state.board.machine(target)
    {
        return Ok((machine.outlet, Some(machine.name.clone())));
    }
    let outlet: Outlet = number.unwrap_or(target).parse().map_err(|_| {
        let known = state.board.machines.iter().map(|m| format!("{} ({})", m.box_number, m.name));
        let known: Vec<String> = known.collect();
        Refusal::new(
            if number.is_some() { Code::UnknownOutlet } else { Code::UnknownMachine },
            format!("find {target:?}"),
            "this board has no machine with that number or name, and it is no number of an outlet",
            format!("one of: {}, or outlet:1 to outlet:6", known.join(", ")),
        )
    })?;
    let machine = state.board.machine_by_outlet(outlet).map(|machine| machine.name.clone());
    Ok((outlet, machine))
}
