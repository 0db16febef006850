//! Lines into classified counters, beside a reader as one writes it: `benches/reader`. Both must count the same.

use anyhow::{Result, ensure};
use async_trait::async_trait;
use benches::row::{Aim, Measure, Row, Side};
use serde_json::Value;
use tokio::process::Command;

use crate::bench::Bench;

/// What was counted first: every later run of either side must give the same.
#[derive(Default)]
pub(crate) struct Count {
    counted: Option<Value>,
}

#[async_trait]
impl Row<Bench> for Count {
    fn word(&self) -> &'static str {
        "count"
    }

    fn title(&self) -> String {
        "OTLP lines into the owner's counters, 200 MB".into()
    }

    fn theirs(&self) -> &'static str {
        "Go, encoding/json"
    }

    fn measures(&self) -> Vec<Measure> {
        let why = "Every byte is looked at once for UTF-8, once for line ends and once for the grammar.";
        let rate = |name, aim| Measure { name, unit: "MB per CPU s", aim: Some(aim), why };
        vec![rate("rate", Aim::AtLeast(300.0)), rate("rate beside theirs", Aim::TimesAtLeast(10.0))]
    }

    async fn run(&mut self, side: Side, bench: &Bench) -> Result<Vec<f64>> {
        let mut command = match side {
            Side::Ours => {
                let mut command = Command::new(&bench.program);
                command.args(["logs", "count", "--json"]);
                command
            }
            Side::Theirs => Command::new(&bench.reader),
        };
        let (printed, seconds) = bench.timed(command.arg(&bench.lines)).await?;
        let counted: Value = serde_json::from_slice(&printed)?;
        ensure!(counted["records"].as_u64() > Some(300_000), "the large file was read: {counted}");
        let first = self.counted.get_or_insert_with(|| counted.clone());
        ensure!(*first == counted, "the sides count differently: {first} and {counted}");
        let rate = bench.megabytes / seconds;
        Ok(vec![rate, rate])
    }
}
