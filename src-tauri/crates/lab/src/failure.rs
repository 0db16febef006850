//! Every failure has words: what failed, why, and what to do. The code is what programs match.

use serde::{Deserialize, Serialize};

use crate::ports::PortError;

/// The closed list of failure codes that cross the wire. One code, one meaning; the UI never matches text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The lab named does not exist on this board.
    UnknownLab,
    /// The machine named does not exist on this board.
    UnknownMachine,
    /// No such run, boot or page.
    NotFound,
    /// Another run is under way.
    RunUnderWay,
    /// There is no run that could be cancelled.
    NothingToCancel,
    /// The engine asked nothing that this would answer, or holds nothing that this would let go.
    NothingToAnswer,
    /// No token, or one that is not known here.
    Unauthorized,
    /// The token lacks the right.
    Forbidden,
    /// The request could not be understood.
    BadRequest,
    /// The board file has a mistake.
    BadConfig,
    /// A device does not answer.
    DeviceAbsent,
    /// A device answered and refused, or did not do it.
    DeviceRefused,
    /// A limit passed.
    TimedOut,
    /// A person or the program asked to stop.
    Cancelled,
    /// The controller's own outlet is never pressed.
    BossOutlet,
    /// There is no such outlet, or it may not be pressed.
    UnknownOutlet,
    /// Other programs drive this board; this one only looks on.
    WatchOnly,
    /// A boot ended without a report.
    BootFailed,
    /// The machine is on although its outlet says off, or the other way round.
    PowerMismatch,
    /// Events cannot be written.
    Storage,
    /// A boot file is missing.
    BootFile,
    /// All places are taken; try again when one is free.
    Busy,
    /// The engine is stopping or was stopped.
    EngineStopped,
    /// Something else that needs a developer.
    Internal,
}

/// A failure as it is stored, sent and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Failure {
    pub code: Code,
    pub what: String,
    pub why: String,
    pub remedy: String,
}

impl Failure {
    /// All four parts at once, in the order in which they are read.
    pub fn new(
        code: Code,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { code, what: what.into(), why: why.into(), remedy: remedy.into() }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        let code = if error.absent { Code::DeviceAbsent } else { Code::DeviceRefused };
        Self::new(code, error.what, error.why, error.remedy)
    }
}
