//! Which way a machine is offered before its button is pressed, and what becomes of ways that fail.

use lab::{
    Body, Failure, Way,
    ways::{self, Choice},
};

use crate::{procedures::TaskContext, turn::Engine};

/// Chooses the machine's way, records the choice, and offers it. A way that cannot be offered is dropped and the next one
/// chosen; when none is left the machine is switched on all the same, since it may boot as it did before.
pub(crate) async fn offer(ctx: &mut TaskContext, name: &str) -> Result<(), Failure> {
    let Some(port) = ctx.config.ports.ways.clone() else { return Ok(()) };
    for _ in Way::ALL {
        let machine = ctx.look().status.machines.get(name).cloned().unwrap_or_default();
        let by_agent = port.possible_by_agent(name);
        // What only its agent could have prepared, and did not, is not to be had now that the machine is off.
        let forced = port.forced().or(machine.asked_way).filter(|way| !by_agent.contains(way));
        let told = machine
            .armed
            .filter(|way| by_agent.contains(way))
            .map(|way| Choice { way, why: "its firmware was told so while it ran".into() });
        let chosen = told.or_else(|| ways::choose(&port.possible(name), forced, &machine));
        let Some(choice) = chosen else { return Ok(()) };
        let way = choice.way;
        if machine.way != Some(way) {
            ctx.write(name, Body::WayChosen { way, why: choice.why }).await?;
        }
        match port.offer(name, way).await {
            Ok(offered) => {
                if let Some(before) = offered.armed {
                    ctx.write(name, Body::BootOrderArmed { way, before }).await?;
                } else if by_agent.is_empty() && (offered.restored || machine.boot_order_before.is_some()) {
                    let why = format!("{} needs none of its own", way.words());
                    ctx.write(name, Body::BootOrderRestored { why }).await?;
                }
                return Ok(());
            }
            Err(error) if machine.ways_dropped.contains_key(&way) || forced.is_some() => {
                tracing::warn!(machine = name, way = way.word(), %error, "its way could not be offered");
                return Ok(());
            }
            Err(error) => ctx.write(name, Body::WayDropped { way, why: error.to_string() }).await?,
        }
    }
    Ok(())
}

impl Engine {
    /// After a boot has ended: a way that failed too often is dropped.
    pub(crate) fn judge_way(&mut self, machine: &str) {
        let Some(known) = self.core.ahead.machines.get(machine) else { return };
        // A way that a person asked for is theirs to give up.
        let forced = known.asked_way.is_some()
            || self.config.ports.ways.as_ref().is_some_and(|port| port.forced().is_some());
        if let Some(body) = known.way_to_drop().filter(|_| !forced) {
            let draft = self.core.draft(machine, body);
            self.core.record(draft);
        }
    }

    /// On a person's word every way of a machine may be tried again.
    pub(crate) fn retry_ways(
        &mut self,
        machine: &str,
        actor: &str,
        reason: Option<String>,
    ) -> Result<(), Failure> {
        if self.config.board.machine(machine).is_none() {
            return Err(Failure::new(
                lab::Code::UnknownMachine,
                format!("try the ways of {machine} again"),
                "the board file has no such machine",
                "`statusinator status` names those it has",
            ));
        }
        let why = reason.clone().unwrap_or_else(|| "a person asked for it".into());
        let draft = self.core.draft(machine, Body::WaysRetried { why });
        self.core.record(lab::Draft { actor: actor.to_owned(), reason, ..draft });
        Ok(())
    }
}
