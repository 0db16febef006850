//! Power as people ask for it: checked against what is known, refused where a press would do the opposite, carried out
//! beside the loop. And what time alone tells of a machine's power.

use std::sync::Arc;

use lab::{
    Body, Code, Draft, Failure, Machine, PowerState,
    event::outlet_words,
    ports::{Hold, Nature, Outlet},
    power::{self, BOSS_OUTLET, Known, Plan},
};
use tokio::task::JoinSet;

use crate::{
    procedures::{TaskContext, power as presses},
    turn::Engine,
};

/// What a person asks of an outlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerAct {
    On,
    Off,
    /// A press as such, by somebody who stands before the machine or knows better.
    Press(Hold),
    /// Take what is seen for what was commanded.
    Resync,
}

impl PowerAct {
    pub fn words(self, subject: &str) -> String {
        match self {
            Self::On => format!("switch {subject} on"),
            Self::Off => format!("switch {subject} off"),
            Self::Press(Hold::Short) => format!("press {subject} briefly"),
            Self::Press(Hold::Long) => format!("hold the button of {subject}"),
            Self::Resync => format!("take {subject} for what it is seen to be"),
        }
    }
}

/// Presses that were asked for by hand and have not ended, by outlet.
#[derive(Default)]
pub(crate) struct Hands {
    pub(crate) tasks: JoinSet<Outlet>,
    busy: std::collections::BTreeSet<Outlet>,
}

impl Hands {
    pub(crate) fn ended(&mut self, outlet: Outlet) {
        self.busy.remove(&outlet);
    }
}

impl Engine {
    /// Begins what was asked, or says why not. How it ends is told by events.
    pub(crate) fn power_act(
        &mut self,
        outlet: Outlet,
        act: PowerAct,
        actor: &str,
        reason: Option<String>,
    ) -> Result<Vec<Hold>, Failure> {
        let machine = self.behind(outlet, act)?;
        let status = self.core.ahead.machines.get(&machine.name).cloned().unwrap_or_default();
        let nature = self.config.ports.power.nature(outlet);
        let what = act.words(&machine.name);
        if act == PowerAct::Resync {
            let to = status.observed;
            if to == PowerState::Unknown {
                let why = "what it is cannot be told, so there is nothing to take over";
                let remedy = "look at the machine; holding its button makes sure that it is off";
                return Err(Failure::new(Code::PowerMismatch, what, why, remedy));
            }
            let evidence = status.evidence.unwrap_or_else(|| "as it is seen".to_owned());
            let draft = self.core.draft(&machine.name, Body::PowerResynced { outlet, to, evidence });
            self.core.record(Draft { actor: actor.to_owned(), reason, ..draft });
            return Ok(Vec::new());
        }
        if self.hands.busy.contains(&outlet) {
            let why = "a press of it has not ended";
            return Err(Failure::new(Code::Busy, what, why, "wait for its end, which Board shows"));
        }
        // Nobody can tell what hangs on an outlet without a machine; what it remembers is all there is.
        let stranger = self.config.board.machine_by_outlet(outlet).is_none();
        let observed = if stranger { status.memory } else { status.observed };
        let known = Known { nature, memory: status.memory, observed };
        let (want, plan) = self.planned(&machine, act, known)?;
        let holds = plan.presses.clone();
        if holds.is_empty() {
            return Ok(holds);
        }
        let by = format!("{} by {actor}{}", what, reason.map(|why| format!(": {why}")).unwrap_or_default());
        let mut context = self.context(0);
        self.hands.busy.insert(outlet);
        self.hands.tasks.spawn(async move {
            let done = by_hand(&mut context, &machine, want, known, &plan, &by).await;
            if let Err(failure) = done {
                tracing::warn!(machine = machine.name, %failure, "a press by hand failed");
            }
            outlet
        });
        Ok(holds)
    }

    fn planned(&self, machine: &Machine, act: PowerAct, known: Known) -> Result<(PowerState, Plan), Failure> {
        let why = "asked for by hand";
        let want = match act {
            PowerAct::On => PowerState::On,
            PowerAct::Off | PowerAct::Press(Hold::Long) => PowerState::Off,
            PowerAct::Press(Hold::Short) => {
                if known.nature == Nature::Button && known.memory != PowerState::Off {
                    let why = "its relay remembers it as on, and does not press briefly then";
                    let remedy =
                        format!("`statusinator power press {} --long` holds the button", machine.box_number);
                    let what = act.words(&machine.name);
                    return Err(Failure::new(Code::PowerMismatch, what, why, remedy));
                }
                // What a short press leads to depends on what the machine is.
                let to = match known.observed {
                    PowerState::Off => PowerState::On,
                    PowerState::On => PowerState::Off,
                    PowerState::Unknown => PowerState::Unknown,
                };
                return Ok((to, Plan { presses: vec![Hold::Short], why }));
            }
            PowerAct::Resync => PowerState::Unknown,
        };
        // Asked to hold the button, it is held, although the machine seems off.
        let observed = if matches!(act, PowerAct::Press(_)) { PowerState::Unknown } else { known.observed };
        let plan = power::plan(want, Known { observed, ..known });
        let plan = plan.map_err(|refusal| presses::unsafe_press(machine, want, refusal))?;
        Ok((want, plan))
    }

    /// The machine behind an outlet that may be pressed; one without a machine gets a name of its own.
    fn behind(&self, outlet: Outlet, act: PowerAct) -> Result<Machine, Failure> {
        let what = act.words(&outlet_words(outlet));
        if outlet == BOSS_OUTLET {
            let why =
                format!("outlet {outlet} is the controller's own power button: holding it ends this program");
            return Err(Failure::new(Code::BossOutlet, what, why, "to restart the controller, use System"));
        }
        self.may_drive(&what)?;
        if let Some(machine) = self.config.board.machine_by_outlet(outlet) {
            return Ok(machine.clone());
        }
        let relay = self.config.board.relay.as_ref();
        let spare = relay.is_some_and(|relay| relay.allow_8);
        let exists = (1..=6).contains(&outlet) || (outlet == 8 && spare);
        let like = self.config.board.machines.first().filter(|_| exists);
        like.map(|like| Machine { name: format!("outlet{outlet}"), outlet, ..like.clone() }).ok_or_else(
            || {
                let why = match outlet {
                    8 => "outlet 8 is the spare one, and the board file does not allow it",
                    _ => "this board has no such machine and no such outlet",
                };
                let remedy = "name a machine by its number or name, or an outlet as in outlet:3";
                Failure::new(Code::UnknownOutlet, what, why, remedy)
            },
        )
    }

    pub(crate) fn context(&self, run: u64) -> TaskContext {
        TaskContext {
            run,
            config: Arc::new(self.config.clone()),
            world: self.world.clone(),
            notes: self.notebook.clone(),
            presses: self.runner.presses.clone(),
        }
    }

    /// What a machine is, judged anew as time passes: silence and links tell where nothing measures.
    pub(crate) fn watch_power(&mut self) {
        let now = self.core.now();
        let machines: Vec<(String, Outlet)> =
            self.config.board.machines.iter().map(|m| (m.name.clone(), m.outlet)).collect();
        for (machine, outlet) in machines {
            let nature = self.config.ports.power.nature(outlet);
            let Some(known) = self.core.ahead.machines.get(&machine) else { continue };
            let heard = self.core.live.heard.get(&machine);
            if let Some(judged) = power::judge(known, heard, nature, &now) {
                self.power_observed(&machine, &now, judged.state, judged.evidence);
            }
        }
    }
}

/// The presses of one request. On and off wait for nothing more: what follows is seen on Board.
async fn by_hand(
    ctx: &mut TaskContext,
    machine: &Machine,
    want: PowerState,
    known: Known,
    plan: &Plan,
    by: &str,
) -> Result<(), Failure> {
    if known.nature == Nature::Wake && want == PowerState::Off {
        // Nothing switches it off but its own system.
        return presses::switch_off(ctx.clone(), &machine.name).await.map(|_| ());
    }
    let single = plan.presses.len() == 1;
    if want == PowerState::On && ctx.config.board.machine_by_outlet(machine.outlet).is_some() {
        crate::ways::offer(ctx, &machine.name).await?;
    }
    match plan.presses.first() {
        Some(hold) if single => {
            let memory = if *hold == Hold::Short { PowerState::On } else { PowerState::Off };
            presses::one_press(ctx, machine, *hold, want, memory, by.to_owned()).await
        }
        _ => presses::carry_out(ctx, machine, want, known, plan).await,
    }
}
