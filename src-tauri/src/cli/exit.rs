//! Exit codes, and the last words of a command that failed.

use std::process::ExitCode;

use api::wire::FailureWire;
use netboot::images::ImageError;

use crate::{config::BadBoard, secrets::BadSecrets};

/// How a command ends. The numbers are promised in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NoEngine = 3,
    RunUnderWay = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// No engine answers in the data folder.
#[derive(Debug, thiserror::Error)]
#[error("no engine answers in {data}: {why}")]
pub(super) struct NoEngine {
    pub(super) data: String,
    pub(super) why: String,
}

/// What was asked for cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{says}")]
pub(super) struct WrongUse {
    pub(super) says: String,
    pub(super) remedy: String,
}

/// The engine answered and refused.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", .0.what, .0.why)]
pub struct Refused(pub FailureWire);

/// For programs: a refusal of the engine as it came, with its code.
pub(super) fn tell(error: &anyhow::Error, json: bool) {
    if let Some(refused) = error.downcast_ref::<Refused>().filter(|_| json) {
        // What cannot be written to is told on standard error below.
        let _ = super::print::json(&serde_json::json!({ "error": refused.0 }));
    }
}

/// Prints what failed, why and what to do, and chooses the code.
#[allow(clippy::print_stderr)] // the command line speaks to a person
pub fn report(error: &anyhow::Error) -> Exit {
    eprintln!("statusinator: {error:#}");
    if let Some(refused) = error.downcast_ref::<Refused>() {
        eprintln!("  what to do: {}", refused.0.remedy);
        eprintln!("  code: {}", refused.0.code);
        return if refused.0.code == "run-under-way" { Exit::RunUnderWay } else { Exit::Failed };
    }
    if error.downcast_ref::<NoEngine>().is_some() {
        eprintln!("  what to do: start one with `statusinator serve`, or name its folder with --data DIR");
        return Exit::NoEngine;
    }
    if let Some(wrong) = error.downcast_ref::<WrongUse>() {
        eprintln!("  what to do: {}", wrong.remedy);
        return Exit::Usage;
    }
    if let Some(secrets) = error.downcast_ref::<BadSecrets>() {
        eprintln!("  what to do: {}", secrets.remedy());
        return Exit::Usage;
    }
    if let Some(image) = error.downcast_ref::<ImageError>() {
        eprintln!("  what to do: {}", image.remedy());
        return if matches!(image, ImageError::Unfit(_)) { Exit::Usage } else { Exit::Failed };
    }
    if error.downcast_ref::<BadBoard>().is_some() { Exit::Usage } else { Exit::Failed }
}
