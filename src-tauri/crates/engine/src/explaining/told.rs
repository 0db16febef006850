//! What persons and observers tell: a look at a machine's screen, a word that lets it go on, facts from outside.

use lab::{
    Body, Code, Draft, Failure, MachineStatus, Stamp, boot::Looked, event::Moment, explain,
    live::ServiceState, verdict::ScreenAnswer,
};

use crate::turn::Engine;

impl Engine {
    /// What a person saw on a machine's own screen. Taken only while the explanation asks, or after it asked: an answer to
    /// another question would be evidence for nothing.
    pub(crate) fn answer_screen(
        &mut self,
        name: &str,
        answer: ScreenAnswer,
        actor: &str,
    ) -> Result<(), Failure> {
        let refuse = |why: &str| {
            let remedy =
                format!("statusinator explain {name} shows whether a look at its screen would decide");
            Failure::new(Code::NothingToAnswer, format!("say what the screen of {name} shows"), why, remedy)
        };
        let boot = self.heard_of(name, "say what its screen shows")?.boot.clone();
        let boot = boot.ok_or_else(|| refuse("it has never booted"))?;
        let asked = boot.verdict.as_ref().is_some_and(|verdict| verdict.asks_screen);
        let answered = boot.screen.is_some() && boot.verdict.is_some();
        if !asked && !answered {
            return Err(refuse("nothing about its latest boot depends on that"));
        }
        let seq = self.core.ahead.seq + 1;
        let draft = self.core.draft(name, Body::ScreenAnswered { answer });
        let stamp = draft.stamp.clone();
        self.core.record(Draft { boot: Some(boot.id), run: boot.run, actor: actor.to_owned(), ..draft });
        // The rules look at boots that run; one that has ended is decided by the answer alone.
        if let Some(verdict) = boot.verdict.as_ref().filter(|_| !boot.is_running()) {
            let looked = Looked { answer, at: Moment { seq, stamp: stamp.clone() } };
            let verdict = Box::new(explain::decided(name, verdict, &looked));
            self.record_boot(name, &stamp, Body::Explained { verdict });
        }
        Ok(())
    }

    /// Lets a machine boot again that was held back.
    pub(crate) fn rearm(&mut self, name: &str, actor: &str, reason: Option<String>) -> Result<(), Failure> {
        if self.heard_of(name, "let it boot again")?.held_back.is_none() {
            return Err(Failure::new(
                Code::NothingToAnswer,
                format!("let {name} boot again"),
                "it is not held back",
                format!("statusinator explain {name} says why it does not boot"),
            ));
        }
        let draft = self.core.draft(name, Body::LoopRearmed { why: format!("{actor} says so") });
        self.core.record(Draft { actor: actor.to_owned(), reason, ..draft });
        Ok(())
    }

    fn heard_of(&self, name: &str, what: &str) -> Result<&MachineStatus, Failure> {
        self.core.ahead.machines.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.config.board.machines.iter().map(|m| m.name.as_str()).collect();
            let why = format!("nothing is known of a machine {name:?}");
            Failure::new(Code::UnknownMachine, what, why, format!("one of: {}", known.join(", ")))
        })
    }

    /// A fact that somebody made true outside the engine.
    pub(crate) fn told(
        &mut self,
        subject: &str,
        body: Body,
        actor: &str,
        reason: Option<String>,
    ) -> Result<(), Failure> {
        if !from_outside(&body) {
            let why = format!("{} is the engine's own to tell", body.kind());
            return Err(Failure::new(Code::BadRequest, "record a fact", why, "report this"));
        }
        let run = self.core.ahead.live_run().map(|run| run.id);
        let draft = self.core.draft(subject, body);
        self.core.record(Draft { run, actor: actor.to_owned(), reason, ..draft });
        Ok(())
    }

    /// A fact that only its observer could see. What the status says already is no news.
    pub(crate) fn fact(&mut self, subject: &str, stamp: &Stamp, body: Body) {
        if !from_outside(&body) {
            self.core.count("facts-refused", 1);
            tracing::warn!(kind = body.kind(), subject, "an observer told what is the engine's own to tell");
        } else if !self.is_known(subject, &body) {
            self.record_at(subject, stamp, None, body);
        }
    }

    fn is_known(&self, subject: &str, body: &Body) -> bool {
        let status = &self.core.ahead;
        let machine = status.machines.get(subject);
        match body {
            Body::RivalHeard { service, address, says } => {
                status.rivals.get(&format!("{service} {address}")).is_some_and(|rival| rival.says == *says)
            }
            Body::RivalGone { service, address } => {
                !status.rivals.contains_key(&format!("{service} {address}"))
            }
            // Another reason for the same trouble is no news while it lasts: figures in it change with every look.
            Body::ServiceTroubled { service, failure } => {
                status.troubles.get(service).is_some_and(|known| known.code == failure.code)
            }
            Body::ServiceRecovered { service } => !status.troubles.contains_key(service),
            Body::FaultSet { fault, on } => machine.is_some_and(|m| m.faults.contains(fault)) == *on,
            Body::WayChosen { way, .. } => machine.is_some_and(|m| m.way == Some(*way)),
            _ => false,
        }
    }

    /// A service that was ready and is no longer is in trouble; one that was never ready is still being built. Whoever told
    /// of the trouble already has said why, which is more than is known here.
    pub(crate) fn service_changed(&mut self, service: &ServiceState) {
        let was_ready = self.core.live.services.iter().any(|s| s.name == service.name && s.ready);
        let name = service.name.clone();
        let body = match service.ready {
            false if was_ready && !self.core.ahead.troubles.contains_key(&name) => {
                let failure = Failure::new(
                    Code::Internal,
                    format!("serve {name}"),
                    service.says.clone(),
                    "look at the program's log; start it again",
                );
                Body::ServiceTroubled { service: name, failure }
            }
            true => Body::ServiceRecovered { service: name },
            false => return,
        };
        let now = self.core.now();
        self.fact(lab::status::BOARD, &now, body);
    }
}

/// Facts that others than the engine may tell.
fn from_outside(body: &Body) -> bool {
    matches!(
        body,
        Body::WayChosen { .. }
            | Body::WayDropped { .. }
            | Body::BootOrderArmed { .. }
            | Body::BootOrderRestored { .. }
            | Body::WipeArmed { .. }
            | Body::WipeDisarmed { .. }
            | Body::DiskWiped { .. }
            | Body::FaultSet { .. }
            | Body::RivalHeard { .. }
            | Body::RivalGone { .. }
            | Body::ServiceTroubled { .. }
            | Body::ServiceRecovered { .. }
            | Body::ImageChosen { .. }
            | Body::BootMeasured { .. }
            | Body::WifiJoined { .. }
            | Body::MachineReplaced { .. }
    )
}
