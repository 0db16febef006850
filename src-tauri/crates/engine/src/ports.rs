//! Ports of the switch, switched by hand: the driver does it and reads it back, then it is recorded.

use lab::{
    Body, Code, Draft, Failure,
    board::Mode,
    ports::{Outlet, PortError},
};
use tokio::{sync::oneshot, task::JoinSet};

use crate::{handle::Outcome, turn::Engine};

/// Ports that are being switched. Each takes about a second.
const UNDER_WAY: usize = 8;

/// What is asked for.
pub(crate) struct PortWish {
    pub(crate) port: u32,
    pub(crate) enabled: bool,
    pub(crate) actor: String,
    pub(crate) reason: Option<String>,
}

/// A port that was switched, or was not.
pub(crate) struct PortDone {
    wish: PortWish,
    answer: oneshot::Sender<Result<Outcome, Failure>>,
    result: Result<(), PortError>,
}

pub(crate) type PortTasks = JoinSet<PortDone>;

fn words(wish: &PortWish) -> String {
    format!("switch port {} {}", wish.port, if wish.enabled { "on" } else { "off" })
}

impl Engine {
    /// Begins to switch a port, or refuses it at once.
    pub(crate) fn set_port(&mut self, wish: PortWish, answer: oneshot::Sender<Result<Outcome, Failure>>) {
        let switch = match self.may_set_port(&wish) {
            Ok(switch) => switch,
            Err(failure) => return self.refuse(words(&wish), failure, wish.actor, wish.reason, answer),
        };
        self.port_tasks.spawn(async move {
            let result = switch.set(wish.port, wish.enabled).await;
            PortDone { wish, answer, result }
        });
    }

    fn may_set_port(&self, wish: &PortWish) -> Result<std::sync::Arc<dyn lab::ports::Switch>, Failure> {
        let what = words(wish);
        self.core.writable()?;
        self.may_drive(&what)?;
        let no = |code, why: String, remedy: &str| Err(Failure::new(code, what.clone(), why, remedy));
        let Some(switch) = &self.config.ports.switch else {
            return no(
                Code::NotFound,
                "this board has no switch".into(),
                "describe it as [switch] in the board file",
            );
        };
        if !switch.writable() {
            let why = "this switch is only read".into();
            return no(
                Code::DeviceRefused,
                why,
                "use its own page; ports are switched here through `kind = \"hasivo\"`",
            );
        }
        let protected =
            self.config.board.switch.as_ref().is_some_and(|gear| gear.protected().contains(&wish.port));
        if protected {
            let why = format!("port {} is the controller's or the router's", wish.port);
            return no(
                Code::Forbidden,
                why,
                "nothing: without them this program could not switch it on again",
            );
        }
        if self.port_tasks.len() >= UNDER_WAY {
            return no(Code::Busy, "other ports are being switched".into(), "try again in a second");
        }
        Ok(switch.clone())
    }

    pub(crate) fn port_set(&mut self, done: PortDone) {
        let PortDone { wish, answer, result } = done;
        if let Err(error) = result {
            return self.refuse(words(&wish), error.into(), wish.actor, wish.reason, answer);
        }
        let machine = self.config.board.machine_by_port(wish.port).map(|machine| machine.name.clone());
        let subject = machine.unwrap_or_else(|| format!("port{}", wish.port));
        let draft = self.core.draft(&subject, Body::PortSet { port: wish.port, enabled: wish.enabled });
        self.core.record(Draft { actor: wish.actor, reason: wish.reason, ..draft });
        self.answers.push((answer, Ok(Outcome::Recorded)));
    }

    /// Refuses what would change a board that others drive.
    pub(crate) fn may_drive(&self, what: &str) -> Result<(), Failure> {
        if self.config.board.board.mode == Mode::Drive {
            return Ok(());
        }
        Err(Failure::new(
            Code::WatchOnly,
            what,
            "this board is only watched: other programs drive it",
            "use those, or take `mode = \"watch\"` out of the board file",
        ))
    }

    pub(crate) fn subject_of(&self, outlet: Outlet) -> String {
        let machine = self.config.board.machine_by_outlet(outlet);
        machine.map_or_else(|| format!("outlet {outlet}"), |machine| machine.name.clone())
    }
}
