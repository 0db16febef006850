//! `logs`: records and counters.

use anyhow::Result;
use api::wire::CountersWire;
use clap::{Args, Subcommand};

use super::{
    Common, Exit,
    client::Client,
    logs_count, logs_show,
    print::{self, none},
};

#[derive(Args)]
pub(super) struct LogsOptions {
    #[command(subcommand)]
    pub(super) command: Option<LogsCommand>,
    #[command(flatten)]
    show: logs_show::ShowOptions,
}

#[derive(Subcommand)]
pub(super) enum LogsCommand {
    /// Count the records of files as the owner's table or its corrected form counts them. Needs no engine and no data folder.
    Count(logs_count::CountOptions),
    /// What the engine has counted, who tells each counter, and who writes most.
    Counters,
}

pub(super) async fn run(common: &Common, options: &LogsOptions) -> Result<Exit> {
    match &options.command {
        Some(LogsCommand::Count(options)) => logs_count::run(common, options),
        Some(LogsCommand::Counters) => counters(common).await,
        None => logs_show::run(common, &options.show).await,
    }
}

async fn counters(common: &Common) -> Result<Exit> {
    let client = Client::find(&common.data()?).await?;
    let counters: CountersWire = client.get("/api/v1/logs/counters").await?;
    if common.json {
        print::json(&counters)?;
        return Ok(Exit::Done);
    }
    print::line(&format!("profile {}, counted since {}", counters.profile, print::clock(&counters.since)))?;
    for counter in &counters.counters {
        let value = counter.value.map_or_else(none, |value| value.to_string());
        let rate = counter.rate.map_or_else(none, |rate| format!("{rate:.1}/s"));
        print::line(&format!("{:<26} {value:>12} {rate:>10}  {}", counter.name, counter.source))?;
    }
    for (name, served) in &counters.served {
        let served = served.as_ref().map_or_else(none, |served| {
            let pairs: Vec<_> = served.iter().map(|(who, times)| format!("{who} {times}")).collect();
            pairs.join(", ")
        });
        print::line(&format!("{name:<26} {served}"))?;
    }
    for (what, talkers) in [("node", &counters.nodes), ("service", &counters.services)] {
        for talker in talkers {
            print::line(&format!(
                "{what:<8} {:<28} {:>9} {:>8.1}/s",
                talker.name, talker.records, talker.rate
            ))?;
        }
    }
    Ok(Exit::Done)
}
