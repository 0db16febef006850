//! Arming a wipe, using it up, and what the wiper reports.

use lab::{
    Body, Code, Draft, Failure, Stamp,
    wipe::{self, WipeAsk, WipeReport},
};

use crate::turn::Engine;

impl Engine {
    /// The machine's next boot erases these disks (none named: all fixed ones). Repeated, the newest list counts.
    pub(crate) fn arm_wipe(
        &mut self,
        machine: &str,
        disks: Vec<String>,
        actor: &str,
        reason: Option<String>,
    ) -> Result<(), Failure> {
        let name = self.known(machine, "arm the wiper")?;
        if let Some(wiping) = self.core.ahead.machines.get(&name).and_then(|m| m.wiping.as_ref()) {
            // A wiper that was switched off never reports; then this arming is a new one.
            tracing::info!(machine = name, disks = ?wiping.disks, "armed again before the last wipe was reported");
        }
        self.tell(&name, Body::WipeArmed { disks }, actor, reason);
        Ok(())
    }

    /// The machine's next boot erases nothing.
    pub(crate) fn disarm_wipe(
        &mut self,
        machine: &str,
        actor: &str,
        reason: Option<String>,
    ) -> Result<(), Failure> {
        let name = self.known(machine, "disarm the wiper")?;
        let armed = self.core.ahead.machines.get(&name).is_some_and(|m| m.wipe.is_some());
        if !armed {
            return Err(Failure::new(
                Code::NothingToCancel,
                format!("disarm the wiper of {name}"),
                "it is not armed: it never was, or its wiper has begun",
                "a wiper that has begun is stopped by its power button alone",
            ));
        }
        let why = reason.clone().unwrap_or_else(|| "disarmed".to_owned());
        self.tell(&name, Body::WipeDisarmed { why }, actor, reason);
        Ok(())
    }

    /// Uses up the arming for the ticket that the wiper showed. Its next question is answered from the record.
    pub(crate) fn wipe_asked(&mut self, machine: &str, stamp: &Stamp, ask: &WipeAsk) {
        let Some(known) = self.core.ahead.machines.get(machine) else { return };
        let granted = known.wiping.as_ref().is_some_and(|wiping| wiping.ticket == ask.ticket);
        let Some(armed) = known.wipe.as_ref().filter(|_| !granted) else { return };
        if let Ok(disks) = wipe::allowed(armed, &ask.disks) {
            let body = Body::WipeBegan { disks, ticket: ask.ticket.clone() };
            self.record_at(machine, stamp, None, body);
        }
    }

    /// Records what was erased; a report that comes twice is one event.
    pub(crate) fn wiped(&mut self, machine: &str, stamp: &Stamp, report: &WipeReport) {
        let wiping = self.core.ahead.machines.get(machine).and_then(|m| m.wiping.as_ref());
        if wiping.is_none_or(|wiping| wiping.ticket != report.ticket) {
            tracing::info!(machine, "a wipe reported again, or by nobody who was told to");
            return;
        }
        match serde_json::to_value(report) {
            Ok(report) => self.record_at(machine, stamp, None, Body::DiskWiped { report }),
            Err(error) => tracing::error!(machine, %error, "a wiper's report cannot be kept"),
        }
    }

    pub(crate) fn known(&self, machine: &str, what: &str) -> Result<String, Failure> {
        self.config.board.machine(machine).map(|m| m.name.clone()).ok_or_else(|| {
            let why = format!("this board has no machine {machine:?}");
            Failure::new(Code::UnknownMachine, what, why, "use a box number or a name from Board")
        })
    }

    fn tell(&mut self, machine: &str, body: Body, actor: &str, reason: Option<String>) {
        let draft = self.core.draft(machine, body);
        self.core.record(Draft { actor: actor.to_owned(), reason, ..draft });
    }
}
