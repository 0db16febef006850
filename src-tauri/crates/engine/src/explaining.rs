//! Why machines do not boot: the rules are asked after every turn, and at the moment at which more can be known.

mod told;

use std::collections::{BTreeMap, BTreeSet};

use lab::{
    Body, Boot, BootState, Draft, Stamp, Verdict,
    explain::{self, CONSOLE_TAIL, Case, Faulty, Lead, Moving, SCRIPT_SERVED, Want},
    live::Transfer,
    repeats::Repeats,
    sign::{Sign, Step},
    status::BOARD,
};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, timeout};

use crate::turn::Engine;

/// A console is a local file; one that does not answer must not hold up the loop.
const CONSOLE_LIMIT: Duration = Duration::from_secs(1);
/// Bytes of a console kept as evidence: the last screen.
const CONSOLE_KEPT: usize = 2048;
/// Characters of a script kept as evidence.
const SCRIPT_KEPT: usize = 4096;

/// What the explanations need beside status and picture. It is gone with the process.
#[derive(Default)]
pub(crate) struct Explaining {
    moving: BTreeMap<String, Moving>,
    scripts: BTreeMap<String, String>,
    repeats: BTreeMap<String, Repeats>,
    /// Evidence asked for, by boot: it is asked for once.
    asked: BTreeSet<(u64, &'static str)>,
    /// When to look again although nothing happened.
    pub(crate) wake: Option<Instant>,
}

impl Explaining {
    /// A transfer that shows the same figure again stands still.
    pub(crate) fn transfer(&mut self, machine: &str, transfer: Option<&Transfer>, now: Stamp) {
        let Some(transfer) = transfer else {
            self.moving.remove(machine);
            return;
        };
        let same = |known: &Moving| known.path == transfer.path && known.sent == transfer.sent;
        if !self.moving.get(machine).is_some_and(same) {
            let Transfer { path, sent, total } = transfer.clone();
            self.moving.insert(machine.to_owned(), Moving { path, sent, total, moved: now });
        }
    }

    pub(crate) fn script(&mut self, machine: &str, text: String) {
        self.scripts.insert(machine.to_owned(), text.chars().take(SCRIPT_KEPT).collect());
    }
}

/// What is known about one machine.
struct Known {
    name: String,
    lead: Option<Lead>,
    next: Option<Stamp>,
}

impl Engine {
    /// Asks the rules about every machine, and records what has changed.
    pub(crate) async fn explain(&mut self) {
        let now = self.core.now();
        self.hold_back(&now);
        let names: Vec<String> = self.config.board.machines.iter().map(|m| m.name.clone()).collect();
        let mut known = Vec::new();
        for name in names {
            known.push(self.look(name, &now).await);
        }
        self.judge(&known, &now);
        let next = known.iter().filter_map(|known| known.next.as_ref()).min_by_key(|next| next.mono_us);
        self.explaining.wake = next.map(|next| {
            // A microsecond later, so that the limit has passed when it is looked at.
            let wait = u64::try_from(next.mono_us - now.mono_us).unwrap_or_default().saturating_add(1);
            Instant::now() + Duration::from_micros(wait)
        });
    }

    async fn look(&mut self, name: String, now: &Stamp) -> Known {
        let (lead, next) = self.ask(&name, now).unwrap_or_default();
        let want = lead.as_ref().and_then(|lead| lead.wants.clone());
        // Evidence that was asked for may change what is known; asking once more is enough.
        match want {
            Some(want) if self.fetch(&name, now, &want).await => {
                let (lead, next) = self.ask(&name, now).unwrap_or_default();
                Known { name, lead, next }
            }
            _ => Known { name, lead, next },
        }
    }

    /// The rules' answer; `None` where there is nothing to explain.
    fn ask(&self, name: &str, now: &Stamp) -> Option<(Option<Lead>, Option<Stamp>)> {
        let case = self.case(name, now)?;
        let open = case.boot.is_running() || case.machine.held_back.is_some();
        open.then(|| explain::explain(&case)).map(|finding| (finding.lead, finding.next))
    }

    fn case<'a>(&'a self, name: &'a str, now: &'a Stamp) -> Option<Case<'a>> {
        let moving = self.explaining.moving.get(name);
        Case::of(name, &self.config.board.limits, &self.core.ahead, &self.core.live, moving, now)
    }

    /// Fetches evidence and marks it. `false` when there is none to be had, or it was asked for before.
    async fn fetch(&mut self, name: &str, now: &Stamp, want: &Want) -> bool {
        let Some(boot) = self.boot(name).filter(|boot| boot.is_running()).map(|boot| boot.id) else {
            return false;
        };
        let (mark, detail) = match want {
            // A transfer may stand still more than once; each time at another figure.
            Want::Mark(mark, detail) => {
                self.mark(name, now, mark, detail.clone());
                return true;
            }
            Want::Script => (SCRIPT_SERVED, self.explaining.scripts.get(name).cloned()),
            Want::Console => match self.explaining.asked.contains(&(boot, CONSOLE_TAIL)) {
                true => return false,
                false => (CONSOLE_TAIL, self.console_tail(name).await),
            },
        };
        let first = self.explaining.asked.insert((boot, mark));
        let Some(text) = detail.filter(|_| first) else { return false };
        self.mark(name, now, mark, json!({ "text": text }));
        true
    }

    async fn console_tail(&self, name: &str) -> Option<String> {
        let console = self.config.ports.console.clone()?;
        match timeout(CONSOLE_LIMIT, console.tail(name, CONSOLE_KEPT)).await {
            Ok(Ok(text)) => Some(text).filter(|text| !text.trim().is_empty()),
            Ok(Err(error)) => {
                tracing::debug!(machine = name, %error, "no console as evidence");
                None
            }
            Err(_) => None,
        }
    }

    fn mark(&mut self, name: &str, now: &Stamp, mark: &str, detail: Value) {
        self.record_boot(name, now, Body::Marked { mark: mark.to_owned(), detail });
    }

    /// One cause for several faults first; each machine's own verdict after that.
    fn judge(&mut self, known: &[Known], now: &Stamp) {
        let faults: Vec<Faulty<'_>> = known
            .iter()
            .filter_map(|known| {
                Some(Faulty { lead: known.lead.clone()?, case: self.case(&known.name, now)? })
            })
            .collect();
        let goodbyes = explain::goodbyes(&self.core.live);
        let common = explain::common(&self.core.ahead, &goodbyes, &faults, now);
        let consequences = common.as_ref().map(|common| common.machines.clone()).unwrap_or_default();
        let own: BTreeMap<String, Verdict> = faults
            .into_iter()
            .filter(|faulty| !consequences.iter().any(|name| name == faulty.case.name))
            .map(|faulty| (faulty.case.name.to_owned(), faulty.lead.verdict(&faulty.case)))
            .collect();
        let common = common.map(explain::Common::verdict);
        self.show_common(common.as_ref(), now);
        for known in known {
            let title =
                common.as_ref().filter(|_| consequences.contains(&known.name)).map(|c| c.code.words());
            self.show(&known.name, own.get(&known.name), title, now);
        }
    }

    fn show_common(&mut self, verdict: Option<&Verdict>, now: &Stamp) {
        let shown = self.core.ahead.common.as_ref();
        let body = match (verdict, shown) {
            (Some(verdict), shown) if !shown.is_some_and(|shown| same(shown, verdict)) => {
                Body::Explained { verdict: Box::new(verdict.clone()) }
            }
            (None, Some(shown)) => Body::ExplanationWithdrawn {
                code: shown.code,
                why: "its cause is over, or nothing follows from it".into(),
            },
            _ => return,
        };
        self.record_at(BOARD, now, None, body);
    }

    /// `cause` names the common cause of which this machine's fault is a consequence.
    fn show(&mut self, name: &str, verdict: Option<&Verdict>, cause: Option<&str>, now: &Stamp) {
        let Some(machine) = self.core.ahead.machines.get(name) else { return };
        let Some(boot) = machine.boot.as_ref() else { return };
        let body = match (verdict, machine.verdict.as_ref()) {
            (Some(verdict), shown) if !shown.is_some_and(|shown| same(shown, verdict)) => {
                Body::Explained { verdict: Box::new(verdict.clone()) }
            }
            // A boot that has ended keeps its verdict, unless it ended well.
            (None, Some(shown)) if boot.is_running() || boot.state == BootState::Good || cause.is_some() => {
                Body::ExplanationWithdrawn { code: shown.code, why: went_on(boot, cause) }
            }
            _ => return,
        };
        self.record_boot(name, now, body);
    }

    /// A machine that goes round in circles gets nothing to boot any more.
    fn hold_back(&mut self, now: &Stamp) {
        let limits = &self.config.board.limits;
        let round: Vec<_> = self
            .core
            .ahead
            .machines
            .iter()
            .filter_map(|(name, machine)| Some((name.clone(), explain::goes_round(machine, limits, now)?)))
            .collect();
        for (name, round) in round {
            tracing::warn!(machine = name, why = round.why, "held back");
            self.record_at(&name, now, None, Body::LoopStopped { why: round.why, rearm: round.rearm });
        }
    }

    /// Packets that only repeat themselves are counted.
    pub(crate) fn count_repeats(&mut self, name: &str, stamp: &Stamp, sign: &Sign) {
        let Some(boot) = self.core.ahead.machines.get(name).and_then(|m| m.boot.as_ref()) else { return };
        if !boot.is_running() {
            return;
        }
        let repeats = self.explaining.repeats.entry(name.to_owned()).or_default();
        if let Some(Step::Mark(mark, detail)) = repeats.saw(boot, sign) {
            self.record_boot(name, stamp, Body::Marked { mark, detail });
        }
    }

    fn boot(&self, name: &str) -> Option<&Boot> {
        self.core.ahead.machines.get(name)?.boot.as_ref()
    }

    /// A held back machine whose button is pressed from here may go on.
    pub(crate) fn rearmed_by_press(&mut self, name: &str) {
        if self.core.ahead.machines.get(name).is_some_and(|m| m.held_back.is_some()) {
            let draft: Draft =
                self.core.draft(name, Body::LoopRearmed { why: "its button was pressed".into() });
            self.core.record(draft);
        }
    }
}

fn went_on(boot: &Boot, cause: Option<&str>) -> String {
    match (cause, boot.state) {
        (Some(cause), _) => format!("it is a consequence: {cause}"),
        (None, BootState::Good) => "it reported".to_owned(),
        (None, _) => format!("it went on, phase {}", boot.phase().word()),
    }
}

/// Whether two verdicts say the same; what is ruled out may grow without being news.
fn same(one: &Verdict, other: &Verdict) -> bool {
    one.code == other.code
        && one.says == other.says
        && one.evidence == other.evidence
        && one.machines == other.machines
        && one.asks_screen == other.asks_screen
}
