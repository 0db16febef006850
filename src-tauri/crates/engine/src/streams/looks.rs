//! Looks for the cause of a silence: what wiring can see of processes, ports and files, and what the status knows already.

use std::time::Duration;

use lab::{
    PowerState, Stamp,
    certificate::CertificateState,
    clock::Trust,
    stream::{self, CauseKind, Clue},
};
use tokio::time::timeout;

use crate::{gear::ROUTER_DEVICE, turn::Engine};

/// The look ends between "late" and "silent", so that the silence is told with its cause and in time.
const LIMIT: Duration = Duration::from_secs(1);

/// What a look found.
pub(crate) struct Looked {
    stream: String,
    clues: Vec<Clue>,
}

impl Engine {
    /// Begins a look, unless one is under way or has just ended.
    pub(super) fn look_into(&mut self, name: &str, now: &Stamp) {
        let Some(followed) = self.listening.streams.get_mut(name) else { return };
        let fresh =
            |(_, at): &(Vec<Clue>, Stamp)| now.seconds_since(at).is_some_and(|age| age < super::LOOK_AGAIN_S);
        if followed.looking || followed.clues.as_ref().is_some_and(fresh) {
            return;
        }
        followed.looking = true;
        let (port, stream) = (self.config.ports.clues.clone(), name.to_owned());
        self.listening.looks.spawn(async move {
            let clues = match port {
                Some(port) => timeout(LIMIT, port.look(&stream)).await.unwrap_or_else(|_| vec![unfinished()]),
                None => Vec::new(),
            };
            Looked { stream, clues }
        });
    }

    pub(crate) fn looked(&mut self, looked: Looked) {
        let now = self.core.now();
        if let Some(followed) = self.listening.streams.get_mut(&looked.stream) {
            followed.looking = false;
            followed.clues = Some((looked.clues, now));
        }
        self.judge_streams();
    }

    /// What the status says about a stream's way.
    pub(super) fn own_clues(&self, name: &str) -> Vec<Clue> {
        if let Some(hangs) = own_watcher(name) {
            return vec![hangs];
        }
        let mut clues = Vec::new();
        let mut add = |kind, bad, says: String| clues.push(Clue { kind, bad, says });
        if let Some(clock) = &self.core.ahead.watched.clock {
            match clock.trust {
                Trust::Good => add(CauseKind::Clock, false, "the clock is right".into()),
                Trust::Unconfirmed => {}
                Trust::Off | Trust::Behind => {
                    add(CauseKind::Clock, true, format!("the controller's clock is {}", clock.says));
                }
            }
        }
        let list = self.core.live.certificates.iter().flat_map(|live| &live.list);
        for judged in list {
            let (reading, state) = (&judged.reading, judged.state);
            if state == CertificateState::Unknown
                || !stream::on_the_way(name, &reading.name, &reading.used_by)
            {
                continue;
            }
            let says = format!("certificate {} is {}", reading.name, state.word());
            add(CauseKind::Certificate, !state.works(), says);
        }
        match name {
            stream::SYSLOG_TCP => match self.core.ahead.devices.get(ROUTER_DEVICE) {
                Some(router) if router.present => add(CauseKind::Network, false, "the router answers".into()),
                Some(_) => add(CauseKind::Network, true, "the router does not answer".into()),
                None => {}
            },
            stream::TALOS => {
                let on = self.core.ahead.machines.values().any(|m| m.observed == PowerState::On);
                if !on {
                    add(CauseKind::Network, true, "no machine is on".into());
                }
            }
            _ => {}
        }
        clues
    }
}

fn unfinished() -> Clue {
    let says = format!("the look at processes, ports and files did not end within {} s", LIMIT.as_secs());
    Clue { kind: CauseKind::Unknown, bad: false, says }
}

/// A watcher of ours that stops looking is our own fault, whatever the device does.
fn own_watcher(name: &str) -> Option<Clue> {
    let ours = [
        stream::POWER,
        stream::SWITCH,
        stream::ROUTER,
        stream::LINKS,
        stream::PACE,
        stream::HEALTH,
        stream::CERTIFICATES,
        stream::CLOCK,
    ];
    let says = "this program's own watcher hangs: each of its looks has a deadline, and none has ended";
    ours.contains(&name).then(|| Clue { kind: CauseKind::Process, bad: true, says: says.into() })
}
