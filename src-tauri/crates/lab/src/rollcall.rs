//! After transport: what stands and answers, place by place. Pure.

use crate::{Board, PowerState, event::Stamp, live::Snapshot, status::MachineStatus};

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Present,
    Missing,
    /// Nothing tells: it is off, or this board cannot see it.
    Unknown,
}

impl Presence {
    pub fn word(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// One place of the board.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// `pc`, `port`, `device`, `screen`.
    pub kind: &'static str,
    pub name: String,
    pub presence: Presence,
    /// What was seen, or what to do.
    pub says: String,
    /// Links lost by a PC, or connections lost by a device, since the engine started.
    pub losses: u64,
    pub since: Option<Stamp>,
}

/// Every place, in the order in which one looks along the board.
pub fn roll_call(board: &Board, snapshot: &Snapshot) -> Vec<Place> {
    let nothing = MachineStatus::default();
    let known = |name: &str| snapshot.status.machines.get(name).unwrap_or(&nothing);
    let machines = board.machines.iter().map(|machine| pc(machine, known(&machine.name), snapshot));
    machines.chain(ports(board, snapshot)).chain(devices(board, snapshot)).chain(screens(snapshot)).collect()
}

fn pc(machine: &crate::Machine, known: &MachineStatus, snapshot: &Snapshot) -> Place {
    let heard = snapshot.live.heard.get(&machine.name);
    let (presence, says) = match (known.observed, known.link, heard) {
        (PowerState::On, ..) => (Presence::Present, "it is on".to_owned()),
        (_, Some(true), _) => (Presence::Present, "its link is up".to_owned()),
        (_, _, Some(heard)) => (Presence::Present, format!("it was heard: {}", heard.what)),
        (_, Some(false), None) => {
            let says = "no link: switch it on once to know".to_owned();
            (Presence::Unknown, says)
        }
        (_, None, None) => {
            (Presence::Unknown, "nothing was heard of it: switch it on once to know".to_owned())
        }
    };
    Place {
        kind: "pc",
        name: machine.name.clone(),
        presence,
        says,
        losses: known.link_losses,
        since: known.observed_at.clone(),
    }
}

/// Ports that have no machine: the controller's and the router's, which always have a link.
fn ports(board: &Board, snapshot: &Snapshot) -> Vec<Place> {
    let Some(switch) = &snapshot.live.switch else { return Vec::new() };
    let place = |(number, port): (&u32, &crate::ports::SwitchPort)| {
        let machine = board.machine_by_port(*number).map(|machine| machine.name.as_str());
        let whose = machine.or(port.name.as_deref()).unwrap_or("nobody");
        let speed = port.speed.map(|speed| format!(" at {speed} Mbit/s")).unwrap_or_default();
        let (presence, says) = match (port.link, port.enabled) {
            (Some(true), _) => (Presence::Present, format!("{whose}: link{speed}")),
            (_, Some(false)) => (Presence::Missing, format!("{whose}: switched off")),
            (Some(false), _) if machine.is_some() => (Presence::Unknown, format!("{whose}: no link")),
            (Some(false), _) => (Presence::Missing, format!("{whose}: no link; push its cable home")),
            (None, _) => (Presence::Unknown, format!("{whose}: the switch does not tell")),
        };
        let since = Some(switch.stamp.clone());
        Place { kind: "port", name: format!("port {number}"), presence, says, losses: 0, since }
    };
    switch.reading.ports.iter().map(place).collect()
}

/// Devices of the board file, answered or not; one that was never heard of is unknown.
fn devices(board: &Board, snapshot: &Snapshot) -> Vec<Place> {
    let expected = [
        ("power", board.machines.iter().any(|machine| machine.outlet < crate::ports::OWN_CONTROL)),
        ("switch", board.switch.is_some()),
        ("router", board.router.is_some()),
        ("display", board.display.is_some()),
    ];
    let expected = expected.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned());
    let own = board.machines.iter().filter(|machine| machine.power.is_some());
    let place = |name: String| match snapshot.status.devices.get(&name) {
        Some(device) => Place {
            kind: "device",
            presence: if device.present { Presence::Present } else { Presence::Missing },
            says: device.failure.as_ref().map_or_else(
                || "it answers".to_owned(),
                |failure| format!("{}. {}", failure.why, failure.remedy),
            ),
            losses: device.losses,
            since: Some(device.since.clone()),
            name,
        },
        None => Place {
            kind: "device",
            name,
            presence: Presence::Unknown,
            says: "it was not looked at yet".to_owned(),
            losses: 0,
            since: None,
        },
    };
    expected.chain(own.map(|machine| format!("power {}", machine.name))).map(place).collect()
}

/// Touch screens of the controller.
fn screens(snapshot: &Snapshot) -> Vec<Place> {
    let touch = snapshot.live.touch_panels.iter();
    touch
        .map(|name| Place {
            kind: "screen",
            name: name.clone(),
            presence: Presence::Present,
            says: "it is connected".to_owned(),
            losses: 0,
            since: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        live::{Live, SwitchLive},
        ports::{SwitchPort, SwitchReading},
        status::Status,
    };

    fn board() -> Board {
        Board::parse("simulated", include_str!("../../../../boards/simulated.toml")).unwrap()
    }

    fn called(snapshot: &Snapshot, name: &str) -> Place {
        let places = roll_call(&board(), snapshot);
        places.into_iter().find(|place| place.name == name).unwrap()
    }

    #[test]
    fn before_anything_was_seen_nothing_is_claimed() {
        let places = roll_call(&board(), &Snapshot::default());
        assert_eq!(places.len(), 6 + 4, "six PCs and four devices");
        assert!(places.iter().all(|place| place.presence == Presence::Unknown), "{places:?}");
    }

    #[test]
    fn a_port_without_a_link_is_missing_where_somebody_must_be() {
        let mut reading = SwitchReading::default();
        for number in 1..=8 {
            let port =
                SwitchPort { link: Some(number == 8), enabled: Some(number != 2), ..SwitchPort::default() };
            reading.ports.insert(number, port);
        }
        let live = Live {
            switch: Some(SwitchLive { reading, stamp: Stamp::default() }),
            touch_panels: vec!["panel".into()],
            ..Live::default()
        };
        let mut status = Status::default();
        let on = MachineStatus { observed: PowerState::On, link_losses: 3, ..MachineStatus::default() };
        status.machines.insert("node1".into(), on);
        let snapshot = Snapshot { status: Arc::new(status), live, now: Stamp::default() };
        let presence = |name| called(&snapshot, name).presence;
        assert_eq!(presence("port 8"), Presence::Present);
        assert_eq!(presence("port 7"), Presence::Missing, "the controller hangs on it");
        assert_eq!(presence("port 6"), Presence::Unknown, "its PC may be off");
        assert_eq!(presence("port 2"), Presence::Missing, "switched off");
        assert_eq!(presence("panel"), Presence::Present);
        assert_eq!((presence("node1"), called(&snapshot, "node1").losses), (Presence::Present, 3));
    }
}
