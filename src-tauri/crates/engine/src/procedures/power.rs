//! Switching a machine on and off so that what was commanded, confirmed and observed are three facts.

use std::time::Duration;

use lab::{
    Body, Code, Failure, Machine, PowerState,
    event::outlet_words,
    ports::{AgentOrder, Hold, Nature, PortError},
    power::{Known, Plan, Unsafe, plan},
};
use serde_json::{Value, json};

use super::TaskContext;
use crate::ways;

/// For an agent to write two variables, one a heartbeat.
const ARMED: Duration = Duration::from_secs(5);
/// How long a system may take to switch itself off when asked; its heartbeat comes each second.
const POLITE: Duration = Duration::from_secs(15);
/// For a look at links and controls to tell what a machine is, before it is taken for unknown.
const LOOKS: Duration = Duration::from_secs(3);
/// Some machines ignore a press right after another.
const REST: Duration = Duration::from_millis(1500);
/// A magic packet may be lost, or come while the adapter is still busy going to sleep.
const WAKE_AGAIN: Duration = Duration::from_secs(5);
const WAKES: u32 = 6;

/// Switches a machine on from a known state: off first, unless it is known to be off.
pub(crate) async fn switch_on(mut ctx: TaskContext, name: &str) -> Result<Value, Failure> {
    let machine = ctx.machine(name)?;
    let nature = ctx.config.ports.power.nature(machine.outlet);
    let seen = ctx.until(|snapshot| {
        let known = snapshot.status.machines.get(name)?;
        (known.observed != PowerState::Unknown).then_some(Ok(()))
    });
    // Nothing tells what it is: then it is made off first, which a long press does whatever it was.
    if let Ok(result) = tokio::time::timeout(LOOKS, seen).await {
        result?;
    }
    let status = ctx.look().status.machines.get(name).cloned().unwrap_or_default();
    let unsure = match nature {
        Nature::Button | Nature::Supply => status.observed != PowerState::Off,
        Nature::Managed => status.observed == PowerState::On || status.commanded == PowerState::On,
        Nature::Wake => status.observed == PowerState::On,
    };
    if unsure {
        switch_off(ctx.clone(), name).await?;
    }
    ways::offer(&mut ctx, name).await?;
    press(&mut ctx, &machine, PowerState::On).await?;
    if nature == Nature::Wake {
        wake_again(&mut ctx, &machine).await?;
    }
    Ok(json!({ "outlet": machine.outlet }))
}

/// Switches a machine off, politely where the board can see that it obeyed, and waits until it is seen off.
pub(crate) async fn switch_off(mut ctx: TaskContext, name: &str) -> Result<Value, Failure> {
    let machine = ctx.machine(name)?;
    let power = ctx.config.ports.power.clone();
    let nature = power.nature(machine.outlet);
    let known = ctx.look().status.machines.get(name).cloned().unwrap_or_default();
    if known.observed == PowerState::Off {
        if known.commanded == PowerState::On {
            let evidence = known.evidence.unwrap_or_else(|| "it went off by itself".to_owned());
            let body = Body::PowerResynced { outlet: machine.outlet, to: PowerState::Off, evidence };
            ctx.write(name, body).await?;
        }
        return Ok(json!({ "already": "off" }));
    }
    // The next boot is armed by this one. An agent that does not answer any more is not waited for.
    let armed = ctx.until(|snapshot| (!snapshot.live.arming.contains(name)).then_some(Ok(())));
    if let Ok(result) = tokio::time::timeout(ARMED, armed).await {
        result?;
    }
    // A relay board does not notice a machine that switches itself off: its memory would stay "on".
    let may_ask = nature != Nature::Button;
    if may_ask && known.boot.as_ref().is_some_and(|b| b.state == lab::BootState::Good) {
        ctx.config.ports.agents.order(name, Some(AgentOrder::PowerOff));
        let obeyed = tokio::time::timeout(POLITE, gone(&mut ctx, name, nature)).await;
        ctx.config.ports.agents.order(name, None);
        if let Ok(result) = obeyed {
            result?;
            if nature != Nature::Supply {
                return Ok(json!({ "outlet": machine.outlet, "obeyed": true }));
            }
        }
    }
    press(&mut ctx, &machine, PowerState::Off).await?;
    seen_off(&mut ctx, name).await?;
    Ok(json!({ "outlet": machine.outlet }))
}

/// Until it is seen off, or, where only its silence can tell, until it is no longer heard.
async fn gone(ctx: &mut TaskContext, name: &str, nature: Nature) -> Result<(), Failure> {
    ctx.until(|snapshot| {
        let known = snapshot.status.machines.get(name)?;
        let blind = matches!(nature, Nature::Supply | Nature::Wake);
        let silent = blind && known.observed == PowerState::Unknown;
        (known.observed == PowerState::Off || silent).then_some(Ok(()))
    })
    .await
}

async fn seen_off(ctx: &mut TaskContext, name: &str) -> Result<(), Failure> {
    ctx.until(|snapshot| {
        let off = snapshot.status.machines.get(name).is_some_and(|m| m.observed == PowerState::Off);
        off.then_some(Ok(()))
    })
    .await
}

/// What is known of a machine now, as a plan needs it.
fn known(ctx: &mut TaskContext, machine: &Machine) -> Known {
    let status = ctx.look().status.machines.get(&machine.name).cloned().unwrap_or_default();
    let nature = ctx.config.ports.power.nature(machine.outlet);
    Known { nature, memory: status.memory, observed: status.observed }
}

/// Plans the presses for `want` and carries them out.
pub(crate) async fn press(ctx: &mut TaskContext, machine: &Machine, want: PowerState) -> Result<(), Failure> {
    let known = known(ctx, machine);
    let plan = plan(want, known).map_err(|refusal| unsafe_press(machine, want, refusal))?;
    carry_out(ctx, machine, want, known, &plan).await
}

/// A press that would do the opposite, or might.
pub(crate) fn unsafe_press(machine: &Machine, want: PowerState, refusal: Unsafe) -> Failure {
    let box_number = machine.box_number;
    let remedy = match refusal {
        Unsafe::AlreadyOn => format!("switch it off first: `statusinator power off {box_number}`"),
        Unsafe::Unknown => format!(
            "make sure that it is off: `statusinator power off {box_number}` holds its button; then switch it on"
        ),
        Unsafe::Memory => "look at System › Devices: the power board has not answered yet".to_owned(),
    };
    let what = format!("switch {} {}", machine.name, want.word());
    Failure::new(Code::PowerMismatch, what, refusal.to_string(), remedy)
}

/// Presses in their order. All but the last only prepare it.
pub(crate) async fn carry_out(
    ctx: &mut TaskContext,
    machine: &Machine,
    want: PowerState,
    known: Known,
    plan: &Plan,
) -> Result<(), Failure> {
    let mut memory = known.memory;
    for (index, hold) in plan.presses.iter().enumerate() {
        let last = index + 1 == plan.presses.len();
        let to = match (last, hold) {
            (true, _) => want,
            (false, Hold::Long) => PowerState::Off,
            // From a short press on a machine that may be on or off follows nothing that could be known.
            (false, Hold::Short) => PowerState::Unknown,
        };
        let evidence = format!(
            "{}; observed {}, {} says {}",
            plan.why,
            known.observed.word(),
            outlet_words(machine.outlet),
            memory.word()
        );
        memory = if *hold == Hold::Short { PowerState::On } else { PowerState::Off };
        if index > 0 {
            tokio::time::sleep(REST).await;
        }
        one_press(ctx, machine, *hold, to, memory, evidence).await?;
    }
    Ok(())
}

/// A press between two facts: commanded before it begins, confirmed or failed after it ended.
pub(crate) async fn one_press(
    ctx: &TaskContext,
    machine: &Machine,
    hold: Hold,
    to: PowerState,
    memory: PowerState,
    evidence: String,
) -> Result<(), Failure> {
    let outlet = machine.outlet;
    let power = ctx.config.ports.power.clone();
    let turn = ctx.turn_to_press().await;
    ctx.write(&machine.name, Body::PowerCommanded { outlet, to, evidence }).await?;
    let pressed = async {
        match hold {
            Hold::Short => power.on(outlet).await,
            Hold::Long => power.off(outlet).await,
        }
    };
    // Switching on draws current at once, and the next may only begin when this one has; holding a button draws none.
    let pressed: Result<(), PortError> = match hold {
        Hold::Short => {
            let result = pressed.await;
            drop(turn);
            result
        }
        Hold::Long => {
            drop(turn);
            pressed.await
        }
    };
    match pressed {
        Ok(()) => {
            let memory = (memory != to).then_some(memory);
            ctx.write(&machine.name, Body::PowerConfirmed { outlet, to, memory }).await
        }
        Err(error) => {
            let failure = Failure::from(error);
            ctx.write(&machine.name, Body::PowerFailed { outlet, to, failure: failure.clone() }).await?;
            Err(failure)
        }
    }
}

/// Repeats the magic packet until the machine is heard; whether it ever is, the boot that follows will tell.
async fn wake_again(ctx: &mut TaskContext, machine: &Machine) -> Result<(), Failure> {
    for _ in 0..WAKES {
        let heard = ctx.until(|snapshot| {
            let on =
                snapshot.status.machines.get(&machine.name).is_some_and(|m| m.observed == PowerState::On);
            on.then_some(Ok(()))
        });
        if let Ok(result) = tokio::time::timeout(WAKE_AGAIN, heard).await {
            return result;
        }
        ctx.config.ports.power.on(machine.outlet).await?;
    }
    Ok(())
}
