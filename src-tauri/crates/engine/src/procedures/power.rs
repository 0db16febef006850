//! Switching a machine on and off so that what was commanded, confirmed and observed are three facts.

use lab::{Body, Code, Failure, Machine, PowerState, ports::AgentOrder};
use serde_json::{Value, json};

use super::TaskContext;
use crate::ways;

/// Switches a machine on from a known state: off first where the outlet remembers it as on.
pub(crate) async fn switch_on(mut ctx: TaskContext, name: &str) -> Result<Value, Failure> {
    let machine = ctx.machine(name)?;
    let state = |ctx: &mut TaskContext| {
        ctx.look().status.machines.get(name).map(|m| (m.commanded, m.observed)).unwrap_or_default()
    };
    let (commanded, observed) = state(&mut ctx);
    if commanded == PowerState::On
        || (observed == PowerState::On && ctx.config.ports.power.follows_soft_off())
    {
        switch_off(ctx.clone(), name).await?;
    }
    let (commanded, observed) = state(&mut ctx);
    if observed == PowerState::On {
        return Err(Failure::new(
            Code::PowerMismatch,
            format!("press outlet {} for {name}", machine.outlet),
            "the machine is on although its outlet remembers it as off; a short press would ask it to shut down",
            "switch it off at its own button, wait until it is silent, and start again",
        ));
    }
    let evidence = match observed {
        PowerState::Off => "seen off".to_owned(),
        _ => format!("never heard since the program started, the outlet says {}", commanded.word()),
    };
    ways::offer(&mut ctx, name).await?;
    let _turn = ctx.turn_to_press().await;
    let press = ctx.config.ports.power.clone();
    commanded_press(&ctx, &machine, PowerState::On, evidence, press.on(machine.outlet)).await?;
    Ok(json!({ "outlet": machine.outlet }))
}

/// Switches a machine off, politely where the board can see that it obeyed, and waits until it is seen off.
pub(crate) async fn switch_off(mut ctx: TaskContext, name: &str) -> Result<Value, Failure> {
    let machine = ctx.machine(name)?;
    let power = ctx.config.ports.power.clone();
    let known = ctx.look().status.machines.get(name).cloned().unwrap_or_default();
    if known.observed == PowerState::Off && known.commanded != PowerState::On {
        return Ok(json!({ "already": "off" }));
    }
    // The next boot is armed by this one. An agent that does not answer any more is not waited for.
    let armed = ctx.until(|snapshot| (!snapshot.live.arming.contains(name)).then_some(Ok(())));
    if let Ok(result) = tokio::time::timeout(ARMED, armed).await {
        result?;
    }
    if power.follows_soft_off() && known.boot.as_ref().is_some_and(|b| b.state == lab::BootState::Good) {
        ctx.config.ports.agents.order(name, Some(AgentOrder::PowerOff));
        let obeyed = tokio::time::timeout(POLITE, seen_off(&mut ctx, name)).await;
        ctx.config.ports.agents.order(name, None);
        if let Ok(result) = obeyed {
            result?;
        }
    }
    let evidence = format!("observed {}, outlet says {}", known.observed.word(), known.commanded.word());
    commanded_press(&ctx, &machine, PowerState::Off, evidence, power.off(machine.outlet)).await?;
    seen_off(&mut ctx, name).await?;
    Ok(json!({ "outlet": machine.outlet }))
}

/// For an agent to write two variables, one a heartbeat.
const ARMED: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a system may take to switch itself off when asked; its heartbeat comes each second.
const POLITE: std::time::Duration = std::time::Duration::from_secs(15);

async fn seen_off(ctx: &mut TaskContext, name: &str) -> Result<(), Failure> {
    ctx.until(|snapshot| {
        let off = snapshot.status.machines.get(name).is_some_and(|m| m.observed == PowerState::Off);
        off.then_some(Ok(()))
    })
    .await
}

/// A press between two facts: commanded before it begins, confirmed or failed after it ended.
async fn commanded_press(
    ctx: &TaskContext,
    machine: &Machine,
    to: PowerState,
    evidence: String,
    press: impl Future<Output = Result<(), lab::ports::PortError>>,
) -> Result<(), Failure> {
    let outlet = machine.outlet;
    ctx.write(&machine.name, Body::PowerCommanded { outlet, to, evidence }).await?;
    match press.await {
        Ok(()) => ctx.write(&machine.name, Body::PowerConfirmed { outlet, to }).await,
        Err(error) => {
            let failure = Failure::from(error);
            ctx.write(&machine.name, Body::PowerFailed { outlet, to, failure: failure.clone() }).await?;
            Err(failure)
        }
    }
}
