//! What a machine that asks for its script is told: what it boots and as what, or why it does not. The same decision
//! whatever loader asks.

use lab::Machine;
use netboot::{
    files::Asker,
    probe::Duty,
    script::{Plate, Refusal},
};

use super::{
    boot_files::SCRIPT,
    site::{BootSite, code},
};

/// A machine that may boot.
pub(super) struct Admitted<'a> {
    pub(super) machine: &'a Machine,
    pub(super) plate: Plate,
    pub(super) duty: Duty,
}

impl BootSite {
    /// Decides anew at each question: what holds a machine back may end between two.
    pub(super) fn admit(&self, who: &Asker) -> Result<Admitted<'_>, Box<Refusal>> {
        let Some(machine) = self.machine(who.peer, who.mac) else {
            return Err(Box::new(self.unknown(who)));
        };
        let admitted = self.admitted(machine);
        let plate = admitted.plate.clone();
        if let Some(why) = &machine.disabled {
            let remedy = "The board file says so; take the key `disabled` out to let it boot.";
            return Err(Box::new(self.refusal(machine, plate, format!("It is not to boot: {why}."), remedy)));
        }
        if let Some(held) = self.picture.machine(&machine.name).held_back {
            let says = format!("It is held back: {}.", held.why);
            let remedy = format!("It goes on when {}.", held.rearm);
            return Err(Box::new(self.refusal(machine, plate, says, &remedy)));
        }
        Ok(admitted)
    }

    /// What a machine boots as, once nothing holds it back.
    pub(super) fn admitted<'a>(&self, machine: &'a Machine) -> Admitted<'a> {
        let wipe = self.picture.machine(&machine.name).wipe;
        let plate = Plate {
            box_number: Some(box_number(machine)),
            name: machine.name.clone(),
            role: Some(if wipe.is_some() { "wiper" } else { "probe" }.to_owned()),
            lab: self.picture.lab_of(&machine.name),
        };
        let duty = Duty { role: plate.role.clone(), lab: plate.lab.clone(), wipe };
        Admitted { machine, plate, duty }
    }

    /// A known machine that gets nothing, and why.
    pub(super) fn refusal(&self, machine: &Machine, plate: Plate, says: String, remedy: &str) -> Refusal {
        Refusal {
            plate: Some(plate),
            says,
            remedy: remedy.to_owned(),
            mac: Some(netboot::Mac(machine.mac.0)),
            code: code(machine.mac),
            nearest: None,
            elsewhere: None,
            base: self.base,
            syslog: Some(*self.base.ip()),
            again: SCRIPT.to_owned(),
        }
    }

    fn unknown(&self, who: &Asker) -> Refusal {
        let mac = who.mac.map(|mac| lab::Mac(mac.0));
        Refusal {
            plate: None,
            says: "This machine is not known to the board.".to_owned(),
            remedy: "Find this code on Board and name it there. Nothing is changed on this machine."
                .to_owned(),
            mac: who.mac,
            code: mac.map_or_else(|| "????".to_owned(), code),
            nearest: mac.and_then(|mac| self.board.nearest(mac)).map(|near| near.says()),
            elsewhere: self.trees.elsewhere(),
            base: self.base,
            syslog: Some(*self.base.ip()),
            again: SCRIPT.to_owned(),
        }
    }
}

pub(super) fn box_number(machine: &Machine) -> u8 {
    u8::try_from(machine.box_number).unwrap_or(u8::MAX)
}
