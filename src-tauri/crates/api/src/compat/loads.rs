//! What the load pods counted, added up, and how fast. Pure: frames and the passing of time come from outside.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

/// Pods remembered. Their names are kept after they have gone, so that one that comes back does not add its history again.
const PODS: usize = 512;
/// A host name (RFC 1035 section 2.3.4).
const NAME_LONGEST: usize = 253;
/// What a new measurement weighs against the rate so far, for each [`TICK`].
const WEIGHT: f64 = 0.2;
pub(super) const TICK: Duration = Duration::from_millis(100);
/// A rate that fell below this is none.
const NOTHING: f64 = 0.001;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Server,
    Client,
}

/// A pod as it names itself in its first frame.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) kind: Kind,
    pub(super) pod: String,
}

impl Name {
    /// `TYPE:PODNAME`: `server`, and any other word is a client; exactly one colon.
    pub(super) fn parse(frame: &str) -> Option<Self> {
        let (kind, pod) = frame.split_once(':')?;
        let plain = !pod.contains(':') && !pod.chars().any(char::is_control);
        let good = plain && !pod.is_empty() && pod.len() <= NAME_LONGEST;
        let kind = if kind == "server" { Kind::Server } else { Kind::Client };
        good.then(|| Self { kind, pod: pod.to_owned() })
    }
}

/// Requests that went well and that did not, since the pod's process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) struct Hits {
    pub(super) ok: u64,
    pub(super) nok: u64,
}

impl Hits {
    /// `OK,NOK`.
    pub(super) fn parse(frame: &str) -> Option<Self> {
        let (ok, nok) = frame.trim().split_once(',')?;
        Some(Self { ok: ok.trim().parse().ok()?, nok: nok.trim().parse().ok()? })
    }

    fn add(&mut self, more: Self) {
        self.ok = self.ok.saturating_add(more.ok);
        self.nok = self.nok.saturating_add(more.nok);
    }

    /// What came since `before`. Counters that went back belong to a process that started anew.
    fn since(self, before: Self) -> Self {
        match (self.ok.checked_sub(before.ok), self.nok.checked_sub(before.nok)) {
            (Some(ok), Some(nok)) => Self { ok, nok },
            _ => self,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Loads {
    pods: BTreeMap<Name, Pod>,
    servers: Side,
    clients: Side,
    /// Counts connections, by which the pod that was gone for longest is found.
    turn: u64,
    pub(super) refused: u64,
    pub(super) malformed: u64,
}

#[derive(Debug)]
struct Pod {
    last: Option<Hits>,
    /// Connected, and not heard since.
    fresh: bool,
    open: u32,
    turn: u64,
}

/// One table: the servers, or the clients.
#[derive(Debug, Default)]
struct Side {
    total: Hits,
    /// Since the last tick.
    moved: Hits,
    ok_rate: f64,
    nok_rate: f64,
}

/// What `/loadinfo` answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LoadStats {
    pub(super) total_server_ok: u64,
    pub(super) total_server_nok: u64,
    pub(super) total_client_ok: u64,
    pub(super) total_client_nok: u64,
    pub(super) server_ok_rate: u64,
    pub(super) server_nok_rate: u64,
    pub(super) client_ok_rate: u64,
    pub(super) client_nok_rate: u64,
    pub(super) servers: BTreeMap<String, Hits>,
    pub(super) clients: BTreeMap<String, Hits>,
}

impl Loads {
    /// A pod connects. Whether there is room for it.
    pub(super) fn open(&mut self, name: &Name) -> bool {
        self.turn += 1;
        if !self.pods.contains_key(name) && self.pods.len() >= PODS {
            let gone = self.pods.iter().filter(|(_, pod)| pod.open == 0).min_by_key(|(_, pod)| pod.turn);
            let Some(gone) = gone.map(|(name, _)| name.clone()) else {
                self.refused += 1;
                return false;
            };
            self.pods.remove(&gone);
        }
        let pod = self.pods.entry(name.clone()).or_insert(Pod { last: None, fresh: true, open: 0, turn: 0 });
        pod.open += 1;
        pod.fresh = true;
        pod.turn = self.turn;
        true
    }

    /// One connection of a pod ended. Its last counts stay.
    pub(super) fn close(&mut self, name: &Name) {
        self.turn += 1;
        if let Some(pod) = self.pods.get_mut(name) {
            pod.open = pod.open.saturating_sub(1);
            pod.turn = self.turn;
        }
    }

    /// What a pod has counted so far. Whether that is news.
    pub(super) fn frame(&mut self, name: &Name, hits: Hits) -> bool {
        let Some(pod) = self.pods.get_mut(name) else { return false };
        let (before, fresh) = (pod.last.replace(hits), std::mem::take(&mut pod.fresh));
        if before == Some(hits) {
            return false;
        }
        let more = hits.since(before.unwrap_or_default());
        let side = match name.kind {
            Kind::Server => &mut self.servers,
            Kind::Client => &mut self.clients,
        };
        side.total.add(more);
        // What a pod counted while it was not heard is no pace of now.
        if !fresh {
            side.moved.add(more);
        }
        true
    }

    /// Time has passed. Whether a rate changed.
    pub(super) fn tick(&mut self, passed: Duration) -> bool {
        let servers = self.servers.tick(passed);
        self.clients.tick(passed) || servers
    }

    /// Totals and rates begin anew; pods go on counting from where they are.
    pub(super) fn reset(&mut self) {
        self.servers = Side::default();
        self.clients = Side::default();
    }

    pub(super) fn wire(&self) -> LoadStats {
        let here = |kind: Kind| {
            let own = self.pods.iter().filter(move |(name, pod)| name.kind == kind && pod.open > 0);
            own.filter_map(|(name, pod)| Some((name.pod.clone(), pod.last?))).collect()
        };
        let whole = |rate: f64| rate.round() as u64;
        LoadStats {
            total_server_ok: self.servers.total.ok,
            total_server_nok: self.servers.total.nok,
            total_client_ok: self.clients.total.ok,
            total_client_nok: self.clients.total.nok,
            server_ok_rate: whole(self.servers.ok_rate),
            server_nok_rate: whole(self.servers.nok_rate),
            client_ok_rate: whole(self.clients.ok_rate),
            client_nok_rate: whole(self.clients.nok_rate),
            servers: here(Kind::Server),
            clients: here(Kind::Client),
        }
    }
}

impl Side {
    fn tick(&mut self, passed: Duration) -> bool {
        let seconds = passed.as_secs_f64();
        if seconds <= 0.0 {
            return false;
        }
        // A tick that came late weighs as much as those that it stands for.
        let weight = 1.0 - (1.0 - WEIGHT).powf(seconds / TICK.as_secs_f64());
        let moved = std::mem::take(&mut self.moved);
        let one = smooth(&mut self.ok_rate, moved.ok, seconds, weight);
        smooth(&mut self.nok_rate, moved.nok, seconds, weight) || one
    }
}

fn smooth(rate: &mut f64, moved: u64, seconds: f64, weight: f64) -> bool {
    let before = *rate;
    let next = before + weight * (moved as f64 / seconds - before);
    *rate = if next < NOTHING { 0.0 } else { next };
    *rate != before
}

#[cfg(test)]
#[path = "loads_tests.rs"]
mod tests;
