//! What was looked at, and what to do about it.

use anyhow::Result;
use serde::Serialize;

use super::{Common, print};

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// `ok`, `note` (something is not there that not everybody needs), `bad`.
    pub(super) state: &'static str,
    pub(super) what: String,
    pub(super) says: String,
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(what: &str, says: impl Into<String>) -> Self {
        Self { state: "ok", what: what.into(), says: says.into(), remedy: None }
    }
    pub(super) fn note(what: &str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: "note", what: what.into(), says: says.into(), remedy: Some(remedy.into()) }
    }
    pub(super) fn bad(what: &str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: "bad", what: what.into(), says: says.into(), remedy: Some(remedy.into()) }
    }
}

pub(super) fn any_bad(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.state == "bad")
}

/// A line each, with its remedy below.
pub(super) fn print_all(common: &Common, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        if common.json {
            print::json(finding)?;
            continue;
        }
        print::line(&format!("{:<5} {:<20} {}", finding.state, finding.what, finding.says))?;
        if let Some(remedy) = &finding.remedy {
            print::line(&format!("      {:<20} what to do: {remedy}", ""))?;
        }
    }
    Ok(())
}
