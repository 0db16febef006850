//! The same file beside jq, which is asked for less: how many records there are of each severity word.

use std::process::Stdio;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use benches::row::{Measure, Row, Side};
use serde_json::Value;
use tokio::process::Command;

use crate::bench::Bench;

const FILTER: &str = "reduce (inputs.resourceLogs[].scopeLogs[].logRecords[].severityText // \"\") as $word ({}; .[$word] += 1)";

pub(crate) struct Jq;

/// Whether it is installed.
pub(crate) fn is_here() -> bool {
    let asked = std::process::Command::new("jq").arg("--version").stdout(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

#[async_trait]
impl Row<Bench> for Jq {
    fn word(&self) -> &'static str {
        "jq"
    }

    fn title(&self) -> String {
        "the same beside jq, which counts severities alone".into()
    }

    fn theirs(&self) -> &'static str {
        "jq"
    }

    fn measures(&self) -> Vec<Measure> {
        vec![Measure { name: "rate", unit: "MB per CPU s", aim: None, why: "" }]
    }

    async fn run(&mut self, side: Side, bench: &Bench) -> Result<Vec<f64>> {
        let mut command = match side {
            Side::Ours => {
                let mut command = Command::new(&bench.program);
                command.args(["logs", "count", "--json"]);
                command
            }
            Side::Theirs => {
                let mut command = Command::new("jq");
                command.args(["-nc", FILTER]);
                command
            }
        };
        let (printed, seconds) = bench.timed(command.arg(&bench.lines)).await?;
        let counted: Value = serde_json::from_slice(&printed)?;
        let warned = counted.get("warning").or(counted["LogStats"].get("NumWarnMessages"));
        ensure!(warned.and_then(Value::as_u64) > Some(0), "warnings were found: {counted}");
        Ok(vec![bench.megabytes / seconds])
    }
}
