//! The lab as a whole is switched off, in an order that leaves nobody behind: switch ports on (a port that is off would hide
//! its machine), machines, and at last the controller.

use std::{sync::Arc, time::Duration};

use lab::{
    Body, Code, Draft, Failure, PowerState,
    ports::{Host, PortError, Switch},
    status::BOARD,
};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    procedures::{TaskContext, power},
    turn::Engine,
};

/// A run that is cancelled switches its machines off itself.
const RUN_ENDS: Duration = Duration::from_secs(150);
/// For a page to be read back.
const PORT: Duration = Duration::from_secs(10);
/// For the computer to accept that it goes.
const HOST: Duration = Duration::from_secs(20);

impl Engine {
    /// Begins to switch everything off.
    pub(crate) fn end_lab(
        &mut self,
        restart: bool,
        actor: &str,
        reason: Option<String>,
    ) -> Result<(), Failure> {
        let what = if restart { "restart the lab" } else { "shut the lab down" };
        self.may_drive(what)?;
        if self.core.ahead.ending.as_ref().is_some_and(|ending| ending.ended.is_none()) {
            let why = "it is being switched off already";
            return Err(Failure::new(
                Code::Busy,
                what,
                why,
                "wait; System › Transport shows what is still on",
            ));
        }
        if self.core.ahead.live_run().is_some() {
            self.cancel_run(None, actor, Some(what.to_owned()))?;
        }
        let draft = self.core.draft(BOARD, Body::LabEnding { restart });
        self.core.record(Draft { actor: actor.to_owned(), reason, ..draft });
        let context = self.context(0);
        let ports: Vec<u32> = self
            .config
            .board
            .machines
            .iter()
            .filter(|machine| {
                self.core.ahead.machines.get(&machine.name).is_some_and(|m| m.port_enabled == Some(false))
            })
            .filter_map(|machine| machine.port)
            .collect();
        let (switch, host) = (self.config.ports.switch.clone(), self.config.ports.host.clone());
        self.endings.spawn(async move {
            if let Err(failure) = end(context, ports, switch, host, restart).await {
                tracing::error!(%failure, "the lab was not switched off");
            }
        });
        Ok(())
    }
}

async fn end(
    mut ctx: TaskContext,
    ports: Vec<u32>,
    switch: Option<Arc<dyn Switch>>,
    host: Option<Arc<dyn Host>>,
    restart: bool,
) -> Result<(), Failure> {
    let over = ctx.until(|snapshot| snapshot.status.live_run().is_none().then_some(Ok(())));
    if let Ok(result) = timeout(RUN_ENDS, over).await {
        result?;
    }
    if let Some(switch) = switch.filter(|switch| switch.writable()) {
        for port in ports {
            // One that does not obey keeps nobody from switching machines off.
            if !matches!(timeout(PORT, switch.set(port, true)).await, Ok(Ok(()))) {
                tracing::warn!(port, "a switch port stays off");
            }
        }
    }
    let limit = Duration::from_secs(ctx.config.board.limits.power_down_s);
    let mut machines = JoinSet::new();
    for machine in &ctx.config.board.machines {
        let (ctx, name) = (ctx.clone(), machine.name.clone());
        machines.spawn(async move {
            let off = timeout(limit, power::switch_off(ctx, &name)).await;
            if !matches!(off, Ok(Ok(_))) {
                tracing::warn!(machine = name, "was not seen to go off");
            }
        });
    }
    while machines.join_next().await.is_some() {}
    let status = ctx.look().status.clone();
    let on = |name: &String| status.machines.get(name).is_none_or(|m| m.observed != PowerState::Off);
    let left_on: Vec<String> =
        ctx.config.board.machines.iter().map(|machine| machine.name.clone()).filter(on).collect();
    // Whoever cuts the power believes what is shown: the controller goes only when nobody is left.
    let host = match host {
        _ if !left_on.is_empty() => Some(Failure::new(
            Code::PowerMismatch,
            "switch the controller off",
            format!("still on: {}", left_on.join(", ")),
            "hold the buttons of those PCs, look whether they are off, and ask again",
        )),
        None => Some(Failure::new(
            Code::Forbidden,
            "switch the controller off",
            "this board has no controller of its own",
            "nothing: this computer is left as it is",
        )),
        Some(host) => {
            let late = || PortError {
                what: "switch the controller off".to_owned(),
                why: format!("no answer within {} s", HOST.as_secs()),
                remedy: "use the computer's own menu".to_owned(),
                absent: false,
            };
            ctx.write(BOARD, Body::LabEnded { restart, left_on: Vec::new(), host: None }).await?;
            let told = timeout(HOST, host.end(restart)).await.unwrap_or_else(|_| Err(late()));
            match told {
                Ok(()) => return Ok(()),
                Err(error) => Some(Failure::from(error)),
            }
        }
    };
    ctx.write(BOARD, Body::LabEnded { restart, left_on, host }).await
}
