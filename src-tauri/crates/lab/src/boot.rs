//! One power-on of one machine: six phases in fixed order, and the single transition function that moves through them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    event::{Body, Event, Illegal, Moment, Stamp},
    verdict::{ScreenAnswer, Verdict},
};

/// The phases of a boot, in the order in which every good boot passes them, whatever the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Press or first sign → first DHCP packet.
    Firmware,
    /// → first request for a boot file.
    Address,
    /// → first request for the body of a kernel or UKI.
    Loader,
    /// → last byte of the last boot file.
    Kernel,
    /// → first packet of the running system.
    Os,
    /// → report or port.
    Service,
}

impl Phase {
    pub const ALL: [Self; 6] =
        [Self::Firmware, Self::Address, Self::Loader, Self::Kernel, Self::Os, Self::Service];

    pub fn word(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Address => "address",
            Self::Loader => "loader",
            Self::Kernel => "kernel",
            Self::Os => "os",
            Self::Service => "service",
        }
    }

    /// The phase that follows; `None` after the last.
    pub fn next(self) -> Option<Self> {
        Self::ALL.get(self as usize + 1).copied()
    }
}

/// How a boot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BootState {
    Running,
    /// All six phases, and the machine reported.
    Good,
    /// A limit passed, or the machine went off.
    Failed,
    /// The machine began again, was switched off on purpose, or the engine stopped watching.
    Abandoned,
}

impl BootState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Good => "good",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What a boot began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// We pressed the button.
    Press,
    /// The machine was heard although nobody pressed; its firmware phase has no length that could be known.
    FirstSign,
}

/// A finer moment inside a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub name: String,
    pub stamp: Stamp,
    pub detail: Value,
    /// Number of its event, by which explanations cite it.
    #[serde(default)]
    pub seq: u64,
}

/// A phase with its begin, its end, and what was marked meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseSpan {
    pub phase: Phase,
    pub started: Stamp,
    pub ended: Option<Stamp>,
    pub marks: Vec<Mark>,
    /// Number of the event that began it.
    #[serde(default)]
    pub seq: u64,
}

impl PhaseSpan {
    /// Its length; `None` while it runs or when the host's clock began anew meanwhile.
    pub fn seconds(&self) -> Option<f64> {
        self.ended.as_ref().and_then(|end| end.seconds_since(&self.started))
    }
}

/// Marks kept in one phase; a machine that repeats itself must not grow its boot without end.
const MARKS_PER_PHASE: usize = 64;

/// One power-on of one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boot {
    pub id: u64,
    pub machine: String,
    pub run: Option<u64>,
    pub cause: Cause,
    pub started: Stamp,
    pub ended: Option<Stamp>,
    pub state: BootState,
    pub why: Option<String>,
    pub phases: Vec<PhaseSpan>,
    /// Marks that found no room.
    pub marks_dropped: u32,
    /// Why it did not go on, as long as that holds; it stays when the boot has ended.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// What a person saw on the machine's own screen.
    #[serde(default)]
    pub screen: Option<Looked>,
}

/// A look at a machine's own screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    pub answer: ScreenAnswer,
    pub at: Moment,
}

impl Boot {
    /// A boot from its first event.
    pub fn begin(event: &Event) -> Result<Self, Illegal> {
        let Body::BootStarted { cause } = event.body() else {
            return Err(Illegal::new(event.body(), "no boot has begun"));
        };
        let id = event.draft.boot.ok_or_else(|| Illegal::new(event.body(), "the boot has no number"))?;
        let started = event.draft.stamp.clone();
        let first = PhaseSpan {
            phase: Phase::Firmware,
            started: started.clone(),
            ended: None,
            marks: Vec::new(),
            seq: event.seq,
        };
        Ok(Self {
            id,
            machine: event.draft.subject.clone(),
            run: event.draft.run,
            cause: *cause,
            started,
            ended: None,
            state: BootState::Running,
            why: None,
            phases: vec![first],
            marks_dropped: 0,
            verdict: None,
            screen: None,
        })
    }

    /// The one transition function of boots.
    pub fn apply(&mut self, event: &Event) -> Result<(), Illegal> {
        let body = event.body();
        // Told about a boot that has ended as well: its page still asks and answers why.
        match body {
            Body::Explained { verdict } => {
                self.verdict = Some((**verdict).clone());
                return Ok(());
            }
            Body::ExplanationWithdrawn { .. } => {
                self.verdict = None;
                return Ok(());
            }
            Body::ScreenAnswered { answer } => {
                self.screen = Some(Looked { answer: *answer, at: Moment::of(event) });
                return Ok(());
            }
            _ => {}
        }
        if self.state != BootState::Running {
            return Err(Illegal::new(body, format!("boot {} has ended", self.id)));
        }
        let stamp = &event.draft.stamp;
        match body {
            Body::PhaseEntered { phase } => {
                if self.phase().next() != Some(*phase) {
                    let why = format!("{} does not follow {}", phase.word(), self.phase().word());
                    return Err(Illegal::new(body, why));
                }
                self.close_phase(stamp);
                self.phases.push(PhaseSpan {
                    phase: *phase,
                    started: stamp.clone(),
                    ended: None,
                    marks: Vec::new(),
                    seq: event.seq,
                });
            }
            Body::Marked { mark, detail } => {
                let mark =
                    Mark { name: mark.clone(), stamp: stamp.clone(), detail: detail.clone(), seq: event.seq };
                match self.phases.last_mut() {
                    Some(span) if span.marks.len() < MARKS_PER_PHASE => span.marks.push(mark),
                    _ => self.marks_dropped += 1,
                }
            }
            Body::BootEnded { state: BootState::Running, .. } => {
                return Err(Illegal::new(body, "an end must not be called running"));
            }
            Body::BootEnded { state: BootState::Good, .. } if self.phase() != Phase::Service => {
                return Err(Illegal::new(body, format!("a boot in {} cannot end well", self.phase().word())));
            }
            Body::BootEnded { state, why } => {
                self.close_phase(stamp);
                self.ended = Some(stamp.clone());
                self.state = *state;
                self.why = Some(why.clone());
            }
            other => return Err(Illegal::new(other, "it does not belong to a boot")),
        }
        Ok(())
    }

    fn close_phase(&mut self, stamp: &Stamp) {
        if let Some(span) = self.phases.last_mut() {
            span.ended = Some(stamp.clone());
        }
    }

    /// The phase it is in, or ended in.
    pub fn phase(&self) -> Phase {
        self.phases.last().map_or(Phase::Firmware, |span| span.phase)
    }

    /// Whether this was marked already, in whatever phase.
    pub fn has_mark(&self, name: &str) -> bool {
        self.marks().any(|mark| mark.name == name)
    }

    /// All marks, oldest first.
    pub fn marks(&self) -> impl DoubleEndedIterator<Item = &Mark> {
        self.phases.iter().flat_map(|span| &span.marks)
    }

    /// The span of a phase, once it was entered.
    pub fn span(&self, phase: Phase) -> Option<&PhaseSpan> {
        self.phases.iter().find(|span| span.phase == phase)
    }

    /// From begin to end; `None` while it runs.
    pub fn seconds(&self) -> Option<f64> {
        self.ended.as_ref().and_then(|end| end.seconds_since(&self.started))
    }

    pub fn is_running(&self) -> bool {
        self.state == BootState::Running
    }
}
